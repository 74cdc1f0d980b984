"""Checks a paid picture before it is delivered: whether it decodes, and whether it matches the job."""

from dataclasses import dataclass

from backdrop.imaging.decode import decode
from backdrop.imaging.formats import read_header, validate_structure
from backdrop.imaging.formats.header import (
    ImageFormatError,
    ImageHeader,
    PhotoFormat,
    UnsupportedVariantError,
)
from backdrop.imaging.matte_parts import MIN_VISIBLE_ALPHA
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.visibility import count_alpha_values, shows_nothing
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError

MIN_CUTOUT_SHARE = 0.001
"""The smallest share of a cut-out's pixels that must be removed, and the smallest that must remain."""

_MIN_SOLID_ALPHA = 128
"""Alpha (0 to 255) from which a pixel counts as part of the subject."""


@dataclass(frozen=True, slots=True)
class VerifiedPicture:
    """A verified result. `has_alpha` is true if at least one pixel is not opaque, and `has_soft_alpha` if one is partly
    transparent, so that it shows some of what was behind the subject.
    """

    format: PhotoFormat
    width: int
    height: int
    has_alpha: bool
    has_soft_alpha: bool


def verify_result(data: bytes, *, expect_alpha: bool, max_megapixels: int) -> VerifiedPicture:
    """Decodes a provider's whole picture. Raises `ResultError` if it cannot be delivered.

    With `expect_alpha`, one part of it must be transparent and another part must not. Holds one decoded picture and no
    copy: at 50 megapixels, each takes 200 MB of the 512 MB that deliver may use (README.md, `python -m bench.memory`).
    """
    header = _read_result(data, max_megapixels)
    try:
        alpha_histogram = count_alpha_values(decode(data, header))
    except ImageFormatError as error:
        raise _to_result_error(error, header.format) from error
    if expect_alpha:
        _check_cutout(alpha_histogram)
    require_visible(alpha_histogram)
    has_alpha, has_soft_alpha = any(alpha_histogram[:255]), any(alpha_histogram[1:255])
    return VerifiedPicture(header.format, header.width, header.height, has_alpha, has_soft_alpha)


def require_visible(alpha_histogram: list[int]) -> None:
    """Raises `ResultError` if nothing is visible, according to the number of pixels with each alpha value, 0 to 255."""
    if shows_nothing(alpha_histogram):
        raise ResultError(Code.RESULT_SHOWS_NOTHING, "Nothing is visible in the picture: all of it is transparent.")


def _read_result(data: bytes, max_megapixels: int) -> ImageHeader:
    if not data:
        raise ResultError(Code.RESULT_NOT_AN_IMAGE, "The provider's file is empty (0 bytes).")
    kind = sniff_file(data)
    if kind.format is None:
        message = f"The provider's file is {kind.description}, not a PNG, JPEG, or WebP picture."
        raise ResultError(Code.RESULT_NOT_AN_IMAGE, message)
    try:
        header = read_header(data, kind.format)
        if header.width * header.height > max_megapixels * 1_000_000:
            raise ResultError(Code.RESULT_TOO_LARGE, _describe_excess_size(header, max_megapixels))
        return validate_structure(data, header)
    except ImageFormatError as error:
        raise _to_result_error(error, kind.format) from error


def _describe_excess_size(header: ImageHeader, max_megapixels: int) -> str:
    size = f"{header.width:,} × {header.height:,} pixels"
    return f"The provider's picture is {size}; this stack accepts up to {max_megapixels:,} megapixels."


def _check_cutout(alpha_histogram: list[int]) -> None:
    pixels = sum(alpha_histogram)
    if sum(alpha_histogram[:MIN_VISIBLE_ALPHA]) < pixels * MIN_CUTOUT_SHARE:
        raise ResultError(
            Code.RESULT_NOT_TRANSPARENT,
            "The job removes the background, but the provider's picture has no transparent part.",
        )
    if sum(alpha_histogram[_MIN_SOLID_ALPHA:]) < pixels * MIN_CUTOUT_SHARE:
        raise ResultError(
            Code.RESULT_NOT_TRANSPARENT,
            "The job removes the background, but the provider's picture shows none of the subject.",
        )


def _to_result_error(error: ImageFormatError, photo_format: PhotoFormat) -> ResultError:
    is_unsupported = isinstance(error, UnsupportedVariantError)
    code = Code.RESULT_NOT_AN_IMAGE if is_unsupported else Code.RESULT_TRUNCATED
    return ResultError(code, f"The provider's {photo_format.upper()} file {error}.")
