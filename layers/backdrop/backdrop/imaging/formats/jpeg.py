"""JPEG, per ITU-T T.81 annex B: segments, header, structure, and metadata.

Only `jpeg_damage.py` looks into the compressed pixels.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from backdrop.imaging.color_spaces import ColorStatement
from backdrop.imaging.formats import exif_colors
from backdrop.imaging.formats.byte_splicer import ByteSplicer
from backdrop.imaging.formats.header import (
    MAX_PARTS,
    DamagedError,
    EmbeddedMetadata,
    ImageFormatError,
    ImageHeader,
    TruncatedError,
    UnsupportedVariantError,
)

MAGIC = b"\xff\xd8\xff"
MAX_SCANS = 200
"""Encoders write about ten scans; thousands of them in a small file only waste the decoder's time."""
MAX_XMP_BYTES = 65_502
"""The capacity of one segment after its length and its name (XMP part 3, 1.1.3)."""

START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_FRAME = 0xC2
_SUPPORTED_FRAMES = frozenset({0xC0, 0xC1, _PROGRESSIVE_FRAME})
_QUANTIZATION_TABLES, _HUFFMAN_TABLES = 0xDB, 0xC4
_APP0, _APP1, _APP2, _APP13, _APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
_END_MARKER = b"\xff\xd9"
_STANDALONE_MARKERS = frozenset({0x01, 0xD8})
# Stuffed zeros and restart markers belong to the pixel data; a repeated FF is padding.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_MAX_PIXELS_PER_BYTE = 512
"""Each block of 8 × 8 pixels takes at least one bit: the code of its first coefficient (F.1.2.1)."""
_DC, _AC = 0, 1
_STANDARD_TABLES = frozenset({(_DC, 0), (_DC, 1), (_AC, 0), (_AC, 1)})
"""The Huffman tables of annex K, which decoders have built in: single frames of Motion JPEG omit them."""
_MAX_SAMPLING = _MAX_CHANNELS = 4
_COEFFICIENTS = 64
"""A block's, for each channel."""

_KEPT_MARKERS = _FRAME_MARKERS | {_HUFFMAN_TABLES, 0xCC, START_OF_SCAN, _QUANTIZATION_TABLES, 0xDD}
"""Frames, Huffman and arithmetic coding tables, scans, quantization tables, and the restart interval."""
_EXIF_HEADER = b"Exif\0"
_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_PROFILE_HEADER, _PROFILE_NUMBERS = b"ICC_PROFILE\0", 2
_IMAGE_RESOURCE_HEADER = b"Photoshop 3.0\0"
_EXTENDED_XMP_HEADER = b"http://ns.adobe.com/xmp/extension/\0"

type QuantizationTables = Sequence[Sequence[int]]
"""One table of 64 numbers, row by row, for each color channel."""

type _HuffmanTable = tuple[int, int]
"""A Huffman table's class and number."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker, the byte at which it begins, and the range of its payload in the file."""

    marker: int
    offset: int
    start: int
    end: int


def iter_segments(data: bytes) -> Iterator[Segment]:
    """Yields every segment of the first picture, ending with its end marker, which is empty if the file lacks it.

    The bytes between a scan and the next segment are pixel data. Raises `TruncatedError` if the file ends before its
    first scan or in a segment, and `DamagedError` for an impossible length or too many segments.
    """
    position, has_scan = 2, False
    for _ in range(MAX_PARTS):
        match = _MARKER.search(data, position)
        if match is None:
            if has_scan:
                yield Segment(_END_OF_IMAGE, len(data), len(data), len(data))
                return
            break
        offset, start = match.span()
        marker = data[offset + 1]
        if marker == _END_OF_IMAGE or marker in _STANDALONE_MARKERS:
            yield Segment(marker, offset, start, start)
            if marker == _END_OF_IMAGE:
                return
            position = start
            continue
        length = int.from_bytes(data[start : start + 2])
        position = start + length
        if position > len(data) or start + 2 > len(data):
            break
        if length < 2:
            raise DamagedError(f"has a segment at byte {offset:,} with an impossible length")
        has_scan = has_scan or marker == START_OF_SCAN
        yield Segment(marker, offset, start + 2, position)
    else:
        raise DamagedError(f"has more than {MAX_PARTS:,} segments")
    raise TruncatedError(f"has no end marker after its {len(data):,} bytes")


def read_header(data: bytes) -> ImageHeader:
    """Reads size and color mode from the frame segment. Raises `ImageFormatError` if there is no valid one."""
    for segment in iter_segments(data):
        if segment.marker in _FRAME_MARKERS:
            return _read_frame(segment.marker, data[segment.start : segment.end])
        if segment.marker in (START_OF_SCAN, _END_OF_IMAGE):
            break
    raise DamagedError("does not state its size before its pixels")


def _read_frame(marker: int, payload: bytes) -> ImageHeader:
    if len(payload) < 6:
        raise DamagedError("has a frame segment that is too short")
    bit_depth, components = payload[0], payload[5]
    if marker not in _SUPPORTED_FRAMES or bit_depth != 8:
        raise UnsupportedVariantError(
            f"uses a rare variant of the format ({bit_depth}-bit, frame type {marker & 0x0F})"
        )
    if components not in _MODES:
        raise DamagedError(f"claims {components} color channels")
    height, width = int.from_bytes(payload[1:3]), int.from_bytes(payload[3:5])
    return ImageHeader("jpeg", width, height, _MODES[components], has_alpha=False)


# -- structure: one complete picture with all the tables needed to decode it ------------------------------------------


def validate_structure(data: bytes, header: ImageHeader) -> ImageHeader:
    """Reads to the end marker. Raises `ImageFormatError` if the picture, a scan, or a table is missing."""
    segments = list(iter_segments(data))
    frames = [segment for segment in segments if segment.marker in _FRAME_MARKERS]
    scans = sum(segment.marker == START_OF_SCAN for segment in segments)
    if len(frames) != 1 or scans == 0:
        raise DamagedError(f"has {len(frames)} frames and {scans} scans instead of one picture")
    if scans > MAX_SCANS:
        raise DamagedError(f"has {scans:,} scans; no camera writes more than {MAX_SCANS}")
    if len(data) * _MAX_PIXELS_PER_BYTE < header.width * header.height:
        raise TruncatedError(f"has only {len(data):,} bytes for {header.width:,} × {header.height:,} pixels")
    _check_tables(data, segments, frames[0])
    _check_scans(data, segments, frames[0])
    return header


def _check_tables(data: bytes, segments: Sequence[Segment], frame: Segment) -> None:
    """Raises `DamagedError` if a scan names a table that is not defined when the scan begins."""
    progressive = frame.marker == _PROGRESSIVE_FRAME
    channels = _read_channels(data[frame.start : frame.end])
    quantization_tables, huffman_tables = set[int](), set() if progressive else set(_STANDARD_TABLES)
    for segment in segments:
        payload = data[segment.start : segment.end]
        if segment.marker == _QUANTIZATION_TABLES:
            quantization_tables.update(_read_quantization_tables(payload))
        elif segment.marker == _HUFFMAN_TABLES:
            huffman_tables.update(_read_huffman_tables(payload))
        elif segment.marker == START_OF_SCAN:
            for channel, needed in _read_scan(payload, progressive=progressive):
                if channel not in channels:
                    raise DamagedError(f"has a scan of channel {channel}, which the picture does not have")
                if channels[channel] not in quantization_tables:
                    raise DamagedError(f"lacks quantization table {channels[channel]}")
                if needed - huffman_tables:
                    raise DamagedError("lacks a Huffman table")


def _check_scans(data: bytes, segments: Sequence[Segment], frame: Segment) -> None:
    """Raises `TruncatedError` or `DamagedError` unless the scans contain each coefficient of each channel completely.

    A decoder shows a picture that lacks scans without a warning, with less detail or in gray.
    """
    progressive = frame.marker == _PROGRESSIVE_FRAME
    missing = {channel: set(range(_COEFFICIENTS)) for channel in _read_channels(data[frame.start : frame.end])}
    for segment in segments:
        if segment.marker != START_OF_SCAN:
            continue
        payload = data[segment.start : segment.end]
        first, last, approximation = payload[-3:] if progressive else (0, _COEFFICIENTS - 1, 0)
        if approximation & 15 == 0:
            for channel in payload[1 : 1 + 2 * payload[0] : 2]:
                missing[channel].difference_update(range(first, last + 1))
    if any(missing.values()):
        raise build_incomplete_error(data, segments[-1])


def build_incomplete_error(data: bytes, end: Segment) -> ImageFormatError:
    """Returns the error for a picture that lacks pixels. `end` is its last segment."""
    if end.offset == end.end:
        return TruncatedError(f"has no end marker after its {len(data):,} bytes, and lacks a part of its pixels")
    return DamagedError("lacks a part of its pixels")


def _read_channels(frame: bytes) -> dict[int, int]:
    """Maps each channel to the number of its quantization table. Raises `DamagedError` for an impossible frame."""
    components = [frame[at : at + 3] for at in range(6, 6 + 3 * frame[5], 3)]
    if len(frame) < 6 + 3 * frame[5]:
        raise DamagedError("has a frame segment that is too short")
    if any(not 1 <= side <= _MAX_SAMPLING for _, sides, _ in components for side in (sides >> 4, sides & 15)):
        raise DamagedError("claims an impossible color sampling")
    return {name: table for name, _, table in components}


def _read_scan(payload: bytes, *, progressive: bool) -> Iterator[tuple[int, set[_HuffmanTable]]]:
    """Yields each channel of a scan with the Huffman tables needed to decode it."""
    count = payload[0] if payload else 0
    if not 1 <= count <= _MAX_CHANNELS or len(payload) < 4 + 2 * count:
        raise DamagedError("has a scan segment that is too short")
    first, _, approximation = payload[1 + 2 * count : 4 + 2 * count]
    for channel, tables in zip(payload[1 : 1 + 2 * count : 2], payload[2 : 2 + 2 * count : 2], strict=False):
        dc_and_ac = (_DC, tables >> 4), (_AC, tables & 15)
        if not progressive:
            yield channel, set(dc_and_ac)
        elif first:
            yield channel, {dc_and_ac[_AC]}
        else:
            # A scan that refines first coefficients holds plain bits, without a code.
            yield channel, set() if approximation >> 4 else {dc_and_ac[_DC]}


def _read_quantization_tables(payload: bytes) -> Iterator[int]:
    at = 0
    while at < len(payload):
        yield payload[at] & 15
        at += 1 + 64 * (1 + (payload[at] >> 4))


def _read_huffman_tables(payload: bytes) -> Iterator[_HuffmanTable]:
    at = 0
    while at < len(payload):
        yield payload[at] >> 4, payload[at] & 15
        at += 17 + sum(payload[at + 1 : at + 17])


def transpose_tables(tables: QuantizationTables) -> list[list[int]]:
    """Returns the tables for a picture turned on its side, where horizontal frequencies become vertical ones."""
    return [[table[column * 8 + row] for row in range(8) for column in range(8)] for table in tables]


# -- metadata: application and comment segments, whose contents other standards define -------------------------------


def find_end(data: bytes) -> int:
    """Returns where the picture ends. Raises `ImageFormatError` if it has no end."""
    return max(segment.end for segment in iter_segments(data))


def strip_metadata(data: bytes) -> bytes:
    """Drops all metadata, including bytes between segments and after the last one. See `formats.strip_metadata`."""
    segments = list(iter_segments(data))
    splicer, end = ByteSplicer(data), segments[-1]
    splicer.keep(0, 2)
    for segment, following in pairwise(segments):
        if segment.marker in _KEPT_MARKERS:
            splicer.keep(segment.offset, following.offset if segment.marker == START_OF_SCAN else segment.end)
        else:
            _keep_color_fields(data, segment, splicer)
    _keep_end(end, splicer, end.offset)
    return splicer.join()


def extract_pixels(data: bytes) -> bytes:
    """Returns a JPEG with only frames, scans, and tables, for finding out whether its pixels are complete.

    Corrects what a decoder warns about although it does not affect the picture: the parameters of a scan that has all
    coefficients (Samsung's phones write zeros), and a missing end marker.
    """
    segments = list(iter_segments(data))
    is_progressive = any(segment.marker == _PROGRESSIVE_FRAME for segment in segments)
    splicer, end = ByteSplicer(data), segments[-1]
    splicer.keep(0, 2)
    for segment, following in pairwise(segments):
        if segment.marker == START_OF_SCAN:
            splicer.keep(segment.offset, segment.end if is_progressive else segment.end - 3)
            if not is_progressive:
                splicer.insert(bytes((0, _COEFFICIENTS - 1, 0)))
            splicer.keep(segment.end, following.offset)
        elif segment.marker in _KEPT_MARKERS:
            splicer.keep(segment.offset, segment.end)
    _keep_end(end, splicer, end.offset)
    return splicer.join()


def _keep_end(end: Segment, splicer: ByteSplicer, start: int) -> None:
    """Keeps the bytes from `start` to the end of the picture, and adds its end marker if it is missing."""
    splicer.keep(start, end.end)
    if end.offset == end.end:
        splicer.insert(_END_MARKER)


def _keep_color_fields(data: bytes, segment: Segment, splicer: ByteSplicer) -> None:
    """Keeps what the JFIF and Adobe segments state about how colors are stored, and drops anything that follows."""
    payload = data[segment.start : segment.end]
    fields = _read_color_fields(segment.marker, payload)
    if fields == payload:
        splicer.keep(segment.offset, segment.end)
    elif fields:
        splicer.insert(_build_segment(segment.marker, fields))


def _read_color_fields(marker: int, payload: bytes) -> bytes | None:
    if marker == _APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 14:
        # The last two bytes are the thumbnail's width and height.
        return payload[:12] + b"\0\0"
    if marker == _APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
        return payload[:12]
    return None


def read_metadata(data: bytes) -> EmbeddedMetadata:
    """See `formats.read_metadata`."""
    exif, xmp = b"", b""
    try:
        for segment in iter_segments(data):
            payload = data[segment.start : segment.end] if segment.marker == _APP1 else b""
            if payload.startswith(_EXIF_HEADER):
                exif = exif or payload[len(_EXIF_HEADER) + 1 :]
            elif payload.startswith(_XMP_HEADER):
                xmp = xmp or payload[len(_XMP_HEADER) :]
    except ImageFormatError:
        # The caller has only the first bytes, or has refused the file.
        pass
    return EmbeddedMetadata(exif, xmp)


def read_color_statements(data: bytes) -> list[ColorStatement]:
    """See `color_statements`. A profile may fill several numbered segments (ICC.1:2022, B.4)."""
    parts = [
        data[segment.start + len(_PROFILE_HEADER) : segment.end]
        for segment in iter_segments(data)
        if segment.marker == _APP2 and data.startswith(_PROFILE_HEADER, segment.start, segment.end)
    ]
    exif = exif_colors.read_color_statements(read_metadata(data).exif)
    if not parts:
        return exif
    numbered = sorted(part for part in parts if len(part) >= _PROFILE_NUMBERS)
    is_complete = bool(numbered) and all(part[1] == len(numbered) for part in numbered)
    return [b"".join(part[_PROFILE_NUMBERS:] for part in numbered) if is_complete else None, *exif]


def embed_xmp(data: bytes, packet: bytes) -> bytes:
    """Inserts the packet after the JFIF and EXIF segments, which must come first. See `metadata.embed_xmp`."""
    if len(packet) > MAX_XMP_BYTES:
        raise ValueError(f"a JPEG holds an XMP packet of at most {MAX_XMP_BYTES:,} bytes; this one has {len(packet):,}")
    splicer, kept_until, is_embedded = ByteSplicer(data), 0, False
    segments = list(iter_segments(data))
    for segment in segments:
        if not is_embedded and segment.marker != _APP0 and not _has_app1_header(data, segment, _EXIF_HEADER):
            splicer.keep(kept_until, segment.offset)
            splicer.insert(_build_segment(_APP1, _XMP_HEADER + packet))
            kept_until, is_embedded = segment.offset, True
        if _has_app1_header(data, segment, _XMP_HEADER, _EXTENDED_XMP_HEADER):
            splicer.keep(kept_until, segment.offset)
            kept_until = segment.end
    _keep_end(segments[-1], splicer, kept_until)
    splicer.keep(segments[-1].end, len(data))
    return splicer.join()


def embed_image_resource(data: bytes, resource: bytes) -> bytes:
    """Inserts a Photoshop image resource after the application segments 0 and 1. The picture must not have one yet."""
    splicer = ByteSplicer(data)
    offset = next(segment.offset for segment in iter_segments(data) if segment.marker not in (_APP0, _APP1))
    splicer.keep(0, offset)
    splicer.insert(_build_segment(_APP13, _IMAGE_RESOURCE_HEADER + resource))
    splicer.keep(offset, len(data))
    return splicer.join()


def _has_app1_header(data: bytes, segment: Segment, *headers: bytes) -> bool:
    return segment.marker == _APP1 and data.startswith(headers, segment.start, segment.end)


def _build_segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload
