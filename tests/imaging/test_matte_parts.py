"""What a provider's matte means: strays decide nothing and are removed, and all parts of a product stay."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from backdrop.imaging.matte_parts import MatteCleaning, clean_matte, find_significant_box, find_visible_box
from backdrop.imaging.measure import certify_file
from backdrop.model.certificate import Verdict
from tests.imaging.output_pictures import build_output, open_output, read_pixels

type Cut = NDArray[np.uint8]
SIDE = 1000
PRODUCT = (400, 400, 600, 600)
"""The left, top, right, and bottom of the product."""


def draw(*parts: tuple[int, int, int, int, int], scale: int = 1) -> Cut:
    """Draws a product and further parts, each a box with its alpha, on a picture of 1000 × 1000 pixels or a multiple.

    What is transparent has a color, as in the files of providers that only write a matte.
    """
    cut = np.zeros((SIDE * scale, SIDE * scale, 4), np.uint8)
    cut[..., :3] = (200, 190, 180)
    for left, top, right, bottom, alpha in ((*(one * scale for one in PRODUCT), 255), *parts):
        cut[top:bottom, left:right] = (60, 40, 30, alpha)
    return cut


def clean(cut: Cut) -> tuple[Cut, MatteCleaning]:
    picture = Image.fromarray(cut)
    cleaning = clean_matte(picture)
    return np.asarray(picture), cleaning


STRAYS: Mapping[str, Cut] = {
    "faint speck": draw((3, 3, 6, 6, 60)),
    "faint speck below": draw((500, 990, 502, 992, 40)),
    "solid speck": draw((990, 3, 996, 9, 255)),
    "specks all around": draw(*((x, y, x + 4, y + 4, 200) for x in (20, 500, 960) for y in (30, 930))),
    "haze above": draw((350, 100, 650, 160, 24)),
    "haze of half the product": draw((400, 20, 600, 120, 30)),
    "speck in a large picture": draw((15, 15, 18, 18, 255), scale=2),
}
PRODUCTS: Mapping[str, Cut] = {
    "pair": draw((700, 420, 900, 620, 255)),
    "small companion": draw((800, 580, 840, 620, 255)),
    "one percent far away": draw((950, 20, 970, 40, 255)),
    "chain": draw(*((500 + step, 600 + step, 508 + step, 608 + step, 255) for step in range(12, 360, 14))),
    "thin line": draw((100, 500, 380, 502, 255)),
    "button next to it": draw((605, 500, 611, 506, 255)),
    "glass stopper": draw((480, 300, 520, 340, 90)),
    "hair-thin part that touches": draw((500, 100, 501, 400, 40)),
}


@pytest.mark.parametrize("name", STRAYS)
def test_stray_is_removed_and_decides_nothing(name: str) -> None:
    cut = STRAYS[name]
    scale = len(cut) // SIDE
    left, top, right, bottom = (one * scale for one in PRODUCT)
    cleaned, cleaning = clean(cut)
    assert cleaning.stray_count
    inside = np.zeros(cut.shape[:2], bool)
    inside[top:bottom, left:right] = True
    assert not cleaned[~inside].any()
    assert (cleaned[inside] == cut[inside]).all()
    assert find_visible_box(Image.fromarray(cut)) == (left, top, right, bottom)


@pytest.mark.parametrize("name", PRODUCTS)
def test_part_of_the_product_counts(name: str) -> None:
    cut = PRODUCTS[name]
    cleaned, cleaning = clean(cut)
    assert cleaning.stray_count == 0
    assert (cleaned[..., 3] == cut[..., 3]).all()
    assert find_visible_box(Image.fromarray(cut)) == Image.fromarray(cut).getchannel("A").getbbox()


def test_thin_parts_of_a_long_picture_are_found() -> None:
    """A cell has more pixels here than an average can resolve."""
    cut = np.zeros((500, 9000, 4), np.uint8)
    cut[100:400, 1000:1600, 3] = 255
    cut[250, 1650:7000, 3] = 255
    cut[10:13, 8900:8903, 3] = 255
    assert find_visible_box(Image.fromarray(cut)) == (1000, 100, 7000, 400)
    assert clean(cut)[1].stray_count == 1


def test_only_parts_that_are_small_next_to_the_largest_are_strays() -> None:
    """Beads: none of them is large."""
    cut = np.zeros((SIDE, SIDE, 4), np.uint8)
    for x in range(50, 1000, 180):
        for y in range(50, 1000, 180):
            cut[y : y + 12, x : x + 12] = (60, 40, 30, 255)
    assert clean(cut)[1] == MatteCleaning()
    faint = cut.copy()
    faint[..., 3] //= 5
    assert clean(faint)[1] == MatteCleaning()


def test_noise_of_a_matte_is_snapped_once() -> None:
    cut = draw()
    for value, row in ((1, 10), (3, 20), (4, 30)):
        cut[row, :, 3] = value
    for value, row in ((254, 410), (252, 420), (251, 430)):
        cut[row, 450:550, 3] = value
    cleaned, cleaning = clean(cut)
    assert cleaning == MatteCleaning(has_changed=True)
    assert [cleaned[row, 500, 3] for row in (10, 20, 30, 410, 420, 430)] == [0, 0, 4, 255, 255, 251]
    assert not cleaned[cleaned[..., 3] == 0].any()
    assert (cleaned[..., :3] == cut[..., :3])[cleaned[..., 3] > 0].all()
    assert clean(cleaned)[1] == MatteCleaning()


def test_certificate_does_not_trust_the_parts_that_the_layout_shows() -> None:
    """A far part that is too large to be a stray makes the product small, and the certificate says so."""
    cut = Image.fromarray(draw((20, 20, 37, 37, 255)))
    assert find_visible_box(cut) == (20, 20, 600, 600)
    assert find_significant_box(cut) == PRODUCT
    output = build_output(cut, **{"for": "amazon-main"})
    certificate = certify_file(output.data, "amazon-main", operation="remove", subject=output.subject)
    assert certificate.verdict is Verdict.FAILED
    assert {one.rule: one.measured for one in certificate.checks}["subject_share"] == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"background": "white"},
        {"background": "white", "shadow": "contact"},
        {"background": "white", "shadow": "reflection", "width": 700},
        {"format": "jpg", "trim": True, "width": 300},
        {"format": "webp", "quality": 100, "trim": True, "margin": "5%"},
        {"for": "amazon-main"},
    ],
)
def test_output_of_a_noisy_matte_is_that_of_a_clean_one(fields: dict[str, Any]) -> None:
    noisy = draw((3, 3, 6, 6, 60), (500, 990, 502, 992, 40))
    noisy[..., 3] = np.where(noisy[..., 3] == 0, 2, noisy[..., 3])
    noisy[450:550, 450:550, 3] = 253
    tidy = draw()
    tidy[tidy[..., 3] == 0] = 0
    expected = read_pixels(open_output(build_output(Image.fromarray(tidy), **fields)))
    assert (read_pixels(open_output(build_output(Image.fromarray(noisy), **fields))) == expected).all()


def test_provider_size_without_processing_is_the_providers_file() -> None:
    noisy = Image.fromarray(draw((3, 3, 6, 6, 60)))
    assert read_pixels(open_output(build_output(noisy, size="provider")))[4, 4, 3] == 60
    assert read_pixels(open_output(build_output(noisy, size="provider", background="white")))[4, 4, 0] == 255
