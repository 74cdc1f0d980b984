"""The look at a paid picture before it is handed over: does it decode, is it what was asked for."""

from dataclasses import dataclass

from backdrop.imaging.containers import complete, read_header
from backdrop.imaging.containers.header import (
    ContainerError,
    Header,
    PhotoFormat,
    RareKindError,
)
from backdrop.imaging.decode import decode
from backdrop.imaging.sniff import sniff
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError

MIN_SHARE = 0.001
"""The least part of a cut-out that must be removed, and the least that must remain."""

_CLEAR = 16
_SOLID = 128
"""Alpha of 0..255: below `_CLEAR` a pixel is gone, from `_SOLID` on it is there."""

_PIXELS_PER_MEGAPIXEL = 1_000_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A verified result; `has_alpha` is true when at least one pixel is not opaque."""

    format: PhotoFormat
    width: int
    height: int
    has_alpha: bool


def verify_result(data: bytes, *, expect_alpha: bool, max_megapixels: int) -> Picture:
    """Decodes a provider's picture whole; raises `ResultError` when it cannot be handed over.

    With `expect_alpha` a part of it must be transparent and a part must not.
    """
    header = _read_result(data, max_megapixels)
    try:
        opacity = _opacity(data, header)
    except ContainerError as error:
        raise _failure(error, header.format) from error
    if expect_alpha:
        _check_cut_out(opacity)
    return Picture(header.format, header.width, header.height, sum(opacity[:255]) > 0)


def _read_result(data: bytes, max_megapixels: int) -> Header:
    if not data:
        raise ResultError(Code.RESULT_NOT_AN_IMAGE, "The provider's file is empty (0 bytes).")
    kind = sniff(data)
    if kind.format is None:
        message = f"The provider's file is {kind.name}, not a PNG, JPEG or WebP picture."
        raise ResultError(Code.RESULT_NOT_AN_IMAGE, message)
    try:
        header = read_header(data, kind.format)
        if header.width * header.height > max_megapixels * _PIXELS_PER_MEGAPIXEL:
            raise ResultError(Code.RESULT_TOO_LARGE, _too_large(header, max_megapixels))
        return complete(data, header)
    except ContainerError as error:
        raise _failure(error, kind.format) from error


def _too_large(header: Header, max_megapixels: int) -> str:
    size = f"{header.width:,} x {header.height:,} pixels"
    return f"The provider's picture has {size}; this stack opens up to {max_megapixels:,} megapixels."


def _opacity(data: bytes, header: Header) -> list[int]:
    """How many pixels there are of each alpha value, 0 to 255."""
    picture = decode(data, header)
    if not picture.has_transparency_data:
        return [0] * 255 + [header.width * header.height]
    alpha = picture if picture.mode in ("LA", "RGBA") else picture.convert("RGBA")
    return alpha.getchannel("A").histogram()


def _check_cut_out(opacity: list[int]) -> None:
    pixels = sum(opacity)
    if sum(opacity[:_CLEAR]) < pixels * MIN_SHARE:
        raise ResultError(
            Code.RESULT_NOT_TRANSPARENT,
            "The background was to be removed, and the picture has no transparent part.",
        )
    if sum(opacity[_SOLID:]) < pixels * MIN_SHARE:
        raise ResultError(
            Code.RESULT_NOT_TRANSPARENT,
            "The background was to be removed, and nothing of the subject is left.",
        )


def _failure(error: ContainerError, photo_format: PhotoFormat) -> ResultError:
    rare = isinstance(error, RareKindError)
    code = Code.RESULT_NOT_AN_IMAGE if rare else Code.RESULT_TRUNCATED
    return ResultError(code, f"The provider's {photo_format.upper()} file {error}.")
