"""HEIC and AVIF, box by box, per ISO/IEC 14496-12: the size that they claim, and whether all boxes are complete."""

from collections.abc import Iterator
from dataclasses import dataclass

from backdrop.imaging.formats.header import DamagedError, TruncatedError

_HEADER_BYTES = 8
_LARGE_HEADER_BYTES = 16
_MAX_BOXES = 100_000
_CONTENT_OFFSETS = {b"meta": 4, b"iprp": 0, b"ipco": 0}
"""The boxes on the path to a picture's size, and the bytes before their content (ISO/IEC 23008-12, 6.5.3)."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box's four-letter name, and the range of its content in the file."""

    name: bytes
    start: int
    end: int


def read_size(data: bytes) -> tuple[int, int] | None:
    """Returns the largest width and height that a picture in the file claims; None if it holds only video frames.

    The decoder limits a picture's unpacked size: libheif refuses a picture larger than its claim, and libavif one of
    more than 268 megapixels.
    """
    claims = [_read_claimed_size(data, box) for box in _iter_size_boxes(data, 0, len(data))]
    return max(claims, key=lambda claim: claim[0] * claim[1], default=None)


def check_structure(data: bytes) -> None:
    """Raises `TruncatedError` if a box extends beyond the file, `DamagedError` if no box describes a picture."""
    if not {b"meta", b"moov"} & {box.name for box in _iter_boxes(data, 0, len(data))}:
        raise DamagedError("describes no picture")


def _iter_size_boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    for box in _iter_boxes(data, start, end):
        if box.name == b"ispe":
            yield box
        elif box.name in _CONTENT_OFFSETS:
            yield from _iter_size_boxes(data, box.start + _CONTENT_OFFSETS[box.name], box.end)


def _read_claimed_size(data: bytes, box: Box) -> tuple[int, int]:
    width, height = (int.from_bytes(data[box.start + at : box.start + at + 4]) for at in (4, 8))
    return width, height


def _iter_boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yields the boxes in a range of the file, without nested boxes."""
    for _ in range(_MAX_BOXES):
        if start >= end:
            return
        size, header_bytes = int.from_bytes(data[start : start + 4]), _HEADER_BYTES
        if size == 1:
            size, header_bytes = (
                int.from_bytes(data[start + _HEADER_BYTES : start + _LARGE_HEADER_BYTES]),
                _LARGE_HEADER_BYTES,
            )
        if size == 0:
            size = end - start
        if size < header_bytes:
            raise DamagedError(f"has a box with an impossible length at byte {start:,}")
        if start + size > end:
            raise TruncatedError(f"has a box of {size:,} bytes at byte {start:,}, but only {end - start:,} follow")
        yield Box(data[start + 4 : start + 8], start + header_bytes, start + size)
        start += size
    raise DamagedError(f"has more than {_MAX_BOXES:,} boxes")
