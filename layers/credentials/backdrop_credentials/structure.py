"""Finds changes of a file's manifests that their signatures do not cover, and that the C2PA library therefore accepts.

A signature covers the claim, and through it every assertion, every ingredient, and the picture. It does not cover the
types, flags, labels, and lengths of the boxes around them, nor the header next to the signature, whose unused part is
padding. Nor does the signature of a picture cover these in the manifests of its ingredients.
Sources: JUMBF (ISO 19566-5), C2PA Technical Specification 2.2 (chapters 11 and 13), COSE (RFC 9052), CBOR (RFC 8949).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backdrop.imaging.formats import jpeg, png, webp
from backdrop.imaging.sniff import sniff_file

_APP11 = 0xEB
_JPEG_HEADER_BYTES, _BOX_HEADER_BYTES = 8, 8
_JPEG_IDENTIFIER, _JPEG_BOX_NUMBER = b"JP", bytes.fromhex("0211")
"""The first bytes of a segment (ISO 19566-5, Annex D). The box's number is any; this is the one of the C2PA library."""
_JPEG_UUID = slice(24, 40)
"""After the headers of the segment, of the box, and of its description."""
_SUPERBOX, _DESCRIPTION, _FREE_SPACE = b"jumb", b"jumd", b"free"
_FLAGS_POSITION, _RESERVED_FLAGS = 16, 0xE0
"""In a description box: after its UUID, and before its label."""
_LABELS = {
    b"c2pa": ("c2pa",),
    b"c2as": ("c2pa.assertions",),
    b"c2cl": ("c2pa.claim", "c2pa.claim.v2"),
    b"c2cs": ("c2pa.signature",),
}
"""The labels of boxes by the first four bytes of their UUIDs."""
_STORES = (b"c2pa", b"c2ma", b"c2um", b"c2as")
"""The boxes that consist of boxes with descriptions: all manifests, one manifest, an update, and its assertions."""
_SIGNATURE = b"c2cs"
_PADDING_NAMES = ("pad", "pad2")
_LONG_ARGUMENTS = {24: 1, 25: 2, 26: 4, 27: 8}
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)
_SIMPLE_VALUES = {20: False, 21: True, 22: None}


class StructureError(Exception):
    """The manifest store differs from how it was written."""


@dataclass(frozen=True)
class _Box:
    """`content`: what follows the header of the box."""

    kind: bytes
    content: bytes


def check_structure(data: bytes, *, is_ours: bool) -> None:
    """Raises StructureError if something that no signature covers was changed in a manifest.

    `is_ours`: the C2PA library wrote it for Backdrop. Raises `ImageFormatError` if the file itself is damaged.
    """
    store = read_store(data, is_ours=is_ours)
    if not store:
        return
    root, *others = _iter_boxes(store)
    if others:
        raise StructureError("the store is not one box")
    try:
        _check_box(root)
    except RecursionError as error:
        raise StructureError("the store is nested too deeply") from error


def has_remains(data: bytes) -> bool:
    """Whether a file in which no manifest can be found has parts of one."""
    return any(kind + png.BOX_UUID_END in data for kind in (b"c2cl", _SIGNATURE))


def read_store(data: bytes, *, is_ours: bool) -> bytes:
    """Returns the manifest store that a file contains, or b"". Raises as `check_structure` does."""
    match sniff_file(data).format:
        case "png":
            # The signature covers everything else, also the pixels.
            chunks = [one for one in png.iter_chunks(data, checks_pixels=False) if one.name == png.CREDENTIALS_CHUNK]
            if not all(chunk.is_intact for chunk in chunks):
                raise StructureError("the chunk of the store has a wrong checksum")
            return b"".join(bytes(chunk.payload) for chunk in chunks)
        case "webp":
            return b"".join(bytes(chunk.payload) for chunk in webp.iter_chunks(data) if chunk.name == b"C2PA")
        case "jpeg":
            return _read_jpeg_store(data, is_ours=is_ours)
        case _:
            return b""


def _read_jpeg_store(data: bytes, *, is_ours: bool) -> bytes:
    """Joins the segments of the store. Each repeats the header of the box (ISO 19566-5, Annex D)."""
    groups: dict[bytes, list[bytes]] = {}
    for segment in (data[one.start : one.end] for one in jpeg.iter_segments(data) if one.marker == _APP11):
        if segment[:2] == _JPEG_IDENTIFIER:
            groups.setdefault(segment[2:4], []).append(segment)
    # Other programs store other boxes in the same way.
    stores = [(number, parts) for number, parts in groups.items() if parts[0][_JPEG_UUID] == b"c2pa" + png.BOX_UUID_END]
    if not stores:
        raise StructureError("the box of the store has another type")
    [(box_number, parts), *others] = stores
    is_numbered = all(part[4:_JPEG_HEADER_BYTES] == number.to_bytes(4) for number, part in enumerate(parts, 1))
    if others or not is_numbered or (is_ours and box_number != _JPEG_BOX_NUMBER):
        raise StructureError("the segments of the store are not numbered in order")
    rest = (part[_JPEG_HEADER_BYTES + _BOX_HEADER_BYTES :] for part in parts[1:])
    return b"".join([parts[0][_JPEG_HEADER_BYTES:], *rest])


def _iter_boxes(data: bytes) -> Iterator[_Box]:
    """Yields the boxes in the data. Raises StructureError unless they fill it exactly."""
    position = 0
    while position < len(data):
        end = position + int.from_bytes(data[position : position + 4])
        if not position + _BOX_HEADER_BYTES <= end <= len(data):
            raise StructureError("a box has a wrong length")
        yield _Box(data[position + 4 : position + 8], data[position + _BOX_HEADER_BYTES : end])
        position = end


def _check_box(box: _Box) -> None:
    """Checks a box with a description, and the boxes in it."""
    boxes = [*_iter_boxes(box.content)] if box.kind == _SUPERBOX else []
    if not boxes or boxes[0].kind != _DESCRIPTION:
        raise StructureError("a box has no description")
    description, *contents = boxes
    kind = _check_description(description.content)
    if kind in _STORES:
        for content in contents:
            if content.kind != _FREE_SPACE or any(content.content):
                _check_box(content)
    elif kind == _SIGNATURE:
        _check_signature(b"".join(content.content for content in contents))


def _check_description(content: bytes) -> bytes:
    """Returns the first four bytes of the UUID."""
    kind, flags = content[:4], int.from_bytes(content[_FLAGS_POSITION : _FLAGS_POSITION + 1])
    label, end, _ = content[_FLAGS_POSITION + 1 :].partition(b"\0")
    labels = _LABELS.get(kind)
    if flags & _RESERVED_FLAGS:
        raise StructureError("a box has unknown flags")
    if labels and (not end or label.decode("ascii", "replace") not in labels):
        raise StructureError(f"the box {labels[0]} has another label")
    return kind


def _check_signature(data: bytes) -> None:
    """Raises StructureError unless a COSE signature has no payload, and zeros as the only padding next to it."""
    match _read_cbor(data, 0):
        case ([_, tuple() as header, None, _], end) if end == len(data):
            for name, value in header:
                is_empty = isinstance(value, bytes) and not any(value)
                if is_empty != (name in _PADDING_NAMES):
                    raise StructureError("the padding of a signature is not empty")
        case _:
            raise StructureError("the signature is not alone in its box")


def _read_cbor(data: bytes, position: int) -> tuple[Any, int]:
    """Returns the value at this position, and where it ends. A map is returned as a tuple of pairs."""
    if position >= len(data):
        raise StructureError("the signature is truncated")
    kind, argument = data[position] >> 5, data[position] & 31
    position += 1
    if size := _LONG_ARGUMENTS.get(argument):
        argument = int.from_bytes(data[position : position + size])
        position += size
    if kind in (_BYTES, _TEXT):
        content, position = data[position : position + argument], position + argument
        return (content if kind == _BYTES else content.decode(errors="replace")), position
    if kind == _TAG:
        return _read_cbor(data, position)
    if kind in (_ARRAY, _MAP):
        values: list[Any] = []
        for _ in range(argument * (2 if kind == _MAP else 1)):
            value, position = _read_cbor(data, position)
            values.append(value)
        return (values if kind == _ARRAY else tuple(zip(values[::2], values[1::2], strict=True))), position
    if kind in (_UNSIGNED, _NEGATIVE):
        return (argument if kind == _UNSIGNED else -1 - argument), position
    if argument not in _SIMPLE_VALUES:
        raise StructureError("the signature contains an unknown value")
    return _SIMPLE_VALUES[argument], position
