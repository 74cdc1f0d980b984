"""What a file states about its colors, in the order in which its format's specification tells readers to use it.

Read from the file itself: decoders know only some of the statements, and their order only in part.
"""

from backdrop.imaging.color_spaces import ColorStatement
from backdrop.imaging.formats import bmp, gif, heif, jpeg, png, tiff, webp
from backdrop.imaging.formats.header import ConvertibleFormat, ImageFormatError, PhotoFormat

_READERS = {
    "jpeg": jpeg.read_color_statements,
    "png": png.read_color_statements,
    "webp": webp.read_color_statements,
    "avif": heif.read_color_statements,
    "heic": heif.read_color_statements,
    "bmp": bmp.read_color_statements,
    "gif": gif.read_color_statements,
    "tiff": tiff.read_color_statements,
}


def read_color_statements(data: bytes, file_format: PhotoFormat | ConvertibleFormat) -> list[ColorStatement]:
    """Returns the statements of a picture's file, `data`: ICC profiles, color spaces, or None for what is unreadable.

    Without a usable one, the colors are sRGB.
    """
    try:
        return _READERS[file_format](data)
    except ImageFormatError:
        # Whether a damaged file is a photo is decided where its pixels are read.
        return [None]
