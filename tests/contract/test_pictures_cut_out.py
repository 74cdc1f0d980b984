"""The stand-in's cut-outs of photos that packages ship, and of drawn ones: correct outline, soft edge, and no halo."""

import hashlib
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from backdrop_local.standin.pictures import CutOut, cut_out, cutout
from backdrop_local.standin.pictures.arrays import Plane, from_image, gaussian_blur, to_plane
from bench.standin_cutouts import MIN_OVERLAP, MIN_PHOTOS, NAMES, measure_overlap, open_photo

type Flags = NDArray[np.bool_]


@cache
def cut(name: str) -> CutOut:
    return cut_out(open_photo(name))


def spread_from(color: Plane, inside: Flags) -> Plane:
    """Returns, for each pixel, the mean color of the nearby pixels that are `inside`."""
    weight = to_plane(inside)
    return to_plane(
        gaussian_blur(to_plane(color * weight[..., None]), 4) / (gaussian_blur(weight, 4)[..., None] + 1e-4)
    )


def test_cut_outs_match_the_kept_mattes() -> None:
    overlaps = {name: measure_overlap(name, cut(name)) for name in NAMES}
    assert sum(overlap >= MIN_OVERLAP for overlap in overlaps.values()) >= MIN_PHOTOS, overlaps
    assert min(overlaps.values()) > 0.8, overlaps


@pytest.mark.parametrize("name", ["coffee", "flower", "handbag"])
def test_only_the_edge_of_a_cut_out_is_soft(name: str) -> None:
    alpha = cut(name).alpha
    assert 0 < float(((alpha > 0.04) & (alpha < 0.96)).mean()) < 0.02
    assert float((alpha == 0).mean()) > 0.2
    assert float((alpha == 1).mean()) > 0.15


@pytest.mark.parametrize("name", ["coffee", "flower"])
def test_edge_colors_come_from_the_subject(name: str) -> None:
    color, alpha = cut(name).color, cut(name).alpha
    original = from_image(open_photo(name))
    own, behind = spread_from(original, alpha > 0.98), spread_from(original, alpha < 0.02)
    apart = np.linalg.norm(own - behind, axis=2)
    edge = (alpha > 0.1) & (alpha < 0.9) & (apart > 0.25)
    # 0 where the color is that of the subject, 1 where it is that of the old background
    lean = ((color - own) * (behind - own)).sum(axis=2)[edge] / (apart[edge] ** 2)
    assert float(np.median(lean)) < 0.15
    assert float(np.mean(lean > 0.5)) < 0.05


def test_same_photo_gives_the_same_cut_out() -> None:
    first, second = cut("coffee"), cut_out(open_photo("coffee"))
    assert np.array_equal(first.alpha, second.alpha)
    assert np.array_equal(first.color, second.color)


@pytest.mark.parametrize(("size", "left"), [((300, 400), 0.36), ((1600, 1200), 0.36), ((480, 300), 0.06)])
def test_drawn_photo_is_cut_out_exactly(size: tuple[int, int], left: float) -> None:
    """A green, bottle-like shape in front of a pale, slightly uneven wall."""
    width, height = size
    wall = np.random.default_rng(4).normal(214, 3, (height, width, 3)).clip(0, 255)
    picture = Image.fromarray(wall.astype(np.uint8))
    box = (width * left, height * 0.2, width * (left + 0.26), height * 0.86)
    ImageDraw.Draw(picture).rounded_rectangle(box, width * 0.08, fill=(34, 96, 58))
    found, wanted = cut_out(picture).alpha > 0.5, np.asarray(picture)[..., 0] < 120
    assert float((found & wanted).sum()) / float((found | wanted).sum()) > 0.98


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (700, 40)], ids=lambda size: f"{size}")
@pytest.mark.parametrize("level", [0, 128])
def test_photo_without_a_subject_gives_an_empty_cut_out(size: tuple[int, int], level: int) -> None:
    found = cut_out(Image.new("RGB", size, (level,) * 3))
    assert found.to_image().size == size
    assert np.isfinite(found.color).all()
    assert float(found.alpha.max()) < 0.5


def test_model_is_the_published_one() -> None:
    """The MD5 is the one that rembg 2.0 checks after its download (`sessions/u2netp.py`)."""
    model = cutout.MODEL_FILE.read_bytes()
    assert hashlib.sha256(model).hexdigest() == "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
    assert hashlib.md5(model, usedforsecurity=False).hexdigest() == "8e83ca70e441ab06c318d82300c84806"
