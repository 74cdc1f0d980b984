"""Which way up a photo is, and turning it so."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backdrop.imaging.containers.header import ContainerError
from backdrop.imaging.decode import decoding

if TYPE_CHECKING:
    from PIL.Image import Image

UPRIGHT = 1
_TAG = 0x0112
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})

type Tables = Sequence[Sequence[int]]
"""Quantization tables of 64 numbers, row by row: one for each color channel."""


def orientation_of(picture: "Image", data: bytes) -> int:
    """1 to 8, as EXIF 2.32 names them (4.6.4 A); 1 where the file says nothing, or nothing that can be.

    `data` is the picture's file.
    """
    # Pillow would decode the whole PNG to look for an orientation behind its pixels.
    if picture.format == "PNG" and b"eXIf" not in data:
        return UPRIGHT
    try:
        with decoding():
            said = picture.getexif().get(_TAG)
    except ContainerError:
        return UPRIGHT
    return said if isinstance(said, int) and 1 <= said <= 8 else UPRIGHT


def lies_on_its_side(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation in _ON_ITS_SIDE


def upright(picture: "Image", orientation: int) -> "Image":
    """The picture as it is meant to be seen; the same object where it stands so already."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return picture.transpose(turns[orientation]) if orientation in turns else picture


def turned(tables: Tables, orientation: int) -> list[list[int]]:
    """JPEG's quantization tables for the turned picture: what was fine across is fine down."""
    if not lies_on_its_side(orientation):
        return [list(table) for table in tables]
    return [[table[column * 8 + row] for row in range(8) for column in range(8)] for table in tables]
