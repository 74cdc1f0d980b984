"""Draws a logo over a picture."""

from typing import TYPE_CHECKING

from backdrop.imaging.overlay import draw_over
from backdrop.imaging.strip_resize import resize
from backdrop.model.composition import Logo
from backdrop.model.frame import POSITIONS, Size

if TYPE_CHECKING:
    from PIL.Image import Image


def draw_logo(canvas: "Image", picture: "Image", logo: Logo) -> None:
    """Draws `picture` (RGB or RGBA) over an RGB or RGBA canvas, which is changed."""
    size, offset = place_logo(canvas.size, picture.size, logo)
    mark = resize(picture.convert("RGBA"), size)
    mark.putalpha(mark.getchannel("A").point([round(alpha * logo.opacity) for alpha in range(256)]))
    draw_over(canvas, mark, offset)


def place_logo(canvas_size: Size, logo_size: Size, logo: Logo) -> tuple[Size, tuple[int, int]]:
    """Returns the logo's size and offset in pixels. It keeps its shape, and is smaller if it would cross a margin."""
    margin = logo.margin.measure(min(canvas_size))
    available_size = [max(side - 2 * margin, 1) for side in canvas_size]
    scale = min(
        max(logo.width.measure(canvas_size[0]), 1) / logo_size[0],
        *(available / side for available, side in zip(available_size, logo_size, strict=True)),
    )
    size = max(round(logo_size[0] * scale), 1), max(round(logo_size[1] * scale), 1)
    shares = POSITIONS[logo.position]
    left, top = (
        round(min(margin, (canvas_side - side) / 2) + share * max(available - side, 0))
        for canvas_side, side, available, share in zip(canvas_size, size, available_size, shares, strict=True)
    )
    return size, (left, top)
