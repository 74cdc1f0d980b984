"""What a picture must show at least: the same for photos, images of a brand, and results."""

import pytest
from PIL import Image, ImageDraw

from backdrop.imaging.visibility import count_alpha_values, shows_nothing


def draw_ring(alpha: int) -> Image.Image:
    """A ring of 1/1000 of a picture."""
    picture = Image.new("RGBA", (1000, 1000))
    ImageDraw.Draw(picture).ellipse((400, 400, 559, 559), outline=(90, 80, 20, alpha), width=2)
    return picture


def draw_speck(alpha: int, around: int = 0, side: int = 1) -> Image.Image:
    picture = Image.new("RGBA", (96, 64), (0, 0, 0, around))
    picture.paste((200, 0, 0, alpha), (40, 30, 40 + side, 30 + side))
    return picture


@pytest.mark.parametrize(
    ("picture", "is_nothing"),
    [
        pytest.param(Image.new("RGBA", (64, 96), (0, 0, 0, 15)), True, id="faint"),
        pytest.param(Image.new("RGBA", (64, 96), (0, 0, 0, 16)), False, id="faint glass"),
        pytest.param(draw_speck(255), True, id="opaque speck"),
        pytest.param(draw_speck(17, around=15), True, id="faint speck"),
        pytest.param(draw_speck(255).quantize(), True, id="speck of a palette"),
        pytest.param(draw_speck(255, side=3), False, id="tiny product"),
        pytest.param(draw_ring(255), False, id="ring"),
        pytest.param(draw_ring(130), False, id="ring of glass"),
        pytest.param(Image.new("RGB", (2, 2)), False, id="opaque"),
    ],
)
def test_least_that_counts_as_something(picture: Image.Image, is_nothing: bool) -> None:
    assert shows_nothing(count_alpha_values(picture)) is is_nothing
