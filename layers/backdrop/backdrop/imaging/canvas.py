"""Draws canvases: a photo in a frame, whose free space continues the photo's own border, increasingly blurred.

At the seam, the continuation has the same colors as the photo, so that a provider sees no edge that is not the
subject's. It soon fades to one color per side, so that no dark or bright part of the border becomes a shape of its own.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backdrop.imaging.strip_resize import resize_in_strips
from backdrop.model.frame import Box, Canvas

if TYPE_CHECKING:
    from PIL.Image import Image

_FADE_SHARE = 1 / 20
"""The share of the border's length after which its continuation has the border's median color."""
_MIN_FADE_ROWS = 12


def draw_canvas(photo: "Image", canvas: Canvas) -> "Image":
    """Draws an RGB or RGBA photo at its place on the canvas, and continues its border."""
    from PIL import Image

    picture = Image.new(photo.mode, (canvas.width, canvas.height))
    photo_size = canvas.photo_width, canvas.photo_height
    for top, strip in resize_in_strips(photo, photo_size, (0, 0, *photo.size)):
        picture.paste(strip, (canvas.photo_left, canvas.photo_top + top))
    photo_box = (
        max(0, canvas.photo_left),
        max(0, canvas.photo_top),
        min(canvas.width, canvas.photo_left + canvas.photo_width),
        min(canvas.height, canvas.photo_top + canvas.photo_height),
    )
    continue_border(picture, photo_box, (0, 0, *picture.size))
    return picture


def continue_border(picture: "Image", content_box: Box, outer_box: Box) -> None:
    """Fills the part of `outer_box` that is outside `content_box` with a continuation of the content's border.

    Changes `picture`. The first row next to the content repeats its last row. Each row after that is blurred along the
    border, over a length that grows with the distance, and fades to the median color of that border.
    """
    from PIL.Image import Transpose

    left, top, right, bottom = content_box
    for row, first, last, direction in ((top, outer_box[1], top, -1), (bottom - 1, bottom, outer_box[3], 1)):
        line = picture.crop((left, row, right, row + 1))
        picture.paste(_find_median_color(line), (left, first, right, last))
        for distance, band in _draw_bands(line, last - first):
            y = bottom + distance if direction > 0 else top - distance - band.height
            picture.paste(band if direction > 0 else band.transpose(Transpose.FLIP_TOP_BOTTOM), (left, y))
    # The columns include the rows above and below the content, which are filled now.
    for column, first, last, direction in ((left, outer_box[0], left, -1), (right - 1, right, outer_box[2], 1)):
        line = picture.crop((column, outer_box[1], column + 1, outer_box[3])).transpose(Transpose.TRANSPOSE)
        picture.paste(_find_median_color(line), (first, outer_box[1], last, outer_box[3]))
        for distance, band in _draw_bands(line, last - first):
            upright = band.transpose(Transpose.TRANSPOSE)
            x = right + distance if direction > 0 else left - distance - upright.width
            picture.paste(upright if direction > 0 else upright.transpose(Transpose.FLIP_LEFT_RIGHT), (x, outer_box[1]))


def _draw_bands(line: "Image", depth: int) -> Iterator[tuple[int, "Image"]]:
    """Yields the continuation of a line of pixels in bands, each with its distance from the line.

    Between the distances 2ⁿ - 1 and 2ⁿ⁺¹ - 1, the rows fade from the line blurred over 2ⁿ⁺¹ pixels (at first not
    blurred) to the line blurred over 2ⁿ⁺² pixels. All rows also fade to the line's median color, which continues after
    the last band.
    """
    from PIL import Image
    from PIL.Image import Resampling

    median_color = _find_median_color(line)
    fade_rows = max(_MIN_FADE_ROWS, round(line.width * _FADE_SHARE))
    end = min(depth, fade_rows)
    start, near = 0, line
    while start < end:
        rows = start + 1
        far = _blur_line(line, 4 * rows)
        pair = Image.new(line.mode, (line.width, 2))
        pair.paste(near, (0, 0))
        pair.paste(far, (0, 1))
        # Sampled at the rows' centers, where the band begins with `near` unchanged and ends just before `far`.
        band = pair.resize((line.width, rows), Resampling.BILINEAR, (0, 0.5 - 0.5 / rows, line.width, 1.5 - 0.5 / rows))
        median = Image.new(line.mode, band.size, median_color)
        fade = Image.new("L", (1, rows))
        fade.putdata([_compute_fade((start + row) / fade_rows) for row in range(rows)])
        band = Image.composite(median, band, fade.resize(band.size, Resampling.NEAREST))
        yield start, band.crop((0, 0, line.width, min(rows, end - start)))
        start, near = start + rows, far


def _compute_fade(share: float) -> int:
    """Returns the weight of the median color, 0 to 255, at a share of the fade's length: an S-curve without a kink."""
    share = min(1.0, share)
    return round(255 * share * share * (3 - 2 * share))


def _find_median_color(line: "Image") -> tuple[int, ...]:
    """Returns the median of each channel: what most of the border shows, even if it cuts through something bright."""
    from PIL import ImageStat

    return tuple(round(value) for value in ImageStat.Stat(line).median)


def _blur_line(line: "Image", length: int) -> "Image":
    """Blurs a line of pixels over about `length` pixels."""
    from PIL.Image import Resampling

    reduced = line.resize((max(1, round(line.width / length)), 1), Resampling.BOX)
    return reduced.resize(line.size, Resampling.BILINEAR)
