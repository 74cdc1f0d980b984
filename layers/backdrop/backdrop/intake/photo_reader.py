"""What intake sees of one photo: its bytes, its sidecar and its tags as they are now, whatever an event said."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from backdrop.imaging.prepare import prepare
from backdrop.imaging.sniff import sniff
from backdrop.instructions.json_text import MAX_SIDECAR_BYTES, too_large
from backdrop.instructions.sources import Place, our_tags, read_file, read_tags
from backdrop.model.capabilities import MAX_FILE_BYTES, PHOTO_LIMITS
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, PhotoError
from backdrop.model.ids import canonical_json, sha256_hex
from backdrop.model.object_keys import MAX_SOURCE_KEY_BYTES, prepared_name, sidecars_of
from backdrop.model.photo_facts import PhotoFacts
from backdrop.ports import InputBucket, Inputs, Stored

# The hash of bytes that nobody opened, which are taken for good ones.
NOT_OPENED = "not opened"


@dataclass(frozen=True)
class Seen:
    """The present state around one photo. `asked_from` changes when sidecar or tags do."""

    photo: PhotoFacts
    photo_error: PhotoError | None
    places: tuple[Place, ...] = ()
    asked_from: str = ""
    sidecar_etag: str = ""


@dataclass(frozen=True)
class Seer:
    """Reads photos with their words; what must be prepared is put where render finds it."""

    photos: InputBucket
    inputs: Inputs
    max_megapixels: int

    def read(self, bucket: str, key: str, known: PhotoFacts | None) -> Seen | None:
        """Photo, sidecar and tags; None where there is no photo. Bytes known to be good are not read again."""
        good = known if known and known.sha256 else None
        stored = self.photos.read(bucket, key, limit=MAX_FILE_BYTES, known_etag=good.etag if good else None)
        if stored is None:
            return None
        if too_long := _too_long(key):
            return Seen(facts_of(stored), too_long)
        photo, error = self._inspect(stored, good)
        return Seen(photo, error, *_ask(self.photos, bucket, key, tagged=stored.tagged))

    def unopened(self, bucket: str, key: str, known: PhotoFacts | None) -> Seen | None:
        """The same without a look at the bytes: those that are not known to be good are taken for good ones."""
        stored = self.photos.read(bucket, key, limit=0)
        if stored is None:
            return None
        if too_long := _too_long(key):
            return Seen(facts_of(stored), too_long)
        fresh = facts_of(stored).but(sha256=NOT_OPENED)
        photo = known if known and known.sha256 and known.etag == stored.etag else fresh
        return Seen(photo, None, *_ask(self.photos, bucket, key, tagged=stored.tagged))

    def _inspect(self, stored: Stored, known: PhotoFacts | None) -> tuple[PhotoFacts, PhotoError | None]:
        facts = facts_of(stored)
        if known and known.etag == stored.etag:
            return known.but(version_id=facts.version_id, uploaded_at=facts.uploaded_at), None
        try:
            if stored.archived:
                raise PhotoError(Code.FILE_ARCHIVED, f"The photo lies in the archive class {stored.archived}.")
            if stored.data is None:
                words = f"The file has {stored.size:,} bytes; at most {MAX_FILE_BYTES:,} are opened."
                raise PhotoError(Code.TOO_LARGE_BYTES, words)
            return self._prepared(facts, stored.data), None
        except PhotoError as error:
            return facts, error

    def _prepared(self, facts: PhotoFacts, data: bytes) -> PhotoFacts:
        """What a photo is, and what is sent of it put aside where it does not pass as it is."""
        prepared, sha256 = prepare(data, PHOTO_LIMITS["ideogram"], self.max_megapixels), sha256_hex(data)
        if prepared.data is not None:
            self.inputs.put(prepared_name(sha256), prepared.data)
        (width, height), kind = prepared.original, sniff(data)
        return facts.but(
            sha256=sha256,
            width=width,
            height=height,
            format=kind.format or kind.foreign,
            prepared=prepared.data is not None,
            changes=prepared.changes,
        )


def see_from_afar(photos: InputBucket, bucket: str, key: str, crashes: int) -> Seen | None:
    """A photo that killed those who opened it is not opened again."""
    stored = photos.read(bucket, key, limit=0)
    if stored is None:
        return None
    words = f"The worker that opened the photo died {crashes} times."
    return Seen(facts_of(stored), PhotoError(Code.CRASHED, words))


def _too_long(key: str) -> PhotoError | None:
    size = len(key.encode())
    words = f"The key has {size} bytes; at most {MAX_SOURCE_KEY_BYTES} leave room for the results' names."
    return PhotoError(Code.KEY_TOO_LONG, words) if size > MAX_SOURCE_KEY_BYTES else None


def facts_of(stored: Stored) -> PhotoFacts:
    """What S3 says of an object, before it is opened."""
    return PhotoFacts(etag=stored.etag, version_id=stored.version_id, uploaded_at=stored.modified, size=stored.size)


def read_stored(name: str, stored: Stored) -> Place:
    """A sidecar, or a folder's defaults, as a place."""
    if stored.archived:
        words = f"{name} lies in the archive class {stored.archived}."
        return Place(name, errors=(InstructionError(Code.FILE_ARCHIVED, words, place=name),))
    if stored.data is None:
        return Place(name, errors=(too_large(name, stored.size),))
    return replace(read_file(name, stored.data), written_at=stored.modified)


def _ask(photos: InputBucket, bucket: str, key: str, *, tagged: bool) -> tuple[tuple[Place, ...], str, str]:
    """What sidecar and tags say, the nearest first, a mark that changes when they do, and the sidecar's own."""
    places: list[Place] = []
    marks: list[Any] = []
    etag = ""
    for name in sidecars_of(key):
        sidecar = photos.read(bucket, name, limit=MAX_SIDECAR_BYTES)
        if sidecar is not None:
            places.append(read_stored(name, sidecar))
            etag = sidecar.etag
            marks.append([name, etag])
            break
    tags: Mapping[str, str] = photos.tags(bucket, key) if tagged else {}
    places.append(read_tags(tags))
    return tuple(places), sha256_hex(canonical_json([*marks, our_tags(tags)]).encode()), etag
