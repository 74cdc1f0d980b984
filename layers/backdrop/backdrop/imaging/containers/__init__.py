"""The three file formats that pass untouched, read without decoding a pixel."""

from backdrop.imaging.containers import jpeg, jpeg_scans, png, webp
from backdrop.imaging.containers.header import ImageHeader, PhotoFormat


def read_header(data: bytes, photo_format: PhotoFormat) -> ImageHeader:
    """What the file claims about its picture, from its first bytes alone.

    Raises an `ImageFormatError` when the claim cannot be read. `data` starts with the format's magic.
    """
    match photo_format:
        case "jpeg":
            return jpeg.read_header(data)
        case "png":
            return png.read_header(data)
        case "webp":
            return webp.read_header(data)


def validate_structure(data: bytes, header: ImageHeader) -> ImageHeader:
    """Walks the file to its end marker; the header comes back with what only the whole file tells.

    Raises an `ImageFormatError` when the file is cut short, damaged or made to exhaust its reader.
    """
    match header.format:
        case "jpeg":
            return jpeg_scans.validate_structure(data, header)
        case "png":
            return png.validate_structure(data, header)
        case "webp":
            return webp.validate_structure(data, header)
