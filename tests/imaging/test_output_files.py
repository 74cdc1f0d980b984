"""An output's file: in the requested format, declared as sRGB, with nothing of the paid file except its picture."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin
from PIL.PngImagePlugin import PngInfo

from backdrop.imaging.color import srgb_profile_bytes
from tests.imaging.output_pictures import (
    RED,
    build_cut_out,
    build_output,
    encode_picture,
    on_background,
    open_output,
    read_pixels,
    swapped_profile,
)
from tests.imaging.photos import scene

WHITE = (255, 255, 255)
FORMATS = [{"format": "png", "width": 50}, {"format": "webp"}, {"format": "jpg", "background": "#ffffff"}]
NAMES = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG"}


@pytest.mark.parametrize("fields", FORMATS)
def test_output_has_the_requested_format_and_states_srgb(fields: dict[str, Any]) -> None:
    picture = open_output(build_output(build_cut_out(), **fields))
    assert picture.format == NAMES[fields["format"]]
    if picture.format == "PNG":
        assert picture.info["srgb"] == 0
        return
    profile = ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_profile_has_no_creation_time() -> None:
    """With a creation time, every redelivery would write every picture again."""
    assert srgb_profile_bytes()[24:36] == bytes((7, 232, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(srgb_profile_bytes())))


@pytest.mark.parametrize("fields", FORMATS)
def test_output_has_no_metadata_of_the_paid_file(fields: dict[str, Any]) -> None:
    words = PngInfo()
    words.add_text("Comment", "made by a person")
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    data = encode_picture(build_cut_out(), pnginfo=words, exif=exif, dpi=(300, 300))
    output = build_output(data, **fields)
    assert b"a person" not in output.data
    assert b"a camera" not in output.data
    assert not open_output(output).getexif()


@pytest.mark.parametrize("fields", FORMATS)
def test_comment_and_profile_of_paid_jpeg_are_dropped(fields: dict[str, Any]) -> None:
    data = encode_picture(on_background(WHITE), "JPEG", comment=b"made by a person", icc_profile=swapped_profile())
    output = build_output(data, **fields)
    assert b"a person" not in output.data
    assert open_output(output).info.get("icc_profile") in (None, srgb_profile_bytes())


def test_jpg_is_progressive_with_full_color_from_quality_90() -> None:
    fine, small = (
        open_output(build_output(on_background(WHITE), format="jpg", quality=quality)) for quality in (90, 89)
    )
    assert JpegImagePlugin.get_sampling(fine) == 0
    assert JpegImagePlugin.get_sampling(small) == 2
    assert fine.info["progressive"]


@pytest.mark.parametrize("format_", ["jpg", "webp"])
def test_lower_quality_makes_a_smaller_file(format_: str) -> None:
    sizes = [
        len(build_output(scene(size=(400, 300)), format=format_, quality=quality).data) for quality in (20, 60, 95)
    ]
    assert sizes == sorted(set(sizes))


def test_webp_at_quality_100_is_lossless() -> None:
    picture = scene("RGBA")
    seen, paid = read_pixels(open_output(build_output(picture, format="webp", quality=100))), read_pixels(picture)
    visible = paid[..., 3] > 0
    assert (seen[..., 3] == paid[..., 3]).all()
    assert (seen[visible] == paid[visible]).all()


def test_plain_png_output_is_the_paid_file_unchanged() -> None:
    data = encode_picture(build_cut_out())
    assert build_output(data).data == data
    assert build_output(data).has_alpha


def test_plain_output_of_another_format_is_png() -> None:
    paid = encode_picture(on_background(WHITE), "JPEG")
    picture = open_output(build_output(paid))
    assert picture.format == "PNG"
    assert (read_pixels(picture) == read_pixels(Image.open(BytesIO(paid)))).all()


def test_fully_opaque_picture_loses_its_alpha_channel() -> None:
    whole = on_background(WHITE).convert("RGBA")
    assert not build_output(whole, width=50).has_alpha
    assert not build_output(build_cut_out(), trim=True).has_alpha
    assert build_output(build_cut_out(), width=50).has_alpha


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGB", "RGBA", "I;16"])
def test_every_png_mode_converts_to_every_output(mode: str) -> None:
    paid = scene("L").convert("I").point(lambda value: value * 257).convert("I;16") if mode == "I;16" else scene(mode)
    reference = scene("L") if mode == "I;16" else paid
    output = open_output(build_output(paid, format="webp", quality=100))
    expected, seen = read_pixels(reference), read_pixels(output)
    visible = expected[..., 3] > 0
    assert np.abs(seen - expected)[visible].max() <= 1


def test_palette_with_transparent_color_stays_transparent() -> None:
    palette = build_cut_out().convert("P", palette=Image.Palette.ADAPTIVE)
    data = encode_picture(palette, transparency=palette.getpixel((0, 0)))
    pixels = read_pixels(open_output(build_output(data, width=99)))
    assert pixels[0, 0, 3] == 0
    assert pixels[20, 40, 3] == 255


def test_color_profile_is_applied_to_output() -> None:
    odd = encode_picture(on_background(WHITE), icc_profile=swapped_profile())
    red, green, blue = (
        int(band) for band in read_pixels(open_output(build_output(odd, width=100, background="white")))[20, 40, :3]
    )
    assert np.abs(np.array((blue, green, red)) - np.array(RED)).max() <= 2


def test_cut_out_with_a_profile_keeps_its_alpha() -> None:
    pixels = read_pixels(
        open_output(build_output(encode_picture(build_cut_out(), icc_profile=swapped_profile()), width=99))
    )
    assert (pixels[0, 0, 3], pixels[20, 40, 3]) == (0, 255)
    assert pixels[20, 40, 2] > 200


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "CMYK"])
@pytest.mark.parametrize("profile", [b"any profile", swapped_profile()], ids=["damaged", "of-other-colors"])
def test_unusable_profile_does_not_stop_delivery(mode: str, profile: bytes) -> None:
    kind = "JPEG" if mode in ("L", "CMYK") else "PNG"
    output = build_output(encode_picture(scene(mode), kind, icc_profile=profile), format="webp")
    assert open_output(output).size == (64, 48)


def test_jpg_shows_white_behind_stray_alpha() -> None:
    """A new background is opaque. If a provider's is not entirely, nothing turns black."""
    pixels = read_pixels(open_output(build_output(Image.new("RGBA", (16, 16), (0, 0, 0, 16)), format="jpg")), "RGB")
    assert pixels.min() >= 238


@pytest.mark.parametrize("quality", [90, 100])
def test_noise_can_be_encoded_as_jpg(quality: int) -> None:
    """Pillow reserves too small a buffer for noise, and a progressive JPEG must fit into it."""
    noise = Image.merge("RGB", [Image.effect_noise((640, 480), 200) for _ in range(3)])
    output = build_output(noise, format="jpg", quality=quality)
    assert open_output(output).size == (640, 480)
