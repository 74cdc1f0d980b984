"""Uploads to the input bucket: small files with one request, larger ones in parts."""

import hashlib
import mimetypes
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.aws.s3 import CONFLICT_CODES, PRECONDITION_CODES
from backdrop.model.ids import sha256_hex

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 8 * 1024 * 1024
CONFLICT_DELAYS_SECONDS = (0.1, 0.5, 2.0)
_MULTIPART_CONFIG = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)


SIDECAR_HASH_METADATA_KEY = "backdrop-sha256"
"""S3 metadata of a sidecar that `drop` or the upload page wrote: the hash of its bytes.

A copy keeps it. A sidecar that was edited lacks it or does not match it, and so counts as a person's.
"""


class UploadedObject(NamedTuple):
    """An uploaded object; `version_id` is None if the bucket is not versioned."""

    etag: str
    version_id: str | None


class S3Uploader:
    """Uploads files. An interrupted upload leaves nothing: an object appears in S3 only when it is complete."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def upload_file(self, key: str, path: Path) -> UploadedObject:
        """Uploads a local file. boto3's own errors propagate."""
        if path.stat().st_size <= PART_BYTES:
            return self._put_object(key, path.read_bytes(), {})
        extra = {"ContentType": _guess_content_type(key)}
        try:
            self._client.upload_file(str(path), self.bucket, key, ExtraArgs=extra, Config=_MULTIPART_CONFIG)
        except S3UploadFailedError as error:
            # boto3 raises it in place of the ClientError whose code says what to do.
            if isinstance(error.__context__, ClientError):
                raise error.__context__ from None
            raise
        return _parse_response(self._client.head_object(Bucket=self.bucket, Key=key))

    def upload_sidecar(self, key: str, data: bytes) -> UploadedObject:
        """Uploads a sidecar, with metadata that marks it as the command's own."""
        return self._put_object(key, data, build_sidecar_metadata(data))

    def replace_photo(self, key: str, data: bytes, metadata: Mapping[str, str]) -> UploadedObject:
        """Uploads a photo, also if there is one with this key."""
        return self._put_object(key, data, metadata)

    def upload_if_new(self, key: str, data: bytes, metadata: Mapping[str, str]) -> bool:
        """Uploads bytes, unless there is an object with this key. Returns whether there was none.

        Boto3's own errors propagate, also that of a conflict with another request for the object that lasts: after a
        deletion, for example, there may be no object.
        """
        for delay in CONFLICT_DELAYS_SECONDS:
            try:
                return self._put_if_new(key, data, metadata)
            except ClientError as error:
                if read_aws_error_code(error) not in CONFLICT_CODES:
                    raise
            time.sleep(delay)
        return self._put_if_new(key, data, metadata)

    def _put_if_new(self, key: str, data: bytes, metadata: Mapping[str, str]) -> bool:
        content_type = _guess_content_type(key)
        try:
            self._client.put_object(
                Bucket=self.bucket, Key=key, Body=data, ContentType=content_type, Metadata=metadata, IfNoneMatch="*"
            )
        except ClientError as error:
            if read_aws_error_code(error) in PRECONDITION_CODES - CONFLICT_CODES:
                return False
            raise
        return True

    def _put_object(self, key: str, data: bytes, metadata: Mapping[str, str]) -> UploadedObject:
        response = self._client.put_object(
            Bucket=self.bucket, Key=key, Body=data, ContentType=_guess_content_type(key), Metadata=metadata
        )
        return _parse_response(response)


def build_sidecar_metadata(data: bytes) -> Mapping[str, str]:
    """Returns the metadata that marks a sidecar as the command's own."""
    return {SIDECAR_HASH_METADATA_KEY: sha256_hex(data)}


def _guess_content_type(key: str) -> str:
    return mimetypes.guess_type(key)[0] or "binary/octet-stream"


def _parse_response(response: Mapping[str, Any]) -> UploadedObject:
    version = response.get("VersionId")
    return UploadedObject(response["ETag"], None if version == "null" else version)


def compute_etag(data: bytes) -> str:
    """Returns the ETag that S3 gives these bytes when S3Uploader uploads them."""
    parts = [data[offset : offset + PART_BYTES] for offset in range(0, len(data), PART_BYTES)]
    digests = [hashlib.md5(part, usedforsecurity=False).digest() for part in parts or [b""]]
    if len(digests) == 1:
        return f'"{digests[0].hex()}"'
    return f'"{hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"'
