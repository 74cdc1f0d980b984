"""HEIC and AVIF, box by box, per ISO/IEC 14496-12 and 23008-12.

Reads the size that a picture claims, the colors that it states, its crop, and whether its pixels are in the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from backdrop.imaging.color_spaces import ColorStatement, read_code_points
from backdrop.imaging.formats.header import DamagedError, ImageFormatError, TruncatedError

_HEADER_BYTES = 8
_LARGE_HEADER_BYTES = 16
_MAX_BOXES = _MAX_EXTENTS = 100_000
_MAX_ASSOCIATION_BOXES = 4
"""One for each combination of the lengths of items' and properties' numbers."""
_FULL_BOX_BYTES = 4
"""The version and flags with which some boxes begin."""
_CONTENT_OFFSETS = {b"meta": _FULL_BOX_BYTES, b"iprp": 0, b"ipco": 0}
"""The boxes on the path to a picture's size, and the bytes before their content (ISO/IEC 23008-12, 6.5.3)."""
_MAX_ZEROS = 64
"""Compressed pixels never end with as many: H.265 escapes zeros and ends with a bit of 1 (7.4.2), and so does AV1."""
_UNIQUE_BOXES = frozenset({b"ftyp", b"meta"})
_IGNORED_ITEM = b"skip"
"""A type that no decoder knows, and that therefore none reads."""
_METADATA_ITEMS = (b"Exif", b"mime", _IGNORED_ITEM)


@dataclass(frozen=True, slots=True)
class Box:
    """A box's four-letter name, and the range of its content in the file."""

    name: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Item:
    """An item's number, its type, and the byte at which its type is stated."""

    number: int
    type: bytes
    type_offset: int


def read_size(data: bytes) -> tuple[int, int] | None:
    """Returns the largest width and height that a picture in the file claims; None if it holds only video frames.

    The decoder limits a picture's unpacked size: libheif refuses a picture larger than its claim, and libavif one of
    more than 268 megapixels. Raises `ImageFormatError` if the picture is incomplete.
    """
    claims = [
        _read_claimed_size(data, box)
        for meta in _list_file_boxes(data)
        if meta.name == b"meta"
        for box in _iter_size_boxes(data, meta.start + _FULL_BOX_BYTES, meta.end)
    ]
    return max(claims, key=lambda claim: claim[0] * claim[1], default=None)


def extract_pictures(data: bytes) -> bytes:
    """Returns the file without the bytes behind its last box, and without metadata that a decoder would read.

    The same object if it has neither. Metadata stays in its place, where it has no meaning. Raises `TruncatedError` if
    the pixels are incomplete, and `DamagedError` if no box describes a picture.
    """
    boxes = _list_file_boxes(data)
    metadata = [
        item.type_offset
        for meta in boxes
        if meta.name == b"meta"
        for item in _iter_items(data, meta)
        if item.type in _METADATA_ITEMS
    ]
    if not metadata:
        return data[: boxes[-1].end]
    stripped = bytearray(memoryview(data)[: boxes[-1].end])
    for offset in metadata:
        stripped[offset : offset + len(_IGNORED_ITEM)] = _IGNORED_ITEM
    return bytes(stripped)


def read_crop(data: bytes, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Returns the part of the primary picture that is shown: left, top, right, and bottom, in pixels of `size`.

    None if all of it is shown. The crop precedes rotation and mirroring (ISO/IEC 23000-22, 7.3.6.7).
    """
    boxes, primary = _find_primary_item(data)
    crops = [box for box in _list_properties(data, boxes[b"iprp"], primary) if box.name == b"clap"] if primary else []
    return _read_clean_aperture(data, crops[0], size) if crops else None


def _read_clean_aperture(data: bytes, box: Box, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Returns the crop, rounded as libheif does; None if it is impossible, which browsers ignore."""
    sides: list[tuple[int, int]] = []
    for side, at in zip(size, (0, 8), strict=True):
        length, length_divisor = (_read_number(data, box.start + at + n, 4) for n in (0, 4))
        offset = _read_number(data, box.start + at + 16, 4, signed=True)
        offset_divisor = _read_number(data, box.start + at + 20, 4)
        if not length_divisor or not offset_divisor:
            return None
        # The offset is that of the crop's center from the picture's (ISO/IEC 14496-12, 12.1.4).
        doubled = 2 * offset * length_divisor + side * offset_divisor * length_divisor - length * offset_divisor
        start = doubled // (2 * offset_divisor * length_divisor)
        sides.append((max(start, 0), min(start + length // length_divisor, side)))
    (left, right), (top, bottom) = sides
    is_whole = (left, top, right, bottom) == (0, 0, *size)
    return (left, top, right, bottom) if left < right and top < bottom and not is_whole else None


def read_color_statements(data: bytes) -> list[ColorStatement]:
    """See `color_statements`. Returns what the primary picture states, or else the first tile of its grid.

    Phones that write both a profile and code points mean the profile; ISO/IEC 23008-12, 6.5.5 allows both.
    """
    boxes, item = _find_primary_item(data)
    if item is None:
        return []
    statements = _read_item_colors(data, boxes[b"iprp"], item)
    tile = _find_first_tile(data, boxes[b"iref"], item) if not statements and b"iref" in boxes else None
    return statements if tile is None else _read_item_colors(data, boxes[b"iprp"], tile)


def _read_item_colors(data: bytes, container: Box, item: int) -> list[ColorStatement]:
    profiles: list[ColorStatement] = []
    code_points: list[ColorStatement] = []
    for box in _list_properties(data, container, item):
        match data[box.start : box.start + 4]:
            case b"prof" | b"rICC" if box.name == b"colr":
                profiles.append(data[box.start + 4 : box.end])
            case b"nclx" if box.name == b"colr":
                # The decoder applies the matrix and the range, which follow.
                primaries, transfer = (_read_number(data, box.start + at, 2) for at in (4, 6))
                code_points += read_code_points(primaries, transfer)
            case _:
                pass
    return [*profiles, *code_points]


def _list_properties(data: bytes, container: Box, item: int) -> Iterator[Box]:
    """Yields the boxes that describe an item (ISO/IEC 14496-12, 8.11.14)."""
    boxes = list(_iter_boxes(data, container.start, container.end))
    store = next((box for box in boxes if box.name == b"ipco"), None)
    properties = list(_iter_boxes(data, store.start, store.end)) if store else []
    for box in [box for box in boxes if box.name == b"ipma"][:_MAX_ASSOCIATION_BOXES]:
        id_bytes = 4 if _read_version(data, box) else 2
        # The first bit of an index says whether a reader must know the property.
        index_bytes, mask = (2, 0x7FFF) if _read_number(data, box.start + 3, 1) & 1 else (1, 0x7F)
        at = box.start + _FULL_BOX_BYTES + 4
        for _ in range(_MAX_BOXES):
            start = at + id_bytes + 1
            if start > box.end:
                break
            end = start + data[start - 1] * index_bytes
            if _read_number(data, at, id_bytes) == item:
                indexes = [_read_number(data, one, index_bytes) & mask for one in range(start, end, index_bytes)]
                yield from (properties[index - 1] for index in indexes if 0 < index <= len(properties))
                break
            at = end


def _find_first_tile(data: bytes, references: Box, item: int) -> int | None:
    """Returns the first of the items that a derived item is made from; None if it is not derived (8.11.12)."""
    id_bytes = 4 if _read_version(data, references) else 2
    for box in _iter_boxes(data, references.start + _FULL_BOX_BYTES, references.end):
        if box.name == b"dimg" and _read_number(data, box.start, id_bytes) == item:
            return _read_number(data, box.start + id_bytes + 2, id_bytes)
    return None


def _find_primary_item(data: bytes) -> tuple[dict[bytes, Box], int | None]:
    """Returns the boxes that describe the file's items, by name, and the number of the picture that the file is about.

    The number is None if there is none, or none that has properties.
    """
    meta = next((box for box in _iter_boxes(data, 0, len(data)) if box.name == b"meta"), None)
    if meta is None:
        return {}, None
    boxes = {box.name: box for box in _iter_boxes(data, meta.start + _FULL_BOX_BYTES, meta.end)}
    if b"pitm" not in boxes or b"iprp" not in boxes:
        return boxes, None
    primary = boxes[b"pitm"]
    return boxes, _read_number(data, primary.start + _FULL_BOX_BYTES, 4 if _read_version(data, primary) else 2)


def _list_file_boxes(data: bytes) -> list[Box]:
    """Returns the file's complete boxes.

    What is behind them is no part of the picture: phones append videos and notes. So is another file, or its
    description: a file has one `ftyp` and one `meta` (ISO/IEC 14496-12, 4.3 and 8.11.1). Raises `TruncatedError` if it
    should be a part, and `DamagedError` if no box describes a picture.
    """
    boxes: list[Box] = []
    defect: ImageFormatError | None = None
    try:
        for box in _iter_boxes(data, 0, len(data)):
            if box.name in _UNIQUE_BOXES and any(one.name == box.name for one in boxes):
                break
            boxes.append(box)  # those before the defect are needed
    except ImageFormatError as error:
        defect = error
    names = {box.name for box in boxes}
    if not {b"meta", b"moov"} & names:
        raise defect or DamagedError("describes no picture")
    ends = [end for box in boxes if box.name == b"meta" for end in _iter_pixel_ends(data, box)]
    # A sequence has no items; whether its pixels are complete is known after it has been decoded.
    if defect and (max(ends, default=0) > boxes[-1].end or (not ends and b"mdat" not in names)):
        raise defect
    if max(ends, default=0) > len(data):
        raise TruncatedError(f"has only {len(data):,} of its {max(ends):,} bytes")
    if any(end >= _MAX_ZEROS and not any(data[end - _MAX_ZEROS : end]) for end in ends):
        raise TruncatedError("has only zeros at the end of its pixels, as after an interrupted copy")
    return boxes


def _iter_pixel_ends(data: bytes, meta: Box) -> Iterator[int]:
    """Yields the byte at which each part of the pictures' pixels ends."""
    metadata = {item.number for item in _iter_items(data, meta) if item.type in _METADATA_ITEMS}
    for box in _iter_boxes(data, meta.start + _FULL_BOX_BYTES, meta.end):
        if box.name == b"iloc":
            yield from (end for number, end in _iter_extents(data, box) if number not in metadata)


def _iter_extents(data: bytes, box: Box) -> Iterator[tuple[int, int]]:
    """Yields an item's number and an end for each range of the file (ISO/IEC 14496-12, 8.11.3)."""
    version = _read_version(data, box)
    sizes, more_sizes = (_read_number(data, box.start + _FULL_BOX_BYTES + n, 1) for n in (0, 1))
    offset_bytes, length_bytes, base_bytes = sizes >> 4, sizes & 15, more_sizes >> 4
    index_bytes = more_sizes & 15 if version else 0
    number_bytes = 4 if version == 2 else 2
    count_at = box.start + _FULL_BOX_BYTES + 2
    position, seen = count_at + number_bytes, 0
    for _ in range(_read_number(data, count_at, number_bytes)):
        number = _read_number(data, position, number_bytes)
        position += number_bytes
        is_in_file = not version or not _read_number(data, position, 2) & 15
        position += 4 if version else 2
        base = _read_number(data, position, base_bytes)
        position += base_bytes
        count = _read_number(data, position, 2)
        position += 2
        for _ in range(count):
            offset = _read_number(data, position + index_bytes, offset_bytes)
            length = _read_number(data, position + index_bytes + offset_bytes, length_bytes)
            position += index_bytes + offset_bytes + length_bytes
            seen += 1
            if seen > _MAX_EXTENTS:
                raise DamagedError(f"has pixels in more than {_MAX_EXTENTS:,} parts")
            if is_in_file:
                yield number, base + offset + length
        if position > box.end:
            raise DamagedError("states the places of more pixels than it has")


def _iter_items(data: bytes, meta: Box) -> Iterator[_Item]:
    """Yields the items that state a type (ISO/IEC 14496-12, 8.11.6)."""
    for items in _iter_boxes(data, meta.start + _FULL_BOX_BYTES, meta.end):
        if items.name != b"iinf":
            continue
        count_bytes = 4 if _read_version(data, items) else 2
        for box in _iter_boxes(data, items.start + _FULL_BOX_BYTES + count_bytes, items.end):
            version = _read_version(data, box)
            if version < 2:
                continue
            number_bytes = 4 if version > 2 else 2
            type_offset = box.start + _FULL_BOX_BYTES + number_bytes + 2
            number = _read_number(data, box.start + _FULL_BOX_BYTES, number_bytes)
            yield _Item(number, data[type_offset : type_offset + 4], type_offset)


def _read_version(data: bytes, box: Box) -> int:
    return _read_number(data, box.start, 1)


def _read_number(data: bytes, at: int, length: int, *, signed: bool = False) -> int:
    return int.from_bytes(data[at : at + length], signed=signed)


def _iter_size_boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    for box in _iter_boxes(data, start, end):
        if box.name == b"ispe":
            yield box
        elif box.name in _CONTENT_OFFSETS:
            yield from _iter_size_boxes(data, box.start + _CONTENT_OFFSETS[box.name], box.end)


def _read_claimed_size(data: bytes, box: Box) -> tuple[int, int]:
    return _read_number(data, box.start + 4, 4), _read_number(data, box.start + 8, 4)


def _iter_boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yields the boxes in a range of the file, without nested boxes."""
    for _ in range(_MAX_BOXES):
        if start >= end:
            return
        size, header_bytes = int.from_bytes(data[start : start + 4]), _HEADER_BYTES
        if size == 1:
            size, header_bytes = (
                int.from_bytes(data[start + _HEADER_BYTES : start + _LARGE_HEADER_BYTES]),
                _LARGE_HEADER_BYTES,
            )
        if size == 0:
            size = end - start
        if size < header_bytes:
            raise DamagedError(f"has a box with an impossible length at byte {start:,}")
        if start + size > end:
            raise TruncatedError(f"has a box of {size:,} bytes at byte {start:,}, but only {end - start:,} follow")
        yield Box(data[start + 4 : start + 8], start + header_bytes, start + size)
        start += size
    raise DamagedError(f"has more than {_MAX_BOXES:,} boxes")
