"""The three file formats that pass untouched, read without decoding a pixel."""

from backdrop.imaging.containers import jpeg, jpeg_scans, png, webp
from backdrop.imaging.containers.header import Header, PhotoFormat


def read_header(data: bytes, photo_format: PhotoFormat) -> Header:
    """What the file claims about its picture, from its first bytes alone.

    Raises a `ContainerError` when the claim cannot be read. `data` starts with the format's magic.
    """
    match photo_format:
        case "jpeg":
            return jpeg.read_header(data)
        case "png":
            return png.read_header(data)
        case "webp":
            return webp.read_header(data)


def complete(data: bytes, header: Header) -> Header:
    """Walks the file to its end marker; the header comes back with what only the whole file tells.

    Raises a `ContainerError` when the file is cut short, damaged or made to exhaust its reader.
    """
    match header.format:
        case "jpeg":
            return jpeg_scans.complete(data, header)
        case "png":
            return png.complete(data, header)
        case "webp":
            return webp.complete(data, header)
