"""WebP, chunk by chunk: size, transparency and completeness, per RFC 9649."""

from collections.abc import Iterator
from dataclasses import dataclass

from backdrop.imaging.containers.header import (
    MAX_PARTS,
    DamagedError,
    ImageHeader,
    TruncatedError,
    UnsupportedVariantError,
)

_ALPHA_FLAG = 0x10
_ANIMATION_FLAG = 0x02
_DECODE_BYTES_PER_PIXEL = 12
"""libwebp's animation decoder, which Pillow uses, holds two RGBA canvases beside Pillow's own."""


@dataclass(frozen=True, slots=True)
class RiffChunk:
    """One RIFF chunk: its four letters and its payload, without the padding byte."""

    name: bytes
    payload: memoryview


def is_webp(data: bytes) -> bool:
    """True when the first twelve bytes are those of a WebP file."""
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def iter_chunks(data: bytes) -> Iterator[RiffChunk]:
    """Every chunk; raises `TruncatedError` when the file is shorter than it says."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise TruncatedError(f"says {end:,} bytes and has {len(data):,}")
    position, view = 12, memoryview(data)
    for _ in range(MAX_PARTS):
        if position >= end:
            return
        start = position + 8
        length = int.from_bytes(data[position + 4 : start], "little")
        if start + length > end:
            raise DamagedError("has a chunk that reaches beyond its end")
        yield RiffChunk(data[position : position + 4], view[start : start + length])
        position = start + length + length % 2
    raise DamagedError(f"has more than {MAX_PARTS:,} chunks")


def read_header(data: bytes) -> ImageHeader:
    """Size and transparency from the first chunk; raises `ImageFormatError` if it is none."""
    if len(data) < 30:
        raise TruncatedError(f"has only {len(data)} bytes")
    name, payload = data[12:16], data[20:30]
    if name == b"VP8X":
        if payload[0] & _ANIMATION_FLAG:
            raise UnsupportedVariantError("is an animation")
        width = 1 + int.from_bytes(payload[4:7], "little")
        height = 1 + int.from_bytes(payload[7:10], "little")
        return _build_header(width, height, has_alpha=bool(payload[0] & _ALPHA_FLAG))
    return _build_header(*_read_frame_size(name, payload), has_alpha=_has_lossless_alpha(name, payload))


def _build_header(width: int, height: int, *, has_alpha: bool) -> ImageHeader:
    mode = "RGBA" if has_alpha else "RGB"
    return ImageHeader("webp", width, height, mode, has_alpha, width * height * _DECODE_BYTES_PER_PIXEL)


def _read_frame_size(name: bytes, payload: bytes | memoryview) -> tuple[int, int]:
    if name == b"VP8 " and payload[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(payload[at : at + 2], "little") for at in (6, 8))
        return width & 0x3FFF, height & 0x3FFF
    if name == b"VP8L" and payload[:1] == b"\x2f":
        bits = int.from_bytes(payload[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise DamagedError("does not begin with a picture")


def _has_lossless_alpha(name: bytes, payload: bytes) -> bool:
    return name == b"VP8L" and bool(payload[4] & _ALPHA_FLAG)


def validate_structure(data: bytes, header: ImageHeader) -> ImageHeader:
    """Walks all chunks; raises `ImageFormatError` unless it finds one picture of that size."""
    frames = [chunk for chunk in iter_chunks(data) if chunk.name in (b"VP8 ", b"VP8L")]
    if len(frames) != 1:
        raise DamagedError(f"has {len(frames)} pictures instead of one")
    if _read_frame_size(frames[0].name, frames[0].payload) != (header.width, header.height):
        raise DamagedError("holds a picture of another size than it says")
    return header
