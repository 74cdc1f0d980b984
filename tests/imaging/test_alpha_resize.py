"""Scaling a cut-out surrounds it with no second outline, inside or outside, and keeps the product sharp."""

import numpy as np
import pytest
from PIL import Image

from backdrop.imaging.strip_resize import resize, resize_in_strips
from tests.imaging.output_pictures import read_pixels

COLOR = (120, 70, 40)


def draw_box(side: int) -> Image.Image:
    """A hard-edged box on transparency, with a band that is half transparent on its left."""
    cut = Image.new("RGBA", (side, side))
    cut.paste((*COLOR, 255), (round(side * 0.3), round(side * 0.3), round(side * 0.7), round(side * 0.7)))
    cut.paste((*COLOR, 128), (round(side * 0.1), round(side * 0.3), round(side * 0.3), round(side * 0.7)))
    return cut


@pytest.mark.parametrize(("side", "result"), [(1600, 1000), (1600, 700), (1000, 999), (900, 90), (300, 2000), (90, 91)])
def test_no_pixel_is_outside_the_range_of_the_source_around_it(side: int, result: int) -> None:
    cut, scale = draw_box(side), side / result
    reach = max(scale, 1) + 1
    source = np.asarray(cut.getchannel("A"))
    pixels = read_pixels(resize(cut, (result, result)))
    for row in (result // 2, round(result * 0.32)):
        for x in range(result):
            center, middle = (x + 0.5) * scale, (row + 0.5) * scale
            near = source[
                max(0, int(middle - reach)) : int(middle + reach) + 1,
                max(0, int(center - reach)) : int(center + reach) + 1,
            ]
            assert near.min() <= pixels[row, x, 3] <= near.max()
    assert np.abs(pixels[pixels[..., 3] >= 64][:, :3] - COLOR).max() <= 4
    assert np.abs(pixels[pixels[..., 3] == 255][:, :3] - COLOR).max() <= 1


@pytest.mark.parametrize(("side", "result"), [(1000, 430), (400, 900)])
def test_strips_make_the_same_picture_as_the_whole(side: int, result: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = draw_box(side)
    box = (3.5, 7.25, side - 2.0, side - 11.5)
    expected = Image.new("RGBA", (result, result))
    monkeypatch.setattr("backdrop.imaging.strip_resize._STRIP_ROWS", 100_000)
    for top, strip in resize_in_strips(cut, (result, result), box):
        expected.paste(strip, (0, top))
    monkeypatch.undo()
    made = Image.new("RGBA", (result, result))
    for top, strip in resize_in_strips(cut, (result, result), box):
        made.paste(strip, (0, top))
    assert np.abs(read_pixels(made) - read_pixels(expected)).max() <= 1


def test_inside_of_a_product_is_as_sharp_as_that_of_an_opaque_photo() -> None:
    detail = Image.effect_noise((600, 600), 80).convert("RGB")
    cut = Image.new("RGBA", detail.size)
    cut.paste(detail.crop((100, 100, 500, 500)), (100, 100))
    inner = (60, 60, 190, 190)
    made = resize(cut, (250, 250)).convert("RGB").crop(inner)
    assert (np.abs(read_pixels(made) - read_pixels(resize(detail, (250, 250)).crop(inner))) <= 1).all()
