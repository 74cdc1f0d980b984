"""Compares a result's size with its photo's: whether it can be the same picture, and whether it is smaller.

Sizes are (width, height) in pixels, the photo's as displayed, after EXIF orientation.
"""

from math import ceil

from backdrop.model.frame import Size

_MAX_UNREPORTED_SCALE = 1.05
"""A difference of 5% is not visible."""

TOLERANCE = 0.01
"""Differences up to this share of a side count as rounding. One pixel always does."""
MAX_NEW_PICTURE_DIFFERENCE = 0.025
"""How much the aspect ratio of a new picture may differ from the picture that was sent: providers round its sides to
multiples of 16 pixels or more, and stretch it accordingly."""


def has_same_aspect_ratio(photo: Size, result: Size) -> bool:
    """True if a cut-out can be the whole photo, scaled. Padded and cropped pictures usually cannot."""
    return _is_close(result[0], result[1] * photo[0] / photo[1]) or _is_close(
        result[1], result[0] * photo[1] / photo[0]
    )


def can_show_whole_picture(sent: Size, result: Size) -> bool:
    """True if a new picture can show everything of the picture that was sent."""
    difference = abs(result[0] * sent[1] / (result[1] * sent[0]) - 1)
    return difference <= MAX_NEW_PICTURE_DIFFERENCE or has_same_aspect_ratio(sent, result)


def is_enlarged(scale: float) -> bool:
    """True if a picture shows its subject, at this scale, larger than the photo does, so that it looks blurred."""
    return scale > _MAX_UNREPORTED_SCALE


def describe_smaller_result(photo: Size, result: Size) -> str | None:
    """Returns `1280×800 from 6000×4000` if a side of the result has fewer pixels than the photo's, else None."""
    is_smaller = any(
        result_side < photo_side and not _is_close(result_side, photo_side)
        for result_side, photo_side in zip(result, photo, strict=True)
    )
    return f"{format_size(result)} from {format_size(photo)}" if is_smaller else None


def format_size(size: Size) -> str:
    """Formats a size as `1280×800`."""
    return f"{size[0]}×{size[1]}"


def _is_close(side: int, expected: float) -> bool:
    return abs(side - expected) <= max(1, ceil(TOLERANCE * expected))
