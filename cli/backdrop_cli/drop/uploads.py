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
_IN_PARTS = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)


MARK = "backdrop-sha256"
"""The S3 metadata of a sidecar that `drop` or the page wrote: the hash of the bytes that it wrote.

A copy keeps it. An edited sidecar has lost it or no longer matches it, and so counts as a person's.
"""


class Uploaded(NamedTuple):
    """What lies there now: `version_id` is None where the bucket keeps no versions."""

    etag: str
    version_id: str | None


class S3Uploads:
    """Where people's files go. An upload that is cut off leaves nothing: S3 shows an object when it is whole."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def put(self, key: str, source: Path) -> Uploaded:
        """Write a person's file under a key; boto3's own errors pass."""
        if source.stat().st_size <= PART_BYTES:
            return self._put(key, source.read_bytes(), {})
        extra = {"ContentType": _type_of(key)}
        self._client.upload_file(str(source), self.bucket, key, ExtraArgs=extra, Config=_IN_PARTS)
        return _uploaded(self._client.head_object(Bucket=self.bucket, Key=key))

    def put_sidecar(self, key: str, data: bytes) -> Uploaded:
        """Write a sidecar of the command's own, marked as such."""
        return self._put(key, data, mark_of(data))

    def _put(self, key: str, data: bytes, metadata: Mapping[str, str]) -> Uploaded:
        written = self._client.put_object(
            Bucket=self.bucket, Key=key, Body=data, ContentType=_type_of(key), Metadata=metadata
        )
        return _uploaded(written)


def mark_of(data: bytes) -> Mapping[str, str]:
    """The metadata of a sidecar that the command itself writes."""
    return {MARK: sha256_hex(data)}


def _type_of(key: str) -> str:
    return mimetypes.guess_type(key)[0] or "binary/octet-stream"


def _uploaded(written: Mapping[str, Any]) -> Uploaded:
    version = written.get("VersionId")
    return Uploaded(written["ETag"], None if version == "null" else version)


def etag_of(data: bytes) -> str:
    """The ETag that S3 gives these bytes when they come through `put`."""
    parts = [data[at : at + PART_BYTES] for at in range(0, len(data), PART_BYTES)]
    digests = [hashlib.md5(part, usedforsecurity=False).digest() for part in parts or [b""]]
    if len(digests) == 1:
        return f'"{digests[0].hex()}"'
    return f'"{hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"'
