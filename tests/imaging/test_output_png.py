"""Plain PNG outputs, which change nothing about the provider's picture."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops

from backdrop.imaging.output import PaidPicture
from backdrop.imaging.verify import verify_result
from tests.imaging import photos
from tests.imaging.output_pictures import build_output, swapped_profile


def open_image(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_png_output_of_a_png_keeps_every_byte(mode: str) -> None:
    data = photos.with_chunk(photos.png(mode), b"tEXt", b"Seed\x007")

    assert build_output(data, size="provider").data == data


@pytest.mark.parametrize("output_format", ["png", "jpg", "webp"])
@pytest.mark.parametrize("data", [photos.png("RGBA"), photos.jpeg(), photos.webp()], ids=["png", "jpeg", "webp"])
def test_hostile_bytes_after_the_pictures_end_are_not_delivered(data: bytes, output_format: str) -> None:
    with_tail = data + b"<script>alert(1)</script>"
    paid = PaidPicture(with_tail, verify_result(with_tail, expect_alpha=False, max_megapixels=10))

    assert build_output(with_tail, format=output_format).data == build_output(data, format=output_format).data
    assert b"script" not in paid.to_lossless_png()
    assert paid.data == with_tail


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        pytest.param(photos.jpeg(), "RGB", id="jpeg"),
        pytest.param(photos.encode_image(photos.scene("L"), "JPEG"), "L", id="gray-jpeg"),
        pytest.param(photos.webp(lossless=True, mode="RGBA"), "RGBA", id="webp-cut-out"),
    ],
)
def test_png_output_of_another_format_keeps_the_pixels(data: bytes, mode: str) -> None:
    picture = open_image(build_output(data).data)

    assert (picture.format, picture.mode) == ("PNG", mode)
    assert ImageChops.difference(picture, open_image(data).convert(mode)).getbbox(alpha_only=False) is None


def test_png_output_keeps_the_profile_only_with_its_colors() -> None:
    profile = swapped_profile()
    rgb = photos.encode_image(photos.scene(), "JPEG", icc_profile=profile)
    cmyk = photos.encode_image(photos.scene("CMYK"), "JPEG", icc_profile=profile)

    assert open_image(build_output(rgb).data).info["icc_profile"] == profile
    picture = open_image(build_output(cmyk).data)
    assert picture.mode == "RGB"
    assert "icc_profile" not in picture.info
