"""One picture in one of the three formats that are sent: how to say it, and the bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from math import sqrt
from typing import TYPE_CHECKING, Any

from backdrop.imaging.containers.header import PhotoFormat
from backdrop.imaging.exif import QuantizationTables
from backdrop.model.photo_facts import ChangeCode, PhotoChange

if TYPE_CHECKING:
    from PIL.Image import Image

LOSSLESS = 100
QUALITIES = (95, 92, 90, 88, 85)
"""Tried in this order; below the last, pixels are worth less than their number."""

_MAX_SIDES: dict[str, int] = {"jpeg": 65_500, "png": 2**31 - 1, "webp": 16_383}
"""libjpeg's own limit; RFC 2083; RFC 9649."""
_MAX_LOSSLESS_WEBP_PIXELS = 12_000_000
"""Pixels; a larger picture takes longer than intake may wait."""
_MAX_TRANSPARENT_WEBP_PIXELS = 16_500_000
"""Pixels of a lossy one with transparency: the encoder takes some 24 bytes for each, so that more passes 512 MB."""
_ROUNDING_MARGIN = 0.999
"""Sides are rounded once scaled."""
_LOSSLESS_EFFORT = 1
_LOSSY_EFFORT = 2
"""WebP's methods: more effort saves less than 1 % and takes twice as long."""


@dataclass(frozen=True)
class Encoding:
    """`quality` as the format's encoder counts it, `LOSSLESS` for PNG and lossless WebP.

    `quantization_tables` and `subsampling` (Pillow's numbers, 0: each pixel has its own color) are a JPEG's own, kept
    from its source.
    """

    format: PhotoFormat
    quality: int = LOSSLESS
    quantization_tables: QuantizationTables | None = None
    subsampling: int = 0

    @property
    def change(self) -> PhotoChange:
        """What a receipt says of it."""
        quality = "kept_quality" if self.quantization_tables is not None else self.quality
        return PhotoChange.of(ChangeCode.REENCODED, self.format, "lossless" if quality == LOSSLESS else quality)

    def can_encode(self, width: int, height: int) -> bool:
        """Whether a picture of this size can be written so, in reasonable time and memory."""
        return self.find_max_scale(width, height) == 1

    def find_max_scale(self, width: int, height: int) -> float:
        """The scale at which a picture of this size can be written so."""
        side = _MAX_SIDES[self.format] / max(width, height)
        max_pixels = _MAX_LOSSLESS_WEBP_PIXELS if self.quality == LOSSLESS else _MAX_TRANSPARENT_WEBP_PIXELS
        area = sqrt(max_pixels / (width * height)) if self.format == "webp" else 1.0
        return 1.0 if min(side, area) >= 1 else min(side, area) * _ROUNDING_MARGIN


def list_encodings(
    *, has_alpha: bool, is_lossless: bool, source_encoding: Encoding | None, formats: Sequence[str]
) -> list[Encoding]:
    """All that may be tried on a picture, the best first.

    `is_lossless`: whether its pixels came so; `source_encoding`: what a JPEG was encoded with. A provider that takes no
    format with transparency gets an empty list.
    """
    lossy: PhotoFormat = "webp" if has_alpha else "jpeg"
    candidates = [Encoding("png"), Encoding("webp")] if is_lossless else []
    candidates += [source_encoding] if source_encoding else []
    subsampling = source_encoding.subsampling if source_encoding else 0
    candidates += [Encoding(lossy, quality, subsampling=subsampling) for quality in QUALITIES]
    # Where there is no WebP, or none so long, transparency is worth more than size.
    candidates += [Encoding("png")] if has_alpha and not is_lossless else []
    return [one for one in candidates if one.format in formats]


def encode_picture(picture: "Image", encoding: Encoding) -> bytes:
    """The file's bytes, without metadata and without a profile: sRGB is what is read where nothing is said."""
    file = BytesIO()
    picture.save(file, encoding.format.upper(), **_options(encoding))
    return file.getvalue()


def _options(encoding: Encoding) -> dict[str, Any]:
    # JPEG without Pillow's `optimize`: it fails on noise, whose file outgrows the buffer that Pillow reserves for it.
    match encoding.format:
        case "jpeg" if encoding.quantization_tables is not None:
            return {
                "qtables": [list(table) for table in encoding.quantization_tables],
                "subsampling": encoding.subsampling,
            }
        case "jpeg":
            return {"quality": encoding.quality, "subsampling": encoding.subsampling}
        case "webp" if encoding.quality == LOSSLESS:
            # `exact` keeps colors under full transparency, which a model may look at.
            return {"lossless": True, "method": _LOSSLESS_EFFORT, "quality": 50, "exact": True}
        case "webp":
            return {"quality": encoding.quality, "method": _LOSSY_EFFORT}
        case _:
            return {}
