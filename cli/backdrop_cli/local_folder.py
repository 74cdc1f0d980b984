"""A folder on this machine as if it were in a bucket, to resolve instructions before an upload."""

import os
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from backdrop.ports import ListedObject, StoredObject
from backdrop_client.assumed_bucket import NO_ETAG, AssumedBucket

BUCKET = ""


def expand_home(path: Path) -> Path:
    """Returns the path with `~` replaced. One that begins with `~name` stays as it is if there is no such user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises RuntimeError for an unknown user


class LocalFolder:
    """An InputBucket. A key is `prefix` and a path below `root`; names are case-sensitive even if the disk is not.

    Files have no tags. `unreadable` maps what cannot be listed to the reason, and `repeated` links that are left out,
    because they lead to a folder that is listed under another name. `outside_references` collects the
    reference images outside `prefix` that were read: they cannot be checked here, so a placeholder stands for them.
    `hidden_keys` are files that are treated as if they did not exist.
    """

    def __init__(self, root: Path, prefix: str = "") -> None:
        self.root, self.prefix = root, prefix
        self.unreadable: dict[str, str] = {}
        self.repeated: dict[str, str] = {}
        self.outside_references: set[str] = set()
        self.hidden_keys: frozenset[str] = frozenset()
        self._names = cache(self._list_folder)

    def read(self, bucket: str, key: str, *, max_bytes: int, known_etag: str | None = None) -> StoredObject | None:
        """Returns the file, or None if none has exactly this name. Raises OSError if it cannot be read."""
        if not key.startswith(self.prefix):
            assumed = AssumedBucket().read(bucket, key, max_bytes=max_bytes)
            self.outside_references.update([key] if assumed else [])
            return assumed
        if not self.has_file(key):
            return None
        path = self.local_path(key)
        file_stat = path.stat()
        is_too_large = file_stat.st_size > max_bytes
        modified = datetime.fromtimestamp(file_stat.st_mtime, UTC)
        return StoredObject(NO_ETAG, None, file_stat.st_size, modified, None if is_too_large else path.read_bytes())

    def read_tags(self, bucket: str, key: str) -> Mapping[str, str]:
        return {}

    def list_folder_keys(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        above, slash, _ = prefix.rpartition("/")
        folder = self._relative_name(above + slash).rstrip("/")
        keys = (f"{above}{slash}{name}" for name, is_file in self._names(folder).items() if is_file)
        return (key for key in keys if key.startswith(prefix) and key > after and key not in self.hidden_keys)

    def iterate_objects(self, bucket: str, after: str) -> Iterator[ListedObject]:
        """Yields all files in the order of their keys, starting after the key `after`; their times are not set."""
        unset_time = datetime.fromtimestamp(0, UTC)
        return (ListedObject(key, NO_ETAG, unset_time) for key in sorted(self.list_keys_below("")) if key > after)

    def list_keys_below(self, folder: str) -> Iterator[str]:
        """Yields the keys of all files below a folder of `root`.

        Follows links, but lists each folder once, if possible under its own name: links between folders can make more
        paths than there are files on the disk. A link to a folder that contains `root` is not followed: it would add
        all other files there.
        """
        visited, links = dict[Path, str](), deque([folder])
        while links:
            yield from (f"{self.prefix}{name}" for name in self._walk(links.popleft(), visited, links))

    def has_file(self, key: str) -> bool:
        """Returns whether there is a file of exactly this name."""
        folder, _, name = self._relative_name(key).rpartition("/")
        is_shown = key.startswith(self.prefix) and key not in self.hidden_keys
        return is_shown and self._names(folder).get(name, False)

    def local_path(self, key: str) -> Path:
        return self.root / self._relative_name(key)

    def _relative_name(self, key: str) -> str:
        return key.removeprefix(self.prefix)

    def _walk(self, folder: str, visited: dict[Path, str], links: deque[str]) -> Iterator[str]:
        """Yields the files below a folder, and appends the links to other folders to `links`."""
        path = self.root / folder
        real = path.resolve()
        if real in visited:
            if not path.absolute().is_relative_to(real):
                self.repeated[folder] = f"It is the folder {self.root / visited[real]}, which is listed already."
            return
        if folder and self.root.resolve().is_relative_to(real):
            self.repeated[folder] = f"It is a link to {real}, which contains {self.root}."
            return
        visited[real] = folder
        for name, is_file in self._names(folder).items():
            key = f"{folder}/{name}" if folder else name
            if is_file:
                yield key
            elif (self.root / key).is_symlink():
                links.append(key)
            else:
                yield from self._walk(key, visited, links)

    def _list_folder(self, folder: str) -> Mapping[str, bool]:
        """Returns the sorted names in a folder, with whether each is a file; nothing if there is no such folder."""
        path = self.root / folder
        if any(part in ("", ".", "..") for part in folder.split("/") if folder) or not path.is_dir():
            return {}
        try:
            with os.scandir(path) as found:
                kinds = {entry.name: kind for entry in found if (kind := self._is_file(folder, entry)) is not None}
        except OSError as error:
            self.unreadable[folder] = f"The folder cannot be listed: {error.strerror}."
            return {}
        return {name: kinds[name] for name in sorted(kinds) if self._check_name(folder, name)}

    def _is_file(self, folder: str, entry: "os.DirEntry[str]") -> bool | None:
        """Returns whether an entry is a file, or None if it is neither a file nor a folder, or unknown."""
        try:
            if entry.is_file() or entry.is_dir():
                return entry.is_file()
            # Emacs marks a file that it edits by a hidden link to nothing.
            is_dangling = entry.is_symlink() and not Path(entry.path).exists() and not entry.name.startswith(".")
            reason = "It is a link to a file that does not exist" if is_dangling else ""
        except OSError as error:
            reason = f"It cannot be read: {error.strerror}"
        if reason:
            self.unreadable[f"{folder}/{_replace_undecodable(entry.name)}"] = f"{reason}."
        return None

    @staticmethod
    def is_valid_name(name: str) -> bool:
        """Returns whether a file's name is UTF-8, as keys are."""
        return _replace_undecodable(name) == name

    def _check_name(self, folder: str, name: str) -> bool:
        if not self.is_valid_name(name):
            self.unreadable[f"{folder}/{_replace_undecodable(name)}"] = (
                "Its name is not UTF-8, as keys of a bucket must be."
            )
        return self.is_valid_name(name)


def _replace_undecodable(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")
