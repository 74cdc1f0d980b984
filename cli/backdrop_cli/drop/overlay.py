"""The input bucket as it will be after a drop: what is uploaded, or written beside it, over what lies there already."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from backdrop.ports import InputBucket, Listed, Stored
from backdrop_cli.drop.uploads import etag_of
from backdrop_cli.lint.folder import NO_ETAG


class Overlay:
    """The InputBucket port. `local` has a path, or bytes, for each key that will be uploaded; `absent` is not there."""

    def __init__(self, there: InputBucket, local: Mapping[str, Path | bytes], absent: Collection[str] = ()) -> None:
        self._there, self._local, self._absent = there, local, absent

    def read(self, bucket: str, key: str, *, limit: int, known_etag: str | None = None) -> Stored | None:
        """The file as it will be; OSError where it cannot be read."""
        source = self._local.get(key)
        if source is None:
            return None if key in self._absent else self._there.read(bucket, key, limit=limit, known_etag=known_etag)
        now, size = datetime.now(UTC), size_of(source)
        if size > limit:
            return Stored(NO_ETAG, None, size, now)
        data = bytes_of(source)
        return Stored(etag_of(data), None, len(data), now, data)

    def tags(self, bucket: str, key: str) -> Mapping[str, str]:
        """None for what is uploaded: a new version has no tags."""
        return {} if key in self._local else self._there.tags(bucket, key)

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """The keys of one folder that begin so."""
        names = {*(key for key in self._local if key.startswith(prefix)), *self._there.keys(bucket, prefix)}
        return iter(sorted(key for key in names if "/" not in key.removeprefix(prefix)))

    def listed(self, bucket: str, after: str) -> Iterator[Listed]:
        """What lies there now."""
        return self._there.listed(bucket, after)


def bytes_of(source: Path | bytes) -> bytes:
    """A file's bytes."""
    return source.read_bytes() if isinstance(source, Path) else source


def size_of(source: Path | bytes) -> int:
    """How many those are."""
    return source.stat().st_size if isinstance(source, Path) else len(source)
