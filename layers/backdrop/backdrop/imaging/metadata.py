"""A file's metadata: removed from a photo before it is sent, and added to a picture before it is delivered.

Nothing here decodes a pixel: compressed pixel data is copied unchanged, including anything hidden inside it.
"""

from backdrop.imaging.formats import jpeg, png, strip_metadata, webp
from backdrop.imaging.formats.header import PhotoFormat
from backdrop.imaging.iptc import build_iptc_resource
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.xmp import build_xmp_packet
from backdrop.model.composition import PictureTexts


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


def embed_picture_metadata(
    data: bytes, photo_format: PhotoFormat, operation: str | None, texts: PictureTexts, source_term: str = ""
) -> bytes:
    """Returns a picture that Backdrop made, with its texts and, if `operation` is given, a mark of how it was made.

    `source_term`: see `find_source_type`. A JPEG has the texts also as IPTC-IIM; the other formats have no place for
    it. See `embed_xmp`.
    """
    packet, resource = build_xmp_packet(operation, texts, source_term), build_iptc_resource(texts)
    with_packet = embed_xmp(data, photo_format, packet)
    return jpeg.embed_image_resource(with_packet, resource) if resource and photo_format == "jpeg" else with_packet
