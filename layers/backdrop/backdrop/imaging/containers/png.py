"""PNG, chunk by chunk: size, checksums, bombs and whole pixels, per the W3C specification."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from backdrop.imaging.containers.header import MAX_PARTS, BombError, CutShortError, DamagedError, Header

MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_METADATA_BYTES = 8_000_000
"""Unpacked text and colour profile together; libpng's own limit for one chunk."""

_INPUT_STEP = 16_384
_OUTPUT_STEP = 262_144
_MODES = {
    (1, 0): "1", (2, 0): "L", (4, 0): "L", (8, 0): "L", (16, 0): "I;16",
    (8, 2): "RGB", (16, 2): "RGB;16",
    (1, 3): "P", (2, 3): "P", (4, 3): "P", (8, 3): "P",
    (8, 4): "LA", (16, 4): "LA;16", (8, 6): "RGBA", (16, 6): "RGBA;16",
}  # fmt: skip
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ALPHA_COLOURS = (4, 6)
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk whose checksum is right: its four letters and its payload."""

    name: bytes
    payload: memoryview


def chunks(data: bytes) -> Iterator[Chunk]:
    """Every chunk to `IEND`; raises `CutShortError` or `DamagedError` where the file breaks off."""
    position, view = len(MAGIC), memoryview(data)
    for _ in range(MAX_PARTS):
        start = position + 8
        end = start + int.from_bytes(data[position : position + 4])
        if end + 4 > len(data) or start > len(data):
            raise CutShortError(f"has no end marker after its {len(data):,} bytes")
        name = data[position + 4 : start]
        if not name.isalpha():
            raise DamagedError(f"has no chunk where one should be, at byte {position:,}")
        if zlib.crc32(view[position + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise DamagedError(f"has a wrong checksum at byte {position:,}")
        yield Chunk(name, view[start:end])
        if name == b"IEND":
            return
        position = end + 4
    raise DamagedError(f"has more than {MAX_PARTS:,} chunks")


def read_header(data: bytes) -> Header:
    """Size and colours from `IHDR`; raises `ContainerError` when it is cut short or impossible."""
    if len(data) < 33:
        raise CutShortError(f"has only {len(data)} bytes")
    bits, colour = data[24], data[25]
    sound = data[8:16] == b"\0\0\0\x0dIHDR" and data[26:28] == b"\0\0" and data[28] <= 1
    if not sound or (bits, colour) not in _MODES:
        raise DamagedError("does not begin with a sound header")
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    return Header("png", width, height, _MODES[bits, colour], colour in _ALPHA_COLOURS)


def complete(data: bytes, header: Header) -> Header:
    """Walks to `IEND`; raises `ContainerError` for a file that is cut short, damaged or a bomb."""
    names: list[bytes] = []
    unpacked = 0
    for chunk in chunks(data):
        names.append(chunk.name)
        unpacked += _metadata_size(chunk, MAX_METADATA_BYTES + 1 - unpacked)
        if unpacked > MAX_METADATA_BYTES:
            raise BombError(f"hides text that unpacks to more than {MAX_METADATA_BYTES:,} bytes")
    if names.count(b"IHDR") != 1 or b"IDAT" not in names:
        raise DamagedError("does not hold one picture")
    if header.mode == "P" and b"PLTE" not in names[: names.index(b"IDAT")]:
        raise DamagedError("has no palette for its palette colours")
    transparent = b"tRNS" in names[: names.index(b"IDAT")]
    return replace(header, has_alpha=header.has_alpha or transparent)


def check_pixels(data: bytes, header: Header) -> None:
    """Unpacks all pixels, keeping none; raises `ContainerError` when some are missing or damaged.

    The header's size must be within the caller's limit: it bounds the time.
    """
    wanted = _pixel_bytes(data, header)
    packed = (chunk.payload for chunk in chunks(data) if chunk.name == b"IDAT")
    try:
        found = _unpacked_size(packed, wanted)
    except zlib.error as error:
        raise DamagedError("holds pixels that cannot be unpacked") from error
    if found < wanted:
        raise CutShortError(f"holds only {found / wanted:.0%} of its pixels")


def _pixel_bytes(data: bytes, header: Header) -> int:
    bits = data[24] * _CHANNELS[data[25]]
    passes = _ADAM7 if data[28] else ((0, 0, 1, 1),)
    total = 0
    for left, top, right_step, down_step in passes:
        columns = -((left - header.width) // right_step)
        rows = -((top - header.height) // down_step)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _metadata_size(chunk: Chunk, limit: int) -> int:
    try:
        return _unpacked_size([_packed_metadata(chunk)], limit)
    except zlib.error:
        # Readers drop metadata that they cannot unpack and keep the picture.
        return 0


def _packed_metadata(chunk: Chunk) -> memoryview:
    if chunk.name not in (b"zTXt", b"iCCP", b"iTXt"):
        return chunk.payload[:0]
    payload = bytes(chunk.payload)
    keyword = payload.find(b"\0")
    if chunk.name != b"iTXt":
        return chunk.payload[keyword + 2 :]
    language = payload.find(b"\0", keyword + 3)
    is_packed = payload[keyword + 1 : keyword + 2] == b"\x01"
    return chunk.payload[payload.find(b"\0", language + 1) + 1 :] if is_packed else chunk.payload[:0]


def _unpacked_size(parts: Iterable[memoryview], limit: int) -> int:
    unpacker, total = zlib.decompressobj(), 0
    for part in parts:
        for at in range(0, len(part), _INPUT_STEP):
            packed: bytes | memoryview = part[at : at + _INPUT_STEP]
            output = b"-"
            while output:
                output = unpacker.decompress(packed, _OUTPUT_STEP)
                packed = unpacker.unconsumed_tail
                total += len(output)
            if unpacker.eof or total >= limit:
                return total
    return total
