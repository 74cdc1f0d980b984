"""Changes of a signed file, segment by segment: in its container, in its picture, and in every box of its manifests."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

from backdrop.imaging.formats import jpeg, png, webp

MAX_TRIES_OF_A_SEGMENT = 60
_PNG_LENGTH_BYTES, _PNG_CHECKSUM_BYTES = 4, 4
_BOX_HEADER_BYTES, _FLAGS_POSITION = 8, 32
"""Before the flags of a box are its header, the header of its description, and a UUID."""


@dataclass(frozen=True)
class Segment:
    """`wraps`: the header and the description of a box, which no signature covers."""

    name: str
    start: int
    end: int
    wraps: bool = False


@dataclass(frozen=True)
class Tampering:
    """A file that differs from the signed one in one bit of this segment."""

    segment: str
    position: int
    data: bytes


def tamper(data: bytes, step: int = 1) -> Iterator[Tampering]:
    """Changes bytes of every segment, one at a time: every `step`-th of a box's wrapping, and some of the others."""
    for segment in list_segments(data):
        if segment.wraps:
            positions = range(segment.start, segment.end, step)
        else:
            positions = range(
                segment.start, segment.end, -(-(segment.end - segment.start) * step // MAX_TRIES_OF_A_SEGMENT)
            )
        for position in positions:
            yield _flip(data, segment, position, position % 8)
        if segment.wraps:
            for bit in range(8):
                yield _flip(data, segment, segment.start + _FLAGS_POSITION, bit)


def _flip(data: bytes, segment: Segment, position: int, bit: int) -> Tampering:
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    if data.startswith(png.MAGIC):
        _correct_checksum(data, changed, position)
    return Tampering(segment.name, position, bytes(changed))


def _correct_checksum(data: bytes, changed: bytearray, position: int) -> None:
    """Gives the changed chunk of a PNG a right checksum, so that the checksum does not show the change.

    A chunk whose length or checksum itself was changed stays as it is.
    """
    for chunk in png.iter_chunks(data):
        name_start, checksum_start = chunk.offset + _PNG_LENGTH_BYTES, chunk.end - _PNG_CHECKSUM_BYTES
        if name_start <= position < checksum_start:
            changed[checksum_start : chunk.end] = crc32(changed[name_start:checksum_start]).to_bytes(4)


def list_segments(data: bytes) -> Iterator[Segment]:
    """Returns the segments of a PNG, JPEG, or WebP, and the boxes of the manifests in it. They cover the whole file."""
    store_start = data.index(b"jumb") - 4
    store_end = store_start + int.from_bytes(data[store_start : store_start + 4])
    for (name, start), (_, end) in pairwise([*_list_parts(data), ("end", len(data))]):
        if start < store_start < end:
            yield Segment(name, start, store_start)
            yield from _list_boxes(data, store_start, store_end, name)
            if store_end < end:
                yield Segment(name, store_end, end)
        else:
            yield Segment(name, start, end)


def _list_parts(data: bytes) -> Iterator[tuple[str, int]]:
    """Returns the names and offsets of a container's own segments."""
    yield "magic", 0
    if data.startswith(png.MAGIC):
        yield from ((chunk.name.decode(), chunk.offset) for chunk in png.iter_chunks(data))
    elif webp.is_webp(data):
        position = 12
        for chunk in webp.iter_chunks(data):
            yield chunk.name.decode(), position
            position += 8 + len(chunk.payload) + len(chunk.payload) % 2
    else:
        yield from ((f"FF{segment.marker:02X}", segment.offset) for segment in jpeg.iter_segments(data))


def _list_boxes(data: bytes, start: int, end: int, name: str) -> Iterator[Segment]:
    while start < end:
        box_end = start + int.from_bytes(data[start : start + 4])
        if data[start + 4 : start + 8] == b"jumb":
            description = start + _BOX_HEADER_BYTES
            description_end = description + int.from_bytes(data[description : description + 4])
            label = data[start + _FLAGS_POSITION + 1 : description_end].partition(b"\0")[0].decode()
            label = "manifest" if label.startswith("urn:") else label
            yield Segment(f"box {label}", start, description_end, wraps=True)
            yield from _list_boxes(data, description_end, box_end, label)
        else:
            yield Segment(name, start, box_end)
        start = box_end
