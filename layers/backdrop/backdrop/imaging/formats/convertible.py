"""Where the decoders of converted formats meet foreign bytes, each only its own; their failures leave as ours.

A GIF, BMP or TIFF that breaks off shows only when it is decoded, which happens before anything is paid for.
"""

from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.containers.header import DamagedError, ImageFormatError, TruncatedError, UnsupportedVariantError
from backdrop.imaging.decode import translate_decoder_errors
from backdrop.imaging.formats import heif, tiff

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

    from backdrop.imaging.formats.names import ConvertibleFormat

_PHOTOMETRIC = 262
_MAX_PIXELS = 200_000_000
"""As many as the stack parameter MaxImageMegapixels can allow; Pillow refuses more than twice its own limit."""
_SUPPORTED_MODES = frozenset(
    {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "LAB", "YCbCr", "I;16", "I;16L", "I;16B"}
)


def read_claimed_size(data: bytes, file_format: "ConvertibleFormat") -> tuple[int, int] | None:
    """The width and height that the file claims; None where only `open_foreign` can tell.

    Raises an `ImageFormatError` when the claim cannot be read.
    """
    match file_format:
        case "heic" | "avif":
            return heif.read_size(data)
        case "gif":
            # Of the screen that all frames share. Pillow fills it when it opens a file whose frames are to be cleared.
            return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
        case "bmp" | "tiff":
            return None


def open_convertible(data: bytes, file_format: "ConvertibleFormat") -> "ImageFile":
    """Opens a file without decoding it; the caller has checked `claimed_size`, and checks the picture's own size.

    Raises an `ImageFormatError`: for a TIFF that Pillow does not open `UnsupportedVariantError`, since its directory is
    all there.
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
        raise UnsupportedVariantError(f"is of a rare kind (mode {picture.mode})")
    return picture


def count_pictures(data: bytes, file_format: "ConvertibleFormat") -> int:
    """How many frames or pages a file holds that `open_foreign` opens; 1 where a later one is damaged."""
    if file_format == "tiff":
        return tiff.count_pages(data)
    try:
        # Opened once more, since counting moves a GIF on to its last frame.
        with translate_decoder_errors():
            return getattr(_open(data, file_format), "n_frames", 1)
    except DamagedError:
        return 1


def decode_convertible(data: bytes, file_format: "ConvertibleFormat", size: tuple[int, int]) -> "Image":
    """Decodes every pixel of the first picture.

    Raises an `ImageFormatError` where it is not whole or of another size.
    """
    picture = open_convertible(data, file_format)
    with translate_decoder_errors(_build_decode_error(file_format)):
        picture.load()
    if picture.size != size:
        raise DamagedError("holds a picture of another size than it says")
    return _invert(picture) if file_format == "tiff" and _is_white_zero(picture) else picture


def _is_white_zero(picture: "ImageFile") -> bool:
    """Whether 0 is white; Pillow turns that round for all pixels but wide ones."""
    tags: dict[int, int] = getattr(picture, "tag_v2", {})
    return picture.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == 0


def _invert(picture: "Image") -> "Image":
    return picture.point(lambda value: value * -1 + 65_535)


def _build_open_error(file_format: "ConvertibleFormat") -> ImageFormatError:
    return UnsupportedVariantError("is of a rare kind") if file_format == "tiff" else DamagedError("cannot be opened")


def _build_decode_error(file_format: "ConvertibleFormat") -> ImageFormatError:
    # That all boxes of a HEIC or AVIF are there, `check_whole` has seen.
    if file_format in ("heic", "avif"):
        return DamagedError("cannot be decoded")
    return TruncatedError("breaks off before its picture ends, or is damaged in it")


def _open(data: bytes, file_format: "ConvertibleFormat") -> "ImageFile":
    from PIL import Image

    # Sizes are checked by the caller, but for one: a GIF's first frame may be larger than the screen that it claims.
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
            from pi_heif.as_plugin import HeifImageFile as Opened
    return Opened(BytesIO(data))
