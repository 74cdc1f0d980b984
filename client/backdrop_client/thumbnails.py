"""Small copies of photos and pictures, for notebooks, agents, and galleries.

Each file is decoded by the code that decodes photos for the providers, with its checks; files that the pipeline does
not open have no thumbnail. A JPEG is decoded at a reduced size.
"""

import os
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from threading import Lock, Semaphore

from PIL import Image

from backdrop.imaging.color import to_srgb
from backdrop.imaging.decode import open_picture
from backdrop.imaging.exif import apply_orientation, find_orientation
from backdrop.imaging.formats import read_header, read_metadata
from backdrop.imaging.formats.convertible import open_convertible, read_claimed_size
from backdrop.imaging.formats.header import ImageFormatError
from backdrop.imaging.prepare import load_upright_photo
from backdrop.imaging.sniff import sniff_file
from backdrop.model.capabilities import MAX_MEGAPIXELS
from backdrop.model.errors import PhotoError
from backdrop_client.errors import GoneError, InstructionsError

WEBP_QUALITY = 80
# Pillow's errors for bytes that it cannot decode, and ours for photos that are refused.
DECODE_ERRORS = (
    PhotoError, ImageFormatError, OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError,
    AttributeError,
)  # fmt: skip
# Many files are downloaded at a time, and one per processor is decoded. Large files are decoded one at a time: a HEIC
# of 48 megapixels takes 330 MB of memory, an AVIF 420 MB.
DECODE_LIMIT = Semaphore(os.cpu_count() or 1)
LARGE_IMAGE_LOCK = Lock()
_LARGE_IMAGE_PIXELS = 25_000_000


def read_thumbnail(read: Callable[[], bytes], max_side: int) -> bytes | None:
    """Returns `encode_thumbnail` of what is read; None also for an image that was deleted, or is too large."""
    try:
        data = read()
    except (GoneError, InstructionsError):
        return None
    return encode_thumbnail(data, max_side)


def encode_thumbnail(data: bytes, max_side: int) -> bytes | None:
    """Returns a WebP, upright and in sRGB, whose sides have at most `max_side` pixels; None if it cannot be decoded."""
    with DECODE_LIMIT:
        try:
            picture = _decode_thumbnail(data, max_side)
        except DECODE_ERRORS:
            return None
    buffer = BytesIO()
    picture.save(buffer, "WEBP", quality=WEBP_QUALITY, method=2)
    return buffer.getvalue()


def _decode_thumbnail(data: bytes, max_side: int) -> Image.Image:
    kind = sniff_file(data)
    if kind.convertible_format:
        size = read_claimed_size(data, kind.convertible_format) or open_convertible(data, kind.convertible_format).size
        with LARGE_IMAGE_LOCK if _is_large(*size) else nullcontext():
            return _shrink(load_upright_photo(data, MAX_MEGAPIXELS), max_side)
    if kind.format is None:
        raise ValueError("not an image")
    header = read_header(data, kind.format)
    if header.width * header.height > MAX_MEGAPIXELS * 1_000_000:
        raise ValueError("too many pixels")
    picture = open_picture(data, header)
    orientation = find_orientation(read_metadata(data, kind.format).exif)
    picture.draft("RGB", (2 * max_side, 2 * max_side))
    with LARGE_IMAGE_LOCK if _is_large(*picture.size) else nullcontext():
        picture.load()
        return _shrink(apply_orientation(to_srgb(picture), orientation), max_side)


def _is_large(width: int, height: int) -> bool:
    return width * height > _LARGE_IMAGE_PIXELS


def _shrink(picture: Image.Image, max_side: int) -> Image.Image:
    picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return picture
