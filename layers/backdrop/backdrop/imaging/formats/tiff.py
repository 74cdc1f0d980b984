"""TIFF and the camera raw formats built on it, per TIFF 6.0.

Covers what Pillow does not: distinguishing raw photos from pictures, and refusing variants that few programs read and
files crafted to exhaust the parser.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from backdrop.imaging.color_spaces import ColorStatement
from backdrop.imaging.formats import exif_colors
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

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _MAKE, _ORIENTATION, _SUB_DIRECTORIES = 254, 255, 271, 274, 330
_EXIF_DIRECTORY, _COLOR_PROFILE, _DNG_VERSION = 34665, 34675, 50706
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
"""The first two are bits of `NewSubfileType`, the last is a value of `SubfileType`, which it replaced (TIFF 6.0)."""
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 258, 259, 262, 322, 323
_DECODED_TAGS = frozenset(
    {
        *(_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC),
        *(266, 273, 277, 278, 279, 284),  # bit order, strips, samples, planes
        *(292, 293, 317),  # options of fax, predictor of LZW and deflate
        *(320, _TILE_WIDTH, _TILE_HEIGHT, 324, 325),  # palette, tiles
        *(332, 338, 339, 347),  # inks, extra samples, sample format, tables of JPEG
        *(529, 530, 531, 532),  # YCbCr
    }
)
"""The tags that state where the pixels are and how they are stored. A decoder does not need the others."""
_PAGE_TAGS = frozenset({_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _WIDTH, _LENGTH, _ORIENTATION})
_COLOR_TAGS = frozenset({_EXIF_DIRECTORY, _COLOR_PROFILE})
_SNIFFED_TAGS = frozenset({_NEW_SUBFILE_TYPE, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION})
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
_BYTES_PER_VALUE = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""By type (TIFF 6.0, section 2). All others take one byte."""
_NUMBER_TYPES = frozenset({1, 3, 4})
_NO_NEXT_PAGE = bytes(4)
_INLINE_BYTES = 4
"""Values up to this length are in the directory itself."""
_MAX_TAGS = 1_000
_MAX_CHANNELS = 16
_MAX_PAGES = 1_000
_MAX_VALUES = 500_000
"""More strips than any page has rows. A longer list only wastes time."""
_MAX_PROFILE_BYTES = 8_000_000
_MAX_TILE_PIXELS = 4_096 * 4_096
"""A tile is unpacked as a whole, even on a small page."""


@dataclass(frozen=True, slots=True)
class TiffPhoto:
    """A TIFF with one page, `data`. `orientation` is that of its tag, if it has one.

    `page_count` is that of the file from which it was taken.
    """

    data: bytes
    page_count: int
    orientation: int | None


@dataclass(frozen=True, slots=True)
class _Page:
    """The start of a page's directory, the values of `_PAGE_TAGS` in it, and the number of pages in the file."""

    start: int
    numbers: dict[int, int]
    count: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A directory's entry. `count` is the number of its values, and `data` the entry's own twelve bytes."""

    tag: int
    type: int
    count: int
    data: bytes

    @property
    def size(self) -> int:
        """The number of bytes of all values."""
        return self.count * _BYTES_PER_VALUE.get(self.type, 1)

    def read_number(self, data: bytes, order: ByteOrder, index: int = 0) -> int:
        """Returns a value, by default the first, of a BYTE, SHORT, or LONG; 0 for another type."""
        value_bytes = _BYTES_PER_VALUE.get(self.type, 1) if self.type in _NUMBER_TYPES else 0
        values, start = (self.data, 8) if self.size <= _INLINE_BYTES else (data, self.read_offset(order))
        start += index * value_bytes
        return int.from_bytes(values[start : start + value_bytes], order)

    def read_offset(self, order: ByteOrder) -> int:
        """Returns where the values begin, if they are longer than four bytes."""
        return int.from_bytes(self.data[8:], order)


def describe_tiff(data: bytes) -> tuple[str, bool] | None:
    """Returns a description that completes `The file is …`, and whether the TIFF is raw; None if it is not a TIFF.

    Never raises, even for a broken file.
    """
    order = _read_byte_order(data)
    if order is None:
        return None
    if data[8:10] == b"CR":
        return "a Canon raw photo (CR2)", True
    entries = _iter_entries(data, int.from_bytes(data[4:8], order), order, _SNIFFED_TAGS)
    tags = {entry.tag: entry.read_offset(order) for entry in entries}
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


def find_short(data: bytes, tag: int) -> int | None:
    """Returns the first value of a tag in the first directory, such as an orientation; None if there is none.

    `data`: a TIFF, or an EXIF block, which is one without pixels. Never raises.
    """
    order = _read_byte_order(data)
    if order is None:
        return None
    entries = _iter_entries(data, int.from_bytes(data[4:8], order), order, frozenset({tag}))
    return next((entry.read_number(data, order) for entry in entries), None)


def extract_photo(data: bytes) -> TiffPhoto:
    """Returns the largest page that is a photo, without anything that a decoder does not need.

    A page is no photo if it states that it is a reduced version or a mask, unless all pages do. Raises
    `ImageFormatError` if its directory is incomplete or takes too long to read.
    """
    order = _read_byte_order(data)
    if order is None:
        raise DamagedError("does not begin with a valid header")
    page = _find_photo(data, order)
    if page is None or not page.numbers:
        # An interrupted copy leaves zeros instead of the directory, which many programs write last.
        raise TruncatedError(f"has no complete page within its {len(data):,} bytes")
    entries = _read_decoded_entries(data, page.start, order)
    _check_variant(data, page, entries, order)
    directory = b"".join([len(entries).to_bytes(2, order), *(entry.data for entry in entries), _NO_NEXT_PAGE])
    view, end = memoryview(data), page.start + len(directory)
    stripped = b"".join((data[:4], page.start.to_bytes(4, order), view[8 : page.start], directory, view[end:]))
    return TiffPhoto(stripped, page.count, page.numbers.get(_ORIENTATION))


def _find_photo(data: bytes, order: ByteOrder) -> _Page | None:
    starts = list(_iter_page_offsets(data, order))
    pages = [_Page(start, _read_numbers(data, start, order), len(starts)) for start in starts]
    # The first of pages with the same size. Only photos, unless there are none.
    return max(pages, key=lambda page: (_is_photo(page.numbers), _count_pixels(page.numbers)), default=None)


def _read_numbers(data: bytes, start: int, order: ByteOrder) -> dict[int, int]:
    """Returns what a directory states about its page."""
    return {entry.tag: entry.read_number(data, order) for entry in _iter_entries(data, start, order, _PAGE_TAGS)}


def _is_photo(page: dict[int, int]) -> bool:
    return not page.get(_NEW_SUBFILE_TYPE, 0) & (_REDUCED | _MASK) and page.get(_SUBFILE_TYPE) != _OLD_REDUCED


def _count_pixels(page: dict[int, int]) -> int:
    return page.get(_WIDTH, 0) * page.get(_LENGTH, 0)


def _read_decoded_entries(data: bytes, start: int, order: ByteOrder) -> list[_Entry]:
    """Returns the entries that a decoder needs. Raises `ImageFormatError` if they are incomplete or too many."""
    count = int.from_bytes(data[start : start + 2], order)
    if count > _MAX_TAGS:
        raise DamagedError(f"has a page with {count:,} tags")
    if start + 2 + _ENTRY_BYTES * count > len(data):
        raise TruncatedError(f"has no complete page within its {len(data):,} bytes")
    entries = list(_iter_entries(data, start, order, _DECODED_TAGS))
    for entry in entries:
        if entry.count > _MAX_VALUES:
            raise DamagedError(f"has a tag with {entry.count:,} values")
        end = entry.read_offset(order) + entry.size
        if entry.size > _INLINE_BYTES and end > len(data):
            raise TruncatedError(f"has only {len(data):,} of its {end:,} bytes")
    return entries


def _check_variant(data: bytes, page: _Page, entries: list[_Entry], order: ByteOrder) -> None:
    """Raises `UnsupportedVariantError` for a rare variant, `DecompressionBombError` for a tile far beyond the page."""
    by_tag = {entry.tag: entry for entry in entries}
    numbers = {tag: entry.read_number(data, order) for tag, entry in by_tag.items()}
    depths = by_tag.get(_BITS)
    count = min(depths.count, _MAX_CHANNELS) if depths else 0
    bits = max((depths.read_number(data, order, n) for n in range(count)), default=1) if depths else 1
    compression = numbers.get(_COMPRESSION, 1)
    if compression not in _SUPPORTED_COMPRESSIONS or bits not in _SUPPORTED_BIT_DEPTHS:
        raise UnsupportedVariantError(
            f"uses a rare variant of the format (compression {compression}, {bits} bits per channel)"
        )
    tile = numbers.get(_TILE_WIDTH, 0) * numbers.get(_TILE_HEIGHT, 0)
    if tile > max(_MAX_TILE_PIXELS, 4 * _count_pixels(page.numbers)):
        raise DecompressionBombError(f"contains a tile of {tile:,} pixels")


def read_color_statements(data: bytes) -> list[ColorStatement]:
    """See `color_statements`."""
    order = _read_byte_order(data)
    page = _find_photo(data, order) if order else None
    if page is None or order is None:
        return []
    entries = {entry.tag: entry for entry in _iter_entries(data, page.start, order, _COLOR_TAGS)}
    profile, exif = entries.get(_COLOR_PROFILE), entries.get(_EXIF_DIRECTORY)
    statements = [_read_profile(data, profile, order)] if profile else []
    offset = exif.read_number(data, order) if exif else 0
    return [*statements, *exif_colors.read_color_statements(data, offset)]


def _read_profile(data: bytes, entry: _Entry, order: ByteOrder) -> ColorStatement:
    start = entry.read_offset(order)
    is_whole = entry.count <= _MAX_PROFILE_BYTES and start + entry.count <= len(data)
    return data[start : start + entry.count] if is_whole else None


def _iter_entries(data: bytes, start: int, order: ByteOrder, tags: frozenset[int]) -> Iterator[_Entry]:
    """Yields a directory's entries with these tags, as far as they are complete."""
    count = min(int.from_bytes(data[start : start + 2], order), _MAX_TAGS)
    end = min(start + 2 + _ENTRY_BYTES * count, len(data) - _ENTRY_BYTES + 1)
    for at in range(start + 2, end, _ENTRY_BYTES):
        tag = int.from_bytes(data[at : at + 2], order)
        if tag in tags:
            value_type, values = (int.from_bytes(data[at + a : at + b], order) for a, b in ((2, 4), (4, 8)))
            yield _Entry(tag, value_type, values, data[at : at + _ENTRY_BYTES])


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


def describe_mode(picture: "ImageFile") -> str:
    """Returns Pillow's mode, with `;16` if it has reduced 16 bits per channel to 8. Only for a TIFF, it may do so."""
    tags: dict[int, tuple[int, ...]] = getattr(picture, "tag_v2", {})
    is_reduced = max(tags.get(_BITS, ()), default=8) == 16 and ";16" not in picture.mode
    return f"{picture.mode};16" if is_reduced else picture.mode
