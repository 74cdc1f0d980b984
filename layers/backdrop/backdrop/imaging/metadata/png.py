"""A PNG's metadata: its ancillary chunks, per the W3C specification (third edition) and the conventions for text."""

import zlib
from collections.abc import Iterator

from backdrop.imaging.containers.png import MAGIC, PngChunk, iter_chunks, read_header
from backdrop.imaging.metadata.rest import ByteSplicer

# Chunks that tell what the pixels mean, with the most bytes that they may have; strangers can hide in longer ones.
_KEPT_CHUNK_MAX_BYTES: dict[bytes, int] = {
    b"IHDR": 13, b"PLTE": 768, b"tRNS": 256, b"IEND": 0,
    b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"sBIT": 4, b"bKGD": 6, b"pHYs": 9,
}  # fmt: skip
_PIXEL_CHUNK = b"IDAT"
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_LEGACY_XMP_KEYWORD = b"Raw profile type xmp\0"
_UNCOMPRESSED_TEXT_HEADER = b"\0\0\0\0"
"""No compression, no language, no translated keyword."""


def strip_metadata(data: bytes) -> bytes:
    """`metadata.strip` for PNG; of an animation the first picture stays."""
    read_header(data)
    splicer = ByteSplicer(data)
    splicer.keep(0, len(MAGIC))
    for offset, chunk in _iter_chunks_with_offsets(data):
        if chunk.name == _PIXEL_CHUNK or len(chunk.payload) <= _KEPT_CHUNK_MAX_BYTES.get(chunk.name, -1):
            splicer.keep(offset, _chunk_end(offset, chunk))
        elif chunk.name == b"IEND":
            splicer.insert(_build_chunk(b"IEND", b""))
    return splicer.join()


def _iter_chunks_with_offsets(data: bytes) -> Iterator[tuple[int, PngChunk]]:
    """Every chunk and the byte at which it begins."""
    offset = len(MAGIC)
    for chunk in iter_chunks(data):
        yield offset, chunk
        offset = _chunk_end(offset, chunk)


def _chunk_end(offset: int, chunk: PngChunk) -> int:
    return offset + 12 + len(chunk.payload)


def _is_xmp(chunk: PngChunk) -> bool:
    prefix = bytes(chunk.payload[: len(_LEGACY_XMP_KEYWORD)])
    return chunk.name in _TEXT_CHUNKS and prefix.startswith((_XMP_KEYWORD, _LEGACY_XMP_KEYWORD))


def embed_xmp(data: bytes, packet: bytes) -> bytes:
    """`metadata.with_xmp` for PNG; the packet follows the header."""
    read_header(data)
    splicer, kept_until = ByteSplicer(data), 0
    for offset, chunk in _iter_chunks_with_offsets(data):
        if _is_xmp(chunk):
            splicer.keep(kept_until, offset)
            kept_until = _chunk_end(offset, chunk)
        elif chunk.name == b"IHDR":
            splicer.keep(kept_until, _chunk_end(offset, chunk))
            splicer.insert(_build_chunk(b"iTXt", _XMP_KEYWORD + _UNCOMPRESSED_TEXT_HEADER + packet))
            kept_until = _chunk_end(offset, chunk)
    splicer.keep(kept_until, len(data))
    return splicer.join()


def _build_chunk(name: bytes, payload: bytes) -> bytes:
    return len(payload).to_bytes(4) + name + payload + zlib.crc32(payload, zlib.crc32(name)).to_bytes(4)
