"""The look at a photo before anything is paid for: what it is, how large, whether it is whole."""

from backdrop.imaging.containers import read_header, validate_structure
from backdrop.imaging.containers.header import (
    DecompressionBombError,
    ImageFormatError,
    ImageHeader,
    PhotoFormat,
    TruncatedError,
    UnsupportedVariantError,
)
from backdrop.imaging.sniff import FileFamily, FileKind, sniff_file
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError

MIN_SIDE_PIXELS = 16
"""Below this there is no subject to cut out."""

MAX_SIDE_RATIO = 20
"""Longer than any panorama; such strips are icons' sprite sheets or broken exports."""

SUPPORTED_FORMATS = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF"
"""What photos may come as."""

_PIXELS_PER_MEGAPIXEL = 1_000_000
_SAVE_AS = "Save it as JPEG, PNG or WebP and upload that."
_ADVICE: dict[FileFamily, str] = {
    "raw": "Develop it in your photo software, export it as JPEG and upload that.",
    "design": "Export it from its program as a flat PNG or JPEG and upload that.",
    "video": "Save one frame of it as JPEG or PNG and upload that.",
    "convertible": _SAVE_AS,
}
_UPLOAD_AGAIN = "Open the original, save it anew as JPEG or PNG and upload that."


def identify_file(data: bytes) -> FileKind:
    """What the bytes are, whatever it is; raises `PhotoError` when there are none."""
    if not data:
        raise PhotoError(Code.EMPTY_FILE, "The file is empty (0 bytes).")
    return sniff_file(data)


def read_valid_header(data: bytes, photo_format: PhotoFormat, max_megapixels: int) -> ImageHeader:
    """The header of a file that reaches to its end marker and whose claim fits.

    Raises `PhotoError` for a size that is not taken, an `ImageFormatError` for a file that cannot be read.
    """
    header = read_header(data, photo_format)
    check_size(header.width, header.height, max_megapixels)
    return validate_structure(data, header)


def build_unsupported_error(kind: FileKind) -> PhotoError:
    """Why a file cannot be worked with."""
    if kind.family == "convertible":
        message = f"The file is {kind.description}; {SUPPORTED_FORMATS} is taken."
        return PhotoError(Code.UNSUPPORTED_FORMAT, message, _ADVICE[kind.family])
    message = f"The file is {kind.description}, not a photo."
    return PhotoError(Code.NOT_A_PHOTO, message, _ADVICE.get(kind.family))


def check_size(width: int, height: int, max_megapixels: int) -> None:
    """Raises `PhotoError` for a claim, in pixels, that is too large, too small or too long."""
    size = f"{width:,} x {height:,} pixels"
    if width * height > max_megapixels * _PIXELS_PER_MEGAPIXEL:
        message = f"The photo has {size}; this stack opens up to {max_megapixels:,} megapixels."
        raise PhotoError(Code.TOO_MANY_PIXELS, message)
    short, long = sorted((width, height))
    if short < MIN_SIDE_PIXELS:
        message = f"The photo has {size}; each side must have at least {MIN_SIDE_PIXELS}."
        raise PhotoError(Code.TOO_SMALL, message)
    if long > short * MAX_SIDE_RATIO:
        message = f"The photo has {size}: one side is over {MAX_SIDE_RATIO} times the other."
        raise PhotoError(Code.EXTREME_RATIO, message)


def to_photo_error(error: ImageFormatError, kind: FileKind) -> PhotoError:
    """What a person reads about a file that cannot be read."""
    message = f"The file is {kind.description} that {error}."
    match error:
        case TruncatedError():
            return PhotoError(Code.TRUNCATED_PHOTO, message)
        case UnsupportedVariantError():
            return PhotoError(Code.UNSUPPORTED_FORMAT, message, _SAVE_AS)
        case DecompressionBombError():
            return PhotoError(Code.TOO_LARGE_BYTES, message, _UPLOAD_AGAIN)
        case _:
            return PhotoError(Code.DAMAGED_PHOTO, message)
