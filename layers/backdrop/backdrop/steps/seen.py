"""What intake sees of one photo: its bytes, its sidecar and its tags as they are now, whatever an event said."""

from dataclasses import dataclass
from typing import Any

from backdrop.core.capability import MAX_PHOTO_BYTES
from backdrop.core.codes import Code
from backdrop.core.errors import PhotoError
from backdrop.core.identity import canonical_json, sha256_hex
from backdrop.core.job import PhotoFacts
from backdrop.core.json_text import MAX_SIDECAR_BYTES
from backdrop.core.layout import MAX_SOURCE_KEY_BYTES, sidecars_of
from backdrop.core.places import Place, our_tags, read_tags
from backdrop.imaging.inspect import inspect_photo
from backdrop.ports import InputBucket, Stored
from backdrop.steps.defaults import read_stored


@dataclass(frozen=True)
class Seen:
    """The present state around one photo. `asked_from` changes when sidecar or tags do."""

    photo: PhotoFacts
    photo_error: PhotoError | None
    places: tuple[Place, ...] = ()
    asked_from: str = ""
    sidecar_etag: str = ""


def see(photos: InputBucket, bucket: str, key: str, known: PhotoFacts | None, max_megapixels: int) -> Seen | None:
    """Read photo, sidecar and tags; None where there is no photo. Bytes known to be good are not read again."""
    good = known if known and known.sha256 else None
    stored = photos.read(bucket, key, limit=MAX_PHOTO_BYTES, known_etag=good.etag if good else None)
    if stored is None:
        return None
    size = len(key.encode())
    if size > MAX_SOURCE_KEY_BYTES:
        words = f"The key has {size} bytes; at most {MAX_SOURCE_KEY_BYTES} leave room for the results' names."
        return Seen(_facts(stored), PhotoError(Code.KEY_TOO_LONG, words))
    photo, error = _inspect(stored, good, max_megapixels)
    return Seen(photo, error, *_ask(photos, bucket, key))


def see_from_afar(photos: InputBucket, bucket: str, key: str, crashes: int) -> Seen | None:
    """A photo that killed those who opened it is not opened again."""
    stored = photos.read(bucket, key, limit=0)
    if stored is None:
        return None
    words = f"The worker that opened the photo died {crashes} times."
    return Seen(_facts(stored), PhotoError(Code.CRASHED, words))


def _facts(stored: Stored) -> PhotoFacts:
    return PhotoFacts(etag=stored.etag, version_id=stored.version_id, uploaded_at=stored.modified, size=stored.size)


def _inspect(stored: Stored, known: PhotoFacts | None, max_megapixels: int) -> tuple[PhotoFacts, PhotoError | None]:
    facts = _facts(stored)
    if known and known.etag == stored.etag:
        return facts.but(sha256=known.sha256, width=known.width, height=known.height, format=known.format), None
    try:
        if stored.archived:
            raise PhotoError(Code.FILE_ARCHIVED, f"The photo lies in the archive class {stored.archived}.")
        if stored.data is None:
            words = f"The file has {stored.size:,} bytes; at most {MAX_PHOTO_BYTES:,} can be sent."
            raise PhotoError(Code.TOO_LARGE_BYTES, words)
        photo = inspect_photo(stored.data, max_megapixels=max_megapixels)
    except PhotoError as error:
        return facts, error
    good = facts.but(sha256=sha256_hex(stored.data), width=photo.width, height=photo.height, format=photo.format)
    return good, None


def _ask(photos: InputBucket, bucket: str, key: str) -> tuple[tuple[Place, ...], str, str]:
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
    tags = photos.tags(bucket, key)
    places.append(read_tags(tags))
    return tuple(places), sha256_hex(canonical_json([*marks, our_tags(tags)]).encode()), etag
