"""Folder defaults: what `_backdrop.json` says in a photo's own folder and in those above it, read once a batch."""

from dataclasses import replace

from backdrop.core.codes import Code
from backdrop.core.errors import InstructionError
from backdrop.core.json_text import MAX_SIDECAR_BYTES, too_large
from backdrop.core.layout import defaults_of
from backdrop.core.places import Place, read_file
from backdrop.ports import InputBucket, Stored


class FolderDefaults:
    """The defaults of all folders, as they were when this batch first asked for each."""

    def __init__(self, photos: InputBucket) -> None:
        self._photos = photos
        self._read: dict[tuple[str, str], Place | None] = {}

    def forget(self) -> None:
        """A new batch: what was read may have changed."""
        self._read.clear()

    def above(self, bucket: str, key: str) -> list[Place]:
        """What a photo inherits, its own folder's first."""
        found = (self._one(bucket, name) for name in defaults_of(key))
        return [place for place in found if place]

    def look(self, bucket: str, key: str) -> tuple[Stored | None, Place | None]:
        """One folder's defaults as they are now."""
        stored = self._photos.read(bucket, key, limit=MAX_SIDECAR_BYTES)
        self._read[bucket, key] = read_stored(key, stored) if stored else None
        return stored, self._read[bucket, key]

    def _one(self, bucket: str, key: str) -> Place | None:
        if (bucket, key) not in self._read:
            self.look(bucket, key)
        return self._read[bucket, key]


def read_stored(name: str, stored: Stored) -> Place:
    """A sidecar, or a folder's defaults, as a place."""
    if stored.archived:
        words = f"{name} lies in the archive class {stored.archived}."
        return Place(name, errors=(InstructionError(Code.FILE_ARCHIVED, words),))
    if stored.data is None:
        return Place(name, errors=(too_large(name, stored.size),))
    return replace(read_file(name, stored.data), written_at=stored.modified)
