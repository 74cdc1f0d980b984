"""Checks a photo before anything is paid for: its type, its size, and whether it is complete."""

from backdrop.imaging.formats import read_header, validate_structure
from backdrop.imaging.formats.header import (
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
"""Smaller pictures have no subject to cut out."""

MAX_SIDE_RATIO = 20
"""No panorama is more elongated: strips beyond this are sprite sheets or broken exports."""

MAX_WEBP_MEGAPIXELS = 140
"""A WebP cannot be decoded in parts. libwebp's animation decoder, which Pillow uses, and Pillow hold 16 bytes per pixel
(measured), and intake has 3 GB."""

SUPPORTED_FORMATS = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP, and GIF"

_SAVE_AS = "Save it as JPEG, PNG, or WebP, and upload the new file."
_SAVE_AS_JPEG_OR_PNG = "Save it as JPEG or PNG, and upload the new file."
_ADVICE: dict[FileFamily, str] = {
    "raw": "Develop it in your photo software, export it as JPEG, and upload the new file.",
    "design": "Export it from its program as a flat PNG or JPEG, and upload the new file.",
    "video": "Save one frame of it as JPEG or PNG, and upload the new file.",
    "convertible": _SAVE_AS,
}
_UPLOAD_AGAIN = "Open the original, save it again as JPEG or PNG, and upload the new file."


def identify_file(data: bytes) -> FileKind:
    """Detects what a file is, supported or not. Raises `PhotoError` if it is empty."""
    if not data:
        raise PhotoError(Code.EMPTY_FILE, "The file is empty (0 bytes).")
    return sniff_file(data)


def read_valid_header(data: bytes, photo_format: PhotoFormat, max_megapixels: int) -> ImageHeader:
    """Returns the header of a complete file of an accepted size.

    Raises `PhotoError` for a size outside the limits, and `ImageFormatError` for a file that cannot be read.
    """
    header = read_header(data, photo_format)
    check_size(header.width, header.height, max_megapixels)
    if photo_format == "webp" and header.width * header.height > MAX_WEBP_MEGAPIXELS * 1_000_000:
        message = (
            f"The photo is a WebP with {header.width:,} × {header.height:,} pixels; a WebP can have at most "
            f"{MAX_WEBP_MEGAPIXELS} megapixels."
        )
        raise PhotoError(Code.TOO_MANY_PIXELS, message, _SAVE_AS_JPEG_OR_PNG)
    return validate_structure(data, header)


def build_unsupported_error(kind: FileKind) -> PhotoError:
    if kind.family == "convertible":
        message = f"The file is {kind.description}; supported formats are {SUPPORTED_FORMATS}."
        return PhotoError(Code.UNSUPPORTED_FORMAT, message, _ADVICE[kind.family])
    message = f"The file is {kind.description}, not a photo."
    return PhotoError(Code.NOT_A_PHOTO, message, _ADVICE.get(kind.family))


def build_nothing_visible_error() -> PhotoError:
    return PhotoError(Code.PHOTO_SHOWS_NOTHING, "Every pixel of the photo is transparent, or almost.")


def check_size(width: int, height: int, max_megapixels: int) -> None:
    """Raises `PhotoError` if a claimed size, in pixels, is too large, too small, or too elongated."""
    size = f"{width:,} × {height:,} pixels"
    if width * height > max_megapixels * 1_000_000:
        message = f"The photo is {size}; this stack accepts up to {max_megapixels:,} megapixels."
        raise PhotoError(Code.TOO_MANY_PIXELS, message)
    short, long = sorted((width, height))
    if short < MIN_SIDE_PIXELS:
        message = f"The photo is {size}; each side must be at least {MIN_SIDE_PIXELS} pixels long."
        raise PhotoError(Code.TOO_SMALL, message)
    if long > short * MAX_SIDE_RATIO:
        message = f"The photo is {size}: one side is more than {MAX_SIDE_RATIO} times as long as the other."
        raise PhotoError(Code.EXTREME_RATIO, message)


def to_photo_error(error: ImageFormatError, kind: FileKind) -> PhotoError:
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


def read_pixel_size(data: bytes) -> tuple[int, int] | None:
    """Returns the stored width and height of a JPEG, PNG, or WebP; None if its header cannot be read."""
    photo_format = sniff_file(data).format
    try:
        header = read_header(data, photo_format) if photo_format else None
    except ImageFormatError:
        return None
    return (header.width, header.height) if header else None
