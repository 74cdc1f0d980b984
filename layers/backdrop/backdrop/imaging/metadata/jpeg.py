"""A JPEG's metadata: its application and comment segments, per ITU-T T.81 annex B and the standards that fill them."""

from itertools import pairwise

from backdrop.imaging.containers.jpeg import FRAME_MARKERS, START_OF_SCAN, Segment, iter_segments
from backdrop.imaging.metadata.rest import ByteSplicer

MAX_XMP_BYTES = 65_502
"""What one segment holds beside its length and its name (XMP part 3, 1.1.3)."""

_APP0, _APP1, _APP14 = 0xE0, 0xE1, 0xEE
# Frames, Huffman and arithmetic tables, scans, quantization tables, restart interval.
_KEPT_MARKERS = FRAME_MARKERS | {0xC4, 0xCC, START_OF_SCAN, 0xDB, 0xDD}
_EXIF_HEADER = b"Exif\0"
_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP_HEADER = b"http://ns.adobe.com/xmp/extension/\0"


def strip_metadata(data: bytes) -> bytes:
    """`metadata.strip` for JPEG; bytes between the segments, and behind the last, go, too."""
    segments = list(iter_segments(data))
    splicer, end = ByteSplicer(data), segments[-1]
    splicer.keep(0, 2)
    for segment, following in pairwise(segments):
        if segment.marker in _KEPT_MARKERS:
            splicer.keep(segment.offset, following.offset if segment.marker == START_OF_SCAN else segment.end)
        else:
            _keep_color_fields(data, segment, splicer)
    splicer.keep(end.offset, end.end)
    return splicer.join()


def _keep_color_fields(data: bytes, segment: Segment, splicer: ByteSplicer) -> None:
    """What JFIF's and Adobe's segments say of how colors are stored, without what they carry behind that."""
    payload = data[segment.start : segment.end]
    fields = _read_color_fields(segment.marker, payload)
    if fields == payload:
        splicer.keep(segment.offset, segment.end)
    elif fields:
        splicer.insert(_build_segment(segment.marker, fields))


def _read_color_fields(marker: int, payload: bytes) -> bytes | None:
    if marker == _APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 14:
        # The last two are the thumbnail's width and height.
        return payload[:12] + b"\0\0"
    if marker == _APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
        return payload[:12]
    return None


def _build_segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def embed_xmp(data: bytes, packet: bytes) -> bytes:
    """`metadata.with_xmp` for JPEG; the packet follows JFIF's and EXIF's segments, which must come first."""
    if len(packet) > MAX_XMP_BYTES:
        raise ValueError(f"an XMP packet of {len(packet):,} bytes is longer than a JPEG's {MAX_XMP_BYTES:,}")
    splicer, kept_until, is_embedded = ByteSplicer(data), 0, False
    for segment in iter_segments(data):
        if not is_embedded and segment.marker != _APP0 and not _has_app1_header(data, segment, _EXIF_HEADER):
            splicer.keep(kept_until, segment.offset)
            splicer.insert(_build_segment(_APP1, _XMP_HEADER + packet))
            kept_until, is_embedded = segment.offset, True
        if _has_app1_header(data, segment, _XMP_HEADER, _EXTENDED_XMP_HEADER):
            splicer.keep(kept_until, segment.offset)
            kept_until = segment.end
    splicer.keep(kept_until, len(data))
    return splicer.join()


def _has_app1_header(data: bytes, segment: Segment, *headers: bytes) -> bool:
    return segment.marker == _APP1 and data.startswith(headers, segment.start, segment.end)
