"""Decoding JPEG, PNG, and WebP with Pillow. Any error that Pillow raises for a file becomes a `DamagedError`."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.color import choose_colors
from backdrop.imaging.color_statements import read_color_statements
from backdrop.imaging.formats.header import DamagedError, ImageFormatError, ImageHeader
from backdrop.imaging.formats.png import check_pixels

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

MAX_TRIAL_DECODE_BYTES = 256_000_000
"""Memory that a trial decode may take. A picture that needs more is checked by its structure alone."""


@contextmanager
def translate_decoder_errors(replacement: ImageFormatError | None = None) -> Generator[None]:
    """Converts any error that a decoder raises for a file's bytes to `replacement`, or to a `DamagedError`.

    Wrap only the decoder's own calls: a failure of the machine or of our code must not be blamed on the photo.
    """
    # Decoders warn about metadata that they skip, which helps no one here.
    with warnings.catch_warnings(action="ignore"):
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # decoders raise many types: KeyError, struct.error, RuntimeError
            raise replacement or DamagedError("cannot be decoded") from error


def open_picture(data: bytes, header: ImageHeader) -> "ImageFile":
    """Opens a file without decoding it. Raises `DamagedError` if Pillow cannot, or if it finds another size.

    The caller has checked the header's size against its own limit.
    """
    with translate_decoder_errors(DamagedError("cannot be opened")):
        picture = _open(data, header)
    if picture.size != (header.width, header.height):
        raise DamagedError("contains a picture of a different size than it states")
    adopt_colors(picture, data)
    return picture


def adopt_colors(picture: "Image", data: bytes) -> None:
    """Replaces the profile that the decoder found by what the picture's file, `data`, states. `to_srgb` applies it."""
    profile = choose_colors(read_color_statements(picture, data), picture.mode).profile
    picture.info.pop("icc_profile", None)
    if profile:
        picture.info["icc_profile"] = profile


def _open(data: bytes, header: ImageHeader) -> "ImageFile":
    # Imported late: Pillow and its plugins would add 80 ms to every cold start.
    from PIL import Image

    # Pillow's limit applies to the whole process; ours is checked before Pillow opens the file.
    Image.MAX_IMAGE_PIXELS = None
    # Calls the plugin's class directly, because Image.open would import and try all other plugins.
    match header.format:
        case "jpeg":
            from PIL.JpegImagePlugin import JpegImageFile

            return JpegImageFile(BytesIO(data))
        case "png":
            from PIL.PngImagePlugin import PngImageFile

            return PngImageFile(BytesIO(data))
        case "webp":
            from PIL.WebPImagePlugin import WebPImageFile

            return WebPImageFile(BytesIO(data))


def decode(data: bytes, header: ImageHeader) -> "Image":
    """Decodes every pixel. Raises `DamagedError` if that fails."""
    picture = open_picture(data, header)
    file = picture.fp
    with translate_decoder_errors():
        picture.load()
    if header.format == "webp":
        # The original holds its decoder, which takes twice the picture's memory.
        return picture.copy()
    if file:
        # A decoded PNG would hold the file.
        file.close()
    return picture


def check_decodable(data: bytes, header: ImageHeader) -> None:
    """Raises `ImageFormatError` if the picture does not decode. Takes little memory.

    A PNG is unpacked piece by piece, a JPEG is decoded at an eighth of its size, and a WebP is decoded as a whole.
    """
    if header.format == "png":
        check_pixels(data, header)
        return
    if header.trial_decode_bytes > MAX_TRIAL_DECODE_BYTES:
        return
    picture = open_picture(data, header)
    with translate_decoder_errors():
        picture.draft(None, (1, 1))
        picture.load()
