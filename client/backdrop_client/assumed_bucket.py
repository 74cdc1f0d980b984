"""A bucket that is not read: what instructions name in it is assumed to be a good picture."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop.ports import ListedObject, StoredObject

# What is not in a bucket has no ETag.
NO_ETAG = ""
# A PNG of 16 × 16 pixels, the smallest that is accepted.
PLACEHOLDER_PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQAQAAAAA3iMLMAAAADElEQVR42mNgIA0AAAAwAAEodEl9AAAAAElFTkSuQmCC"
)


class AssumedBucket:
    """An InputBucket. A placeholder stands for each picture; there are no sidecars, folder defaults, or tags."""

    def read(self, bucket: str, key: str, *, max_bytes: int, known_etag: str | None = None) -> StoredObject | None:
        if classify_key(key) in (ObjectKind.SIDECAR, ObjectKind.DEFAULTS):
            return None
        return StoredObject(NO_ETAG, None, len(PLACEHOLDER_PNG), datetime.now(UTC), PLACEHOLDER_PNG)

    def read_tags(self, bucket: str, key: str) -> Mapping[str, str]:
        return {}

    def list_folder_keys(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        return iter(())

    def iterate_objects(self, bucket: str, after: str) -> Iterator[ListedObject]:
        return iter(())
