"""Spreads colors from pixels where they are reliable to all others, to estimate a subject or its background."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_CONFIDENCE_GAIN = [min(255, 4 * value) for value in range(256)]
"""A pixel of a smaller level is fully reliable if a quarter of its area is, because only that area sets its color."""
_SMOOTHING_STEPS = 4
"""With fewer, what is filled in has another color than the pixels next to it, such as a pale rim in a shadow."""


def inpaint(picture: "Image", confidence: "Image") -> "Image":
    """Fills every pixel of an RGB picture from the nearest reliable ones. The result is black if none is reliable.

    `confidence` (L, same size) is the weight of each pixel. The picture is halved until one pixel is left, and each
    level is filled in from the next smaller one. There, what is filled in is smoothed, but not what is reliable.
    """
    from PIL import Image, ImageFilter

    levels = [_apply_confidence(picture, confidence)]
    while max(levels[-1].size) > 1:
        last = levels[-1]
        half = last.resize(((last.width + 1) // 2, (last.height + 1) // 2), Image.Resampling.BOX)
        levels.append(_apply_confidence(half, half.getchannel("A").point(_CONFIDENCE_GAIN)))
    filled = levels.pop().convert("RGB")
    for level in reversed(levels):
        filled = filled.resize(level.size, Image.Resampling.BILINEAR)
        known, reliability = level.convert("RGB"), level.getchannel("A")
        filled.paste(known, mask=reliability)
        for _ in range(_SMOOTHING_STEPS):
            filled = filled.filter(ImageFilter.BoxBlur(1))
            filled.paste(known, mask=reliability)
    return filled


def _apply_confidence(picture: "Image", confidence: "Image") -> "Image":
    weighted = picture.copy()
    weighted.putalpha(confidence)
    return weighted
