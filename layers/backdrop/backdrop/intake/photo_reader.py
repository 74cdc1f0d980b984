"""Reads the current state of one photo from the bucket: its bytes, its sidecar, and its tags."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from backdrop.imaging.mask_checks import find_own_mask
from backdrop.imaging.prepare import load_upright_photo, prepare_photo
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.xmp import is_own_picture
from backdrop.instructions.json_text import MAX_SIDECAR_BYTES, build_too_large_error
from backdrop.instructions.sources import InstructionSource, parse_file, parse_tags, select_backdrop_tags
from backdrop.model.capabilities import MAX_FILE_BYTES, PHOTO_LIMITS
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, InstructionError, PhotoError
from backdrop.model.ids import sha256_hex, to_canonical_json
from backdrop.model.object_keys import MAX_PHOTO_KEY_BYTES, list_sidecar_keys, prepared_photo_name
from backdrop.model.photo_facts import JOB_METADATA_KEY, PhotoFacts
from backdrop.ports import CallInputStore, InputBucket, Run, StoredObject, run_here

# Takes the place of the hash if a photo was not opened and is assumed to be valid.
UNREAD_SHA256 = "not opened"


@dataclass(frozen=True)
class PhotoSnapshot:
    """The current state of one photo. `instructions_fingerprint` changes with the sidecar or the tags.

    `may_be_opened`: whether planning its jobs may read its pixels.
    """

    photo: PhotoFacts
    photo_error: PhotoError | None
    instruction_sources: tuple[InstructionSource, ...] = ()
    instructions_fingerprint: str = ""
    sidecar_etag: str = ""
    may_be_opened: bool = True


@dataclass(frozen=True)
class PhotoReader:
    """Reads photos with their instructions, and stores prepared photos for render."""

    photos: InputBucket
    inputs: CallInputStore
    max_megapixels: int
    run: Run = run_here

    def read(self, bucket: str, key: str, recorded: PhotoFacts | None) -> PhotoSnapshot | None:
        """Returns None if there is no photo. Does not read bytes again that `recorded` shows to be valid."""
        verified = recorded if recorded and recorded.sha256 else None
        stored = self.photos.read(bucket, key, max_bytes=MAX_FILE_BYTES, known_etag=verified.etag if verified else None)
        if stored is None:
            return None
        if key_error := _check_key_length(key):
            return PhotoSnapshot(build_photo_facts(stored), key_error)
        photo, error = self._inspect(stored, verified)
        return PhotoSnapshot(photo, error, *_read_instructions(self.photos, bucket, key, has_tags=stored.may_have_tags))

    def read_without_bytes(self, bucket: str, key: str, recorded: PhotoFacts | None) -> PhotoSnapshot | None:
        """Like read(), but does not open the photo: unknown bytes are assumed to be valid."""
        stored = self.photos.read(bucket, key, max_bytes=0)
        if stored is None:
            return None
        if key_error := _check_key_length(key):
            return PhotoSnapshot(build_photo_facts(stored), key_error)
        unread = replace(build_photo_facts(stored), sha256=UNREAD_SHA256)
        photo = recorded if recorded and recorded.sha256 and recorded.etag == stored.etag else unread
        instructions = _read_instructions(self.photos, bucket, key, has_tags=stored.may_have_tags)
        return PhotoSnapshot(photo, None, *instructions, may_be_opened=False)

    def has_own_mask(self, bucket: str, key: str, image_sha256: str) -> bool:
        """Decodes the photo, and returns whether its transparency shows the product.

        Raises PhotoError if it cannot be opened, and ConflictError if its bytes were replaced."""
        stored = self.photos.read(bucket, key, max_bytes=MAX_FILE_BYTES)
        if stored is None or stored.data is None or sha256_hex(stored.data) != image_sha256:
            raise ConflictError
        return self.run(_shows_product, stored.data, self.max_megapixels)

    def _inspect(self, stored: StoredObject, recorded: PhotoFacts | None) -> tuple[PhotoFacts, PhotoError | None]:
        facts = build_photo_facts(stored)
        if recorded and recorded.etag == stored.etag:
            return replace(recorded, version_id=facts.version_id, uploaded_at=facts.uploaded_at), None
        try:
            if stored.archive_storage_class:
                raise PhotoError(
                    Code.FILE_ARCHIVED, f"The photo is in the archive storage class {stored.archive_storage_class}."
                )
            if stored.data is None:
                message = f"The file is {stored.size:,} bytes; at most {MAX_FILE_BYTES:,} are allowed."
                raise PhotoError(Code.TOO_LARGE_BYTES, message)
            return self._prepare_photo(facts, stored.data), None
        except PhotoError as error:
            return facts, error

    def _prepare_photo(self, facts: PhotoFacts, data: bytes) -> PhotoFacts:
        """Inspects a photo, and stores its prepared form if it needs conversion."""
        prepared, sha256 = self.run(prepare_photo, data, PHOTO_LIMITS, self.max_megapixels), sha256_hex(data)
        if prepared.data is not None:
            self.inputs.put(prepared_photo_name(sha256), prepared.data)
        (width, height), kind = prepared.original_size, sniff_file(data)
        return replace(
            facts,
            sha256=sha256,
            width=width,
            height=height,
            format=kind.format or kind.convertible_format,
            is_prepared=prepared.data is not None,
            changes=prepared.changes,
            has_alpha=prepared.has_alpha,
            is_own_picture=facts.is_own_picture or is_own_picture(data),
        )


def _shows_product(data: bytes, max_megapixels: int) -> bool:
    return find_own_mask(load_upright_photo(data, max_megapixels)) is not None


def read_crashed_photo(photos: InputBucket, bucket: str, key: str, crashes: int) -> PhotoSnapshot | None:
    """Reads a photo without opening it, because opening it crashed workers."""
    stored = photos.read(bucket, key, max_bytes=0)
    if stored is None:
        return None
    message = f"The worker crashed {crashes} times while it processed the photo."
    return PhotoSnapshot(build_photo_facts(stored), PhotoError(Code.CRASHED, message))


def _check_key_length(key: str) -> PhotoError | None:
    size = len(key.encode())
    message = (
        f"The key is {size} bytes long; the limit is {MAX_PHOTO_KEY_BYTES}, because its pictures have longer keys."
    )
    return PhotoError(Code.KEY_TOO_LONG, message) if size > MAX_PHOTO_KEY_BYTES else None


def build_photo_facts(stored: StoredObject) -> PhotoFacts:
    """Returns what S3 reports about an object, before it is opened."""
    return PhotoFacts(
        etag=stored.etag,
        version_id=stored.version_id,
        uploaded_at=stored.modified_at,
        size=stored.size,
        is_own_picture=JOB_METADATA_KEY in stored.metadata,
    )


def parse_stored_file(name: str, stored: StoredObject) -> InstructionSource:
    """Parses a sidecar or folder defaults."""
    if stored.archive_storage_class:
        message = f"{name} is in the archive storage class {stored.archive_storage_class}."
        return InstructionSource(name, errors=(InstructionError(Code.FILE_ARCHIVED, message, instruction_source=name),))
    if stored.data is None:
        return InstructionSource(name, errors=(build_too_large_error(name, stored.size),))
    return replace(parse_file(name, stored.data), written_at=stored.modified_at)


def _read_instructions(
    photos: InputBucket, bucket: str, key: str, *, has_tags: bool
) -> tuple[tuple[InstructionSource, ...], str, str]:
    """Returns the sidecar and the tags, nearest first, their fingerprint, and the sidecar's ETag."""
    sources: list[InstructionSource] = []
    fingerprint_parts: list[Any] = []
    etag = ""
    for name in list_sidecar_keys(key):
        sidecar = photos.read(bucket, name, max_bytes=MAX_SIDECAR_BYTES)
        if sidecar is not None:
            sources.append(parse_stored_file(name, sidecar))
            etag = sidecar.etag
            fingerprint_parts.append([name, etag])
            break
    tags: Mapping[str, str] = photos.read_tags(bucket, key) if has_tags else {}
    sources.append(parse_tags(tags))
    return (
        tuple(sources),
        sha256_hex(to_canonical_json([*fingerprint_parts, select_backdrop_tags(tags)]).encode()),
        etag,
    )
