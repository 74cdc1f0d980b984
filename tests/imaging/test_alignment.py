"""The shift and scale of a subject are found to a fraction of a pixel, whatever is behind it and lights it."""

import pytest
from PIL import Image

from backdrop.imaging.alignment import UNMOVED, Alignment, find_alignment
from bench.cutout_scenes import build_scenes
from bench.fidelity.corpus import build_unchanged_pair
from bench.fidelity.photos import ProductPhoto, build_photos, compose, draw_photo
from bench.own_pixels.edge_colors import add_texture, draw_ground, draw_provider_scene

PHOTO = draw_photo(2)
COIN_2 = 5
"""The position of this photo in `build_photos`."""
MAX_ERROR = 0.5
"""Pixels of the photo."""


def move_product(photo: ProductPhoto, true: Alignment, result_size: tuple[int, int]) -> Image.Image:
    """Returns the product in front of another background, darker, shifted, and scaled."""
    size = photo.photo.size
    a, _, c, _, e, f = true.affine(size, size)
    matrix = 1 / a, 0.0, -c / a, 0.0, 1 / e, -f / e
    product = photo.product.picture.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    red, green, blue, alpha = product.split()
    darker = Image.merge("RGBA", [*(band.point(lambda value: value * 0.8) for band in (red, green, blue)), alpha])
    return compose(darker, Image.new("RGB", size, (40, 90, 160))).resize(result_size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    ("true", "share"),
    [
        (Alignment(1.0, 0.0, 0.0, 1.0), 1.0),
        (Alignment(1.0, 0.021, -0.033, 1.0), 1.0),
        (Alignment(1.06, -0.01, 0.02, 1.0), 1.0),
        (Alignment(0.95, 0.02, 0.01, 1.0), 0.7),
        (Alignment(1.02, 0.0, 0.03, 1.0), 1.6),
    ],
)
def test_shift_and_scale_are_found_to_half_a_pixel(true: Alignment, share: float) -> None:
    size = PHOTO.photo.size
    result = move_product(PHOTO, true, (round(size[0] * share), round(size[1] * share)))
    found = find_alignment(PHOTO.photo, result, PHOTO.matte)
    assert found.is_reliable
    for corner in ((0, 0), size):
        expected, actual = (one.locate_in_result(corner, size, size) for one in (true, found))
        assert actual == pytest.approx(expected, abs=MAX_ERROR)


def test_mask_may_have_another_resolution_than_photo() -> None:
    result = move_product(PHOTO, Alignment(1.0, 0.02, 0.0, 1.0), PHOTO.photo.size)
    found = find_alignment(PHOTO.photo, result, PHOTO.matte.resize((150, 180)))
    assert found.dx == pytest.approx(0.02, abs=0.001)


def test_other_picture_is_not_reliably_aligned() -> None:
    other = draw_photo(17).photo.resize(PHOTO.photo.size)
    assert not find_alignment(PHOTO.photo, other, PHOTO.matte).is_reliable


def test_photo_with_alpha_is_aligned_like_an_opaque_one() -> None:
    result = move_product(PHOTO, Alignment(1.0, 0.02, 0.0, 1.0), PHOTO.photo.size)
    found = find_alignment(PHOTO.product.picture, result, PHOTO.matte)
    assert found.dx == pytest.approx(0.02, abs=0.002)


def test_empty_mask_leaves_the_picture_unmoved() -> None:
    assert find_alignment(PHOTO.photo, PHOTO.photo, Image.new("L", PHOTO.photo.size)) == UNMOVED


def test_subject_without_detail_is_not_reliably_aligned() -> None:
    flat = Image.new("RGB", (300, 300), (120, 120, 120))
    assert not find_alignment(flat, flat, Image.new("L", (300, 300), 255)).is_reliable


def assert_in_place(found: Alignment, size: tuple[int, int]) -> None:
    assert found.is_reliable
    for corner in ((0, 0), size):
        assert found.locate_in_result(corner, size, size) == pytest.approx(corner, abs=2 * MAX_ERROR)


def test_small_result_of_an_unmoved_coin_is_found_in_place() -> None:
    pair = build_unchanged_pair(build_photos()[COIN_2](), "new background", 0)
    result = pair.result.resize((315, 315), Image.Resampling.LANCZOS)
    assert_in_place(find_alignment(pair.photo, result, pair.cut_out.getchannel("A")), pair.photo.size)


@pytest.mark.parametrize("size", [(400, 300), (320, 240)])
def test_small_result_of_a_fine_texture_is_found_in_place(size: tuple[int, int]) -> None:
    scene = add_texture(build_scenes(800, 600)[0])
    result = draw_provider_scene(scene, draw_ground(scene, (20, 30, 90)), (1.0, 0.0, 0.0)).resize(size)
    mask = scene.draw_provider_answer((400, 300)).getchannel("A")
    assert_in_place(find_alignment(scene.draw_photo(), result, mask), (800, 600))


def test_noise_in_the_finest_detail_does_not_hide_the_subject() -> None:
    pair = build_unchanged_pair(build_photos()[COIN_2](), "grain", 1)
    assert_in_place(find_alignment(pair.photo, pair.result, pair.cut_out.getchannel("A")), pair.photo.size)


@pytest.mark.parametrize(("number", "share"), [(2, 0.01), (23, 0.03), (30, 0.01)])
def test_shift_of_a_regular_pattern_is_found(number: int, share: float) -> None:
    pair = build_unchanged_pair(draw_photo(number), "shifted", (0.01, 0.03).index(share))
    found = find_alignment(pair.photo, pair.result, pair.cut_out.getchannel("A"))
    assert found.correlation >= 0.9
    assert (abs(found.dx), abs(found.dy)) == pytest.approx((share, share), abs=0.002)
