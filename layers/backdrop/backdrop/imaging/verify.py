"""The look at a paid picture before it is handed over: does it decode, is it what was asked for."""

from dataclasses import dataclass

from backdrop.imaging.containers import read_header, validate_structure
from backdrop.imaging.containers.header import (
    ImageFormatError,
    ImageHeader,
    PhotoFormat,
    UnsupportedVariantError,
)
from backdrop.imaging.decode import decode
from backdrop.imaging.sniff import sniff_file
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError

MIN_CUTOUT_SHARE = 0.001
"""The least part of a cut-out that must be removed, and the least that must remain."""

_MIN_VISIBLE_ALPHA = 16
_MIN_SOLID_ALPHA = 128
"""Alpha of 0..255: below `_CLEAR` a pixel is gone, from `_SOLID` on it is there."""

_PIXELS_PER_MEGAPIXEL = 1_000_000


@dataclass(frozen=True, slots=True)
class VerifiedPicture:
    """A verified result; `has_alpha` is true when at least one pixel is not opaque."""

    format: PhotoFormat
    width: int
    height: int
    has_alpha: bool


def verify_result(data: bytes, *, expect_alpha: bool, max_megapixels: int) -> VerifiedPicture:
    """Decodes a provider's picture whole; raises `ResultError` when it cannot be handed over.

    With `expect_alpha` a part of it must be transparent and a part must not.
    """
    header = _read_result(data, max_megapixels)
    try:
        alpha_histogram = _count_alpha_values(data, header)
    except ImageFormatError as error:
        raise _to_result_error(error, header.format) from error
    if expect_alpha:
        _check_cutout(alpha_histogram)
    return VerifiedPicture(header.format, header.width, header.height, sum(alpha_histogram[:255]) > 0)


def _read_result(data: bytes, max_megapixels: int) -> ImageHeader:
    if not data:
        raise ResultError(Code.RESULT_NOT_AN_IMAGE, "The provider's file is empty (0 bytes).")
    kind = sniff_file(data)
    if kind.format is None:
        message = f"The provider's file is {kind.description}, not a PNG, JPEG or WebP picture."
        raise ResultError(Code.RESULT_NOT_AN_IMAGE, message)
    try:
        header = read_header(data, kind.format)
        if header.width * header.height > max_megapixels * _PIXELS_PER_MEGAPIXEL:
            raise ResultError(Code.RESULT_TOO_LARGE, _describe_excess_size(header, max_megapixels))
        return validate_structure(data, header)
    except ImageFormatError as error:
        raise _to_result_error(error, kind.format) from error


def _describe_excess_size(header: ImageHeader, max_megapixels: int) -> str:
    size = f"{header.width:,} x {header.height:,} pixels"
    return f"The provider's picture has {size}; this stack opens up to {max_megapixels:,} megapixels."


def _count_alpha_values(data: bytes, header: ImageHeader) -> list[int]:
    """How many pixels there are of each alpha value, 0 to 255."""
    picture = decode(data, header)
    if not picture.has_transparency_data:
        return [0] * 255 + [header.width * header.height]
    alpha = picture if picture.mode in ("LA", "RGBA") else picture.convert("RGBA")
    return alpha.getchannel("A").histogram()


def _check_cutout(alpha_histogram: list[int]) -> None:
    pixels = sum(alpha_histogram)
    if sum(alpha_histogram[:_MIN_VISIBLE_ALPHA]) < pixels * MIN_CUTOUT_SHARE:
        raise ResultError(
            Code.RESULT_NOT_TRANSPARENT,
            "The background was to be removed, and the picture has no transparent part.",
        )
    if sum(alpha_histogram[_MIN_SOLID_ALPHA:]) < pixels * MIN_CUTOUT_SHARE:
        raise ResultError(
            Code.RESULT_NOT_TRANSPARENT,
            "The background was to be removed, and nothing of the subject is left.",
        )


def _to_result_error(error: ImageFormatError, photo_format: PhotoFormat) -> ResultError:
    is_unsupported = isinstance(error, UnsupportedVariantError)
    code = Code.RESULT_NOT_AN_IMAGE if is_unsupported else Code.RESULT_TRUNCATED
    return ResultError(code, f"The provider's {photo_format.upper()} file {error}.")
