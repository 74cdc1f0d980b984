"""Style reference images: read once per batch, and stored for render under names derived from their hashes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.imaging.prepare import prepare_photo
from backdrop.intake.batch_cache import BatchCache
from backdrop.model.capabilities import MAX_FILE_BYTES, REFERENCE_LIMITS, PhotoLimits
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, PhotoError
from backdrop.model.ids import sha256_hex
from backdrop.model.object_keys import list_reference_names
from backdrop.ports import CallInputStore, InputBucket, Run, run_here


@dataclass(frozen=True, slots=True)
class _ReferenceImage:
    """One image: its key, the hash of its original bytes, and the prepared bytes that are sent."""

    key: str
    sha256: str
    prepared: bytes


class ReferenceImages:
    def __init__(self, photos: InputBucket, inputs: CallInputStore, max_megapixels: int, run: Run = run_here) -> None:
        self._photos = photos
        self._inputs = inputs
        self._max_megapixels = max_megapixels
        self._run = run
        self.cache = BatchCache[tuple[str, ...], list[str]]()

    def hash_and_store(self, bucket: str, photo_key: str, keys: Sequence[str]) -> list[str]:
        """Returns the SHA-256 of each image's original bytes, and stores the prepared bytes under `_backdrop/work/`.

        The images are converted and compressed like photos, so that all of them fit into one call. Raises
        InstructionError if one is missing, is not a picture, is the photo itself, or cannot be compressed enough.
        """
        if photo_key in keys:
            return self._read_and_store(bucket, photo_key, keys)
        return self.cache.get((bucket, *keys), partial(self._read_and_store, bucket, photo_key, keys))

    def _read_and_store(self, bucket: str, photo_key: str, keys: Sequence[str]) -> list[str]:
        images, errors = list[_ReferenceImage](), list[InstructionError]()
        for key in keys:
            try:
                images.append(self._read_image(bucket, photo_key, key))
            except InstructionError as error:
                errors.append(error)
        if errors:
            raise InstructionError(errors[0].code, " ".join(str(error.message) for error in errors))
        hashes = [one.sha256 for one in images]
        for name, data in zip(list_reference_names(hashes), self._fit_into_call(images), strict=True):
            self._inputs.put(name, data)
        return hashes

    def _read_image(self, bucket: str, photo_key: str, key: str) -> _ReferenceImage:
        if key == photo_key:
            raise InstructionError(Code.REFERENCE_UNUSABLE, f"{photo_key} cannot be its own style reference.")
        stored = self._photos.read(bucket, key, max_bytes=MAX_FILE_BYTES)
        if stored is None:
            raise InstructionError(Code.REFERENCE_NOT_FOUND, _describe_missing(bucket, key))
        if stored.archive_storage_class:
            raise InstructionError(
                Code.REFERENCE_UNUSABLE, f"{key} is in the archive storage class {stored.archive_storage_class}."
            )
        if stored.data is None:
            message = f"{key} is {stored.size:,} bytes; at most {MAX_FILE_BYTES:,} are allowed."
            raise InstructionError(Code.REFERENCE_UNUSABLE, message)
        return _ReferenceImage(key, sha256_hex(stored.data), self._encode(key, stored.data, REFERENCE_LIMITS))

    def _fit_into_call(self, images: Sequence[_ReferenceImage]) -> Iterator[bytes]:
        """Yields the bytes of each image, compressed so that all fit into one call."""
        for one, limit_bytes in zip(
            images, allocate_bytes([len(one.prepared) for one in images], REFERENCE_LIMITS.max_bytes), strict=True
        ):
            is_small_enough = len(one.prepared) <= limit_bytes
            yield (
                one.prepared
                if is_small_enough
                else self._encode(one.key, one.prepared, replace(REFERENCE_LIMITS, max_bytes=limit_bytes))
            )

    def _encode(self, key: str, data: bytes, limits: PhotoLimits) -> bytes:
        try:
            prepared = self._run(prepare_photo, data, limits, self._max_megapixels)
            return prepared.data or strip_photo_metadata(data)
        except PhotoError as error:
            raise InstructionError(Code.REFERENCE_UNUSABLE, f"{key}: {error.message}") from error


def allocate_bytes(sizes: Sequence[int], total: int) -> list[int]:
    """Returns a byte limit for each image, so that their sum is at most `total`.

    Small images keep their size, and large ones share the rest evenly.
    """
    allocated, remaining = dict[int, int](), total
    for index in sorted(range(len(sizes)), key=lambda index: sizes[index]):
        allocated[index] = min(sizes[index], remaining // (len(sizes) - len(allocated)))
        remaining -= allocated[index]
    return [allocated[index] for index in range(len(sizes))]


def _describe_missing(bucket: str, key: str) -> str:
    location = f"in the bucket {bucket}" if bucket else "here; give the key from the bucket's root"
    return f"There is no {key} {location}."
