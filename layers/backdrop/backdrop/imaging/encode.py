"""One picture in one of the three formats that are sent: how to say it, and the bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from math import sqrt
from typing import TYPE_CHECKING, Any

from backdrop.imaging.containers.header import PhotoFormat
from backdrop.imaging.exif import Tables
from backdrop.model.photo_facts import ChangeCode, PhotoChange

if TYPE_CHECKING:
    from PIL.Image import Image

LOSSLESS = 100
QUALITIES = (95, 92, 90, 88, 85)
"""Tried in this order; below the last, pixels are worth less than their number."""

_MOST_SIDES: dict[str, int] = {"jpeg": 65_500, "png": 2**31 - 1, "webp": 16_383}
"""libjpeg's own limit; RFC 2083; RFC 9649."""
_MOST_LOSSLESS_WEBP = 12_000_000
"""Pixels; a larger picture takes longer than intake may wait."""
_MOST_CLEAR_WEBP = 16_500_000
"""Pixels of a lossy one with transparency: the encoder takes some 24 bytes for each, so that more passes 512 MB."""
_SURELY = 0.999
"""Sides are rounded once scaled."""
_LOSSLESS_EFFORT = 1
_LOSSY_EFFORT = 2
"""WebP's methods: more effort saves less than 1 % and takes twice as long."""


@dataclass(frozen=True)
class Encoding:
    """`quality` as the format's encoder counts it, `LOSSLESS` for PNG and lossless WebP.

    `tables` and `sampling` (Pillow's numbers, 0: each pixel has its own color) are a JPEG's own, kept from its source.
    """

    format: PhotoFormat
    quality: int = LOSSLESS
    tables: Tables | None = None
    sampling: int = 0

    @property
    def change(self) -> PhotoChange:
        """What a receipt says of it."""
        quality = "kept_quality" if self.tables is not None else self.quality
        return PhotoChange.of(ChangeCode.REENCODED, self.format, "lossless" if quality == LOSSLESS else quality)

    def takes(self, width: int, height: int) -> bool:
        """Whether a picture of this size can be written so, in reasonable time and memory."""
        return self.largest_scale(width, height) == 1

    def largest_scale(self, width: int, height: int) -> float:
        """The scale at which a picture of this size can be written so."""
        side = _MOST_SIDES[self.format] / max(width, height)
        most = _MOST_LOSSLESS_WEBP if self.quality == LOSSLESS else _MOST_CLEAR_WEBP
        area = sqrt(most / (width * height)) if self.format == "webp" else 1.0
        return 1.0 if min(side, area) >= 1 else min(side, area) * _SURELY


def encodings(*, has_alpha: bool, lossless: bool, kept: Encoding | None, formats: Sequence[str]) -> list[Encoding]:
    """All that may be tried on a picture, the best first.

    `lossless`: whether its pixels came so; `kept`: what a JPEG was encoded with. A provider that takes no format with
    transparency gets an empty list.
    """
    lossy: PhotoFormat = "webp" if has_alpha else "jpeg"
    found = [Encoding("png"), Encoding("webp")] if lossless else []
    found += [kept] if kept else []
    sampling = kept.sampling if kept else 0
    found += [Encoding(lossy, quality, sampling=sampling) for quality in QUALITIES]
    # Where there is no WebP, or none so long, transparency is worth more than size.
    found += [Encoding("png")] if has_alpha and not lossless else []
    return [one for one in found if one.format in formats]


def encoded(picture: "Image", encoding: Encoding) -> bytes:
    """The file's bytes, without metadata and without a profile: sRGB is what is read where nothing is said."""
    file = BytesIO()
    picture.save(file, encoding.format.upper(), **_options(encoding))
    return file.getvalue()


def _options(encoding: Encoding) -> dict[str, Any]:
    # JPEG without Pillow's `optimize`: it fails on noise, whose file outgrows the buffer that Pillow reserves for it.
    match encoding.format:
        case "jpeg" if encoding.tables is not None:
            return {"qtables": [list(table) for table in encoding.tables], "subsampling": encoding.sampling}
        case "jpeg":
            return {"quality": encoding.quality, "subsampling": encoding.sampling}
        case "webp" if encoding.quality == LOSSLESS:
            # `exact` keeps colors under full transparency, which a model may look at.
            return {"lossless": True, "method": _LOSSLESS_EFFORT, "quality": 50, "exact": True}
        case "webp":
            return {"quality": encoding.quality, "method": _LOSSY_EFFORT}
        case _:
            return {}
