"""EXIF orientation: reading it, and turning a picture upright."""

from typing import TYPE_CHECKING

from backdrop.imaging.decode import translate_decoder_errors
from backdrop.imaging.formats.header import ImageFormatError

if TYPE_CHECKING:
    from PIL.Image import Image

UPRIGHT = 1
_ORIENTATION_TAG = 0x0112
_SIDEWAYS_ORIENTATIONS = frozenset({5, 6, 7, 8})


def read_orientation(picture: "Image", data: bytes) -> int:
    """Returns the orientation, 1 to 8 as in EXIF 2.32 (4.6.4 A); 1 if the file states none or an impossible one.

    `data` is the picture's file.
    """
    # Pillow would decode the whole PNG to find an orientation after its pixels.
    if picture.format == "PNG" and b"eXIf" not in data:
        return UPRIGHT
    try:
        with translate_decoder_errors():
            value = picture.getexif().get(_ORIENTATION_TAG)
    except ImageFormatError:
        return UPRIGHT
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def is_sideways(orientation: int) -> bool:
    """True if the orientation swaps width and height."""
    return orientation in _SIDEWAYS_ORIENTATIONS


def apply_orientation(picture: "Image", orientation: int) -> "Image":
    """Returns the picture upright; the same object if it already is."""
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
