"""Resizes a picture in strips of rows, to save memory.

Pillow's own resize holds another whole picture between its two passes, and one more if there is alpha.

Lanczos is sharp because its kernel has negative parts, which surround each edge with ripples. In a matte, they would be
a second, faint outline around the subject. So alpha, and colors near what is not opaque, are scaled with a kernel that
has none.
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
_OPAQUE_TABLE = [0] * 255 + [255]


def resize_in_strips(
    picture: "Image", size: tuple[int, int], crop_box: FloatBox, resampling: "Resampling | None" = None
) -> Iterator[tuple[int, "Image"]]:
    """Resizes a part of the picture, by default with Lanczos. Yields strips, each with the row at which it begins.

    By default, no pixel is more or less transparent than all pixels of the source around it.

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
    reach = LANCZOS_RADIUS * max(step, 1) + 3
    start, end = max(int(upper), int(first - reach)), min(ceil(lower), ceil(last + reach))
    rows = picture.crop((int(left), start, ceil(right), end))
    box = (left - int(left), first - start, right - int(left), last - start)
    strip_size = size[0], bottom - top
    if resampling is not None or rows.mode != "RGBA":
        return rows.resize(strip_size, Resampling.LANCZOS if resampling is None else resampling, box)
    return _resize_with_alpha(rows, strip_size, box, max(step, (right - left) / size[0], 1))


def _resize_with_alpha(picture: "Image", size: tuple[int, int], box: FloatBox, step: float) -> "Image":
    """Resizes a part of an RGBA picture. `step`: source pixels per pixel of the result, at least 1."""
    from PIL import ImageFilter
    from PIL.Image import Resampling

    alpha = picture.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return picture.resize(size, Resampling.LANCZOS, box)
    smooth = picture.resize(size, Resampling.HAMMING if step > 1 else Resampling.BILINEAR, box)
    # Opaque as far as Lanczos reaches.
    inside = alpha.filter(ImageFilter.BoxBlur(ceil(LANCZOS_RADIUS * step) + 1)).point(_OPAQUE_TABLE)
    if inside.getbbox():
        sharp = picture.resize(size, Resampling.LANCZOS, box)
        smooth.paste(sharp, mask=inside.resize(size, Resampling.NEAREST, box))
    return smooth
