"""Where Pillow meets the bytes of a JPEG, PNG or WebP; whatever it raises at them leaves as a `DamagedError`."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.containers.header import DamagedError, ImageFormatError, ImageHeader
from backdrop.imaging.containers.png import check_pixels

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MAX_TRIAL_DECODE_BYTES = 256_000_000
"""Memory that a trial decode may take; a larger picture is judged by its structure alone."""


@contextmanager
def translate_decoder_errors(replacement: ImageFormatError | None = None) -> Generator[None]:
    """Whatever a decoder raises at foreign bytes leaves as `replacement`, or as a `DamagedError`.

    Only its own calls belong in here: what is amiss with the machine, or with our code, is not the photo's fault.
    """
    # Decoders warn of metadata that they skip; nobody is there to read it.
    with warnings.catch_warnings(action="ignore"):
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # decoders raise all kinds: KeyError, struct.error, RuntimeError
            raise replacement or DamagedError("cannot be decoded") from error


def open_picture(data: bytes, header: ImageHeader) -> "ImageFile":
    """Opens a file without decoding it; raises `DamagedError` when Pillow cannot.

    The caller has checked the header's size against its own limit, and the picture has that size.
    """
    with translate_decoder_errors(DamagedError("cannot be opened")):
        picture = _open(data, header)
    if picture.size != (header.width, header.height):
        raise DamagedError("holds a picture of another size than it says")
    return picture


def _open(data: bytes, header: ImageHeader) -> "ImageFile":
    # Imported late: Pillow and its plugins would cost every cold start 80 ms.
    from PIL import Image

    # Pillow's own limit is one for the whole process; ours is checked before it looks.
    Image.MAX_IMAGE_PIXELS = None
    # The plugin's class directly: Image.open would import and try all the others.
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


def decode(data: bytes, header: ImageHeader) -> "ImageFile":
    """Decodes every pixel; raises `DamagedError` when that fails."""
    picture = open_picture(data, header)
    with translate_decoder_errors():
        picture.load()
    return picture


def check_decodable(data: bytes, header: ImageHeader) -> None:
    """Finds out whether the picture decodes, in little memory; raises an `ImageFormatError` if not.

    PNG is unpacked piece by piece, JPEG decoded at an eighth of its size, WebP whole.
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
