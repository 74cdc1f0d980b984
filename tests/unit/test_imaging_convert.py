"""The file that is handed over."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops

from backdrop.imaging.convert import to_png
from tests.unit import imaging_photos as photos


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_a_png_asked_for_as_png_keeps_every_byte(mode: str) -> None:
    data = photos.with_chunk(photos.png(mode), b"tEXt", b"Seed\x007")

    assert to_png(data) == data


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        pytest.param(photos.jpeg(), "RGB", id="jpeg"),
        pytest.param(photos.saved(photos.scene("L"), "JPEG"), "L", id="grey-jpeg"),
        pytest.param(photos.webp(lossless=True, mode="RGBA"), "RGBA", id="webp-cut-out"),
    ],
)
def test_another_format_becomes_a_png_of_the_same_pixels(data: bytes, mode: str) -> None:
    made = opened(to_png(data))

    assert (made.format, made.mode) == ("PNG", mode)
    assert ImageChops.difference(made, opened(data).convert(mode)).getbbox(alpha_only=False) is None


def test_the_colour_profile_stays_with_its_colours() -> None:
    profile = b"any profile"
    rgb = photos.saved(photos.scene(), "JPEG", icc_profile=profile)
    cmyk = photos.saved(photos.scene("CMYK"), "JPEG", icc_profile=profile)

    assert opened(to_png(rgb)).info["icc_profile"] == profile
    made = opened(to_png(cmyk))
    assert made.mode == "RGB"
    assert "icc_profile" not in made.info


def test_what_was_never_verified_is_not_converted() -> None:
    with pytest.raises(ValueError, match="verified"):
        to_png(b"<html>")
