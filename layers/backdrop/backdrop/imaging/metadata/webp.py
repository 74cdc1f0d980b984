"""A WebP's metadata: the chunks beside its picture, per RFC 9649."""

from collections.abc import Iterable

from backdrop.imaging.containers.header import DamagedError, Header
from backdrop.imaging.containers.webp import Chunk, chunks, complete, read_header
from backdrop.imaging.metadata.rest import C2PA, EXIF, OTHER, PROFILE, XMP, Stripped

_EXTENDED, _PROFILE, _EXIF, _XMP = b"VP8X", b"ICCP", b"EXIF", b"XMP "
_NEEDED = frozenset({_EXTENDED, b"ALPH", b"VP8 ", b"VP8L"})
_WORDS = {_EXIF: EXIF, _XMP: XMP, _PROFILE: PROFILE, b"C2PA": C2PA}
_PROFILE_FLAG, _ALPHA_FLAG, _XMP_FLAG = 0x20, 0x10, 0x04
_EXTENDED_BYTES = 10


def strip(data: bytes, *, keep_profile: bool) -> Stripped:
    """`metadata.strip` for WebP; an animation is a `RareKindError`."""
    complete(data, read_header(data))
    found = list(chunks(data))
    profile = next((bytes(chunk.payload) for chunk in found if chunk.name == _PROFILE), None)
    kept = _NEEDED | {_PROFILE} if keep_profile and profile else _NEEDED
    flags = _ALPHA_FLAG | (_PROFILE_FLAG if _PROFILE in kept else 0)
    removed = dict.fromkeys(_WORDS.get(chunk.name, OTHER) for chunk in found if chunk.name not in kept)
    behind = len(data) - _length(data)
    if behind:
        removed[f"trailer:{behind}"] = None
    stripped = _file(_marked(chunk, keep=flags) for chunk in found if chunk.name in kept)
    return Stripped(data if stripped == data else stripped, tuple(removed), profile or None)


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
