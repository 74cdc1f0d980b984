"""What a file says beside its pixels: cut out of a photo before it leaves, put into a picture that is handed over.

Nothing here decodes a pixel: the compressed pixel data leaves as it came, so what hides inside it stays there.
"""

from backdrop.imaging.containers.header import PhotoFormat
from backdrop.imaging.metadata import jpeg, png, webp
from backdrop.imaging.sniff import sniff_file


def strip_metadata(data: bytes, photo_format: PhotoFormat) -> bytes:
    """The photo with nothing but what its decoder needs; the same bytes where there is nothing else.

    Only known parts stay, so what no list names is cut as well. `data` has passed `prepare`; anything else may raise a
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
    """A photo that passes as it is, as it is sent: without what it says beside its pixels."""
    photo_format = sniff_file(data).format
    return strip_metadata(data, photo_format) if photo_format else data


def embed_xmp(data: bytes, photo_format: PhotoFormat, packet: bytes) -> bytes:
    """The picture with this XMP packet in place of any other; all else in it stays, byte for byte.

    Raises `ValueError` for a packet too long for the format, an `ImageFormatError` for a picture that is cut short or
    damaged.
    """
    match photo_format:
        case "jpeg":
            return jpeg.embed_xmp(data, packet)
        case "png":
            return png.embed_xmp(data, packet)
        case "webp":
            return webp.embed_xmp(data, packet)
