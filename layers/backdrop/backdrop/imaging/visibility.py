"""Whether a picture shows anything: one rule for photos, images of a brand, and results."""

from typing import TYPE_CHECKING

from backdrop.imaging.color import extract_alpha
from backdrop.imaging.matte_parts import MIN_VISIBLE_ALPHA

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_SHOWN_SHARE = 0.0004
"""The smallest share of a picture that shows something, where a pixel counts by how far its alpha is above what counts
as removed: opaque, 10,000 pixels (100 × 100) of 24 megapixels.

A thin ring, or a product in a corner of a large canvas, has at least twice as much. Less is dust that a removal left,
or a product so small that no provider could use it. The noise of an empty alpha channel, 0 to 15, which AVIF raises to
at most 25, has half as much.
"""
_STRIP_ROWS = 128


def shows_nothing(alpha_histogram: list[int]) -> bool:
    """Whether a picture with these numbers of pixels for each alpha value, 0 to 255, is empty, or as good as empty."""
    shown = sum(level * count for level, count in enumerate(alpha_histogram[MIN_VISIBLE_ALPHA:], start=1))
    return shown < sum(alpha_histogram) * (256 - MIN_VISIBLE_ALPHA) * MIN_SHOWN_SHARE


def count_alpha_values(picture: "Image") -> list[int]:
    """Returns the number of pixels with each alpha value, 0 to 255, of a decoded picture in any mode."""
    if picture.mode in ("RGBA", "LA"):
        return picture.histogram()[-256:]
    counts = [0] * 256
    if not picture.has_transparency_data:
        counts[255] = picture.width * picture.height
        return counts
    # In strips, because other modes must be converted.
    for top in range(0, picture.height, _STRIP_ROWS):
        strip = picture.crop((0, top, picture.width, min(top + _STRIP_ROWS, picture.height)))
        alpha = extract_alpha(strip)
        if alpha is None:
            counts[255] += strip.width * strip.height
        else:
            counts = list(map(sum, zip(counts, alpha.histogram(), strict=True)))
    return counts
