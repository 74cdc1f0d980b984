"""A result's size beside its photo's: whether it is the same picture scaled, and what people are told of a smaller one.

Sizes are (width, height) in pixels, the photo's as it is displayed, after any EXIF orientation.
"""

from math import ceil

type Size = tuple[int, int]

TOLERANCE = 0.01
"""The share of a side that counts as rounding; one pixel always does."""


def same_shape(photo: Size, result: Size) -> bool:
    """Whether a result can be the whole photo, scaled: padded and cropped ones mostly cannot."""
    return _near(result[0], result[1] * photo[0] / photo[1]) or _near(result[1], result[0] * photo[1] / photo[0])


def smaller(photo: Size, result: Size) -> str | None:
    """`1280×800 from 6000×4000`, where a result has fewer pixels than its photo on a side; None where it has not."""
    fewer = any(got < had and not _near(got, had) for got, had in zip(result, photo, strict=True))
    return f"{said(result)} from {said(photo)}" if fewer else None


def said(size: Size) -> str:
    """A size as people write it."""
    return f"{size[0]}×{size[1]}"


def _near(side: int, expected: float) -> bool:
    return abs(side - expected) <= max(1, ceil(TOLERANCE * expected))
