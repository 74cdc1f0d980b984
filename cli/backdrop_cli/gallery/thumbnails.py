"""Thumbnails for a gallery, and photos in a format that browsers show."""

import hashlib
from io import BytesIO

from PIL import Image

from backdrop.imaging.formats import cut_after_end
from backdrop.imaging.formats.header import ImageFormatError
from backdrop.imaging.metadata import embed_xmp
from backdrop.imaging.prepare import load_upright_photo
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.xmp import build_xmp_packet
from backdrop.model.capabilities import MAX_MEGAPIXELS
from backdrop_cli.gallery.album import GalleryFile, MissingReason
from backdrop_client import thumbnails
from backdrop_client.thumbnails import DECODE_ERRORS, DECODE_LIMIT, LARGE_IMAGE_LOCK, WEBP_QUALITY

THUMBNAIL_FOLDER = "thumbs"
MAX_SIDE_PIXELS = 960
"""Sharp on a card on any screen, and large enough for the page's large view."""
CHANGE_COLOR = (255, 0, 160)
"""A pink that few products have. Other parts are darkened, so that a change shows on a pink product too."""
CHANGE_ALPHA, VEIL_ALPHA = 215, 120
JPEG_QUALITY = 92
"""The quality of a converted photo, in the full-size view."""
MAX_WEBP_SIDE_PIXELS = 16_383
_FORMATS_WITHOUT_BROWSERS = frozenset({"heic", "tiff"})
SUFFIXES = {
    "jpeg": (".jpg", ".jpeg"),
    "png": (".png",),
    "webp": (".webp",),
    "gif": (".gif",),
    "bmp": (".bmp",),
    "avif": (".avif",),
}
"""The suffixes of the files that browsers show, by format. The first one is added to a name with another suffix."""


def hash_file(file: GalleryFile) -> str:
    """Returns 32 hexadecimal digits, the same for files with the same bytes."""
    return hashlib.sha256(file.fingerprint.encode()).hexdigest()[:32]


def build_thumbnail_link(file: GalleryFile) -> str:
    """Returns the thumbnail's path relative to the page; its name is a hash of what it shows."""
    digest = hashlib.sha256(f"{MAX_SIDE_PIXELS} {WEBP_QUALITY} marked {file.fingerprint}".encode()).hexdigest()
    return f"{THUMBNAIL_FOLDER}/{digest[:32]}.webp"


def encode_small_file(file: GalleryFile, data: bytes) -> bytes | MissingReason:
    """Returns a small WebP of a photo or picture, or the layer of a map of changes."""
    return encode_change_map(data) if file.is_change_map else encode_thumbnail(data)


def encode_thumbnail(data: bytes) -> bytes | MissingReason:
    """Returns a small WebP, upright and in sRGB; MissingReason.UNREADABLE if the bytes cannot be decoded."""
    thumbnail = thumbnails.encode_thumbnail(data, MAX_SIDE_PIXELS)
    return _mark_as_own(thumbnail) if thumbnail else MissingReason.UNREADABLE


def encode_change_map(data: bytes) -> bytes | MissingReason:
    """Returns a layer for the photo and the picture: a color where the map is bright, and a veil where it is dark."""
    try:
        with Image.open(BytesIO(data), formats=("PNG",)) as opened:
            changes = opened.convert("L")
    except DECODE_ERRORS:
        return MissingReason.UNREADABLE
    layer = Image.merge(
        "RGBA",
        [
            *(changes.point([value * level // 255 for level in range(256)]) for value in CHANGE_COLOR),
            changes.point([VEIL_ALPHA + (CHANGE_ALPHA - VEIL_ALPHA) * level // 255 for level in range(256)]),
        ],
    )
    buffer = BytesIO()
    layer.save(buffer, "WEBP", lossless=True)
    return _mark_as_own(buffer.getvalue())


def _mark_as_own(file: bytes) -> bytes:
    """Marks a WebP as Backdrop's, so that a gallery that is copied into a bucket is not bought as photos."""
    return embed_xmp(file, "webp", build_xmp_packet(None))


def encode_for_browsers(data: bytes) -> tuple[bytes, str] | MissingReason:
    """Returns a file that every browser shows, and its format, a key of SUFFIXES.

    Almost all files stay as they are, except for bytes after a picture's end. A HEIC or TIFF photo becomes a JPEG of
    the same size, or a WebP if it has transparency. MissingReason.UNREADABLE if the bytes are not a picture.
    """
    kind = sniff_file(data)
    if kind.format:
        try:
            return cut_after_end(data, kind.format), kind.format
        except ImageFormatError:
            # Without an end, it has nothing after it. Browsers show what there is.
            return data, kind.format
    if kind.convertible_format not in _FORMATS_WITHOUT_BROWSERS:
        return (data, kind.convertible_format) if kind.convertible_format else MissingReason.UNREADABLE
    buffer = BytesIO()
    with DECODE_LIMIT, LARGE_IMAGE_LOCK:
        try:
            picture = load_upright_photo(data, MAX_MEGAPIXELS)
        except DECODE_ERRORS:
            return MissingReason.UNREADABLE
        if picture.mode == "RGB":
            picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
            return buffer.getvalue(), "jpeg"
        picture.thumbnail((MAX_WEBP_SIDE_PIXELS, MAX_WEBP_SIDE_PIXELS))
        picture.save(buffer, "WEBP", quality=WEBP_QUALITY, method=0)
    return buffer.getvalue(), "webp"
