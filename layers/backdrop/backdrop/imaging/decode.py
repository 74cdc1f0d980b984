"""Decoding JPEG, PNG, and WebP with Pillow. Any error that Pillow raises for a file becomes a `DamagedError`."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.color import StatedColors, choose_colors
from backdrop.imaging.color_statements import read_color_statements
from backdrop.imaging.formats import strip_metadata
from backdrop.imaging.formats.header import DamagedError, ImageFormatError, ImageHeader
from backdrop.imaging.formats.png import check_pixels, read_transparent_color
from backdrop.imaging.jpeg_damage import check_jpeg_pixels

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_BIT_DEPTH_OFFSET = 24
"""In a PNG's header."""
_TRIAL_SIDE = 64
"""Pixels; a JPEG is decoded at the smallest of its sizes, down to an eighth, whose sides are at least as long."""


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
    """Opens a file without decoding it. Raises `ImageFormatError` if Pillow cannot, or if it finds another size.

    Pillow receives what `strip_metadata` keeps, so that it can neither fail on anything else nor interpret it.
    The caller has checked the header's size against its own limit.
    """
    stripped = strip_metadata(data, header.format)
    with translate_decoder_errors(DamagedError("cannot be opened")):
        picture = _open(stripped, header)
    if picture.size != (header.width, header.height):
        raise DamagedError("contains a picture of a different size than it states")
    adopt_colors(picture, choose_colors(read_color_statements(data, header.format), picture.mode))
    return picture


def adopt_colors(picture: "Image", colors: StatedColors) -> None:
    """Replaces the profile that the decoder found by what the picture's file states. `to_srgb` applies it."""
    picture.info.pop("icc_profile", None)
    if colors.profile:
        picture.info["icc_profile"] = colors.profile


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


def decode(data: bytes, header: ImageHeader, *, draft_size: tuple[int, int] | None = None) -> "Image":
    """Decodes every pixel. Raises `ImageFormatError` if that fails, or if some are missing.

    A JPEG is decoded at a half, a quarter, or an eighth of its size if that is at least `draft_size`, in pixels. A
    picture with a transparent color gets an alpha channel.
    """
    if header.format == "jpeg":
        # Pillow would fill what is missing with gray.
        check_jpeg_pixels(data)
    picture = open_picture(data, header)
    file = picture.fp
    with translate_decoder_errors():
        if draft_size:
            picture.draft(None, draft_size)
        picture.load()
    if header.format == "webp":
        # The original holds its decoder, which takes twice the picture's memory.
        return picture.copy()
    if file:
        # A decoded PNG would hold the file.
        file.close()
    transparent_color = read_transparent_color(data) if header.format == "png" else None
    return _add_alpha(picture, transparent_color, data, header) if transparent_color else picture


def _add_alpha(picture: "ImageFile", color: tuple[int, ...], data: bytes, header: ImageHeader) -> "Image":
    """Makes each pixel of this color transparent. The color has the file's depth, which Pillow does not respect."""
    from PIL import Image, ImageChops

    picture.info.pop("transparency", None)
    shown: Image.Image = picture
    matches: list[Image.Image] = []
    if header.mode == "I;16":
        # Pillow holds the lower byte of each sample first.
        samples = picture.tobytes()
        shown, low = (Image.frombytes("L", picture.size, samples, "raw", mode) for mode in ("L;16", "L;16B"))
        matches += _match(shown, [value >> 8 for value in color]) + _match(low, [value & 255 for value in color])
    elif header.mode.endswith(";16"):
        matches += _match(picture, [value >> 8 for value in color])
        matches += _match(_decode_low_bytes(data, header), [value & 255 for value in color])
    else:
        if picture.mode == "1":
            shown = picture.convert("L")
        highest = (1 << data[_BIT_DEPTH_OFFSET]) - 1
        matches += _match(shown, [value * 255 // highest for value in color])
    match = matches[0]
    for other in matches[1:]:
        match = ImageChops.darker(match, other)
    shown.putalpha(ImageChops.invert(match))
    return shown


def _match(picture: "Image", color: list[int]) -> "list[Image]":
    """Returns a mask for each channel: 255 where it has the color's value, and 0 elsewhere."""
    return [
        channel.point([255 * (level == value) for level in range(256)])
        for channel, value in zip(picture.split(), color, strict=True)
    ]


def _decode_low_bytes(data: bytes, header: ImageHeader) -> "Image":
    """Decodes the lower bytes of a picture with 16 bits per channel. Pillow keeps only the upper ones."""
    picture = open_picture(data, header)
    # Little-endian, although PNG is big-endian: this reads the other byte of each sample.
    picture.tile = [tile._replace(args="RGB;16L") for tile in picture.tile]
    with translate_decoder_errors():
        picture.load()
    return picture


def check_decodable(data: bytes, header: ImageHeader) -> None:
    """Raises `ImageFormatError` if the picture does not decode, or if some of its pixels are missing.

    Takes little memory for a PNG, which is unpacked piece by piece, and for a JPEG, which is decoded at an eighth of
    its size. A WebP is decoded as a whole.
    """
    match header.format:
        case "png":
            check_pixels(data, header)
        case "jpeg":
            if not check_jpeg_pixels(data):
                decode(data, header, draft_size=(_TRIAL_SIDE, _TRIAL_SIDE))
        case "webp":
            decode(data, header)
