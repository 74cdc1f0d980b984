"""Opening and decoding the formats that are converted. Every decoder failure is raised as an `ImageFormatError`.

Only decoding shows whether a GIF, BMP, or TIFF is truncated. Photos are decoded before anything is paid for.
"""

from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.decode import adopt_colors, translate_decoder_errors
from backdrop.imaging.formats import heif, tiff
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
_SUPPORTED_MODES = frozenset(
    {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "LAB", "YCbCr", "I;16", "I;16L", "I;16B"}
)


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


def open_convertible(data: bytes, file_format: ConvertibleFormat) -> "ImageFile":
    """Opens a file without decoding it.

    The caller checks `read_claimed_size` before, and the size of the returned picture afterward. Raises
    `ImageFormatError`; for a TIFF that Pillow does not open, `UnsupportedVariantError`, because its directory is
    complete.
    """
    if file_format in ("heic", "avif"):
        heif.check_structure(data)
    if file_format == "tiff":
        tiff.check_directory(data)
    with translate_decoder_errors(_build_open_error(file_format)):
        picture = _open(data, file_format)
    if file_format == "tiff":
        tiff.check_variant(picture)
    if picture.mode not in _SUPPORTED_MODES:
        raise UnsupportedVariantError(f"uses a rare variant of the format (mode {picture.mode})")
    adopt_colors(picture, data)
    return picture


def count_pictures(data: bytes, file_format: ConvertibleFormat) -> int:
    """Counts the frames or pages of a file that `open_convertible` opens; 1 if a later one is damaged."""
    if file_format == "tiff":
        return tiff.count_pages(data)
    try:
        # Opened again, because counting advances a GIF to its last frame.
        with translate_decoder_errors():
            return getattr(_open(data, file_format), "n_frames", 1)
    except DamagedError:
        return 1


def decode_convertible(data: bytes, file_format: ConvertibleFormat, size: tuple[int, int]) -> "Image":
    """Decodes every pixel of the first picture.

    Raises `ImageFormatError` if the picture is incomplete or of a different size.
    """
    picture = open_convertible(data, file_format)
    file = picture.fp
    with translate_decoder_errors(_build_decode_error(file_format)):
        picture.load()
    if file:
        # A decoded TIFF would hold the file.
        file.close()
    if picture.size != size:
        raise DamagedError("contains a picture of a different size than it states")
    return tiff.invert_if_white_is_zero(picture) if file_format == "tiff" else picture


def _build_open_error(file_format: ConvertibleFormat) -> ImageFormatError:
    if file_format == "tiff":
        return UnsupportedVariantError("uses a rare variant of the format")
    return DamagedError("cannot be opened")


def _build_decode_error(file_format: ConvertibleFormat) -> ImageFormatError:
    # `heif.check_structure` has found all boxes of a HEIC or AVIF, so that it cannot be truncated.
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
    return Opened(BytesIO(data))
