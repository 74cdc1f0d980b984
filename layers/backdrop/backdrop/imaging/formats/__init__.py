"""The file formats of photos, one module each: structure, metadata, and which variants of the format are accepted.

Nothing here decodes a JPEG, PNG, or WebP: a photo in one of these formats can be sent as it is. What a file states
about its picture is read here and not by Pillow, which receives only what `strip_metadata` keeps
(docs/decisions/0057-own-facts-about-files.md).
"""

from backdrop.imaging.formats import jpeg, png, webp
from backdrop.imaging.formats.header import EmbeddedMetadata, ImageHeader, PhotoFormat


def read_header(data: bytes, photo_format: PhotoFormat) -> ImageHeader:
    """Reads a picture's header from the first bytes of its file.

    Raises `ImageFormatError` if the header cannot be read. `data` starts with the format's magic bytes.
    """
    match photo_format:
        case "jpeg":
            return jpeg.read_header(data)
        case "png":
            return png.read_header(data)
        case "webp":
            return webp.read_header(data)


def cut_after_end(data: bytes, photo_format: PhotoFormat) -> bytes:
    """Returns the file without the bytes after its picture, which no decoder reads; the same object if it has none.

    Raises `ImageFormatError` if the picture has no end.
    """
    match photo_format:
        case "jpeg":
            end = jpeg.find_end(data)
        case "png":
            end = png.find_end(data)
        case "webp":
            end = webp.find_end(data)
    return data if end == len(data) else data[:end]


def validate_structure(data: bytes, header: ImageHeader) -> ImageHeader:
    """Reads the file to its end marker and returns the header, completed with facts that only the whole file states.

    Raises `ImageFormatError` if the file is truncated, damaged, or crafted to exhaust the parser.
    """
    match header.format:
        case "jpeg":
            return jpeg.validate_structure(data, header)
        case "png":
            return png.validate_structure(data, header)
        case "webp":
            return webp.validate_structure(data, header)


def read_metadata(data: bytes, photo_format: PhotoFormat) -> EmbeddedMetadata:
    """Reads the metadata that precedes the end of a file or of its first bytes. Never raises."""
    match photo_format:
        case "jpeg":
            return jpeg.read_metadata(data)
        case "png":
            return png.read_metadata(data)
        case "webp":
            return webp.read_metadata(data)


def strip_metadata(data: bytes, photo_format: PhotoFormat) -> bytes:
    """Returns the photo with only the parts that its decoder needs; the same object if it has no others.

    Works by allow-lists, so unknown parts are removed too, and damaged ones that a decoder can do without. `data` has
    passed `validate_structure`; other data may raise `ImageFormatError`.
    """
    match photo_format:
        case "jpeg":
            return jpeg.strip_metadata(data)
        case "png":
            return png.strip_metadata(data)
        case "webp":
            return webp.strip_metadata(data)
