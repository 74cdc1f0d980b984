"""Opening and decoding the formats that are converted. Every decoder failure is raised as an `ImageFormatError`.

Only decoding shows whether a GIF, BMP, or TIFF is truncated. Photos are decoded before anything is paid for.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.color import StatedColors, choose_colors
from backdrop.imaging.color_statements import read_color_statements
from backdrop.imaging.decode import adopt_colors, translate_decoder_errors
from backdrop.imaging.exif import UPRIGHT, find_orientation, to_orientation
from backdrop.imaging.formats import bmp, gif, heif, tiff
from backdrop.imaging.formats.header import (
    ConvertibleFormat,
    DamagedError,
    ImageFormatError,
    TruncatedError,
    UnsupportedVariantError,
)
from backdrop.model.capabilities import MAX_MEGAPIXELS

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_MAX_PIXELS = MAX_MEGAPIXELS * 1_000_000
"""Pillow refuses more than twice its own limit."""
_PREMULTIPLIED = "RGBa"
_SUPPORTED_MODES = frozenset(
    {"1", "L", "LA", "P", "PA", "RGB", "RGBA", _PREMULTIPLIED, "CMYK", "LAB", "YCbCr", "I;16", "I;16L", "I;16B"}
)


@dataclass(frozen=True, slots=True)
class OpenedPicture:
    """The picture of a file that is its photo, not yet decoded.

    `size` is that of the picture which `load` decodes; `orientation` must be applied to it. `mode` is Pillow's,
    with `;16` for 16 bits per channel.
    `colors` is what the file states about them. `picture_count` is the number of pictures in the file. `load` raises
    `ImageFormatError` if the picture is incomplete or has another size.
    """

    size: tuple[int, int]
    mode: str
    orientation: int
    colors: StatedColors
    picture_count: int
    load: "Callable[[], Image]"


def read_claimed_size(data: bytes, file_format: ConvertibleFormat) -> tuple[int, int] | None:
    """Returns the width and height that the file claims; None if only `open_convertible` can read them.

    Raises `ImageFormatError` if the claim cannot be read.
    """
    match file_format:
        case "heic" | "avif":
            return heif.read_size(data)
        case "gif":
            # The screen that all frames share. Pillow fills it on opening if frames are cleared after display.
            return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
        case "bmp" | "tiff":
            return None


def open_convertible(data: bytes, file_format: ConvertibleFormat) -> OpenedPicture:
    """Opens a file without decoding it.

    The caller checks `read_claimed_size` before, and the size of the returned picture afterward. Raises
    `ImageFormatError`; for a TIFF that Pillow does not open, `UnsupportedVariantError`, because its directory is
    complete.
    """
    match file_format:
        case "heic" | "avif":
            return _describe(heif.extract_pictures(data), file_format, data)
        case "tiff":
            photo = tiff.extract_photo(data)
            return replace(
                _describe(photo.data, file_format, data),
                orientation=to_orientation(photo.orientation),
                picture_count=photo.page_count,
            )
        case "gif":
            picture_count = gif.count_pictures(data)
            return replace(_describe(data, file_format, data), picture_count=picture_count)
        case "bmp":
            bmp.check_runs(data)
            return _describe(data, file_format, data)


def _describe(pixels: bytes, file_format: ConvertibleFormat, data: bytes) -> OpenedPicture:
    """`pixels`: what the decoder receives of the file, `data`."""
    picture = _open(pixels, file_format)
    if picture.mode not in _SUPPORTED_MODES:
        raise UnsupportedVariantError(f"uses a rare variant of the format (mode {picture.mode})")
    is_avif = file_format == "avif"
    crop = heif.read_crop(pixels, picture.size) if is_avif else None
    colors = choose_colors(read_color_statements(data, file_format), picture.mode)
    left, top, right, bottom = crop or (0, 0, *picture.size)
    return OpenedPicture(
        size=(right - left, bottom - top),
        mode=tiff.describe_mode(picture),
        # Pillow states the rotation and mirroring of an AVIF's boxes as an EXIF block. libheif applies those of a HEIC.
        orientation=find_orientation(picture.info.get("exif", b"")) if is_avif else UPRIGHT,
        colors=colors,
        picture_count=getattr(picture, "n_frames", 1) if is_avif or file_format == "heic" else 1,
        load=partial(_decode, pixels, file_format, picture.size, crop, colors),
    )


def _decode(
    pixels: bytes,
    file_format: ConvertibleFormat,
    size: tuple[int, int],
    crop: tuple[int, int, int, int] | None,
    colors: StatedColors,
) -> "Image":
    """Decodes every pixel, and corrects what Pillow leaves to its caller.

    Opens the file again, because the opened picture would hold its pixels.
    """
    picture = _open(pixels, file_format)
    adopt_colors(picture, colors)
    file = picture.fp
    with translate_decoder_errors(_build_decode_error(file_format)):
        picture.load()
    if file:
        # A decoded TIFF would hold the file.
        file.close()
    if picture.size != size:
        raise DamagedError("contains a picture of a different size than it states")
    if picture.mode == _PREMULTIPLIED:
        return picture.convert("RGBA")
    match file_format:
        case "tiff":
            return tiff.invert_if_white_is_zero(picture)
        case "bmp":
            return bmp.drop_unused_alpha(picture)
        case _:
            return picture.crop(crop) if crop else picture


def _build_open_error(file_format: ConvertibleFormat) -> ImageFormatError:
    if file_format == "tiff":
        return UnsupportedVariantError("uses a rare variant of the format")
    return DamagedError("cannot be opened")


def _build_decode_error(file_format: ConvertibleFormat) -> ImageFormatError:
    # The pixels of a HEIC or AVIF have been found, so that it cannot be truncated.
    if file_format in ("heic", "avif"):
        return DamagedError("cannot be decoded")
    return TruncatedError("ends before its picture is complete, or is damaged")


def _open(data: bytes, file_format: ConvertibleFormat) -> "ImageFile":
    from PIL import Image

    # The caller checks sizes, with one exception: a GIF's first frame may be larger than the screen that it claims.
    Image.MAX_IMAGE_PIXELS = _MAX_PIXELS // 2
    match file_format:
        case "gif":
            from PIL.GifImagePlugin import GifImageFile as Opened
        case "bmp":
            from PIL.BmpImagePlugin import BmpImageFile as Opened
        case "tiff":
            from PIL.TiffImagePlugin import TiffImageFile as Opened
        case "avif":
            from PIL.AvifImagePlugin import AvifImageFile as Opened
        case "heic":
            from pillow_heif.as_plugin import HeifImageFile as Opened
    with translate_decoder_errors(_build_open_error(file_format)):
        return Opened(BytesIO(data))
