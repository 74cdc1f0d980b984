"""TIFF and the camera raw formats built on it, per TIFF 6.0.

Covers what Pillow does not: distinguishing raw photos from pictures, and refusing variants that few programs read and
files crafted to exhaust the parser.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from backdrop.imaging.decode import translate_decoder_errors
from backdrop.imaging.formats.header import (
    DamagedError,
    DecompressionBombError,
    TruncatedError,
    UnsupportedVariantError,
)

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

type ByteOrder = Literal["little", "big"]

_NEW_SUBFILE_TYPE, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 271, 330, 50706
_BITS, _COMPRESSION, _PHOTOMETRIC, _TILE_WIDTH, _TILE_HEIGHT = 258, 259, 262, 322, 323
_PIXEL_TAGS = range(256, 326)
"""The tags that state where the pixels are and how they are stored. Readers do not need the others."""
_RAW_BY_MAKE = {
    b"NIKON": "a Nikon raw photo (NEF)",
    b"SONY": "a Sony raw photo (ARW)",
    b"PENTAX": "a Pentax raw photo (PEF)",
    b"SAMSUNG": "a Samsung raw photo (SRW)",
}
_SUPPORTED_BIT_DEPTHS = {1, 2, 4, 8, 16}
_SUPPORTED_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""Uncompressed, CCITT, LZW, JPEG, deflate, and PackBits. Compressions that only one program writes are refused."""
_ENTRY_BYTES = 12
_BYTES_PER_VALUE = {3: 2, 4: 4}
"""The size of SHORT and LONG, the two types that TIFF 6.0 allows for lists of strips, tiles, and bits."""
_INLINE_BYTES = 4
"""Values up to this length are in the directory itself."""
_MAX_SNIFFED_TAGS = 200
_MAX_TAGS = 1_000
_MAX_PAGES = 1_000
_MAX_VALUES = 500_000
"""More strips than any page has rows. A longer list only wastes time."""
_MAX_TILE_PIXELS = 4_096 * 4_096
"""A tile is unpacked as a whole, even on a small page."""


def describe_tiff(data: bytes) -> tuple[str, bool] | None:
    """Returns a description that completes `The file is …`, and whether the TIFF is raw; None if it is not a TIFF.

    Never raises, even for a broken file.
    """
    order = _read_byte_order(data)
    if order is None:
        return None
    if data[8:10] == b"CR":
        return "a Canon raw photo (CR2)", True
    tags = _read_first_directory(data, order)
    if _DNG_VERSION in tags:
        return "a raw photo (DNG)", True
    # Scanners and editors also name a make; only raw files begin with a thumbnail.
    if _SUB_DIRECTORIES in tags and tags.get(_NEW_SUBFILE_TYPE, 0) & 1:
        maker = data[tags.get(_MAKE, 0) :][:7].upper()
        names = [name for make, name in _RAW_BY_MAKE.items() if maker.startswith(make)]
        return names[0] if names else "a camera's raw photo", True
    return "a TIFF picture", False


def _read_byte_order(data: bytes) -> ByteOrder | None:
    orders: dict[bytes, ByteOrder] = {b"II*\0": "little", b"MM\0*": "big"}
    return orders.get(data[:4])


def _read_first_directory(data: bytes, order: ByteOrder) -> dict[int, int]:
    """Maps each tag to its four value bytes as a number: the value itself or its offset in the file."""
    start = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[start : start + 2], order)
    entries = [data[at : at + 12] for at in range(start + 2, start + 2 + 12 * min(count, _MAX_SNIFFED_TAGS), 12)]
    return {
        int.from_bytes(entry[:2], order): int.from_bytes(entry[8:12], order) for entry in entries if len(entry) == 12
    }


def check_directory(data: bytes) -> None:
    """Raises `ImageFormatError` if the first page's directory is incomplete or takes too long to read."""
    order = _read_byte_order(data)
    if order is None:
        raise DamagedError("does not begin with a valid header")
    start = next(_iter_page_offsets(data, order), None)
    if start is None:
        raise TruncatedError(f"has no page within its {len(data):,} bytes")
    count = int.from_bytes(data[start : start + 2], order)
    if count > _MAX_TAGS:
        raise DamagedError(f"has a page with {count:,} tags")
    end = start + 2 + _ENTRY_BYTES * count
    if end > len(data):
        raise TruncatedError(f"has no complete page within its {len(data):,} bytes")
    for at in range(start + 2, end, _ENTRY_BYTES):
        tag, value_type = (int.from_bytes(data[at + n : at + n + 2], order) for n in (0, 2))
        value_count, value_offset = (int.from_bytes(data[at + n : at + n + 4], order) for n in (4, 8))
        if tag not in _PIXEL_TAGS:
            continue
        if value_count > _MAX_VALUES:
            raise DamagedError(f"has a tag with {value_count:,} values")
        size = value_count * _BYTES_PER_VALUE.get(value_type, 0)
        if size > _INLINE_BYTES and value_offset + size > len(data):
            raise TruncatedError(f"has only {len(data):,} of its {value_offset + size:,} bytes")


def check_variant(picture: "ImageFile") -> None:
    """Raises `UnsupportedVariantError` for a rare variant, `DecompressionBombError` for tiles far larger than pages."""
    with translate_decoder_errors(UnsupportedVariantError("uses a rare variant of the format")):
        tags: dict[int, Any] = vars(picture)["tag_v2"]
        compression, bits = tags.get(_COMPRESSION, 1), max(tags.get(_BITS, (1,)))
        tile: int = tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_HEIGHT, 0)
        is_bomb = tile > max(_MAX_TILE_PIXELS, 4 * picture.width * picture.height)
    if compression not in _SUPPORTED_COMPRESSIONS or bits not in _SUPPORTED_BIT_DEPTHS:
        raise UnsupportedVariantError(
            f"uses a rare variant of the format (compression {compression}, {bits} bits per channel)"
        )
    if is_bomb:
        raise DecompressionBombError(f"contains a tile of {tile:,} pixels")


def count_pages(data: bytes) -> int:
    """Counts the pages. Pillow's own count takes unlimited time if their directories overlap."""
    return sum(1 for _ in _iter_page_offsets(data, _read_byte_order(data) or "little"))


def _iter_page_offsets(data: bytes, order: ByteOrder) -> Iterator[int]:
    """Yields the offset of each directory, up to the first repeated offset."""
    seen: set[int] = set()
    start = int.from_bytes(data[4:8], order)
    while start and start not in seen and start + 2 <= len(data) and len(seen) < _MAX_PAGES:
        seen.add(start)
        yield start
        end = start + 2 + _ENTRY_BYTES * int.from_bytes(data[start : start + 2], order)
        start = int.from_bytes(data[end : end + 4], order)


def invert_if_white_is_zero(picture: "ImageFile") -> "Image":
    """Inverts a decoded 16-bit picture in which 0 is white. Pillow inverts pictures of all other depths itself."""
    tags: dict[int, int] = getattr(picture, "tag_v2", {})
    if picture.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == 0:
        return picture.point(lambda value: value * -1 + 65_535)
    return picture
