"""The one fact of EXIF that changes a picture: which way up it is."""

import struct
from typing import Literal

from backdrop.imaging.metadata.rest import UPRIGHT

type ByteOrder = Literal["little", "big"]

_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4
_ENTRY_BYTES = 12


def orientation_of(exif: bytes | memoryview) -> int:
    """The orientation, 1 to 8, that an EXIF block states in its first directory; 1 when it states none that exists.

    `exif` begins with the byte order of its TIFF header (CIPA DC-008-2023, 4.6.4). Never raises, whatever the bytes;
    the first of several statements counts.
    """
    match bytes(exif[:4]):
        case b"II*\0":
            return _stated(exif, "little")
        case b"MM\0*":
            return _stated(exif, "big")
        case _:
            return UPRIGHT


def _stated(exif: bytes | memoryview, order: ByteOrder) -> int:
    start = int.from_bytes(exif[4:8], order) + 2
    count = int.from_bytes(exif[start - 2 : start], order)
    directory = exif[start : start + count * _ENTRY_BYTES]
    whole = directory[: len(directory) // _ENTRY_BYTES * _ENTRY_BYTES]
    for tag, kind, number, value in struct.iter_unpack("<HHI4s" if order == "little" else ">HHI4s", whole):
        if tag == _ORIENTATION:
            width = {_SHORT: 2, _LONG: 4}.get(kind, 0)
            stated = int.from_bytes(value[:width], order)
            return stated if number == 1 and 1 <= stated <= 8 else UPRIGHT
    return UPRIGHT
