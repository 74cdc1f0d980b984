"""Backgrounds: gradients reach their colors exactly, and pictures cover the whole frame."""

import numpy as np
import pytest
from PIL import Image

from backdrop.imaging.backgrounds import draw_background
from backdrop.model.composition import GradientBackground, PictureBackground
from tests.imaging.output_pictures import Pixels, read_pixels

COLORS = ((255, 255, 255), (200, 100, 0))
TEXTS = ("#ffffff", "#c86400")


def draw_gradient(direction: str, size: tuple[int, int] = (300, 400), colors: tuple[str, ...] = TEXTS) -> Pixels:
    background = GradientBackground(colors=colors, direction=direction)
    return read_pixels(draw_background(size, background, {}), "RGB")


@pytest.mark.parametrize(
    ("direction", "first", "last"),
    [("down", (0, 150), (399, 150)), ("right", (200, 0), (200, 299)), ("radial", (200, 150), (0, 0))],
)
def test_gradient_begins_and_ends_with_its_colors(
    direction: str, first: tuple[int, int], last: tuple[int, int]
) -> None:
    pixels = draw_gradient(direction)
    assert np.abs(pixels[first] - COLORS[0]).max() <= 2
    assert tuple(pixels[last]) == COLORS[1]


@pytest.mark.parametrize("direction", ["down", "right"])
def test_gradient_is_smooth_and_monotonic(direction: str) -> None:
    pixels = draw_gradient(direction)
    line = pixels[:, 0] if direction == "down" else pixels[0]
    steps = np.diff(line, axis=0)
    assert steps.max() <= 0
    assert np.abs(steps).max() <= 2
    assert (pixels == (line[:, None] if direction == "down" else line[None])).all()


def test_gradient_passes_through_its_middle_color() -> None:
    pixels = draw_gradient("down", (3, 301), ("#000000", "#ff0000", "#000000"))
    assert pixels[150, 0, 0] >= 253
    assert pixels[0, 0, 0] == pixels[300, 0, 0] == 0


def test_gradient_of_one_pixel_is_drawn() -> None:
    assert draw_gradient("radial", (1, 1)).shape == (1, 1, 3)


@pytest.mark.parametrize("size", [(100, 20), (20, 100), (7, 7)])
def test_picture_covers_the_frame_and_is_cropped_evenly(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", (60, 60), "red")
    picture.paste("blue", (20, 20, 40, 40))
    background = PictureBackground(image="_backdrop/table.png")
    pixels = read_pixels(draw_background(size, background, {background.brand_image: picture}), "RGB")
    assert pixels.shape == (size[1], size[0], 3)
    assert pixels[size[1] // 2, size[0] // 2, 2] > 200
    assert (pixels[0, 0] + pixels[-1, -1] > (400, -1, -1)).all()


def test_transparent_picture_is_drawn_on_white() -> None:
    picture = Image.new("RGBA", (10, 10))
    background = PictureBackground(image="_backdrop/table.png")
    assert (read_pixels(draw_background((5, 5), background, {background.brand_image: picture}), "RGB") == 255).all()
