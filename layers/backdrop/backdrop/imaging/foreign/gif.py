"""GIF, block by block to the end of its first frame, per the GIF89a specification."""

from backdrop.imaging.containers.header import CutShortError, DamagedError

_SCREEN_END = 13
_EXTENSION = 0x21
_FRAME = 0x2C
_TRAILER = 0x3B
_FRAME_BYTES = 10
_MOST_FRAMES = 10_000
"""Where counting stops; the number is only told to people."""


def read_size(data: bytes) -> tuple[int, int]:
    """The screen that all frames share, in pixels; a first frame that is larger makes the decoder's picture larger."""
    if len(data) < _SCREEN_END:
        raise CutShortError(f"has only {len(data)} bytes")
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def check_whole(data: bytes) -> int:
    """The number of whole frames; raises `CutShortError` where the first one is not all there.

    Later frames are never opened, so that a file may break off in them, as downloads do.
    """
    position = _SCREEN_END + _colors(data[10:11])
    frames = 0
    while frames < _MOST_FRAMES and position < len(data) and data[position] != _TRAILER:
        kind = data[position]
        if kind not in (_EXTENSION, _FRAME) and not frames:
            raise DamagedError(f"has no frame where one should be, at byte {position:,}")
        end = _after_blocks(data, _blocks_from(data, position)) if kind in (_EXTENSION, _FRAME) else None
        if end is None:
            break
        frames += kind == _FRAME
        position = end
    if not frames:
        raise CutShortError(f"holds no whole frame in its {len(data):,} bytes")
    return frames


def _blocks_from(data: bytes, position: int) -> int:
    """Where the data blocks of an extension or a frame begin."""
    if data[position] == _EXTENSION:
        return position + 2
    return position + _FRAME_BYTES + _colors(data[position + 9 : position + 10]) + 1


def _colors(flags: bytes) -> int:
    """The bytes of the color table that the flags announce."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _after_blocks(data: bytes, position: int) -> int | None:
    """Behind the empty block that ends them; None where the file ends first."""
    while position < len(data):
        size = data[position]
        position += size + 1
        if not size:
            return position
    return None
