"""A picture in another size, some rows at a time, so that no second whole one is held beside it.

Pillow would hold a third whole picture between its two passes, and a fourth where there is alpha.
"""

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

type Part = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of a picture."""

_BAND = 256
"""Rows of the larger one of both pictures."""
_LEAST = 8
"""Rows of the finished one: its neighbors beyond fewer would be most of the work."""
_LANCZOS_REACH = 3


def bands(picture: "Image", size: tuple[int, int], part: Part) -> Iterator[tuple[int, "Image"]]:
    """A part of the picture in that size, by Lanczos: each band of rows after the row at which it begins."""
    step = (part[3] - part[1]) / size[1]
    rows = max(_LEAST, int(_BAND / max(step, 1)))
    for top in range(0, size[1], rows):
        yield top, _rows(picture, size, part, top, min(top + rows, size[1]))


def scaled(picture: "Image", scale: float) -> "Image":
    """The picture at no more than its size; the same object where nothing is scaled."""
    from PIL import Image

    if scale >= 1:
        return picture
    made = Image.new(picture.mode, (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    for top, band in bands(picture, made.size, (0, 0, *picture.size)):
        made.paste(band, (0, top))
    return made


def _rows(picture: "Image", size: tuple[int, int], part: Part, top: int, bottom: int) -> "Image":
    """Some rows of the finished part; they see their neighbors beyond the edge, as far as the part reaches."""
    from PIL.Image import Resampling

    left, high, right, low = part
    step = (low - high) / size[1]
    first, last = high + top * step, high + bottom * step
    if (right - left, low - high) == size and all(edge.is_integer() for edge in map(float, part)):
        return picture.crop((int(left), int(first), int(right), int(last)))
    reach = _LANCZOS_REACH * max(step, 1) + 1
    start, end = max(int(high), int(first - reach)), min(ceil(low), ceil(last + reach))
    rows = picture.crop((int(left), start, ceil(right), end))
    box = (left - int(left), first - start, right - int(left), last - start)
    return rows.resize((size[0], bottom - top), Resampling.LANCZOS, box)
