"""PNG, per the W3C specification (third edition): chunks, header, structure, pixels, and metadata."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from backdrop.imaging.color_spaces import SRGB, ColorStatement, build_calibrated_space, read_code_points
from backdrop.imaging.formats.byte_splicer import ByteSplicer
from backdrop.imaging.formats.header import (
    MAX_PARTS,
    DamagedError,
    DecompressionBombError,
    EmbeddedMetadata,
    ImageFormatError,
    ImageHeader,
    TruncatedError,
)

MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_METADATA_BYTES = 8_000_000
"""Limit for all text and the color profile together, unpacked; the same as libpng's limit for a single chunk."""
CREDENTIALS_CHUNK = b"caBX"
"""Content Credentials (C2PA 2.2, A.3.2 "Embedding manifests into PNG")."""
BOX_UUID_END = bytes.fromhex("00110010800000AA00389B71")
"""What follows the four letters of a box's kind in its UUID (JUMBF, ISO 19566-5)."""

_INPUT_BLOCK_BYTES = 16_384
_OUTPUT_BLOCK_BYTES = 262_144
_MODES = {
    (1, 0): "1", (2, 0): "L", (4, 0): "L", (8, 0): "L", (16, 0): "I;16",
    (8, 2): "RGB", (16, 2): "RGB;16",
    (1, 3): "P", (2, 3): "P", (4, 3): "P", (8, 3): "P",
    (8, 4): "LA", (16, 4): "LA;16", (8, 6): "RGBA", (16, 6): "RGBA;16",
}  # fmt: skip
_CHANNELS_BY_COLOR_TYPE = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ALPHA_COLOR_TYPES = (4, 6)
_ADAM7_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""For each pass: first column, first row, column step, row step."""

_KEPT_CHUNK_BYTES: dict[bytes, tuple[int, ...]] = {
    b"sRGB": (1,), b"sBIT": (1, 2, 3, 4), b"bKGD": (1, 2, 6), b"pHYs": (9,),
}  # fmt: skip
"""Other chunks that define what the pixels mean, each with its possible lengths: another could hide other data.

A picture whose colors are not sRGB has been converted, so that other statements about them could only be misread.
"""
_COLOR_CHUNKS = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
_UNIT = 100_000
"""Gamma and chromaticities are stored times this number (11.3.2.1 and 11.3.2.2)."""
_GRAY, _RGB, _PALETTE = 0, 2, 3
_PALETTE_ENTRY_BYTES, _MAX_PALETTE_BYTES = 3, 768
_TRANSPARENT_COLOR_BYTES = {_GRAY: 2, _RGB: 6}
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_LEGACY_XMP_KEYWORD = b"Raw profile type xmp\0"
_CREDENTIALS_LINK = b"dcterms:provenance"
"""The XMP property that links to Content Credentials which are stored elsewhere."""
_UNCOMPRESSED_TEXT_HEADER = b"\0\0\0\0"
"""The fields of an iTXt chunk: no compression, no language, and no translated keyword."""


@dataclass(frozen=True, slots=True)
class PngChunk:
    """A chunk: its four-letter name, its payload, its range, and whether its checksum is correct, if that was checked.

    That of a critical chunk is always correct.
    """

    name: bytes
    payload: memoryview
    offset: int
    end: int
    is_intact: bool = True


def iter_chunks(data: bytes, *, checks_pixels: bool = True) -> Iterator[PngChunk]:
    """Yields every chunk up to `IEND`. Raises `TruncatedError` or `DamagedError` where the file ends or breaks.

    Decoders ignore an ancillary chunk whose checksum is wrong, and refuse any other (PNG third edition, 13.1).

    `checks_pixels`: whether to verify the checksums of pixels, which takes a millisecond for each megabyte.
    """
    position, view = len(MAGIC), memoryview(data)
    for _ in range(MAX_PARTS):
        start = position + 8
        end = start + int.from_bytes(data[position : position + 4])
        if end + 4 > len(data) or start > len(data):
            raise TruncatedError(f"has no end marker after its {len(data):,} bytes")
        name = data[position + 4 : start]
        if not name.isalpha():
            raise DamagedError(f"has no chunk at byte {position:,}, where one must begin")
        is_checked = checks_pixels or name != b"IDAT"
        is_intact = not is_checked or zlib.crc32(view[position + 4 : end]) == int.from_bytes(data[end : end + 4])
        if not is_intact and name[:1].isupper():
            raise DamagedError(f"has a wrong checksum at byte {position:,}")
        yield PngChunk(name, view[start:end], position, end + 4, is_intact)
        if name == b"IEND":
            return
        position = end + 4
    raise DamagedError(f"has more than {MAX_PARTS:,} chunks")


def read_header(data: bytes) -> ImageHeader:
    """Reads size and color mode from `IHDR`. Raises `ImageFormatError` if it is truncated or impossible."""
    if len(data) < 33:
        raise TruncatedError(f"has only {len(data)} bytes")
    bit_depth, color_type = data[24], data[25]
    is_valid = data[8:16] == b"\0\0\0\x0dIHDR" and data[26:28] == b"\0\0" and data[28] <= 1
    if not is_valid or (bit_depth, color_type) not in _MODES:
        raise DamagedError("does not begin with a valid header")
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    return ImageHeader("png", width, height, _MODES[bit_depth, color_type], color_type in _ALPHA_COLOR_TYPES)


def validate_structure(data: bytes, header: ImageHeader) -> ImageHeader:
    """Reads to `IEND`. Raises `ImageFormatError` if the file is truncated, damaged, or a decompression bomb."""
    names: list[bytes] = []
    unpacked_bytes = 0
    for chunk in iter_chunks(data):
        names.append(chunk.name)
        unpacked_bytes += _count_metadata_bytes(chunk, MAX_METADATA_BYTES + 1 - unpacked_bytes)
        if unpacked_bytes > MAX_METADATA_BYTES:
            raise DecompressionBombError(f"contains text that unpacks to more than {MAX_METADATA_BYTES:,} bytes")
    if names.count(b"IHDR") != 1 or b"IDAT" not in names:
        raise DamagedError("does not contain exactly one picture")
    if header.mode == "P" and b"PLTE" not in names[: names.index(b"IDAT")]:
        raise DamagedError("has palette colors but no palette")
    has_transparency = any(chunk.name == b"tRNS" for chunk in _iter_decoded_chunks(data))
    return replace(header, has_alpha=header.has_alpha or has_transparency)


def _iter_decoded_chunks(data: bytes) -> Iterator[PngChunk]:
    """Yields what a decoder needs: header, palette, pixels, and valid chunks before them, the first of each kind."""
    color_type, seen, palette_bytes = data[25], set[bytes](), 0
    for chunk in iter_chunks(data, checks_pixels=False):
        size = len(chunk.payload)
        match chunk.name:
            case b"IDAT" | b"IEND":
                is_needed = True
            case b"IHDR":
                is_needed = not seen
            case b"PLTE":
                # In other pictures, it only suggests colors.
                is_needed = color_type == _PALETTE and size <= _MAX_PALETTE_BYTES
                palette_bytes = size
            case b"tRNS" if color_type == _PALETTE:
                is_needed = 0 < size * _PALETTE_ENTRY_BYTES <= palette_bytes
            case b"tRNS":
                is_needed = size == _TRANSPARENT_COLOR_BYTES.get(color_type)
            case _:
                is_needed = size in _KEPT_CHUNK_BYTES.get(chunk.name, ())
        is_late = b"IDAT" in seen or chunk.name in seen
        if is_needed and chunk.is_intact and (chunk.name in (b"IDAT", b"IEND") or not is_late):
            seen.add(chunk.name)
            yield chunk


def read_transparent_color(data: bytes) -> tuple[int, ...] | None:
    """Returns the gray or the RGB color that is transparent, at the picture's own depth; None if it states none.

    A palette states transparency for each of its colors instead.
    """
    bit_depth, color_type = data[24], data[25]
    payload = next((bytes(chunk.payload) for chunk in _iter_decoded_chunks(data) if chunk.name == b"tRNS"), b"")
    if not payload or color_type == _PALETTE:
        return None
    # Only the lowest bits count if the depth is less than 16 (PNG third edition, 11.3.1.1).
    return tuple(int.from_bytes(payload[at : at + 2]) & ((1 << bit_depth) - 1) for at in range(0, len(payload), 2))


def read_metadata(data: bytes) -> EmbeddedMetadata:
    """See `formats.read_metadata`."""
    exif, xmp, transparency = b"", b"", 0
    try:
        for chunk in iter_chunks(data, checks_pixels=False):
            if chunk.name == b"eXIf" and chunk.is_intact:
                exif = exif or bytes(chunk.payload)
            elif chunk.name == b"tRNS":
                transparency += 1
            elif _is_xmp(chunk):
                xmp = xmp or _unpack_text(chunk)
        transparency -= sum(chunk.name == b"tRNS" for chunk in _iter_decoded_chunks(data))
    except ImageFormatError:
        # The caller has only the first bytes, or has refused the file.
        pass
    return EmbeddedMetadata(exif, xmp, transparency > 0)


def _unpack_text(chunk: PngChunk) -> bytes:
    """Returns what a text chunk contains, with its keyword if it is not packed."""
    try:
        text = zlib.decompressobj().decompress(_find_packed_metadata(chunk), MAX_METADATA_BYTES)
    except zlib.error:
        text = b""
    return text or bytes(chunk.payload)


def check_pixels(data: bytes, header: ImageHeader) -> None:
    """Unpacks all pixels without keeping them. Raises `ImageFormatError` if some are missing or damaged.

    The caller has checked the header's size against its limit, which bounds the time needed.
    """
    expected_bytes = _count_pixel_bytes(data, header)
    packed_parts = (chunk.payload for chunk in iter_chunks(data) if chunk.name == b"IDAT")
    try:
        unpacked_bytes = _count_unpacked_bytes(packed_parts, expected_bytes)
    except zlib.error as error:
        raise DamagedError("contains pixels that cannot be unpacked") from error
    if unpacked_bytes < expected_bytes:
        raise TruncatedError(f"contains only {unpacked_bytes / expected_bytes:.0%} of its pixels")


def _count_pixel_bytes(data: bytes, header: ImageHeader) -> int:
    bits_per_pixel = data[24] * _CHANNELS_BY_COLOR_TYPE[data[25]]
    passes = _ADAM7_PASSES if data[28] else ((0, 0, 1, 1),)
    total = 0
    for left, top, right_step, down_step in passes:
        columns = -((left - header.width) // right_step)
        rows = -((top - header.height) // down_step)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits_per_pixel + 7) // 8)
    return total


def _count_metadata_bytes(chunk: PngChunk, max_bytes: int) -> int:
    try:
        return _count_unpacked_bytes([_find_packed_metadata(chunk)], max_bytes)
    except zlib.error:
        # Readers ignore metadata that they cannot unpack, and show the picture.
        return 0


def _find_packed_metadata(chunk: PngChunk) -> memoryview:
    if chunk.name not in (b"zTXt", b"iCCP", b"iTXt"):
        return chunk.payload[:0]
    payload = bytes(chunk.payload)
    keyword_end = payload.find(b"\0")
    if chunk.name != b"iTXt":
        return chunk.payload[keyword_end + 2 :]
    language_end = payload.find(b"\0", keyword_end + 3)
    is_packed = payload[keyword_end + 1 : keyword_end + 2] == b"\x01"
    return chunk.payload[payload.find(b"\0", language_end + 1) + 1 :] if is_packed else chunk.payload[:0]


def _count_unpacked_bytes(parts: Iterable[memoryview], max_bytes: int) -> int:
    unpacker, total = zlib.decompressobj(), 0
    for part in parts:
        for offset in range(0, len(part), _INPUT_BLOCK_BYTES):
            packed: bytes | memoryview = part[offset : offset + _INPUT_BLOCK_BYTES]
            output = b"-"
            while output:
                output = unpacker.decompress(packed, _OUTPUT_BLOCK_BYTES)
                packed = unpacker.unconsumed_tail
                total += len(output)
            if unpacker.eof or total >= max_bytes:
                return total
    return total


# -- colors -----------------------------------------------------------------------------------------------------------


def read_color_statements(data: bytes) -> list[ColorStatement]:
    """See `color_statements`. The order is that of W3C PNG (third edition), 4.3."""
    payloads: dict[bytes, bytes] = {}
    for chunk in iter_chunks(data, checks_pixels=False):
        if chunk.name == b"IDAT":
            break
        if chunk.name in _COLOR_CHUNKS:
            # Each may occur once; the first one counts.
            payloads.setdefault(chunk.name, bytes(chunk.payload) if chunk.is_intact else b"")
    code_points = _read_code_points(payloads[b"cICP"]) if b"cICP" in payloads else []
    readers = (b"iCCP", _read_profile), (b"sRGB", _read_srgb)
    statements = [reader(payloads[name]) for name, reader in readers if name in payloads]
    return [*code_points, *statements, *_read_calibration(payloads.get(b"gAMA"), payloads.get(b"cHRM"))]


def _read_code_points(payload: bytes) -> list[ColorStatement]:
    if len(payload) != 4 or payload[2] or payload[3] > 1:
        return [None]
    return read_code_points(payload[0], payload[1], is_narrow=not payload[3])


def _read_profile(payload: bytes) -> ColorStatement:
    _, _, packed = payload.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], MAX_METADATA_BYTES)
    except zlib.error:
        return None
    return profile if unpacker.eof and packed[0] == 0 else None


def _read_srgb(payload: bytes) -> ColorStatement:
    return SRGB if len(payload) == 1 else None


def _read_calibration(gamma: bytes | None, chromaticities: bytes | None) -> list[ColorStatement]:
    """Reads the gamma of the encoder, and x and y of white, red, green, and blue. Either may be missing."""
    gammas = [_UNIT / int.from_bytes(gamma)] * 3 if gamma and len(gamma) == 4 and any(gamma) else []
    has_points = chromaticities is not None and len(chromaticities) == 32
    statements: list[ColorStatement] = []
    if (gamma is not None and not gammas) or (chromaticities is not None and not has_points):
        statements.append(None)
    if chromaticities and has_points:
        numbers = [number / _UNIT for number in struct.unpack(">8I", chromaticities)]
        white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
        statements.append(build_calibrated_space(gammas, (red, green, blue), white))
    return [*statements, build_calibrated_space(gammas, None, None)] if gammas else statements


def find_end(data: bytes) -> int:
    """Returns where the picture ends. Raises `ImageFormatError` if it has no end."""
    return max(chunk.end for chunk in iter_chunks(data, checks_pixels=False))


def strip_metadata(data: bytes) -> bytes:
    """Drops all metadata, and every picture of an animation except the first. See `formats.strip_metadata`."""
    read_header(data)
    splicer = ByteSplicer(data)
    splicer.keep(0, len(MAGIC))
    for chunk in _iter_decoded_chunks(data):
        if chunk.name == b"IEND" and chunk.payload:
            splicer.insert(_build_chunk(b"IEND", b""))
        else:
            splicer.keep(chunk.offset, chunk.end)
    return splicer.join()


def embed_xmp(data: bytes, packet: bytes) -> bytes:
    """Inserts the packet after the header. See `metadata.embed_xmp`.

    Drops Content Credentials: their signature covers every byte, so they would accuse the picture of a change.
    """
    read_header(data)
    splicer, kept_until = ByteSplicer(data), 0
    for chunk in iter_chunks(data):
        if _is_xmp(chunk) or chunk.name == CREDENTIALS_CHUNK:
            splicer.keep(kept_until, chunk.offset)
            kept_until = chunk.end
        elif chunk.name == b"IHDR":
            splicer.keep(kept_until, chunk.end)
            splicer.insert(_build_chunk(b"iTXt", _XMP_KEYWORD + _UNCOMPRESSED_TEXT_HEADER + packet))
            kept_until = chunk.end
    splicer.keep(kept_until, len(data))
    return splicer.join()


def has_credentials(data: bytes) -> bool:
    """Whether the file has one complete manifest store, or links to Content Credentials.

    Whether they are valid is not checked.
    """
    chunks = _list_credentials(data)
    stores = [bytes(chunk.payload) for chunk in chunks if chunk.name == CREDENTIALS_CHUNK]
    return bool(chunks) and (len(stores) == 0 or (len(stores) == 1 and _is_complete_store(stores[0])))


def drop_credentials(data: bytes) -> bytes:
    """Returns the picture without Content Credentials, and without XMP that links to some."""
    splicer, kept_until = ByteSplicer(data), 0
    for chunk in _list_credentials(data):
        splicer.keep(kept_until, chunk.offset)
        kept_until = chunk.end
    if not kept_until:
        return data
    splicer.keep(kept_until, len(data))
    return splicer.join()


def _list_credentials(data: bytes) -> list[PngChunk]:
    """Returns the chunks that contain Content Credentials, or link to some."""
    if CREDENTIALS_CHUNK not in data and _CREDENTIALS_LINK not in data:
        return []
    return [
        chunk
        for chunk in iter_chunks(data, checks_pixels=False)
        if chunk.name == CREDENTIALS_CHUNK or (_is_xmp(chunk) and _CREDENTIALS_LINK in bytes(chunk.payload))
    ]


def _is_complete_store(store: bytes) -> bool:
    """Whether it is one box for manifests, with a claim and a signature in it (C2PA 2.2, 11.1.4 "C2PA box details")."""
    begins_well = store[:16] == len(store).to_bytes(4) + b"jumb" + store[8:12] + b"jumd"
    is_store = store[16:32] == b"c2pa" + BOX_UUID_END
    return begins_well and is_store and all(kind + BOX_UUID_END in store for kind in (b"c2cl", b"c2cs"))


def _is_xmp(chunk: PngChunk) -> bool:
    prefix = bytes(chunk.payload[: len(_LEGACY_XMP_KEYWORD)])
    return chunk.name in _TEXT_CHUNKS and prefix.startswith((_XMP_KEYWORD, _LEGACY_XMP_KEYWORD))


def _build_chunk(name: bytes, payload: bytes) -> bytes:
    return len(payload).to_bytes(4) + name + payload + zlib.crc32(payload, zlib.crc32(name)).to_bytes(4)
