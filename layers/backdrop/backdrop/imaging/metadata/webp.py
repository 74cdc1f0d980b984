"""A WebP's metadata: the chunks beside its picture, per RFC 9649."""

from collections.abc import Iterable

from backdrop.imaging.containers.header import DamagedError, ImageHeader
from backdrop.imaging.containers.webp import RiffChunk, iter_chunks, read_header, validate_structure

_EXTENDED_HEADER, _XMP_CHUNK = b"VP8X", b"XMP "
_KEPT_CHUNKS = frozenset({_EXTENDED_HEADER, b"ALPH", b"VP8 ", b"VP8L"})
_ALPHA_FLAG, _XMP_FLAG = 0x10, 0x04
_EXTENDED_HEADER_BYTES = 10


def strip_metadata(data: bytes) -> bytes:
    """`metadata.strip` for WebP; an animation is an `UnsupportedVariantError`."""
    validate_structure(data, read_header(data))
    stripped = _build_file(
        _update_flags(chunk, kept_flags=_ALPHA_FLAG) for chunk in iter_chunks(data) if chunk.name in _KEPT_CHUNKS
    )
    return data if stripped == data else stripped


def embed_xmp(data: bytes, packet: bytes) -> bytes:
    """`metadata.with_xmp` for WebP; a file in the simple form takes the extended one, which alone has room for it."""
    header = validate_structure(data, read_header(data))
    chunks = [chunk for chunk in iter_chunks(data) if chunk.name != _XMP_CHUNK]
    if chunks[0].name != _EXTENDED_HEADER:
        chunks.insert(0, _build_extended_header(header))
    chunks[0] = _update_flags(chunks[0], added_flags=_XMP_FLAG)
    return _build_file([*chunks, RiffChunk(_XMP_CHUNK, memoryview(packet))]) + data[_read_file_length(data) :]


def _read_file_length(data: bytes) -> int:
    return 8 + int.from_bytes(data[4:8], "little")


def _build_extended_header(header: ImageHeader) -> RiffChunk:
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (header.width, header.height))
    flags = _ALPHA_FLAG if header.has_alpha else 0
    return RiffChunk(_EXTENDED_HEADER, memoryview(flags.to_bytes(4, "little") + sides))


def _update_flags(chunk: RiffChunk, *, kept_flags: int = 0xFF, added_flags: int = 0) -> RiffChunk:
    """The chunk; where it is the extended header, it says what the file holds from now on and nothing more."""
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
