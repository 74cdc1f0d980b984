"""HEIC and AVIF, box by box, per ISO/IEC 14496-12: claimed sizes, stated colors, and whether all boxes are complete."""

from collections.abc import Iterator
from dataclasses import dataclass

from backdrop.imaging.color_spaces import ColorStatement, read_code_points
from backdrop.imaging.formats.header import DamagedError, TruncatedError

_HEADER_BYTES = 8
_LARGE_HEADER_BYTES = 16
_MAX_BOXES = 100_000
_VERSION_AND_FLAGS_BYTES = 4
_MAX_ASSOCIATION_BOXES = 4
"""One for each combination of the lengths of items' and properties' numbers."""
_CONTENT_OFFSETS = {b"meta": 4, b"iprp": 0, b"ipco": 0}
"""The boxes on the path to a picture's size, and the bytes before their content (ISO/IEC 23008-12, 6.5.3)."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box's four-letter name, and the range of its content in the file."""

    name: bytes
    start: int
    end: int


def read_size(data: bytes) -> tuple[int, int] | None:
    """Returns the largest width and height that a picture in the file claims; None if it holds only video frames.

    The decoder limits a picture's unpacked size: libheif refuses a picture larger than its claim, and libavif one of
    more than 268 megapixels.
    """
    claims = [_read_claimed_size(data, box) for box in _iter_size_boxes(data, 0, len(data))]
    return max(claims, key=lambda claim: claim[0] * claim[1], default=None)


def check_structure(data: bytes) -> None:
    """Raises `TruncatedError` if a box extends beyond the file, `DamagedError` if no box describes a picture."""
    if not {b"meta", b"moov"} & {box.name for box in _iter_boxes(data, 0, len(data))}:
        raise DamagedError("describes no picture")


def _iter_size_boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    for box in _iter_boxes(data, start, end):
        if box.name == b"ispe":
            yield box
        elif box.name in _CONTENT_OFFSETS:
            yield from _iter_size_boxes(data, box.start + _CONTENT_OFFSETS[box.name], box.end)


def _read_claimed_size(data: bytes, box: Box) -> tuple[int, int]:
    width, height = (int.from_bytes(data[box.start + at : box.start + at + 4]) for at in (4, 8))
    return width, height


def read_color_statements(data: bytes) -> list[ColorStatement]:
    """See `color_statements`. Returns what the primary picture states, or else the first tile of its grid.

    Phones that write both a profile and code points mean the profile; ISO/IEC 23008-12, 6.5.5 allows both.
    """
    meta = next((box for box in _iter_boxes(data, 0, len(data)) if box.name == b"meta"), None)
    if meta is None:
        return []
    boxes = {box.name: box for box in _iter_boxes(data, meta.start + _CONTENT_OFFSETS[b"meta"], meta.end)}
    if b"pitm" not in boxes or b"iprp" not in boxes:
        return []
    primary = boxes[b"pitm"]
    item = _read_number(data, primary.start + _VERSION_AND_FLAGS_BYTES, 4 if _read_version(data, primary) else 2)
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
                code_points.append(read_code_points(primaries, transfer))
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
        at = box.start + _VERSION_AND_FLAGS_BYTES + 4
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
    for box in _iter_boxes(data, references.start + _VERSION_AND_FLAGS_BYTES, references.end):
        if box.name == b"dimg" and _read_number(data, box.start, id_bytes) == item:
            return _read_number(data, box.start + id_bytes + 2, id_bytes)
    return None


def _read_version(data: bytes, box: Box) -> int:
    return _read_number(data, box.start, 1)


def _read_number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length])


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
