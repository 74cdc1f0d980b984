"""An output's pixels: trimmed, scaled, on its background, and framed. Compared with references from other libraries."""

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from backdrop.instructions.output_schema import SQUARE_OUTPUT
from tests.imaging.output_pictures import (
    RED,
    SUBJECT,
    build_cut_out,
    build_output,
    encode_picture,
    find_visible_box,
    on_background,
    open_output,
    read_pixels,
)

WHITE = (255, 255, 255)
GRAY = (128, 128, 128)


def build_scene() -> Image.Image:
    """A soft picture of 200 × 160 pixels from which a disc with a half-transparent edge is cut out."""
    width, height = 200, 160
    tones = Image.linear_gradient("L").resize((width, height))
    picture = Image.merge("RGB", (tones, tones.transpose(Image.Transpose.ROTATE_180), Image.new("L", tones.size, 90)))
    disc = Image.new("L", (width * 4, height * 4), 0)
    ImageDraw.Draw(disc).ellipse((160, 120, 640, 520), 255)
    picture.putalpha(disc.resize((width, height), Image.Resampling.BOX))
    return picture


def composite(background: tuple[int, int, int], picture: NDArray[Any]) -> NDArray[Any]:
    """Composites RGBA on a background, as floats from 0 to 1."""
    alpha = picture[..., 3:] / 255
    return (picture[..., :3] * alpha + np.array(background) * (1 - alpha)) / 255


def measure_difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Returns the mean Lab difference (CIE 1976) of two pictures with values from 0 to 1."""
    labs = [cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2LAB) for picture in (one, other)]
    return float(np.linalg.norm(labs[0] - labs[1], axis=2).mean())


def test_square_picture_is_trimmed_white_and_85_percent_full() -> None:
    output = build_output(build_cut_out(), **SQUARE_OUTPUT)
    picture = open_output(output)
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (2000, 2000))
    pixels = read_pixels(picture, "RGB")
    seen = np.abs(pixels - np.array(RED)).max(axis=2) < 40
    assert find_visible_box(seen) == pytest.approx((150, 362, 1850, 1637), abs=6)
    border = np.concatenate([pixels[:140].reshape(-1, 3), pixels[-140:].reshape(-1, 3), pixels[:, :140].reshape(-1, 3)])
    assert border.min() >= 254


@pytest.mark.parametrize("background", [WHITE, (0, 0, 0), (10, 200, 90)])
def test_scaled_picture_matches_the_reference_of_another_library(background: tuple[int, int, int]) -> None:
    whole = read_pixels(build_scene()).astype(np.float32)
    premultiplied = np.dstack([whole[..., :3] * whole[..., 3:] / 255, whole[..., 3:]])
    reference = cv2.resize(premultiplied, (50, 40), interpolation=cv2.INTER_AREA)
    laid = (reference[..., :3] + np.array(background) * (1 - reference[..., 3:] / 255)) / 255
    assert (
        measure_difference(composite(background, read_pixels(open_output(build_output(build_scene(), width=50)))), laid)
        <= 2
    )
    color = "#" + "".join(f"{band:02x}" for band in background)
    flat = read_pixels(open_output(build_output(build_scene(), width=50, background=color)), "RGB") / 255
    assert measure_difference(flat, laid) <= 2


@pytest.mark.parametrize("width", [37, 50, 99])
def test_scaling_a_cut_out_does_not_darken_its_edges(width: int) -> None:
    """The transparent pixels around a subject are black, and black must not bleed into it."""
    pixels = read_pixels(open_output(build_output(build_cut_out(), width=width)))
    edge = pixels[(pixels[..., 3] > 32) & (pixels[..., 3] < 255)]
    assert len(edge)
    assert (edge[:, :3] - np.array(RED)).min() >= -8
    assert (edge[:, :3] - np.array(RED)).max() <= 30


def test_cut_out_is_trimmed_to_its_visible_part() -> None:
    picture = open_output(build_output(build_cut_out(), trim=True))
    left, top, right, bottom = SUBJECT
    assert picture.size == (right - left, bottom - top)
    assert (read_pixels(picture) == np.array((*RED, 255))).all()


def test_invisible_haze_is_trimmed() -> None:
    hazy = build_cut_out()
    hazy.putpixel((90, 70), (*RED, 15))
    assert open_output(build_output(hazy, trim=True)).size == (40, 30)
    hazy.paste((*RED, 64), (75, 60, 91, 71))
    assert open_output(build_output(hazy, trim=True)).size == (71, 61)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("background", [WHITE, GRAY])
def test_opaque_picture_loses_borders_of_one_color(background: tuple[int, int, int], mode: str) -> None:
    noisy = on_background(background)
    noisy.putpixel((3, 3), tuple(band - 10 for band in background))
    picture = open_output(build_output(noisy.convert(mode), trim=True))
    assert picture.size == (40, 30)
    assert (read_pixels(picture, "RGB") == np.array(RED)).all()


def test_border_of_several_colors_is_not_trimmed() -> None:
    uneven = on_background(WHITE)
    uneven.putpixel((99, 79), (200, 255, 255))
    assert open_output(build_output(uneven, trim=True)).size == (100, 80)


def test_picture_of_one_color_is_not_trimmed() -> None:
    assert open_output(build_output(Image.new("RGB", (30, 20), GRAY), trim=True)).size == (30, 20)


def test_free_space_is_transparent_without_a_background() -> None:
    picture = open_output(build_output(on_background(GRAY), fit="pad", width=200, height=80))
    pixels = read_pixels(picture)
    assert find_visible_box(pixels[..., 3] == 255) == (50, 0, 150, 80)
    assert set(np.unique(pixels[..., 3])) == {0, 255}


def test_margin_surrounds_a_trimmed_subject() -> None:
    pixels = read_pixels(
        open_output(build_output(build_cut_out(), trim=True, margin="7px", background="#00ff00")), "RGB"
    )
    assert pixels.shape == (44, 54, 3)
    assert find_visible_box((pixels == np.array(RED)).all(axis=2)) == (7, 7, 47, 37)
    assert (pixels[0, 0] == (0, 255, 0)).all()


def test_cover_shows_the_middle() -> None:
    halves = Image.new("RGB", (90, 30), GRAY)
    halves.paste(RED, (30, 0, 60, 30))
    pixels = read_pixels(open_output(build_output(halves, fit="cover", width=30, height=30)), "RGB")
    assert (pixels == np.array(RED)).all()


def test_contain_never_enlarges_and_pad_reports_its_scale() -> None:
    assert open_output(build_output(build_cut_out(), width=500)).size == (100, 80)
    assert build_output(build_cut_out(), width=500).scale == 1
    padded = build_output(build_cut_out(), fit="pad", width=500, height=800)
    assert (padded.width, padded.height, padded.scale) == (500, 800, 5)


def test_background_shows_through_half_transparent_parts() -> None:
    half = Image.new("RGBA", (4, 4), (200, 0, 0, 128))
    pixels = read_pixels(open_output(build_output(half, background="#0000ff")), "RGB")
    assert np.abs(pixels - np.array((100, 0, 127))).max() <= 1


def test_outputs_of_one_picture_do_not_affect_each_other() -> None:
    data = encode_picture(build_cut_out())
    alone = build_output(data, format="webp").data
    build_output(data, **SQUARE_OUTPUT)
    assert build_output(data, format="webp").data == alone
    assert build_output(data, name="master").data == data
