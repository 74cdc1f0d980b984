"""Resizes a picture in strips of rows, to save memory.

Pillow's own resize holds another whole picture between its two passes, and one more if there is alpha.
"""

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING

from backdrop.model.frame import FloatBox

if TYPE_CHECKING:
    from PIL.Image import Image, Resampling

_STRIP_ROWS = 128
"""Rows per strip, counted in the larger of the two pictures."""
_MIN_STRIP_ROWS = 8
"""Rows of the result. With fewer, most of the work would be rows that neighboring strips share."""
LANCZOS_RADIUS = 3


def resize_in_strips(
    picture: "Image", size: tuple[int, int], crop_box: FloatBox, resampling: "Resampling | None" = None
) -> Iterator[tuple[int, "Image"]]:
    """Resizes a part of the picture, by default with Lanczos. Yields strips, each with the row at which it begins.

    `crop_box`: the part, in pixels of the source.
    """
    step = (crop_box[3] - crop_box[1]) / size[1]
    rows = max(_MIN_STRIP_ROWS, int(_STRIP_ROWS / max(step, 1)))
    for top in range(0, size[1], rows):
        yield top, _resize_rows(picture, size, crop_box, top, min(top + rows, size[1]), resampling)


def downscale(picture: "Image", scale: float) -> "Image":
    """Scales a picture down. Returns the same object if `scale` is 1 or more."""
    if scale >= 1:
        return picture
    return resize(picture, (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def resize(picture: "Image", size: tuple[int, int], resampling: "Resampling | None" = None) -> "Image":
    """Resizes a whole picture, by default with Lanczos."""
    from PIL import Image

    resized = Image.new(picture.mode, size)
    for top, strip in resize_in_strips(picture, size, (0, 0, *picture.size), resampling):
        resized.paste(strip, (0, top))
    return resized


def _resize_rows(
    picture: "Image",
    size: tuple[int, int],
    crop_box: FloatBox,
    top: int,
    bottom: int,
    resampling: "Resampling | None",
) -> "Image":
    """Resizes rows `top` to `bottom` of the result, using neighboring source rows within the crop box."""
    from PIL.Image import Resampling

    left, upper, right, lower = crop_box
    step = (lower - upper) / size[1]
    first, last = upper + top * step, upper + bottom * step
    if (right - left, lower - upper) == size and all(edge.is_integer() for edge in map(float, crop_box)):
        return picture.crop((int(left), int(first), int(right), int(last)))
    reach = LANCZOS_RADIUS * max(step, 1) + 1
    start, end = max(int(upper), int(first - reach)), min(ceil(lower), ceil(last + reach))
    rows = picture.crop((int(left), start, ceil(right), end))
    box = (left - int(left), first - start, right - int(left), last - start)
    return rows.resize((size[0], bottom - top), Resampling.LANCZOS if resampling is None else resampling, box)
