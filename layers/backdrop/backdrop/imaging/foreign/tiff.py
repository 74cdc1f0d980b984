"""TIFF: whether the first page's strips or tiles are all there and of a kind that is opened, per TIFF 6.0."""

from collections.abc import Iterator

from backdrop.imaging.containers.header import BombError, CutShortError, DamagedError, RareKindError
from backdrop.imaging.tiff import ByteOrder, byte_order

_WIDTH, _HEIGHT, _BITS, _COMPRESSION = 256, 257, 258, 259
_STRIPS, _SAMPLES, _STRIP_BYTES = 273, 277, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_FORMAT, _FRACTIONS = 339, 3
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4}
"""Bytes of one value, by its type; fractions, which no tag here has, count as nothing."""
_DEPTHS = {1, 2, 4, 8, 16}
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""None, CCITT, LZW, JPEG, deflate, PackBits; what only one program writes is refused."""
_NEEDED = {
    _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _STRIPS, _SAMPLES, _STRIP_BYTES, _TILE_WIDTH, _TILE_HEIGHT, _TILES,
    _TILE_BYTES, _FORMAT,
}  # fmt: skip
_MOST_VALUES = 500_000
"""More strips than any page has rows; a longer list only burns time."""
_MOST_TAGS = 1_000
_MOST_PAGES = 1_000
_MOST_SAMPLES = 8
_MOST_TILE_PIXELS = 4_096 * 4_096
"""A tile is unpacked whole, however small the page is that it lies on."""

type _Tags = dict[int, tuple[int, ...]]


def read_size(data: bytes) -> tuple[int, int]:
    """Width and height of the first page as it is stored, before it is turned."""
    tags, _ = _first_page(data)
    return _one(tags, _WIDTH), _one(tags, _HEIGHT)


def check_whole(data: bytes) -> int:
    """The number of pages; raises a `ContainerError` when the first one is not all there or not of a known kind."""
    tags, pages = _first_page(data)
    _check_kind(tags)
    _check_parts(data, tags)
    return pages


def _first_page(data: bytes) -> tuple[_Tags, int]:
    """Its tags, and how many pages there are."""
    order = byte_order(data)
    if order is None:
        raise DamagedError("does not begin with a sound header")
    pages = list(_pages(data, order))
    if not pages:
        raise CutShortError(f"has no page within its {len(data):,} bytes")
    return _read(data, order, pages[0]), len(pages)


def _pages(data: bytes, order: ByteOrder) -> Iterator[int]:
    """Where each directory begins; a chain that bites its tail ends there."""
    seen: set[int] = set()
    start = int.from_bytes(data[4:8], order)
    while start and start not in seen and start + 2 <= len(data) and len(seen) < _MOST_PAGES:
        seen.add(start)
        yield start
        end = start + 2 + 12 * int.from_bytes(data[start : start + 2], order)
        start = int.from_bytes(data[end : end + 4], order)


def _read(data: bytes, order: ByteOrder, start: int) -> _Tags:
    """The whole numbers of a directory; raises `CutShortError` where it reaches beyond the file."""
    count = int.from_bytes(data[start : start + 2], order)
    if count > _MOST_TAGS:
        raise DamagedError(f"has a page of {count:,} tags")
    if start + 2 + 12 * count > len(data):
        raise CutShortError(f"has no whole page within its {len(data):,} bytes")
    entries = (data[at : at + 12] for at in range(start + 2, start + 2 + 12 * count, 12))
    needed = {tag: entry for entry in entries if (tag := int.from_bytes(entry[:2], order)) in _NEEDED}
    return {tag: _values(data, order, entry) for tag, entry in needed.items()}


def _values(data: bytes, order: ByteOrder, entry: bytes) -> tuple[int, ...]:
    size = _SIZES.get(int.from_bytes(entry[2:4], order), 0)
    total = size * int.from_bytes(entry[4:8], order)
    at = int.from_bytes(entry[8:12], order)
    packed = entry[8 : 8 + total] if total <= len(entry) - 8 else data[at : at + total]
    if size <= 1 or len(packed) < total or total > size * _MOST_VALUES:
        return ()
    return tuple(int.from_bytes(packed[n : n + size], order) for n in range(0, total, size))


def _check_kind(tags: _Tags) -> None:
    width, height = _one(tags, _WIDTH), _one(tags, _HEIGHT)
    compression, samples = _one(tags, _COMPRESSION, 1), _one(tags, _SAMPLES, 1)
    if compression not in _COMPRESSIONS or not 0 < samples <= _MOST_SAMPLES:
        raise RareKindError(f"is of a rare kind (compression {compression}, {samples} channels)")
    bits = max(tags.get(_BITS, ()), default=1)
    if bits not in _DEPTHS or _FRACTIONS in tags.get(_FORMAT, ()):
        raise RareKindError(f"is of a rare kind ({bits} bits a channel)")
    tile = _one(tags, _TILE_WIDTH) * _one(tags, _TILE_HEIGHT)
    if tile > max(_MOST_TILE_PIXELS, 4 * width * height):
        raise BombError(f"holds a tile of {tile:,} pixels")


def _check_parts(data: bytes, tags: _Tags) -> None:
    places = tags.get(_TILES) or tags.get(_STRIPS) or ()
    sizes = tags.get(_TILE_BYTES) or tags.get(_STRIP_BYTES) or ()
    if not places:
        raise DamagedError("says nowhere where its pixels are")
    # Some old writers leave the sizes out; then only the decoder can tell.
    end = max((place + size for place, size in zip(places, sizes, strict=False)), default=max(places))
    if end > len(data):
        raise CutShortError(f"has {len(data):,} of its {end:,} bytes")


def _one(tags: _Tags, tag: int, otherwise: int = 0) -> int:
    return (tags.get(tag) or (otherwise,))[0]
