"""Finds changes of a file's manifest that its signature does not cover, and that the C2PA library therefore accepts.

A signature covers the claim, and through it every assertion, every ingredient, and the picture. It does not cover the
lengths and labels of the boxes around them, nor the header next to the signature, whose unused part is padding.
Sources: JUMBF (ISO 19566-5), C2PA Technical Specification 2.2 (chapters 11 and 13), COSE (RFC 9052), CBOR (RFC 8949).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backdrop.imaging.formats import jpeg, png, webp
from backdrop.imaging.sniff import sniff_file

_APP11 = 0xEB
_JPEG_HEADER_BYTES, _BOX_HEADER_BYTES = 8, 8
_SUPERBOX, _DESCRIPTION = b"jumb", b"jumd"
_LABEL_START = 25
"""In a description box: after its header, a UUID, and a byte of flags."""
_LABELS = {
    b"c2pa": ("c2pa",),
    b"c2as": ("c2pa.assertions",),
    b"c2cl": ("c2pa.claim", "c2pa.claim.v2"),
    b"c2cs": ("c2pa.signature",),
}
"""The labels of boxes by the first four bytes of their UUIDs."""
_PADDING_NAMES = ("pad", "pad2")
_LONG_ARGUMENTS = {24: 1, 25: 2, 26: 4, 27: 8}
_BYTES, _TEXT, _ARRAY, _MAP, _TAG = 2, 3, 4, 5, 6


class StructureError(Exception):
    """The manifest store differs from how it was written."""


@dataclass(frozen=True)
class _Box:
    """`content`: what follows the header of the box."""

    kind: bytes
    content: bytes

    def iter_boxes(self) -> Iterator["_Box"]:
        return _iter_boxes(self.content)

    @property
    def description(self) -> bytes:
        """The content of the description of a superbox: UUID, flags, and label."""
        first = next(self.iter_boxes(), None)
        if first is None or first.kind != _DESCRIPTION:
            raise StructureError("a box has no description")
        return first.content


def check_structure(data: bytes) -> None:
    """Raises StructureError if something that no signature covers was changed in the active manifest.

    Raises `ImageFormatError` if the file itself is damaged.
    """
    store = _read_store(data)
    if not store:
        return
    [root, *others] = _iter_boxes(store)
    if others or root.kind != _SUPERBOX:
        raise StructureError("the store is not one box")
    _check_label(root)
    *_, active = (box for box in root.iter_boxes() if box.kind == _SUPERBOX)
    for box in active.iter_boxes():
        if box.kind == _SUPERBOX:
            _check_label(box)
            if box.description.startswith(b"c2cs"):
                *_, signature = box.iter_boxes()
                _check_padding(signature.content)


def _read_store(data: bytes) -> bytes:
    """Returns the manifest store that a file contains, or b""."""
    match sniff_file(data).format:
        case "png":
            return b"".join(bytes(chunk.payload) for chunk in png.iter_chunks(data) if chunk.name == b"caBX")
        case "webp":
            return b"".join(bytes(chunk.payload) for chunk in webp.iter_chunks(data) if chunk.name == b"C2PA")
        case "jpeg":
            return _read_jpeg_store(data)
        case _:
            return b""


def _read_jpeg_store(data: bytes) -> bytes:
    """Joins the APP11 segments of the store. Each repeats the header of the box (ISO 19566-5, Annex D)."""
    payloads = [data[one.start : one.end] for one in jpeg.iter_segments(data) if one.marker == _APP11]
    parts = [payload for payload in payloads if payload.startswith(b"JP")]
    for number, part in enumerate(parts, 1):
        if part[2:_JPEG_HEADER_BYTES] != parts[0][2:4] + number.to_bytes(4):
            raise StructureError("the segments of the store are not numbered in order")
    rest = (part[_JPEG_HEADER_BYTES + _BOX_HEADER_BYTES :] for part in parts[1:])
    return b"".join([parts[0][_JPEG_HEADER_BYTES:], *rest]) if parts else b""


def _iter_boxes(data: bytes) -> Iterator[_Box]:
    """Yields the boxes in the data. Raises StructureError unless they fill it exactly."""
    position = 0
    while position < len(data):
        end = position + int.from_bytes(data[position : position + 4])
        if not position + _BOX_HEADER_BYTES <= end <= len(data):
            raise StructureError("a box has a wrong length")
        yield _Box(data[position + 4 : position + 8], data[position + _BOX_HEADER_BYTES : end])
        position = end


def _check_label(box: _Box) -> None:
    description = box.description
    labels = _LABELS.get(description[:4])
    label_bytes, end, _ = description[_LABEL_START - _BOX_HEADER_BYTES :].partition(b"\0")
    if labels and (not end or label_bytes.decode("ascii", "replace") not in labels):
        raise StructureError(f"the box {labels[0]} has another label")


def _check_padding(signature: bytes) -> None:
    """Raises StructureError unless the padding next to a COSE signature consists of zeros, and is named as padding."""
    (_protected, header, *_), end = _read_cbor(signature, 0)
    if end != len(signature):
        raise StructureError("bytes follow the signature")
    for name, value in header.items():
        if isinstance(value, bytes) and (name in _PADDING_NAMES) != (not any(value)):
            raise StructureError("the padding of the signature is not empty")


def _read_cbor(data: bytes, position: int) -> tuple[Any, int]:
    """Returns the value at this position, and where it ends. Returns None for simple values."""
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
        return (values if kind == _ARRAY else dict(zip(values[::2], values[1::2], strict=True))), position
    return (argument if kind == 0 else -1 - argument if kind == 1 else None), position
