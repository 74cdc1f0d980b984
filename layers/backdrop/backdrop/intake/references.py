"""Pictures whose style is taken over: looked at once a batch, and put where render finds them by their bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from backdrop.imaging.metadata import bare
from backdrop.imaging.prepare import prepare
from backdrop.model.capabilities import MAX_FILE_BYTES, REFERENCE_LIMITS, PhotoLimits
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, PhotoError
from backdrop.model.ids import sha256_hex
from backdrop.model.object_keys import reference_names
from backdrop.ports import InputBucket, Inputs


@dataclass(frozen=True, slots=True)
class _Reference:
    """One of them: its key, the hash of its own bytes, and what is sent of it."""

    key: str
    sha256: str
    sent: bytes


class References:
    """The reference images of this batch's photos."""

    def __init__(self, photos: InputBucket, inputs: Inputs, max_megapixels: int) -> None:
        self._photos = photos
        self._inputs = inputs
        self._max_megapixels = max_megapixels
        self._known: dict[tuple[str, ...], list[str]] = {}

    def forget(self) -> None:
        """A new batch: what was read may have changed."""
        self._known.clear()

    def hashes(self, bucket: str, photo: str, keys: Sequence[str]) -> list[str]:
        """The SHA-256 of each reference's own bytes; what is sent of them lies under `_backdrop/work/` from now on.

        References are converted and encoded anew as photos are, so that all of them fit into one call. Raises
        InstructionError where one is missing, is no picture, is the photo itself, or cannot be made so small.
        """
        if photo in keys or (bucket, *keys) not in self._known:
            self._known[bucket, *keys] = self._kept(bucket, photo, keys)
        return self._known[bucket, *keys]

    def _kept(self, bucket: str, photo: str, keys: Sequence[str]) -> list[str]:
        found, slips = list[_Reference](), list[InstructionError]()
        for key in keys:
            try:
                found.append(self._read(bucket, photo, key))
            except InstructionError as error:
                slips.append(error)
        if slips:
            raise InstructionError(slips[0].code, " ".join(str(error.message) for error in slips))
        hashes = [one.sha256 for one in found]
        for name, data in zip(reference_names(hashes), self._fitted(found), strict=True):
            self._inputs.put(name, data)
        return hashes

    def _read(self, bucket: str, photo: str, key: str) -> _Reference:
        if key == photo:
            raise InstructionError(Code.REFERENCE_UNUSABLE, f"{photo} cannot be the reference of its own style.")
        stored = self._photos.read(bucket, key, limit=MAX_FILE_BYTES)
        if stored is None:
            raise InstructionError(Code.REFERENCE_NOT_FOUND, _missing(bucket, key))
        if stored.archived:
            raise InstructionError(Code.REFERENCE_UNUSABLE, f"{key} lies in the archive class {stored.archived}.")
        if stored.data is None:
            words = f"{key} has {stored.size:,} bytes; at most {MAX_FILE_BYTES:,} are opened."
            raise InstructionError(Code.REFERENCE_UNUSABLE, words)
        return _Reference(key, sha256_hex(stored.data), self._made(key, stored.data, REFERENCE_LIMITS))

    def _fitted(self, found: Sequence[_Reference]) -> Iterator[bytes]:
        """What is sent of each, so that one call takes them all."""
        for one, share in zip(found, shares([len(one.sent) for one in found], REFERENCE_LIMITS.bytes), strict=True):
            fits = len(one.sent) <= share
            yield one.sent if fits else self._made(one.key, one.sent, replace(REFERENCE_LIMITS, bytes=share))

    def _made(self, key: str, data: bytes, limits: PhotoLimits) -> bytes:
        try:
            return prepare(data, limits, self._max_megapixels).data or bare(data)
        except PhotoError as error:
            raise InstructionError(Code.REFERENCE_UNUSABLE, f"{key}: {error.message}") from error


def shares(sizes: Sequence[int], total: int) -> list[int]:
    """The bytes that each of these may have so that all have no more than `total`: what small ones leave, large ones
    share evenly.
    """
    granted, left = dict[int, int](), total
    for place in sorted(range(len(sizes)), key=lambda place: sizes[place]):
        granted[place] = min(sizes[place], left // (len(sizes) - len(granted)))
        left -= granted[place]
    return [granted[place] for place in range(len(sizes))]


def _missing(bucket: str, key: str) -> str:
    where = f"in the bucket {bucket}" if bucket else "here; it is a key from the bucket's root"
    return f"There is no {key} {where}."
