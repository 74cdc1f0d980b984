"""A file's metadata: removed from a photo before it is sent, and added to a picture before it is delivered.

Nothing here decodes a pixel: compressed pixel data is copied unchanged, including anything hidden inside it.
"""

from backdrop.imaging.formats import jpeg, png, webp
from backdrop.imaging.formats.header import PhotoFormat
from backdrop.imaging.sniff import sniff_file


def strip_metadata(data: bytes, photo_format: PhotoFormat) -> bytes:
    """Returns the photo with only the parts that its decoder needs; the same object if it has no others.

    Works by allow-lists, so unknown parts are removed too. `data` has passed `prepare_photo`; other data may raise
    `ImageFormatError`.
    """
    match photo_format:
        case "jpeg":
            return jpeg.strip_metadata(data)
        case "png":
            return png.strip_metadata(data)
        case "webp":
            return webp.strip_metadata(data)


def strip_photo_metadata(data: bytes) -> bytes:
    """Strips metadata from a photo that needs no conversion. Data of other formats is returned unchanged."""
    photo_format = sniff_file(data).format
    return strip_metadata(data, photo_format) if photo_format else data


def embed_xmp(data: bytes, photo_format: PhotoFormat, packet: bytes) -> bytes:
    """Returns the picture with this XMP packet in place of any other. Everything else is kept byte for byte.

    Raises `ValueError` for a packet that is too long for the format, and `ImageFormatError` for a picture that is
    truncated or damaged.
    """
    match photo_format:
        case "jpeg":
            return jpeg.embed_xmp(data, packet)
        case "png":
            return png.embed_xmp(data, packet)
        case "webp":
            return webp.embed_xmp(data, packet)
