"""Logos: their position, size, and opacity, on opaque and transparent pictures."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backdrop.imaging.logo import draw_logo, place_logo
from backdrop.model.composition import Length, Logo
from backdrop.model.frame import POSITIONS
from tests.imaging.output_pictures import find_visible_box, read_pixels

KEY = "_backdrop/brand/logo.png"
BLUE = (0, 0, 255)


def build_logo(**fields: Any) -> Logo:
    return Logo(image=KEY, **fields)


def draw(canvas: Image.Image, logo: Logo) -> Image.Image:
    draw_logo(canvas, Image.new("RGB", (200, 100), BLUE), logo)
    return canvas


@pytest.mark.parametrize(
    ("position", "box"),
    [
        ("top-left", (10, 10, 110, 60)),
        ("top", (200, 10, 300, 60)),
        ("right", (390, 75, 490, 125)),
        ("center", (200, 75, 300, 125)),
        ("bottom-right", (390, 140, 490, 190)),
    ],
)
def test_logo_is_in_its_place(position: str, box: tuple[int, int, int, int]) -> None:
    canvas = Image.new("RGB", (500, 200), "white")
    draw(canvas, build_logo(position=position, width=Length(share=0.2), margin=Length(share=0.05)))
    assert find_visible_box(read_pixels(canvas, "RGB")[:, :, 0] < 128) == box


def test_opacity_mixes_the_logo_with_the_picture() -> None:
    canvas = draw(Image.new("RGB", (100, 100), "white"), build_logo(position="center", opacity=0.5))
    assert canvas.getpixel((50, 50)) == pytest.approx((127, 127, 255), abs=1)


def test_logo_on_transparency_keeps_its_own_alpha() -> None:
    canvas = draw(Image.new("RGBA", (100, 100)), build_logo(position="center", opacity=0.5))
    assert canvas.getpixel((50, 50)) == pytest.approx((*BLUE, 128), abs=1)
    assert canvas.getpixel((2, 2)) == (0, 0, 0, 0)


def test_invisible_logo_changes_nothing() -> None:
    assert draw(Image.new("RGB", (50, 50), "white"), build_logo(opacity=0.0)).getcolors() == [(2500, (255, 255, 255))]


@given(
    canvas=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    logo=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    position=st.sampled_from(sorted(POSITIONS)),
    width=st.one_of(
        st.integers(1, 500).map(lambda one: Length(pixels=one)), st.floats(0.01, 1).map(lambda one: Length(share=one))
    ),
    margin=st.floats(0, 0.45),
)
def test_any_logo_is_inside_the_picture(
    canvas: tuple[int, int], logo: tuple[int, int], position: str, width: Length, margin: float
) -> None:
    size, offset = place_logo(canvas, logo, build_logo(position=position, width=width, margin=Length(share=margin)))
    for start, length, side in zip(offset, size, canvas, strict=True):
        assert length >= 1
        assert 0 <= start <= side - length or length > side
