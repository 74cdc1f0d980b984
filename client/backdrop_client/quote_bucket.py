"""The input bucket of a quote: nothing but the folder defaults is read."""

from typing import override

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.model.errors import UnreadableFileError
from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop.ports import InputBucket, StoredObject
from backdrop_client.assumed_bucket import AssumedBucket
from backdrop_client.aws_failures import ACCESS_DENIED_CODES


class QuoteBucket(AssumedBucket):
    """An AssumedBucket with the folder defaults of `base`.

    `unread_keys`: the defaults that may exist, but which the client may not read. It may read `own_folder`.
    """

    def __init__(self, base: InputBucket, own_folder: str) -> None:
        self._base, self._own_folder = base, own_folder
        self.unread_keys: list[str] = []

    @override
    def read(self, bucket: str, key: str, *, max_bytes: int, known_etag: str | None = None) -> StoredObject | None:
        if classify_key(key) is not ObjectKind.DEFAULTS:
            return super().read(bucket, key, max_bytes=max_bytes, known_etag=known_etag)
        try:
            return self._base.read(bucket, key, max_bytes=max_bytes, known_etag=known_etag)
        except UnreadableFileError as error:
            # S3 denies access to a missing object too, unless the client may list the bucket.
            is_missing = key.startswith(self._own_folder) and _is_access_denied(error.__cause__)
            self.unread_keys += [] if is_missing else [key]
            return None


def _is_access_denied(error: BaseException | None) -> bool:
    """Whether S3 denies access to the object, rather than KMS to its key."""
    return error is not None and read_aws_error_code(error) in ACCESS_DENIED_CODES
