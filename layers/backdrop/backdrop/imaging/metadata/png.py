"""A PNG's metadata: its ancillary chunks, per the W3C specification (third edition) and the conventions for text."""

import zlib
from collections.abc import Iterator

from backdrop.imaging.containers.png import MAGIC, Chunk, chunks, read_header
from backdrop.imaging.metadata.rest import Rest

# Chunks that tell what the pixels mean, with the most bytes that they may have; strangers can hide in longer ones.
_NEEDED: dict[bytes, int] = {
    b"IHDR": 13, b"PLTE": 768, b"tRNS": 256, b"IEND": 0,
    b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"sBIT": 4, b"bKGD": 6, b"pHYs": 9,
}  # fmt: skip
_PIXELS = b"IDAT"
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_XMP = b"XML:com.adobe.xmp\0"
_XMP_OF_OLD = b"Raw profile type xmp\0"
_UNPACKED = b"\0\0\0\0"
"""No compression, no language, no translated keyword."""


def strip(data: bytes) -> bytes:
    """`metadata.strip` for PNG; of an animation the first picture stays."""
    read_header(data)
    rest = Rest(data)
    rest.keep(0, len(MAGIC))
    for at, chunk in _placed(data):
        if chunk.name == _PIXELS or len(chunk.payload) <= _NEEDED.get(chunk.name, -1):
            rest.keep(at, _end(at, chunk))
        elif chunk.name == b"IEND":
            rest.put(_chunk(b"IEND", b""))
    return rest.joined()


def _placed(data: bytes) -> Iterator[tuple[int, Chunk]]:
    """Every chunk and the byte at which it begins."""
    at = len(MAGIC)
    for chunk in chunks(data):
        yield at, chunk
        at = _end(at, chunk)


def _end(at: int, chunk: Chunk) -> int:
    return at + 12 + len(chunk.payload)


def _is_xmp(chunk: Chunk) -> bool:
    start = bytes(chunk.payload[: len(_XMP_OF_OLD)])
    return chunk.name in _TEXTS and start.startswith((_XMP, _XMP_OF_OLD))


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """`metadata.with_xmp` for PNG; the packet follows the header."""
    read_header(data)
    rest, kept = Rest(data), 0
    for at, chunk in _placed(data):
        if _is_xmp(chunk):
            rest.keep(kept, at)
            kept = _end(at, chunk)
        elif chunk.name == b"IHDR":
            rest.keep(kept, _end(at, chunk))
            rest.put(_chunk(b"iTXt", _XMP + _UNPACKED + packet))
            kept = _end(at, chunk)
    rest.keep(kept, len(data))
    return rest.joined()


def _chunk(name: bytes, payload: bytes) -> bytes:
    return len(payload).to_bytes(4) + name + payload + zlib.crc32(payload, zlib.crc32(name)).to_bytes(4)
