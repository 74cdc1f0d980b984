"""The two buckets as people look at them: receipts, error reports, and the bytes of photos and pictures."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import error_code
from backdrop.aws.s3 import ABSENT, ARCHIVED, OutputBucket
from backdrop.campaigns.campaign import PLAN, work_key
from backdrop.campaigns.campaign import report_key as campaign_report_key
from backdrop.model.object_keys import ERRORS, PROVIDERS, RECEIPTS, defaults_of, receipt_key, report_key
from backdrop_cli.page.shots import File, Missing
from backdrop_cli.side_by_side import side_by_side

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GONE = frozenset({"NoSuchVersion", "MethodNotAllowed", ARCHIVED})
# One photo that S3 keeps from us, in a bucket of somebody else's, is no reason to show none.
NOT_FOR_US = frozenset({"AccessDenied", "KMS.DisabledException", "KMS.NotFoundException", "InvalidRequest"})

type Document = dict[str, Any]


class Buckets:
    """What a stack's buckets hold; AWS's own errors pass."""

    def __init__(self, client: "S3Client", output: str) -> None:
        self._client = client
        self._output = output
        self._listing = OutputBucket(client, output)

    def receipts(self, prefix: str, at_once: int) -> Iterator[Document]:
        """The receipts of all sources whose names begin with a prefix, in the order of their keys."""
        return self._documents(self._listing.keys(f"{RECEIPTS}/{prefix}"), at_once)

    def receipt(self, source: str) -> Document | None:
        """The receipt of one source, by its name; None where there is none."""
        return self._document(receipt_key(source))

    def report(self, source: str) -> Document | None:
        """The error report of one source, by its name; None where there is none."""
        return self._document(report_key(source))

    def reports(self, prefix: str, at_once: int) -> Iterator[Document]:
        """Their error reports; before them those of paused providers and of broken folder defaults above them."""
        providers = f"{ERRORS}/{PROVIDERS}/"
        above = (report_key(key) for key in defaults_of(prefix) if not key.startswith(prefix))
        below = (key for key in self._listing.keys(f"{ERRORS}/{prefix}") if not key.startswith(providers))
        return self._documents([*self._listing.keys(providers), *above, *below], at_once)

    def plan(self, run: str) -> Document | None:
        """What a campaign's execution wrote down before it asked for anything; None before that."""
        return self._document(work_key(run, PLAN))

    def campaign(self, name: str) -> Document | None:
        """The newest report of the campaigns of that name; None where there is none."""
        return self._document(campaign_report_key(name, "json"))

    def read(self, file: File) -> bytes | Missing:
        """A file's bytes at its version, also where it was replaced or deleted since; or why they cannot be had."""
        bucket = file.bucket or self._output
        try:
            data = self._read(bucket, file.key, file.version_id)
        except ClientError as error:
            if error_code(error) in NOT_FOR_US:
                return Missing.WITHHELD
            raise
        return Missing.GONE if data is None else data

    def _document(self, key: str) -> Document | None:
        data = self._read(self._output, key, None)
        return None if data is None else json.loads(data)

    def _documents(self, keys: Iterable[str], at_once: int) -> Iterator[Document]:
        found = side_by_side(lambda key: self._read(self._output, key, None), keys, at_once)
        return (json.loads(data) for data in found if data is not None)

    def _read(self, bucket: str, key: str, version_id: str | None) -> bytes | None:
        """The present version first: reading it needs no further permission, and mostly it is the one."""
        found = self._get(bucket, key)
        if version_id and (found is None or found.get("VersionId") != version_id):
            if found:
                found["Body"].close()
            found = self._get(bucket, key, VersionId=version_id)
        if found is None:
            return None
        with found["Body"] as body:
            return body.read()

    def _get(self, bucket: str, key: str, **version: Any) -> Mapping[str, Any] | None:
        try:
            found: Any = self._client.get_object(Bucket=bucket, Key=key, **version)
        except ClientError as error:
            if error_code(error) in ABSENT | GONE:
                return None
            raise
        return found
