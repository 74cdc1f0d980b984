"""TIFF: what Pillow leaves open, namely kinds that few programs read and files built to exhaust their reader."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from backdrop.imaging.containers.header import (
    DamagedError,
    DecompressionBombError,
    TruncatedError,
    UnsupportedVariantError,
)
from backdrop.imaging.decode import translate_decoder_errors
from backdrop.imaging.formats.tiff_tags import ByteOrder, read_byte_order

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_BITS, _COMPRESSION, _TILE_WIDTH, _TILE_HEIGHT = 258, 259, 322, 323
_SUPPORTED_BIT_DEPTHS = {1, 2, 4, 8, 16}
_SUPPORTED_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""None, CCITT, LZW, JPEG, deflate, PackBits; what only one program writes is refused."""
_ENTRY_BYTES = 12
_PIXEL_TAGS = range(256, 326)
"""What says where the pixels are and how they are stored; readers do without the others."""
_BYTES_PER_VALUE = {3: 2, 4: 4}
"""Of one value: the two types that TIFF 6.0 has for lists of strips, tiles and bits."""
_INLINE_BYTES = 4
"""Shorter values are in the directory itself."""
_MAX_VALUES = 500_000
"""More strips than any page has rows; a longer list only burns time."""
_MAX_TAGS = 1_000
_MAX_PAGES = 1_000
_MAX_TILE_PIXELS = 4_096 * 4_096
"""A tile is unpacked whole, however small the page is that it lies on."""


def check_directory(data: bytes) -> None:
    """Raises an `ImageFormatError` where the first page's directory is not all there or too long to read."""
    order = read_byte_order(data)
    if order is None:
        raise DamagedError("does not begin with a sound header")
    start = next(_iter_page_offsets(data, order), None)
    if start is None:
        raise TruncatedError(f"has no page within its {len(data):,} bytes")
    count = int.from_bytes(data[start : start + 2], order)
    if count > _MAX_TAGS:
        raise DamagedError(f"has a page of {count:,} tags")
    end = start + 2 + _ENTRY_BYTES * count
    if end > len(data):
        raise TruncatedError(f"has no whole page within its {len(data):,} bytes")
    for at in range(start + 2, end, _ENTRY_BYTES):
        tag, value_type = (int.from_bytes(data[at + n : at + n + 2], order) for n in (0, 2))
        value_count, value_offset = (int.from_bytes(data[at + n : at + n + 4], order) for n in (4, 8))
        if tag not in _PIXEL_TAGS:
            continue
        if value_count > _MAX_VALUES:
            raise DamagedError(f"has a tag of {value_count:,} values")
        size = value_count * _BYTES_PER_VALUE.get(value_type, 0)
        if size > _INLINE_BYTES and value_offset + size > len(data):
            raise TruncatedError(f"has {len(data):,} of its {value_offset + size:,} bytes")


def check_variant(picture: "ImageFile") -> None:
    """Raises `UnsupportedVariantError` for an uncommon kind, `DecompressionBombError` if its tiles are far larger."""
    with translate_decoder_errors(UnsupportedVariantError("is of a rare kind")):
        tags: dict[int, Any] = vars(picture)["tag_v2"]
        compression, bits = tags.get(_COMPRESSION, 1), max(tags.get(_BITS, (1,)))
        tile: int = tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_HEIGHT, 0)
        is_bomb = tile > max(_MAX_TILE_PIXELS, 4 * picture.width * picture.height)
    if compression not in _SUPPORTED_COMPRESSIONS or bits not in _SUPPORTED_BIT_DEPTHS:
        raise UnsupportedVariantError(f"is of a rare kind (compression {compression}, {bits} bits a channel)")
    if is_bomb:
        raise DecompressionBombError(f"holds a tile of {tile:,} pixels")


def count_pages(data: bytes) -> int:
    """How many pages there are; Pillow's own count takes time without limit where their directories overlap."""
    return sum(1 for _ in _iter_page_offsets(data, read_byte_order(data) or "little"))


def _iter_page_offsets(data: bytes, order: ByteOrder) -> Iterator[int]:
    """Where each directory begins; stops at the first repeated offset."""
    seen: set[int] = set()
    start = int.from_bytes(data[4:8], order)
    while start and start not in seen and start + 2 <= len(data) and len(seen) < _MAX_PAGES:
        seen.add(start)
        yield start
        end = start + 2 + _ENTRY_BYTES * int.from_bytes(data[start : start + 2], order)
        start = int.from_bytes(data[end : end + 4], order)
