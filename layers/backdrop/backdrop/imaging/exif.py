"""EXIF orientation: reading it, and turning a picture upright."""

from typing import TYPE_CHECKING

from backdrop.imaging.formats.tiff import find_short

if TYPE_CHECKING:
    from PIL.Image import Image

UPRIGHT = 1
_JPEG_PREFIX = b"Exif\0\0"
"""Pillow adds it to the block of an AVIF, as in a JPEG."""
_ORIENTATION_TAG = 0x0112
_SIDEWAYS_ORIENTATIONS = frozenset({5, 6, 7, 8})


def find_orientation(block: bytes) -> int:
    """Returns the orientation, 1 to 8 as in EXIF 2.32 (4.6.4 A); 1 if the EXIF block states none or an impossible one.

    Only this block counts: what XMP states is often older than the picture.
    """
    return to_orientation(find_short(block.removeprefix(_JPEG_PREFIX), _ORIENTATION_TAG))


def to_orientation(value: int | None) -> int:
    """Returns the orientation that a tag has, or 1 for an impossible value."""
    return value if value is not None and 1 <= value <= 8 else UPRIGHT


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
