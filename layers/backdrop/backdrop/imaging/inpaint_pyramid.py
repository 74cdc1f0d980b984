"""Colors carried from where they are certain to where they are not: what a subject, or its ground, would be there."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_CONFIDENCE_GAIN = [min(255, 4 * value) for value in range(256)]
"""A larger pixel of which a quarter is certain is certain itself: its color is an average of nothing else."""


def inpaint(picture: "Image", confidence: "Image") -> "Image":
    """An RGB picture with every pixel filled from the nearest certain ones; black where none is.

    `confidence` (L, of the same size) says how far each pixel counts. The picture is halved until one pixel is left,
    and what a level does not know is taken from the next smaller one.
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
