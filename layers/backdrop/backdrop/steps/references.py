"""Pictures whose style is taken over: looked at once a batch, and put where render finds them by their bytes."""

from collections.abc import Sequence

from backdrop.core.capability import MAX_FILE_BYTES, REFERENCE_LIMITS
from backdrop.core.codes import Code
from backdrop.core.errors import InstructionError, PhotoError
from backdrop.core.identity import sha256_hex
from backdrop.imaging.metadata import bare
from backdrop.imaging.prepare import prepare
from backdrop.ports import InputBucket, Inputs


class References:
    """The reference images of this batch's photos."""

    def __init__(self, photos: InputBucket, inputs: Inputs, max_megapixels: int) -> None:
        self._photos = photos
        self._inputs = inputs
        self._max_megapixels = max_megapixels
        self._known: dict[tuple[str, str], tuple[str, int]] = {}

    def forget(self) -> None:
        """A new batch: what was read may have changed."""
        self._known.clear()

    def hashes(self, bucket: str, photo: str, keys: Sequence[str]) -> list[str]:
        """The SHA-256 of each reference's own bytes; what is sent of it lies under `_backdrop/work/` from now on.

        References are converted and encoded anew as photos are. Raises InstructionError where one is missing, is no
        picture, is the photo itself, or all are too large together.
        """
        found, slips = list[tuple[str, int]](), list[InstructionError]()
        for key in keys:
            try:
                found.append(self._one(bucket, photo, key))
            except InstructionError as error:
                slips.append(error)
        if slips:
            raise InstructionError(slips[0].code, " ".join(error.message for error in slips))
        total = sum(size for _, size in found)
        if total > REFERENCE_LIMITS.bytes:
            words = f"The references have {total:,} bytes together; at most {REFERENCE_LIMITS.bytes:,} can be sent."
            raise InstructionError(Code.REFERENCE_UNUSABLE, words)
        return [sha256 for sha256, _ in found]

    def _one(self, bucket: str, photo: str, key: str) -> tuple[str, int]:
        if key == photo:
            raise InstructionError(Code.REFERENCE_UNUSABLE, f"{photo} cannot be the reference of its own style.")
        if (bucket, key) not in self._known:
            self._known[bucket, key] = self._kept(bucket, key)
        return self._known[bucket, key]

    def _kept(self, bucket: str, key: str) -> tuple[str, int]:
        stored = self._photos.read(bucket, key, limit=MAX_FILE_BYTES)
        if stored is None:
            raise InstructionError(Code.REFERENCE_NOT_FOUND, _missing(bucket, key))
        if stored.archived:
            raise InstructionError(Code.REFERENCE_UNUSABLE, f"{key} lies in the archive class {stored.archived}.")
        if stored.data is None:
            words = f"{key} has {stored.size:,} bytes; at most {MAX_FILE_BYTES:,} are opened."
            raise InstructionError(Code.REFERENCE_UNUSABLE, words)
        try:
            sent = prepare(stored.data, REFERENCE_LIMITS, self._max_megapixels).data or bare(stored.data)
        except PhotoError as error:
            raise InstructionError(Code.REFERENCE_UNUSABLE, f"{key}: {error.message}") from error
        sha256 = sha256_hex(stored.data)
        self._inputs.put(sha256, sent)
        return sha256, len(sent)


def _missing(bucket: str, key: str) -> str:
    where = f"in the bucket {bucket}" if bucket else "here; it is a key from the bucket's root"
    return f"There is no {key} {where}."
