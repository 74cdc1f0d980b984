"""Files of this machine on their way into the input bucket: small ones in one piece, others in parts."""

import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from boto3.s3.transfer import TransferConfig

from backdrop.model.ids import sha256_hex

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 8 * 1024 * 1024
_MULTIPART_CONFIG = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)


SIDECAR_HASH_METADATA_KEY = "backdrop-sha256"
"""The S3 metadata of a sidecar that `drop` or the page wrote: the hash of the bytes that it wrote.

A copy keeps it. An edited sidecar has lost it or no longer matches it, and so counts as a person's.
"""


class UploadedObject(NamedTuple):
    """What lies there now: `version_id` is None where the bucket keeps no versions."""

    etag: str
    version_id: str | None


class S3Uploader:
    """Where people's files go. An upload that is cut off leaves nothing: S3 shows an object when it is whole."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def upload_file(self, key: str, path: Path) -> UploadedObject:
        """Write a person's file under a key; boto3's own errors pass."""
        if path.stat().st_size <= PART_BYTES:
            return self._put_object(key, path.read_bytes(), {})
        extra = {"ContentType": _guess_content_type(key)}
        self._client.upload_file(str(path), self.bucket, key, ExtraArgs=extra, Config=_MULTIPART_CONFIG)
        return _parse_response(self._client.head_object(Bucket=self.bucket, Key=key))

    def upload_sidecar(self, key: str, data: bytes) -> UploadedObject:
        """Write a sidecar of the command's own, marked as such."""
        return self._put_object(key, data, build_sidecar_metadata(data))

    def _put_object(self, key: str, data: bytes, metadata: Mapping[str, str]) -> UploadedObject:
        response = self._client.put_object(
            Bucket=self.bucket, Key=key, Body=data, ContentType=_guess_content_type(key), Metadata=metadata
        )
        return _parse_response(response)


def build_sidecar_metadata(data: bytes) -> Mapping[str, str]:
    """The metadata of a sidecar that the command itself writes."""
    return {SIDECAR_HASH_METADATA_KEY: sha256_hex(data)}


def _guess_content_type(key: str) -> str:
    return mimetypes.guess_type(key)[0] or "binary/octet-stream"


def _parse_response(response: Mapping[str, Any]) -> UploadedObject:
    version = response.get("VersionId")
    return UploadedObject(response["ETag"], None if version == "null" else version)


def compute_etag(data: bytes) -> str:
    """The ETag that S3 gives these bytes when they come through `put`."""
    parts = [data[offset : offset + PART_BYTES] for offset in range(0, len(data), PART_BYTES)]
    digests = [hashlib.md5(part, usedforsecurity=False).digest() for part in parts or [b""]]
    if len(digests) == 1:
        return f'"{digests[0].hex()}"'
    return f'"{hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"'
