"""Reduces a picture's quality until its file is within a limit of bytes."""

from bisect import bisect_right
from collections.abc import Callable

MIN_QUALITY = 40
"""On the scale of JPEG and WebP. Below this quality, blocks and blurred edges are visible at a glance."""
QUALITY_STEP = 5


def encode_within_limit(encode: Callable[[int], bytes], quality: int, max_bytes: int) -> bytes:
    """Returns the file of the highest quality that has at most `max_bytes`, or else that of `MIN_QUALITY`.

    `encode` returns the whole file at a quality. It is called once if the file at `quality` fits, else at most six
    times: the qualities below are searched in steps of `QUALITY_STEP`, and the chosen one is encoded again, so that
    there is never more than one file in memory. A `quality` below `MIN_QUALITY` is not reduced.
    """
    data = encode(quality)
    lower_qualities = range(MIN_QUALITY, quality, QUALITY_STEP)
    if len(data) <= max_bytes or not lower_qualities:
        return data
    del data
    fitting_count = bisect_right(lower_qualities, max_bytes, key=lambda lower: len(encode(lower)))
    return encode(lower_qualities[max(fitting_count - 1, 0)])
