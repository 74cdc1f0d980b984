"""JPEG, segment by segment: size and kind, per ITU-T T.81 annex B."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backdrop.imaging.containers.header import (
    MAX_PARTS,
    DamagedError,
    ImageHeader,
    TruncatedError,
    UnsupportedVariantError,
)

MAGIC = b"\xff\xd8\xff"
END_OF_IMAGE = 0xD9
START_OF_SCAN = 0xDA
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SUPPORTED_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
PROGRESSIVE_FRAME = 0xC2
_STANDALONE_MARKERS = frozenset({0x01, 0xD8})
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
# Stuffed zeros and restart markers belong to the pixel data, a doubled FF is padding.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker, the byte at which it stands, and where its payload lies in the file."""

    marker: int
    offset: int
    start: int
    end: int


def iter_segments(data: bytes) -> Iterator[Segment]:
    """Every segment of the first picture, its end marker last; what lies between a scan and the next is its pixel data.

    Raises `TruncatedError` when no end marker came, `DamagedError` for an impossible length or too many.
    """
    position = 2
    for _ in range(MAX_PARTS):
        match = _MARKER.search(data, position)
        if match is None:
            break
        offset, start = match.span()
        marker = data[offset + 1]
        if marker == END_OF_IMAGE or marker in _STANDALONE_MARKERS:
            yield Segment(marker, offset, start, start)
            if marker == END_OF_IMAGE:
                return
            position = start
            continue
        length = int.from_bytes(data[start : start + 2])
        position = start + length
        if position > len(data) or start + 2 > len(data):
            break
        if length < 2:
            raise DamagedError(f"has a segment at byte {offset:,} with an impossible length")
        yield Segment(marker, offset, start + 2, position)
    else:
        raise DamagedError(f"has more than {MAX_PARTS:,} segments")
    raise TruncatedError(f"has no end marker after its {len(data):,} bytes")


def read_header(data: bytes) -> ImageHeader:
    """Size and colours from the frame segment; raises `ImageFormatError` without a sound one."""
    for segment in iter_segments(data):
        if segment.marker in FRAME_MARKERS:
            return _read_frame(segment.marker, data[segment.start : segment.end])
        if segment.marker in (START_OF_SCAN, END_OF_IMAGE):
            break
    raise DamagedError("names no picture size before its pixels")


def _read_frame(marker: int, payload: bytes) -> ImageHeader:
    if len(payload) < 6:
        raise DamagedError("has a frame segment that is too short")
    bit_depth, components = payload[0], payload[5]
    if marker not in _SUPPORTED_FRAMES or bit_depth != 8:
        raise UnsupportedVariantError(f"is of a rare kind ({bit_depth}-bit, frame type {marker & 0x0F})")
    if components not in _MODES:
        raise DamagedError(f"claims {components} colour channels")
    height, width = int.from_bytes(payload[1:3]), int.from_bytes(payload[3:5])
    return ImageHeader("jpeg", width, height, _MODES[components], has_alpha=False)
