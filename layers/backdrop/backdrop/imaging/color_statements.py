"""What a file states about its colors, in the order in which its format's specification tells readers to use it.

Read from the file itself: decoders know only some of the statements, and their order only in part.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from backdrop.imaging.color_spaces import ColorStatement
from backdrop.imaging.formats import bmp, exif_colors, gif, heif, jpeg, png, webp
from backdrop.imaging.formats.header import ImageFormatError

if TYPE_CHECKING:
    from PIL.Image import Image

_READERS = {
    "JPEG": jpeg.read_color_statements,
    "PNG": png.read_color_statements,
    "WEBP": webp.read_color_statements,
    "AVIF": heif.read_color_statements,
    "HEIF": heif.read_color_statements,
    "BMP": bmp.read_color_statements,
    "GIF": gif.read_color_statements,
}
_PROFILE_TAG, _EXIF_DIRECTORY_TAG = 34_675, 34_665


def read_color_statements(picture: "Image", data: bytes) -> list[ColorStatement]:
    """Returns the statements of a picture's file, `data`: ICC profiles, color spaces, or None for what is unreadable.

    Without a usable one, the colors are sRGB.
    """
    if picture.format == "TIFF":
        return _read_tiff_statements(vars(picture)["tag_v2"], data)
    reader = _READERS.get(picture.format or "")
    try:
        return reader(data) if reader else []
    except ImageFormatError:
        # Whether a damaged file is a photo is decided where its pixels are read.
        return [None]


def _read_tiff_statements(tags: Mapping[int, object], data: bytes) -> list[ColorStatement]:
    profile, exif_offset = tags.get(_PROFILE_TAG), tags.get(_EXIF_DIRECTORY_TAG)
    # A tag may have any type.
    exif = exif_colors.read_color_statements(data, exif_offset) if isinstance(exif_offset, int) else []
    return exif if profile is None else [profile if isinstance(profile, bytes) else None, *exif]
