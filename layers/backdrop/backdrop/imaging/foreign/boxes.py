"""HEIC and AVIF, box by box: whether the file reaches as far as it says, per ISO/IEC 14496-12."""

from backdrop.imaging.containers.header import CutShortError, DamagedError

_HEAD = 8
_LONG_HEAD = 16
_PICTURE_BOXES = frozenset({b"meta", b"moov"})


def check_whole(data: bytes) -> int:
    """1: which of its pictures is shown, the decoder knows.

    Raises `CutShortError` where a box reaches beyond the file, `DamagedError` where none describes a picture. What the
    picture unpacks to is bounded by its decoder: it takes no frame that is larger than the size that was looked at.
    """
    position, found = 0, False
    while position < len(data):
        size, head = int.from_bytes(data[position : position + 4]), _HEAD
        if size == 1:
            size, head = int.from_bytes(data[position + _HEAD : position + _LONG_HEAD]), _LONG_HEAD
        if size == 0:
            size = len(data) - position
        if size < head:
            raise DamagedError(f"has a box at byte {position:,} with an impossible length")
        if position + size > len(data):
            raise CutShortError(f"has {len(data):,} of its {position + size:,} bytes")
        found = found or data[position + 4 : position + 8] in _PICTURE_BOXES
        position += size
    if not found:
        raise DamagedError("describes no picture")
    return 1
