"""A mask is used for a photo only if it shows a subject and is of this photo."""

from collections.abc import Callable
from random import Random

import pytest
from PIL import Image, ImageDraw, ImageFilter

from backdrop.imaging.mask_checks import find_coverage_problem, find_mask_problem, find_own_mask
from backdrop.model.fidelity import CannotSayReason
from bench.fidelity.corpus import draw_cut_out, move_product
from bench.fidelity.photos import ProductPhoto, add_grain, draw_photo

PHOTO = draw_photo(4)
SIZE = PHOTO.photo.size
OTHERS = (8, 14, 24, 34, 52)
"""Photos of another shape, of the same one, and with another material."""
PLAIN_SIZE = (300, 240)


def draw_plain_photo(color: tuple[int, int, int], box: tuple[int, int, int, int]) -> tuple[Image.Image, Image.Image]:
    """Returns a photo of a product of one color, and its cut-out."""
    photo, matte = Image.new("RGB", PLAIN_SIZE, (225, 225, 225)), Image.new("L", PLAIN_SIZE)
    ImageDraw.Draw(matte).ellipse(box, fill=255)
    photo.paste(color, (0, 0), matte)
    grainy = add_grain(photo, 1.5, 1)
    cut_out = grainy.copy()
    cut_out.putalpha(matte)
    return grainy, cut_out


type Change = Callable[[ProductPhoto], Image.Image]

RIGHT_MASKS: dict[str, Change] = {
    "as it is": lambda photo: photo.matte,
    "oversized": lambda photo: photo.matte.filter(ImageFilter.MaxFilter(9)),
    "too small": lambda photo: photo.matte.filter(ImageFilter.MinFilter(5)),
    "soft": lambda photo: photo.matte.filter(ImageFilter.GaussianBlur(3)),
    "small": lambda photo: photo.matte.resize((SIZE[0] // 3, SIZE[1] // 3)),
}


@pytest.mark.parametrize("change", RIGHT_MASKS)
def test_mask_of_the_photo_can_be_used(change: str) -> None:
    assert find_mask_problem(PHOTO.photo, RIGHT_MASKS[change](PHOTO)) is None


@pytest.mark.parametrize("number", OTHERS)
def test_mask_of_another_photo_cannot_be_used(number: int) -> None:
    mask = draw_photo(number).matte.resize(SIZE)
    assert find_mask_problem(PHOTO.photo, mask) is CannotSayReason.MASK_OF_ANOTHER_PHOTO


@pytest.mark.parametrize("seed", range(6))
def test_cut_out_of_the_photo_can_be_used(seed: int) -> None:
    assert find_mask_problem(PHOTO.photo, draw_cut_out(PHOTO, Random(seed))) is None


@pytest.mark.parametrize("number", OTHERS)
def test_cut_out_of_another_photo_cannot_be_used(number: int) -> None:
    cut_out = draw_cut_out(draw_photo(number), Random(number)).resize(SIZE)
    assert find_mask_problem(PHOTO.photo, cut_out) is CannotSayReason.MASK_OF_ANOTHER_PHOTO


def test_cut_out_of_another_shot_of_the_product_cannot_be_used() -> None:
    """Its outline nearly fits, but its colors do not."""
    assert find_mask_problem(PHOTO.photo, move_product(PHOTO, 0.03)) is CannotSayReason.MASK_OF_ANOTHER_PHOTO


def test_photos_own_colors_prove_a_cut_out_without_a_visible_outline() -> None:
    photo = Image.composite(PHOTO.photo, PHOTO.photo.filter(ImageFilter.GaussianBlur(40)), PHOTO.matte)
    cut_out = PHOTO.photo.copy()
    outside_only = PHOTO.matte.filter(ImageFilter.MinFilter(41)).filter(ImageFilter.GaussianBlur(12))
    cut_out.putalpha(outside_only)
    assert find_mask_problem(photo, outside_only) is CannotSayReason.MASK_OF_ANOTHER_PHOTO
    assert find_mask_problem(photo, cut_out) is None


def test_outline_decides_about_a_plain_product() -> None:
    photo, cut_out = draw_plain_photo((240, 240, 240), (60, 50, 240, 190))
    _, other_place = draw_plain_photo((240, 240, 240), (20, 20, 140, 220))
    _, other_color = draw_plain_photo((90, 20, 20), (60, 50, 240, 190))
    assert find_mask_problem(photo, cut_out) is None
    assert find_mask_problem(photo, other_place) is CannotSayReason.MASK_OF_ANOTHER_PHOTO
    assert find_mask_problem(photo, other_color) is CannotSayReason.MASK_OF_ANOTHER_PHOTO


def test_mask_of_another_shape_cannot_be_used() -> None:
    mask = PHOTO.matte.resize((100, 300))
    assert find_mask_problem(PHOTO.photo, mask) is CannotSayReason.MASK_OF_ANOTHER_PHOTO


@pytest.mark.parametrize(
    ("level", "problem"),
    [(0, CannotSayReason.MASK_EMPTY), (60, CannotSayReason.MASK_EMPTY), (255, CannotSayReason.SUBJECT_FILLS_FRAME)],
)
def test_mask_without_an_outline_cannot_be_used(level: int, problem: CannotSayReason) -> None:
    mask = Image.new("L", SIZE, level)
    assert find_coverage_problem(mask) is find_mask_problem(PHOTO.photo, mask) is problem
    assert find_coverage_problem(PHOTO.matte) is None


@pytest.mark.parametrize(
    ("box", "is_mask"),
    [
        ((0.2, 0.1, 0.8, 0.9), True),
        ((0.02, 0.4, 0.98, 0.6), True),
        ((0.04, 0.04, 0.96, 0.96), False),
        ((0, 0, 1, 1), False),
        ((0, 0, 1, 0.99), False),
    ],
    ids=["book", "ruler", "picture with an empty margin", "opaque", "one empty row"],
)
def test_transparency_is_a_mask_if_it_shows_a_product(box: tuple[float, float, float, float], *, is_mask: bool) -> None:
    photo, size = Image.new("RGBA", (400, 300)), (400, 300, 400, 300)
    edges = [round(share * side) for share, side in zip(box, size, strict=True)]
    photo.paste((90, 90, 90, 255), (edges[0], edges[1], edges[2], edges[3]))
    own_mask = find_own_mask(photo)
    assert (own_mask is not None) is is_mask
    assert own_mask is None or own_mask.tobytes() == photo.getchannel("A").tobytes()


def test_photo_without_an_alpha_channel_has_no_mask_of_its_own() -> None:
    assert find_own_mask(PHOTO.photo.convert("RGB")) is None


def test_pictures_are_not_changed_by_checking() -> None:
    photo, cut_out = PHOTO.photo.copy(), draw_cut_out(PHOTO, Random(1))
    before = photo.tobytes(), cut_out.tobytes()
    find_mask_problem(photo, cut_out)
    assert (photo.tobytes(), cut_out.tobytes()) == before
