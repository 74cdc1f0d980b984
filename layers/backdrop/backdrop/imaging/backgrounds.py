"""Backgrounds of cut-outs: a color, a gradient, or a picture, drawn at the output's size."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from backdrop.imaging.strip_resize import resize_in_strips
from backdrop.model.composition import RADIAL, RIGHT, Background, BrandImage, GradientBackground
from backdrop.model.frame import Size

if TYPE_CHECKING:
    from PIL.Image import Image

_LEVELS = 256
"""How many steps a gradient has. No two neighbors differ by more than one value of a channel."""

type BrandImagePixels = Mapping[BrandImage, "Image"]
"""Opened brand images: RGB or RGBA, in sRGB."""


def draw_background(size: Size, background: Background, brand_image_pixels: BrandImagePixels) -> "Image":
    """Returns an RGB picture of this size. Needs memory only for this picture and one strip."""
    from PIL import Image

    if isinstance(background, str):
        return Image.new("RGB", size, background)
    canvas = Image.new("RGB", size, "#ffffff")
    if isinstance(background, GradientBackground):
        _draw_gradient(canvas, background)
    else:
        _draw_picture(canvas, brand_image_pixels[background.brand_image])
    return canvas


def _draw_gradient(canvas: "Image", background: GradientBackground) -> None:
    from PIL import Image

    ramp = Image.radial_gradient("L") if background.direction == RADIAL else Image.linear_gradient("L")
    if background.direction == RIGHT:
        ramp = ramp.transpose(Image.Transpose.ROTATE_90)
    tables = _build_color_tables([_parse_color(one) for one in background.colors])
    for top, strip in resize_in_strips(ramp, canvas.size, (0, 0, *ramp.size), Image.Resampling.BILINEAR):
        canvas.paste(Image.merge("RGB", [strip.point(table) for table in tables]), (0, top))


def _parse_color(text: str) -> tuple[int, int, int]:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _build_color_tables(colors: list[tuple[int, int, int]]) -> list[list[int]]:
    """Returns for each channel its value at each level of the gradient."""
    return [
        [_interpolate(channel, level / (_LEVELS - 1)) for level in range(_LEVELS)]
        for channel in zip(*colors, strict=True)
    ]


def _interpolate(values: tuple[int, ...], position: float) -> int:
    """Returns the value at a position (0 to 1) between values at equal distances."""
    place = position * (len(values) - 1)
    before = min(int(place), len(values) - 2)
    return round(values[before] + (values[before + 1] - values[before]) * (place - before))


def _draw_picture(canvas: "Image", picture: "Image") -> None:
    """Scales the picture to cover the canvas, and crops both sides equally."""
    scale = max(canvas.width / picture.width, canvas.height / picture.height)
    across, down = min(canvas.width / scale, picture.width), min(canvas.height / scale, picture.height)
    left, top = (picture.width - across) / 2, (picture.height - down) / 2
    for row, strip in resize_in_strips(picture, canvas.size, (left, top, left + across, top + down)):
        canvas.paste(strip, (0, row), strip if strip.mode == "RGBA" else None)
