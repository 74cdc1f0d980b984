"""A folder of this machine as it would lie in a bucket: the InputBucket port for those who ask before an upload."""

import os
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from backdrop.model.object_keys import Kind, kind_of
from backdrop.ports import Listed, Stored

BUCKET = ""
# What the files of this machine have for an ETag.
NO_ETAG = ""
# A PNG of 16 by 16 pixels, the smallest that is taken.
SOME_PICTURE = b64decode("iVBORw0KGgoAAAANSUhEUgAAABAAAAAQAQAAAAA3iMLMAAAADElEQVR42mNgIA0AAAAwAAEodEl9AAAAAElFTkSuQmCC")


class LocalFolder:
    """Keys are `prefix` and paths below `root`; names count as they are spelled, also where the disk is less strict.

    Files have no tags. `unreadable`: what cannot be listed, with why. `elsewhere`: pictures beyond `prefix` that
    somebody wants to read; nobody knows them here, so they are taken for good ones.
    """

    def __init__(self, root: Path, prefix: str = "") -> None:
        self.root, self.prefix = root, prefix
        self.unreadable: dict[str, str] = {}
        self.elsewhere: set[str] = set()
        self._names = cache(self._list)

    def read(self, bucket: str, key: str, *, limit: int, known_etag: str | None = None) -> Stored | None:
        """The file, or None where there is none of exactly this name; OSError where it cannot be read."""
        if not key.startswith(self.prefix):
            return self._elsewhere(key)
        if not self.holds(key):
            return None
        path = self.path(key)
        found = path.stat()
        unread = found.st_size > limit
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        return Stored(NO_ETAG, None, found.st_size, modified, None if unread else path.read_bytes())

    def tags(self, bucket: str, key: str) -> Mapping[str, str]:
        return {}

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """The files of one folder whose keys begin with `prefix`."""
        above, slash, _ = prefix.rpartition("/")
        folder = self._inside(above + slash).rstrip("/")
        keys = (f"{above}{slash}{name}" for name, is_file in self._names(folder).items() if is_file)
        return (key for key in keys if key.startswith(prefix))

    def listed(self, bucket: str, after: str) -> Iterator[Listed]:
        """All files in the order of their keys, from the one that follows `after`."""
        nobody_asks = datetime.fromtimestamp(0, UTC)
        return (Listed(key, NO_ETAG, nobody_asks) for key in sorted(self.below("")) if key > after)

    def below(self, folder: str) -> Iterator[str]:
        """The keys of all files below a folder of `root`; links are followed, and none twice."""
        yield from (f"{self.prefix}{name}" for name in self._below(folder, frozenset()))

    def holds(self, key: str) -> bool:
        """Whether a file of exactly this name lies there."""
        folder, _, name = self._inside(key).rpartition("/")
        return key.startswith(self.prefix) and self._names(folder).get(name, False)

    def path(self, key: str) -> Path:
        """Where a key's file lies on this machine."""
        return self.root / self._inside(key)

    def _inside(self, key: str) -> str:
        return key.removeprefix(self.prefix)

    def _elsewhere(self, key: str) -> Stored | None:
        """Beyond the folder nothing is known; all but sidecars and defaults are pictures by their names."""
        if kind_of(key) in (Kind.SIDECAR, Kind.DEFAULTS):
            return None
        self.elsewhere.add(key)
        return Stored(NO_ETAG, None, len(SOME_PICTURE), datetime.now(UTC), SOME_PICTURE)

    def _below(self, folder: str, within: frozenset[Path]) -> Iterator[str]:
        real = (self.root / folder).resolve()
        if real in within:
            return
        for name, is_file in self._names(folder).items():
            key = f"{folder}/{name}" if folder else name
            if is_file:
                yield key
            else:
                yield from self._below(key, within | {real})

    def _list(self, folder: str) -> Mapping[str, bool]:
        """The names in a folder, in order, with whether each is a file; none where there is no such folder."""
        path = self.root / folder
        if any(part in ("", ".", "..") for part in folder.split("/") if folder) or not path.is_dir():
            return {}
        try:
            with os.scandir(path) as found:
                kinds = {one.name: one.is_file() for one in found if one.is_file() or one.is_dir()}
        except OSError as error:
            self.unreadable[folder] = f"The folder cannot be listed: {error.strerror}."
            return {}
        return {name: kinds[name] for name in sorted(kinds) if self._is_named(folder, name)}

    @staticmethod
    def is_text(name: str) -> bool:
        """Whether a file's name can be part of a key, which is UTF-8."""
        return _readable(name) == name

    def _is_named(self, folder: str, name: str) -> bool:
        if not self.is_text(name):
            self.unreadable[f"{folder}/{_readable(name)}"] = "Its name is not UTF-8, as the keys of a bucket are."
        return self.is_text(name)


def _readable(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")
