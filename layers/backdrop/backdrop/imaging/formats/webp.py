"""WebP, per RFC 9649: chunks, header, structure, and metadata."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backdrop.imaging.color_spaces import ColorStatement
from backdrop.imaging.formats import exif_colors
from backdrop.imaging.formats.header import (
    MAX_PARTS,
    DamagedError,
    EmbeddedMetadata,
    ImageFormatError,
    ImageHeader,
    TruncatedError,
    UnsupportedVariantError,
)

MAX_SIDE = 16_383
"""Pixels (RFC 9649)."""

_EXTENDED_HEADER, _PROFILE_CHUNK, _EXIF_CHUNK, _XMP_CHUNK = b"VP8X", b"ICCP", b"EXIF", b"XMP "
_FRAME_CHUNKS = (b"VP8 ", b"VP8L")
_EXTENDED_HEADER_BYTES = 10
_ALPHA_FLAG, _XMP_FLAG, _ANIMATION_FLAG = 0x10, 0x04, 0x02
_KEPT_CHUNKS = frozenset({_EXTENDED_HEADER, b"ALPH", b"VP8 ", b"VP8L"})


@dataclass(frozen=True, slots=True)
class RiffChunk:
    """A RIFF chunk: its four-letter name and its payload, without the padding byte."""

    name: bytes
    payload: memoryview


def is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def iter_chunks(data: bytes) -> Iterator[RiffChunk]:
    """Yields every chunk, without a last one after the picture that is longer than the file.

    Raises `TruncatedError` if the file is shorter than it states.
    """
    end = _read_file_length(data)
    if end > len(data):
        raise TruncatedError(f"states {end:,} bytes but has {len(data):,}")
    position, view, has_frame = 12, memoryview(data), False
    for _ in range(MAX_PARTS):
        if position >= end:
            return
        start = position + 8
        length = int.from_bytes(data[position + 4 : start], "little")
        if start + length > end and has_frame:
            return
        if start + length > end:
            raise DamagedError("has a chunk that extends beyond the end of the file")
        yield RiffChunk(data[position : position + 4], view[start : start + length])
        has_frame = has_frame or data[position : position + 4] in _FRAME_CHUNKS
        position = start + length + length % 2
    raise DamagedError(f"has more than {MAX_PARTS:,} chunks")


def find_end(data: bytes) -> int:
    """Returns where the picture ends. Raises `ImageFormatError` if it has no end."""
    for _ in iter_chunks(data):
        pass
    return _read_file_length(data)


def _read_file_length(data: bytes) -> int:
    return 8 + int.from_bytes(data[4:8], "little")


def read_header(data: bytes) -> ImageHeader:
    """Reads size and transparency from the first chunk. Raises `ImageFormatError` if it is not a picture."""
    if len(data) < 30:
        raise TruncatedError(f"has only {len(data)} bytes")
    name, payload = data[12:16], data[20:30]
    if name == _EXTENDED_HEADER:
        if payload[0] & _ANIMATION_FLAG:
            raise UnsupportedVariantError("is an animation")
        width = 1 + int.from_bytes(payload[4:7], "little")
        height = 1 + int.from_bytes(payload[7:10], "little")
        return _build_header(width, height, has_alpha=bool(payload[0] & _ALPHA_FLAG))
    has_lossless_alpha = name == b"VP8L" and bool(payload[4] & _ALPHA_FLAG)
    return _build_header(*_read_frame_size(name, payload), has_alpha=has_lossless_alpha)


def _build_header(width: int, height: int, *, has_alpha: bool) -> ImageHeader:
    mode = "RGBA" if has_alpha else "RGB"
    return ImageHeader("webp", width, height, mode, has_alpha)


def _read_frame_size(name: bytes, payload: bytes | memoryview) -> tuple[int, int]:
    if name == b"VP8 " and payload[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(payload[at : at + 2], "little") for at in (6, 8))
        return width & 0x3FFF, height & 0x3FFF
    if name == b"VP8L" and payload[:1] == b"\x2f":
        bits = int.from_bytes(payload[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise DamagedError("does not begin with a picture")


def validate_structure(data: bytes, header: ImageHeader) -> ImageHeader:
    """Reads all chunks. Raises `ImageFormatError` unless there is exactly one picture, of the header's size."""
    frames = [chunk for chunk in iter_chunks(data) if chunk.name in _FRAME_CHUNKS]
    if len(frames) != 1:
        raise DamagedError(f"has {len(frames)} pictures instead of one")
    if _read_frame_size(frames[0].name, frames[0].payload) != (header.width, header.height):
        raise DamagedError("contains a picture of a different size than it states")
    return header


def read_metadata(data: bytes) -> EmbeddedMetadata:
    """See `formats.read_metadata`."""
    found: dict[bytes, bytes] = {}
    try:
        for chunk in iter_chunks(data):
            if chunk.name in (_EXIF_CHUNK, _XMP_CHUNK):
                found.setdefault(chunk.name, bytes(chunk.payload))
    except ImageFormatError:
        # The caller has refused the file.
        pass
    # Some programs copy the block together with its header in a JPEG.
    return EmbeddedMetadata(found.get(_EXIF_CHUNK, b"").removeprefix(b"Exif\0\0"), found.get(_XMP_CHUNK, b""))


def read_color_statements(data: bytes) -> list[ColorStatement]:
    """See `color_statements`."""
    profile = [bytes(chunk.payload) for chunk in iter_chunks(data) if chunk.name == _PROFILE_CHUNK]
    return [*profile[:1], *exif_colors.read_color_statements(read_metadata(data).exif)]


def strip_metadata(data: bytes) -> bytes:
    """Drops all metadata. Raises `UnsupportedVariantError` for an animation. See `formats.strip_metadata`."""
    validate_structure(data, read_header(data))
    stripped = _build_file(
        _update_flags(chunk, kept_flags=_ALPHA_FLAG) for chunk in iter_chunks(data) if chunk.name in _KEPT_CHUNKS
    )
    return data if stripped == data else stripped


def embed_xmp(data: bytes, packet: bytes) -> bytes:
    """Adds the packet, and the extended header that it requires. See `metadata.embed_xmp`."""
    header = validate_structure(data, read_header(data))
    chunks = [chunk for chunk in iter_chunks(data) if chunk.name != _XMP_CHUNK]
    if chunks[0].name != _EXTENDED_HEADER:
        chunks.insert(0, _build_extended_header(header))
    chunks[0] = _update_flags(chunks[0], added_flags=_XMP_FLAG)
    return _build_file([*chunks, RiffChunk(_XMP_CHUNK, memoryview(packet))]) + data[_read_file_length(data) :]


def _build_extended_header(header: ImageHeader) -> RiffChunk:
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (header.width, header.height))
    flags = _ALPHA_FLAG if header.has_alpha else 0
    return RiffChunk(_EXTENDED_HEADER, memoryview(flags.to_bytes(4, "little") + sides))


def _update_flags(chunk: RiffChunk, *, kept_flags: int = 0xFF, added_flags: int = 0) -> RiffChunk:
    """Returns the extended header with updated flags and nothing after its fields; any other chunk unchanged."""
    if chunk.name != _EXTENDED_HEADER:
        return chunk
    if len(chunk.payload) < _EXTENDED_HEADER_BYTES:
        raise DamagedError("has a header that is too short")
    flags = chunk.payload[0] & kept_flags | added_flags
    return RiffChunk(
        _EXTENDED_HEADER, memoryview(flags.to_bytes(4, "little") + bytes(chunk.payload[4:_EXTENDED_HEADER_BYTES]))
    )


def _build_file(chunks: Iterable[RiffChunk]) -> bytes:
    pieces: list[bytes | memoryview] = [b"WEBP"]
    for chunk in chunks:
        length = len(chunk.payload)
        pieces += (chunk.name, length.to_bytes(4, "little"), chunk.payload, b"\0" * (length % 2))
    return b"".join([b"RIFF", sum(map(len, pieces)).to_bytes(4, "little"), *pieces])
