"""Encodings of photos for providers: which ones to try, and their bytes.

Pictures for customers are encoded in output.py, with other trade-offs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from math import sqrt
from typing import TYPE_CHECKING, Any

from backdrop.imaging.formats import webp
from backdrop.imaging.formats.header import PhotoFormat
from backdrop.imaging.formats.jpeg import QuantizationTables
from backdrop.model.photo_facts import ChangeCode, PhotoChange

if TYPE_CHECKING:
    from PIL.Image import Image

LOSSLESS = 100
QUALITIES = (95, 92, 90, 88, 85)
"""Tried in this order. Below the last one, a smaller picture of higher quality is better."""
MAX_TRANSPARENT_WEBP_PIXELS = 16_500_000
"""For lossy encoding with transparency, which takes about 24 bytes per pixel: more pixels would exceed 512 MB."""

_MAX_SIDES: dict[str, int] = {"jpeg": 65_500, "png": 2**31 - 1, "webp": webp.MAX_SIDE}
"""Maximum pixels per side, from libjpeg's limit, RFC 2083, and RFC 9649."""
_MAX_LOSSLESS_WEBP_PIXELS = 12_000_000
"""A larger picture takes longer to encode than intake can wait."""
_ROUNDING_MARGIN = 0.999
"""Keeps a scaled side below the limit even if it is rounded up."""
_LOSSLESS_METHOD = 1
_LOSSY_METHOD = 2
"""WebP's effort levels: the next one saves less than 1% and takes twice as long."""


@dataclass(frozen=True)
class Encoding:
    """A format and its settings. `quality` is on the encoder's scale, `LOSSLESS` for PNG and lossless WebP.

    `quantization_tables` are those of the source JPEG. `subsampling` is a JPEG's color subsampling, as Pillow numbers
    it; 0 means none.
    """

    format: PhotoFormat
    quality: int = LOSSLESS
    quantization_tables: QuantizationTables | None = None
    subsampling: int = 0

    @property
    def change(self) -> PhotoChange:
        """How receipts show this encoding."""
        quality = "kept_quality" if self.quantization_tables is not None else self.quality
        return PhotoChange.of(ChangeCode.REENCODED, self.format, "lossless" if quality == LOSSLESS else quality)

    def can_encode(self, width: int, height: int) -> bool:
        """True if a picture of this size can be encoded in reasonable time and memory."""
        return self.find_max_scale(width, height) == 1

    def find_max_scale(self, width: int, height: int) -> float:
        """Returns the largest scale (at most 1) at which a picture of this size can be encoded."""
        side = _MAX_SIDES[self.format] / max(width, height)
        max_pixels = _MAX_LOSSLESS_WEBP_PIXELS if self.quality == LOSSLESS else MAX_TRANSPARENT_WEBP_PIXELS
        area = sqrt(max_pixels / (width * height)) if self.format == "webp" else 1.0
        return 1.0 if min(side, area) >= 1 else min(side, area) * _ROUNDING_MARGIN


def list_encodings(
    *, has_alpha: bool, is_lossless: bool, source_encoding: Encoding | None, formats: Sequence[str]
) -> list[Encoding]:
    """Lists the encodings to try for a picture, best first; none if it is transparent and no format supports that.

    `is_lossless`: the source's pixels were never compressed with loss. `source_encoding`: how a source JPEG was
    encoded. `formats`: the formats that the provider accepts.
    """
    lossy: PhotoFormat = "webp" if has_alpha else "jpeg"
    candidates = [Encoding("png"), Encoding("webp")] if is_lossless else []
    candidates += [source_encoding] if source_encoding else []
    subsampling = source_encoding.subsampling if source_encoding else 0
    candidates += [Encoding(lossy, quality, subsampling=subsampling) for quality in QUALITIES]
    # If WebP is not accepted, or cannot be this large, transparency matters more than size.
    candidates += [Encoding("png")] if has_alpha and not is_lossless else []
    return [encoding for encoding in candidates if encoding.format in formats]


def encode_picture(picture: "Image", encoding: Encoding) -> bytes:
    """Encodes an sRGB picture without metadata and without a profile: readers assume sRGB if a file states nothing."""
    file = BytesIO()
    picture.save(file, encoding.format.upper(), **_options(encoding))
    return file.getvalue()


def _options(encoding: Encoding) -> dict[str, Any]:
    # JPEG without Pillow's `optimize`: it fails on noisy pictures, whose output exceeds Pillow's buffer.
    match encoding.format:
        case "jpeg" if encoding.quantization_tables is not None:
            return {
                "qtables": [list(table) for table in encoding.quantization_tables],
                "subsampling": encoding.subsampling,
            }
        case "jpeg":
            return {"quality": encoding.quality, "subsampling": encoding.subsampling}
        case "webp" if encoding.quality == LOSSLESS:
            # `exact` keeps the colors of fully transparent pixels, which a model may use.
            return {"lossless": True, "method": _LOSSLESS_METHOD, "quality": 50, "exact": True}
        case "webp":
            return {"quality": encoding.quality, "method": _LOSSY_METHOD}
        case _:
            return {}
