"""JPEG, scan by scan: one whole picture that has all the tables it is decoded with, per ITU-T T.81 annex B.

A photo that passes as it is is never decoded here, so only its structure tells that a decoder would fail.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from backdrop.imaging.containers.header import DamagedError, ImageHeader, TruncatedError
from backdrop.imaging.containers.jpeg import FRAME_MARKERS, PROGRESSIVE_FRAME, START_OF_SCAN, Segment, iter_segments

MAX_SCANS = 200
"""Encoders write about ten scans; thousands in a small file only burn the decoder's time."""

_MAX_PIXELS_PER_BYTE = 512
"""Each block of 8 x 8 takes a bit at least: the code of its first coefficient (F.1.2.1)."""

_QUANTIZATION_TABLES, _HUFFMAN_TABLES = 0xDB, 0xC4
_DC, _AC = 0, 1
_STANDARD_TABLES = frozenset({(_DC, 0), (_DC, 1), (_AC, 0), (_AC, 1)})
"""The Huffman tables of annex K, which decoders know: films' single frames leave them out."""
_MAX_SAMPLING = _MAX_CHANNELS = 4

type _HuffmanTable = tuple[int, int]
"""A Huffman table's class and number."""


def validate_structure(data: bytes, header: ImageHeader) -> ImageHeader:
    """Walks to the end marker; raises `ImageFormatError` without it, a picture or one of its tables."""
    segments = list(iter_segments(data))
    frames = [segment for segment in segments if segment.marker in FRAME_MARKERS]
    scans = sum(segment.marker == START_OF_SCAN for segment in segments)
    if len(frames) != 1 or scans == 0:
        raise DamagedError(f"has {len(frames)} frames and {scans} scans instead of one picture")
    if scans > MAX_SCANS:
        raise DamagedError(f"has {scans:,} scans; {MAX_SCANS} are more than any camera writes")
    if len(data) * _MAX_PIXELS_PER_BYTE < header.width * header.height:
        raise TruncatedError(f"has only {len(data):,} bytes for {header.width:,} x {header.height:,} pixels")
    _check_tables(data, segments, frames[0])
    samples = header.width * header.height * len(header.mode)
    # libjpeg keeps 16-bit coefficients of the whole picture unless one baseline scan holds it all;
    # otherwise the trial decode at 1/8 of each side needs 1/64.
    needs_all_coefficients = frames[0].marker == PROGRESSIVE_FRAME or scans > 1
    return replace(header, trial_decode_bytes=samples * 2 if needs_all_coefficients else samples // 64)


def _check_tables(data: bytes, segments: Sequence[Segment], frame: Segment) -> None:
    """Raises `DamagedError` where a scan names a table that is not there when it begins."""
    progressive = frame.marker == PROGRESSIVE_FRAME
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
                    raise DamagedError(f"has a scan of channel {channel}, which it does not have")
                if channels[channel] not in quantization_tables:
                    raise DamagedError(f"lacks the quantization table {channels[channel]}")
                if needed - huffman_tables:
                    raise DamagedError("lacks a Huffman table")


def _read_channels(frame: bytes) -> dict[int, int]:
    """The number of the quantization table that each channel names; raises `DamagedError` for an impossible frame."""
    components = [frame[at : at + 3] for at in range(6, 6 + 3 * frame[5], 3)]
    if len(frame) < 6 + 3 * frame[5]:
        raise DamagedError("has a frame segment that is too short")
    if any(not 1 <= side <= _MAX_SAMPLING for _, sides, _ in components for side in (sides >> 4, sides & 15)):
        raise DamagedError("claims an impossible sampling of its colors")
    return {name: table for name, _, table in components}


def _read_scan(payload: bytes, *, progressive: bool) -> Iterator[tuple[int, set[_HuffmanTable]]]:
    """Each channel of a scan, and the Huffman tables that it is unpacked with."""
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
            # What refines a first coefficient is a plain bit.
            yield channel, set() if approximation >> 4 else {dc_and_ac[_DC]}


def _read_quantization_tables(payload: bytes) -> Iterator[int]:
    """The numbers of those that a segment defines."""
    at = 0
    while at < len(payload):
        yield payload[at] & 15
        at += 1 + 64 * (1 + (payload[at] >> 4))


def _read_huffman_tables(payload: bytes) -> Iterator[_HuffmanTable]:
    """Class and number of those that a segment defines."""
    at = 0
    while at < len(payload):
        yield payload[at] >> 4, payload[at] & 15
        at += 17 + sum(payload[at + 1 : at + 17])
