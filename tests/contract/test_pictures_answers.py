"""The stand-in's pictures: size, mode, and marker, and how prompt, style, and seed change them."""

import io
from functools import cache

import numpy as np
import pytest
from PIL import Image

from backdrop_local.photos import PHOTOS, load_photo
from backdrop_local.standin.pictures import (
    SOFTWARE,
    NotAPictureError,
    compute_result_size,
    draw_background,
    read_id,
    remove_background,
    replace_background,
)
from backdrop_local.standin.pictures.watermark import encode_png

COFFEE = load_photo("coffee")
SMALL = (144, 96)


REPLACED = cache(lambda: replace_background(COFFEE, "on a beach", None, 1, "päid/1"))
REMOVED = cache(lambda: remove_background(COFFEE, "päid/1"))


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def jpeg(size: tuple[int, int], **options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, "JPEG", **options)
    return out.getvalue()


def test_replaced_background_is_a_megapixel_and_contains_its_id() -> None:
    answer = REPLACED()
    picture = opened(answer.png)
    assert (picture.format, picture.mode) == ("PNG", "RGB")
    assert picture.size == (answer.width, answer.height) == (1248, 832)
    assert read_id(answer.png) == "päid/1"
    assert picture.info["Software"] == SOFTWARE
    assert picture.info["Backdrop-Id"] == "päid/1"


def test_removed_background_is_transparent_and_has_the_photo_size() -> None:
    answer = REMOVED()
    picture = opened(answer.png)
    alpha = np.asarray(picture.getchannel("A"))
    assert (picture.mode, picture.size) == ("RGBA", (600, 400))
    assert (alpha == 0).mean() > 0.4
    assert (alpha == 255).mean() > 0.3
    assert alpha[-16:, -16:].max() == 0
    assert read_id(answer.png) == "päid/1"


def test_id_is_stored_in_the_pixels_not_in_metadata() -> None:
    for answer in (REPLACED(), REMOVED()):
        bare = io.BytesIO()
        clean = Image.fromarray(np.asarray(opened(answer.png)))
        clean.save(bare, "PNG")
        assert read_id(bare.getvalue()) == "päid/1"


def test_no_id_is_found_in_other_pictures() -> None:
    assert read_id(jpeg((64, 64))) is None


def test_id_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 80 bytes"):
        encode_png(Image.new("RGB", (64, 64)), "x" * 81)


def test_same_request_gives_the_same_bytes() -> None:
    assert replace_background(COFFEE, "on a beach", None, 1, "päid/1") == REPLACED()
    painted = [draw_background(SMALL, "in the forest", "WATERCOLOR", 11).tobytes() for _ in range(2)]
    assert painted[0] == painted[1]


@pytest.mark.parametrize(
    ("prompt", "style", "seed"),
    [("a sunset", None, 1), ("a beach", "POP_ART", 1), ("a beach", None, 2), ("a beach", "0a1b2c3d", 1)],
)
def test_prompt_style_and_seed_each_change_the_picture(prompt: str, style: str | None, seed: int) -> None:
    plain = np.asarray(draw_background(SMALL, "a beach", None, 1), np.int16)
    other = np.asarray(draw_background(SMALL, prompt, style, seed), np.int16)
    assert np.abs(plain - other).mean() > 2


@pytest.mark.parametrize(
    "prompt",
    [
        "sunset",
        "beach",
        "snow",
        "forest",
        "city at night",
        "space",
        "desert",
        "mountains",
        "garden",
        "kitchen",
        "marble",
        "wooden table",
        "white",
        "pink studio",
        "an unknown subject",
        "雪",
    ],
)
def test_every_prompt_gives_a_picture_with_contrast(prompt: str) -> None:
    pixels = np.asarray(draw_background(SMALL, prompt, None, 9), np.float32)
    assert pixels.std() > (2 if prompt == "white" else 6)
    assert 8 < pixels.mean() < 248


def test_prepared_pictures_are_small_and_differ_by_job() -> None:
    replaced = replace_background(COFFEE, "a beach", None, 1, "fast-1", placeholder=True)
    removed = remove_background(COFFEE, "fast-2", placeholder=True)
    assert (read_id(replaced.png), read_id(removed.png)) == ("fast-1", "fast-2")
    assert opened(replaced.png).mode == "RGB"
    alpha = np.asarray(opened(removed.png).getchannel("A"))
    assert {0, 255} <= set(alpha.ravel().tolist())
    assert max(replaced.width, removed.width) <= 96


@pytest.mark.parametrize(
    ("photo", "result"),
    [
        ((600, 400), (1248, 832)),
        ((512, 512), (1024, 1024)),
        ((4000, 3000), (1184, 880)),
        ((30, 3000), (512, 2048)),
        ((3000, 30), (2048, 512)),
    ],
)
def test_results_keep_the_photos_shape_at_a_megapixel(photo: tuple[int, int], result: tuple[int, int]) -> None:
    assert compute_result_size(*photo) == result


def test_rotated_photo_is_turned_upright() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    data = jpeg((80, 40), exif=turned)
    assert opened(remove_background(data, "up").png).size == (40, 80)
    assert replace_background(data, "x", None, 1, "up", placeholder=True).width < 60


@pytest.mark.parametrize("data", [b"", b"hello", COFFEE[:5000]], ids=["empty", "text", "cut"])
def test_file_that_is_not_a_picture_is_rejected(data: bytes) -> None:
    with pytest.raises(NotAPictureError):
        remove_background(data, "x")


def test_demo_photos_are_jpegs_with_credit_and_license() -> None:
    assert len(PHOTOS) >= 4
    for photo in PHOTOS:
        assert opened(load_photo(photo.name)).format == "JPEG"
        assert photo.credit
        assert photo.license_name


def test_large_cut_out_keeps_size_and_subject_pixels() -> None:
    large = opened(COFFEE).convert("RGB").resize((2100, 1400))
    data = io.BytesIO()
    large.save(data, "PNG")
    removed = np.asarray(opened(remove_background(data.getvalue(), "big").png))
    inside = removed[..., 3] == 255
    assert removed.shape == (1400, 2100, 4)
    assert inside.mean() > 0.3
    assert np.array_equal(removed[..., :3][inside], np.asarray(large)[inside])
