"""Spreads colors from pixels where they are reliable to all others, to estimate a subject or its background."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_CONFIDENCE_GAIN = [min(255, 4 * value) for value in range(256)]
"""A pixel of a smaller level is fully reliable if a quarter of its area is, because only that area sets its color."""


def inpaint(picture: "Image", confidence: "Image") -> "Image":
    """Fills every pixel of an RGB picture from the nearest reliable ones. The result is black if none is reliable.

    `confidence` (L, same size) is the weight of each pixel. The picture is halved until one pixel is left, and each
    level is filled in from the next smaller one.
    """
    from PIL import Image

    levels = [_apply_confidence(picture, confidence)]
    while max(levels[-1].size) > 1:
        last = levels[-1]
        half = last.resize(((last.width + 1) // 2, (last.height + 1) // 2), Image.Resampling.BOX)
        levels.append(_apply_confidence(half, half.getchannel("A").point(_CONFIDENCE_GAIN)))
    filled = levels.pop().convert("RGB")
    for level in reversed(levels):
        filled = filled.resize(level.size, Image.Resampling.BILINEAR)
        filled.paste(level.convert("RGB"), mask=level.getchannel("A"))
    return filled


def _apply_confidence(picture: "Image", confidence: "Image") -> "Image":
    weighted = picture.copy()
    weighted.putalpha(confidence)
    return weighted
