"""A folder of this machine as it would lie in a bucket: the InputBucket port for `lint`."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from backdrop.core.layout import DEFAULTS_NAME
from backdrop.ports import Listed, Stored

UNCHANGED = "unchanged"


class LocalFolder:
    """Keys are paths below `root` with slashes; names count as they are spelled, also where the disk is less strict.

    Files have no tags. `unreadable`: what cannot be listed, with why.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unreadable: dict[str, str] = {}
        self._names = cache(self._list)

    def read(self, bucket: str, key: str, *, limit: int, known_etag: str | None = None) -> Stored | None:
        """The file, or None where there is none of exactly this name; OSError where it cannot be read."""
        folder, _, name = key.rpartition("/")
        if not self._names(folder).get(name):
            return None
        path = self.root / key
        found = path.stat()
        unread = found.st_size > limit or known_etag == UNCHANGED
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        return Stored(UNCHANGED, None, found.st_size, modified, None if unread else path.read_bytes())

    def tags(self, bucket: str, key: str) -> Mapping[str, str]:
        return {}

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """The files of one folder whose keys begin with `prefix`."""
        folder, _, _ = prefix.rpartition("/")
        keys = (f"{folder}/{name}" if folder else name for name, is_file in self._names(folder).items() if is_file)
        return (key for key in keys if key.startswith(prefix))

    def listed(self, bucket: str, after: str) -> Iterator[Listed]:
        """All files in the order of their keys, from the one that follows `after`."""
        nobody_asks = datetime.fromtimestamp(0, UTC)
        return (Listed(key, UNCHANGED, nobody_asks) for key in sorted(self.below("")) if key > after)

    def below(self, folder: str) -> Iterator[str]:
        """The keys of all files below a folder; links are followed, and none twice."""
        yield from self._below(folder, frozenset())

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
        return {name: kinds[name] for name in sorted(kinds) if self._is_text(folder, name)}

    def _is_text(self, folder: str, name: str) -> bool:
        """Whether a name can be a key, which is UTF-8."""
        readable = os.fsencode(name).decode(errors="replace")
        if readable != name:
            self.unreadable[f"{folder}/{readable}"] = "Its name is not UTF-8, as the keys of a bucket are."
        return readable == name


def root_of(folder: Path) -> Path:
    """The highest folder above, or the folder itself, that holds defaults: what is below it is uploaded together."""
    holding = [one for one in (folder, *folder.parents) if (one / DEFAULTS_NAME).is_file()]
    return holding[-1] if holding else folder
