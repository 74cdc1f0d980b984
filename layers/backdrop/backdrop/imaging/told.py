"""Which way up a JPEG, PNG or WebP says that it is, found without decoding it."""

from typing import TYPE_CHECKING

from backdrop.imaging.orientation import UPRIGHT, orientation_of

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

    from backdrop.imaging.containers.header import PhotoFormat


def told_orientation(data: bytes, photo_format: "PhotoFormat", picture: "ImageFile") -> int:
    """1 to 8; `picture` is opened from `data` and not decoded for the answer."""
    # Pillow decodes a whole PNG to look for an orientation behind its pixels.
    if photo_format == "png" and b"eXIf" not in data:
        return UPRIGHT
    return orientation_of(picture)
