"""What every container says about its picture, and the ways in which a container can fail."""

from dataclasses import dataclass
from typing import Literal

type PhotoFormat = Literal["jpeg", "png", "webp"]

MAX_PARTS = 100_000
"""Segments or chunks of one file; the largest photos have some ten thousand, and each costs its readers time."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """A picture as its file describes it, before any pixel is decoded.

    `width` and `height` are stored pixels, before any EXIF orientation. `mode` is Pillow's name,
    with `;16` added where Pillow would drop to 8 bits. `trial_decode_bytes` is the memory of a trial
    decode.
    """

    format: PhotoFormat
    width: int
    height: int
    mode: str
    has_alpha: bool
    trial_decode_bytes: int = 0


class ImageFormatError(Exception):
    """The file cannot be read; the message continues the sentence `The JPEG file …`."""


class TruncatedError(ImageFormatError):
    """The file ends before its end marker."""


class DamagedError(ImageFormatError):
    """The file is all there and contradicts itself."""


class UnsupportedVariantError(ImageFormatError):
    """The file is sound, of a kind that readers in the field do not take."""


class DecompressionBombError(ImageFormatError):
    """The file is small and unpacks to something that is not."""
