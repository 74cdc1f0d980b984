"""A WebP's metadata: the chunks beside its picture, per RFC 9649."""

from collections.abc import Iterable

from backdrop.imaging.containers.header import DamagedError, Header
from backdrop.imaging.containers.webp import Chunk, chunks, complete, read_header

_EXTENDED, _XMP = b"VP8X", b"XMP "
_NEEDED = frozenset({_EXTENDED, b"ALPH", b"VP8 ", b"VP8L"})
_ALPHA_FLAG, _XMP_FLAG = 0x10, 0x04
_EXTENDED_BYTES = 10


def strip(data: bytes) -> bytes:
    """`metadata.strip` for WebP; an animation is a `RareKindError`."""
    complete(data, read_header(data))
    stripped = _file(_marked(chunk, keep=_ALPHA_FLAG) for chunk in chunks(data) if chunk.name in _NEEDED)
    return data if stripped == data else stripped


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """`metadata.with_xmp` for WebP; a file in the simple form takes the extended one, which alone has room for it."""
    header = complete(data, read_header(data))
    found = [chunk for chunk in chunks(data) if chunk.name != _XMP]
    if found[0].name != _EXTENDED:
        found.insert(0, _extended(header))
    found[0] = _marked(found[0], add=_XMP_FLAG)
    return _file([*found, Chunk(_XMP, memoryview(packet))]) + data[_length(data) :]


def _length(data: bytes) -> int:
    return 8 + int.from_bytes(data[4:8], "little")


def _extended(header: Header) -> Chunk:
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (header.width, header.height))
    flags = _ALPHA_FLAG if header.has_alpha else 0
    return Chunk(_EXTENDED, memoryview(flags.to_bytes(4, "little") + sides))


def _marked(chunk: Chunk, *, keep: int = 0xFF, add: int = 0) -> Chunk:
    """The chunk; where it is the extended header, it says what the file holds from now on and nothing more."""
    if chunk.name != _EXTENDED:
        return chunk
    if len(chunk.payload) < _EXTENDED_BYTES:
        raise DamagedError("has a header that is too short")
    flags = chunk.payload[0] & keep | add
    return Chunk(_EXTENDED, memoryview(flags.to_bytes(4, "little") + bytes(chunk.payload[4:_EXTENDED_BYTES])))


def _file(parts: Iterable[Chunk]) -> bytes:
    pieces: list[bytes | memoryview] = [b"WEBP"]
    for chunk in parts:
        length = len(chunk.payload)
        pieces += (chunk.name, length.to_bytes(4, "little"), chunk.payload, b"\0" * (length % 2))
    return b"".join([b"RIFF", sum(map(len, pieces)).to_bytes(4, "little"), *pieces])
