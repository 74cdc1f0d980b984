"""What a file states about its colors, in the order in which its format's specification tells readers to use it.

Read from the file itself: decoders know only some of the statements, and their order only in part.
"""

from typing import TYPE_CHECKING, Any

from backdrop.imaging.color_spaces import ColorStatement
from backdrop.imaging.formats import bmp, exif_colors, heif, jpeg, png, webp
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
}
_PROFILE_TAG, _EXIF_DIRECTORY_TAG = 34_675, 34_665


def read_color_statements(picture: "Image", data: bytes) -> list[ColorStatement]:
    """Returns the statements of a picture's file, `data`: ICC profiles, color spaces, or None for what is unreadable.

    Without a usable one, the colors are sRGB.
    """
    if picture.format == "TIFF":
        tags: dict[int, Any] = vars(picture)["tag_v2"]
        exif = exif_colors.read_color_statements(data, tags.get(_EXIF_DIRECTORY_TAG, 0))
        return [tags[_PROFILE_TAG], *exif] if _PROFILE_TAG in tags else exif
    reader = _READERS.get(picture.format or "")
    try:
        return reader(data) if reader else []
    except ImageFormatError:
        # Whether a damaged file is a photo is decided where its pixels are read.
        return [None]
