"""A JPEG's metadata: its application and comment segments, per ITU-T T.81 annex B and the standards that fill them."""

from itertools import pairwise

from backdrop.imaging.containers.jpeg import FRAMES, START_OF_SCAN, Segment, segments
from backdrop.imaging.metadata.rest import Rest

MOST_XMP_BYTES = 65_502
"""What one segment holds beside its length and its name (XMP part 3, 1.1.3)."""

_APP0, _APP1, _APP14 = 0xE0, 0xE1, 0xEE
# Frames, Huffman and arithmetic tables, scans, quantization tables, restart interval.
_NEEDED = FRAMES | {0xC4, 0xCC, START_OF_SCAN, 0xDB, 0xDD}
_EXIF = b"Exif\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"


def strip(data: bytes) -> bytes:
    """`metadata.strip` for JPEG; bytes between the segments, and behind the last, go, too."""
    found = list(segments(data))
    rest, end = Rest(data), found[-1]
    rest.keep(0, 2)
    for segment, following in pairwise(found):
        if segment.marker in _NEEDED:
            rest.keep(segment.at, following.at if segment.marker == START_OF_SCAN else segment.end)
        else:
            _keep_color_fields(data, segment, rest)
    rest.keep(end.at, end.end)
    return rest.joined()


def _keep_color_fields(data: bytes, segment: Segment, rest: Rest) -> None:
    """What JFIF's and Adobe's segments say of how colors are stored, without what they carry behind that."""
    payload = data[segment.start : segment.end]
    fields = _fields(segment.marker, payload)
    if fields == payload:
        rest.keep(segment.at, segment.end)
    elif fields:
        rest.put(_segment(segment.marker, fields))


def _fields(marker: int, payload: bytes) -> bytes | None:
    if marker == _APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 14:
        # The last two are the thumbnail's width and height.
        return payload[:12] + b"\0\0"
    if marker == _APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
        return payload[:12]
    return None


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """`metadata.with_xmp` for JPEG; the packet follows JFIF's and EXIF's segments, which must come first."""
    if len(packet) > MOST_XMP_BYTES:
        raise ValueError(f"an XMP packet of {len(packet):,} bytes is longer than a JPEG's {MOST_XMP_BYTES:,}")
    rest, kept, placed = Rest(data), 0, False
    for segment in segments(data):
        if not placed and segment.marker != _APP0 and not _begins(data, segment, _EXIF):
            rest.keep(kept, segment.at)
            rest.put(_segment(_APP1, _XMP + packet))
            kept, placed = segment.at, True
        if _begins(data, segment, _XMP, _MORE_XMP):
            rest.keep(kept, segment.at)
            kept = segment.end
    rest.keep(kept, len(data))
    return rest.joined()


def _begins(data: bytes, segment: Segment, *starts: bytes) -> bool:
    return segment.marker == _APP1 and data.startswith(starts, segment.start, segment.end)
