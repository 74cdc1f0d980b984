"""A result's size beside its photo's: whether it is the same picture scaled, and what people are told of a smaller one.

Sizes are (width, height) in pixels, the photo's as it is displayed, after any EXIF orientation.
"""

from math import ceil

type Size = tuple[int, int]

TOLERANCE = 0.01
"""The share of a side that counts as rounding; one pixel always does."""


def has_same_aspect_ratio(photo: Size, result: Size) -> bool:
    """Whether a result can be the whole photo, scaled: padded and cropped ones mostly cannot."""
    return _is_close(result[0], result[1] * photo[0] / photo[1]) or _is_close(
        result[1], result[0] * photo[1] / photo[0]
    )


def describe_smaller_result(photo: Size, result: Size) -> str | None:
    """`1280×800 from 6000×4000`, where a result has fewer pixels than its photo on a side; None where it has not."""
    is_smaller = any(got < had and not _is_close(got, had) for got, had in zip(result, photo, strict=True))
    return f"{format_size(result)} from {format_size(photo)}" if is_smaller else None


def format_size(size: Size) -> str:
    """A size as people write it."""
    return f"{size[0]}×{size[1]}"


def _is_close(side: int, expected: float) -> bool:
    return abs(side - expected) <= max(1, ceil(TOLERANCE * expected))
