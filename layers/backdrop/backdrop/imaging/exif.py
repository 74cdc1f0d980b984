"""Which way up a photo is, and turning it so."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backdrop.imaging.containers.header import ImageFormatError
from backdrop.imaging.decode import translate_decoder_errors

if TYPE_CHECKING:
    from PIL.Image import Image

UPRIGHT = 1
_ORIENTATION_TAG = 0x0112
_SIDEWAYS_ORIENTATIONS = frozenset({5, 6, 7, 8})

type QuantizationTables = Sequence[Sequence[int]]
"""Quantization tables of 64 numbers, row by row: one for each color channel."""


def read_orientation(picture: "Image", data: bytes) -> int:
    """1 to 8, as EXIF 2.32 names them (4.6.4 A); 1 where the file says nothing, or nothing that can be.

    `data` is the picture's file.
    """
    # Pillow would decode the whole PNG to look for an orientation behind its pixels.
    if picture.format == "PNG" and b"eXIf" not in data:
        return UPRIGHT
    try:
        with translate_decoder_errors():
            value = picture.getexif().get(_ORIENTATION_TAG)
    except ImageFormatError:
        return UPRIGHT
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def is_sideways(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation in _SIDEWAYS_ORIENTATIONS


def apply_orientation(picture: "Image", orientation: int) -> "Image":
    """The picture as it is meant to be seen; the same object where it stands so already."""
    from PIL.Image import Transpose

    transpositions = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return picture.transpose(transpositions[orientation]) if orientation in transpositions else picture


def rotate_tables(tables: QuantizationTables, orientation: int) -> list[list[int]]:
    """JPEG's quantization tables for the turned picture: what was fine across is fine down."""
    if not is_sideways(orientation):
        return [list(table) for table in tables]
    return [[table[column * 8 + row] for row in range(8) for column in range(8)] for table in tables]
