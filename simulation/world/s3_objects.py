"""What lies in S3's buckets: objects with their versions, and a bucket's keys in order."""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

NotificationListener = Callable[[str], None]


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object; `data` is None for a delete marker."""

    id: str
    data: bytes | None
    modified_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    content_type: str = "binary/octet-stream"
    cache_control: str | None = None

    @cached_property
    def etag(self) -> str:
        digest = hashlib.md5(self.data or b"", usedforsecurity=False).hexdigest()
        return f'"{digest}"'


@dataclass
class SimulatedBucket:
    """One versioned bucket; `notify` takes the bodies of its notifications, `changed` the keys that were written."""

    name: str
    notify: NotificationListener | None = None
    objects: dict[str, list[ObjectVersion]] = field(default_factory=dict[str, list[ObjectVersion]])
    changed_keys: set[str] = field(default_factory=set[str])
    _sorted: list[str] = field(default_factory=list[str])

    def find_current(self, key: str) -> ObjectVersion | None:
        """What lies under the key now; None where there is nothing or a delete marker."""
        versions = self.objects.get(key, [])
        return versions[-1] if versions and versions[-1].data is not None else None

    def list_keys(self) -> list[str]:
        """The keys that a listing shows, in S3's order: that of UTF-8, which is that of code points."""
        return list(self.iterate_keys())

    def iterate_keys(self, prefix: str = "", after: str = "") -> Iterator[str]:
        """Those of them that begin with a prefix, behind a key."""
        if len(self._sorted) != len(self.objects):
            self._sorted = sorted(self.objects)
        first = max(bisect_left(self._sorted, prefix), bisect_right(self._sorted, after) if after else 0)
        for index in range(first, len(self._sorted)):
            if not self._sorted[index].startswith(prefix):
                return
            if self.find_current(self._sorted[index]):
                yield self._sorted[index]
