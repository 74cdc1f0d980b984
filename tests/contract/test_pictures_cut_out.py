"""The stand-in's cut-outs of demo photos and of other photos: correct outline, soft edge, and no halo."""

import io
import json
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from backdrop_local.photos import PHOTOS, load_photo
from backdrop_local.standin.pictures import CutOut, cut_out
from backdrop_local.standin.pictures.arrays import Plane, dilate, from_image, gaussian_blur, to_plane

MASKS = Path(__file__).parent / "masks"
NAMES = [photo.name for photo in PHOTOS]

type Flags = NDArray[np.bool_]


@cache
def photo(name: str) -> Image.Image:
    return Image.open(io.BytesIO(load_photo(name))).convert("RGB")


@cache
def cut(name: str) -> CutOut:
    return cut_out(photo(name))


def drawn(name: str) -> Flags:
    """Returns the hand-drawn mask of a demo photo."""
    shapes = json.loads((MASKS / f"{name}.json").read_text())
    canvas = Image.new("L", tuple(shapes["size"]))
    pen = ImageDraw.Draw(canvas)
    for part, fill in (("subject", 255), ("holes", 0)):
        for polygon in cast(list[list[tuple[int, int]]], shapes[part]):
            pen.polygon([tuple(point) for point in polygon], fill=fill)
    return np.asarray(canvas) > 0


def spread_from(color: Plane, inside: Flags) -> Plane:
    """Returns, for each pixel, the mean color of the nearby pixels that are `inside`."""
    weight = to_plane(inside)
    return to_plane(
        gaussian_blur(to_plane(color * weight[..., None]), 4) / (gaussian_blur(weight, 4)[..., None] + 1e-4)
    )


@pytest.mark.parametrize("name", NAMES)
def test_cut_out_matches_the_hand_drawn_outline(name: str) -> None:
    found, wanted = cut(name).alpha > 0.5, drawn(name)
    overlap = float((found & wanted).sum()) / float((found | wanted).sum())
    assert overlap >= 0.95


@pytest.mark.parametrize("name", NAMES)
def test_only_the_edge_of_a_cut_out_is_soft(name: str) -> None:
    alpha, wanted = cut(name).alpha, drawn(name)
    partial = (alpha > 0.04) & (alpha < 0.96)
    edge = (dilate(wanted.astype(np.uint8), 1) == 1) & (dilate((~wanted).astype(np.uint8), 1) == 1)
    assert float(partial.sum()) > 0.5 * float(edge.sum())
    assert float(partial.mean()) < 0.04
    assert float((alpha == 0).mean()) > 0.2
    assert float((alpha == 1).mean()) > 0.15


@pytest.mark.parametrize("name", NAMES)
def test_edge_colors_come_from_the_subject(name: str) -> None:
    color, alpha = cut(name).color, cut(name).alpha
    original = from_image(photo(name))
    own, behind = spread_from(original, alpha > 0.98), spread_from(original, alpha < 0.02)
    apart = np.linalg.norm(own - behind, axis=2)
    edge = (alpha > 0.1) & (alpha < 0.9) & (apart > 0.25)
    # 0 where the color is that of the subject, 1 where it is that of the old background
    lean = ((color - own) * (behind - own)).sum(axis=2)[edge] / (apart[edge] ** 2)
    assert float(np.median(lean)) < 0.1
    assert float(np.mean(lean > 0.5)) < 0.05


def test_same_photo_gives_the_same_cut_out() -> None:
    first, second = cut("coffee"), cut_out(photo("coffee").copy())
    assert np.array_equal(first.alpha, second.alpha)
    assert np.array_equal(first.color, second.color)


def test_demo_photo_is_recognized_at_another_size() -> None:
    squeezed = io.BytesIO()
    photo("flower").resize((960, 640)).save(squeezed, "JPEG", quality=70)
    again = cut_out(Image.open(squeezed).convert("RGB"))
    assert again.known_photo == "flower"
    assert again.alpha.shape == (640, 960)


def on_a_plain_ground(size: tuple[int, int], left: float) -> Image.Image:
    """Builds an unprepared photo: a green, bottle-like shape in front of a pale, slightly uneven wall."""
    width, height = size
    wall = np.random.default_rng(4).normal(214, 3, (height, width, 3)).clip(0, 255)
    picture = Image.fromarray(wall.astype(np.uint8))
    box = (width * left, height * 0.2, width * (left + 0.26), height * 0.86)
    ImageDraw.Draw(picture).rounded_rectangle(box, width * 0.08, fill=(34, 96, 58))
    return picture


@pytest.mark.parametrize(("size", "left"), [((300, 400), 0.36), ((1600, 1200), 0.36), ((480, 300), 0.06)])
def test_unprepared_photo_gets_a_plausible_cut_out(size: tuple[int, int], left: float) -> None:
    picture = on_a_plain_ground(size, left)
    wanted = np.asarray(picture)[..., 0] < 120
    found = cut_out(picture)
    assert found.known_photo is None
    overlap = (found.alpha > 0.5) & wanted
    assert float(overlap.sum()) / float(((found.alpha > 0.5) | wanted).sum()) > 0.93


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (50, 2), (17, 16), (700, 40)], ids=lambda size: f"{size}")
@pytest.mark.parametrize("kind", ["flat", "noise"])
def test_every_unusual_photo_can_be_cut_out(size: tuple[int, int], kind: str) -> None:
    pixels = np.full((size[1], size[0], 3), 128, np.uint8)
    if kind == "noise":
        pixels = np.random.default_rng(1).integers(0, 256, pixels.shape).astype(np.uint8)
    found = cut_out(Image.fromarray(pixels))
    assert found.to_image().size == size
    assert np.isfinite(found.color).all()
    assert float(found.alpha.max()) > 0.5
