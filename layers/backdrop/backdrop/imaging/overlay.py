"""Draws transparent layers over a canvas."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def draw_over(canvas: "Image", layer: "Image", offset: tuple[int, int]) -> None:
    """Draws an RGBA layer over an RGB or RGBA canvas, which is changed."""
    if canvas.mode == "RGBA":
        canvas.alpha_composite(layer, offset)
    else:
        canvas.paste(layer, offset, layer)
