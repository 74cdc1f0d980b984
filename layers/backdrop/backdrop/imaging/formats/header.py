"""Shared by all formats: the header of a picture, and the ways in which reading a file can fail."""

from dataclasses import dataclass
from typing import Literal

type PhotoFormat = Literal["jpeg", "png", "webp"]
"""The formats that providers accept. They pass unchanged where possible."""

type ConvertibleFormat = Literal["gif", "bmp", "tiff", "heic", "avif"]
"""The formats that are converted before anything is paid for."""

MAX_PARTS = 100_000
"""Segments or chunks per file. The largest photos have about ten thousand, and each one takes time to read."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """A picture as its file describes it, before any pixel is decoded.

    `width` and `height` are stored pixels, before any EXIF orientation is applied. `mode` is Pillow's name, with `;16`
    appended where Pillow would reduce the picture to 8 bits.
    """

    format: PhotoFormat
    width: int
    height: int
    mode: str
    has_alpha: bool


@dataclass(frozen=True, slots=True)
class EmbeddedMetadata:
    """What a file states apart from its pixels, as far as its bytes are complete. No decoder has seen it.

    `exif` is a TIFF without pixels, possibly damaged. `xmp` is one packet. `ignores_transparency`: the file states a
    transparent color that is invalid. For colors, see `color_statements`.
    """

    exif: bytes = b""
    xmp: bytes = b""
    ignores_transparency: bool = False


class ImageFormatError(Exception):
    """A file that cannot be read. The message completes the sentence `The JPEG file …`."""


class TruncatedError(ImageFormatError):
    """The file ends before its end marker."""


class DamagedError(ImageFormatError):
    """The file is complete but contradicts itself."""


class UnsupportedVariantError(ImageFormatError):
    """The file is intact, but of a variant that common readers do not support."""


class DecompressionBombError(ImageFormatError):
    """The file is small and unpacks to something very large."""
