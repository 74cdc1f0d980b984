"""Reads a photo's receipt, its error report, and files of the output bucket."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.aws.s3 import ARCHIVED_CODE, NOT_FOUND_CODES, OutputBucket
from backdrop.model.object_keys import provider_report_key, receipt_key, report_key
from backdrop_client.aws_failures import ACCESS_DENIED_CODES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VERSION_GONE_CODES = frozenset({"NoSuchVersion", "MethodNotAllowed", ARCHIVED_CODE})

type JsonObject = dict[str, Any]


class ResultReader:
    """Reads the output bucket. AWS's own errors propagate."""

    def __init__(self, client: "S3Client", output_bucket: str) -> None:
        self._client = client
        self._output_bucket = output_bucket
        self._listing = OutputBucket(client, output_bucket)

    def read_receipt(self, photo_name: str) -> JsonObject | None:
        return self._read_document(receipt_key(photo_name))

    def read_report(self, name: str) -> JsonObject | None:
        return self._read_document(report_key(name))

    def read_defaults_report(self, name: str) -> JsonObject | None:
        """Reads the report of folder defaults. None if there is none, or if the caller may not read it."""
        return self._read_if_allowed(report_key(name))

    def read_pause_report(self, provider: str) -> JsonObject | None:
        """Reads why a provider is paused. None if it is not, or if the caller may not read it."""
        return self._read_if_allowed(provider_report_key(provider))

    def read_output(self, key: str, version_id: str | None = None) -> bytes | None:
        """Returns the bytes of an object, or of a version of it; None if there is none."""
        return self._read_version(self._output_bucket, key, version_id)

    def _read_document(self, key: str) -> JsonObject | None:
        data = self.read_output(key)
        return None if data is None else json.loads(data)

    def _read_if_allowed(self, key: str) -> JsonObject | None:
        try:
            return self._read_document(key)
        except ClientError as error:
            if read_aws_error_code(error) not in ACCESS_DENIED_CODES:
                raise
            return None

    def _read_version(self, bucket: str, key: str, version_id: str | None) -> bytes | None:
        """Tries the current version first: it is usually the right one, and needs no additional permission."""
        response = self._fetch_object(bucket, key)
        if version_id and (response is None or response.get("VersionId") != version_id):
            if response:
                response["Body"].close()
            response = self._fetch_object(bucket, key, VersionId=version_id)
        if response is None:
            return None
        with response["Body"] as body:
            return body.read()

    def _fetch_object(self, bucket: str, key: str, **version: Any) -> Mapping[str, Any] | None:
        try:
            response: Any = self._client.get_object(Bucket=bucket, Key=key, **version)
        except ClientError as error:
            if read_aws_error_code(error) in NOT_FOUND_CODES | VERSION_GONE_CODES:
                return None
            if read_aws_error_code(error) in ACCESS_DENIED_CODES and self._is_unlisted(bucket, key):
                return None
            raise
        return response

    def _is_unlisted(self, bucket: str, key: str) -> bool:
        """Whether a listing shows that there is no such object.

        S3 denies access to an object that does not exist, unless the caller may list the whole bucket (GetObject, API
        reference). The policy of a mandate allows only listings of its own results.
        """
        if bucket != self._output_bucket:
            return False
        try:
            listed: Any = self._client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        except ClientError:
            return False
        return all(found["Key"] != key for found in listed.get("Contents", ()))
