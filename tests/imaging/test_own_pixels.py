"""Own pixels: the photo's subject in the provider's scene, unchanged inside, without the old background at its edge."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from backdrop.imaging.own_pixels import (
    ComposedScene,
    OwnPixelsError,
    OwnPixelsProblem,
    compose_own_pixels,
    measure_translucent_share,
)
from backdrop.model.frame import parse_frame, plan_canvas
from bench.cutout_scenes import CutoutScene, build_scenes
from bench.fidelity.corpus import build_unchanged_pair
from bench.fidelity.photos import build_photos
from bench.own_pixels.edge_colors import add_texture, draw_ground, draw_provider_scene, measure_color_error
from bench.own_pixels.edge_colors import move_picture as move

type Bytes = NDArray[np.uint8]

PHOTO_SIZE, SCENE_SIZE = (480, 360), (240, 180)
MAX_PIXELS = 100_000_000
SIDE = 240
BOX = (70, 60, 170, 180)
"""The subject of `draw_box_photo`, in a photo of 240 × 240 pixels."""
IN_PLACE = (1.0, 0.0, 0.0)


@cache
def load_scene() -> CutoutScene:
    return add_texture(build_scenes(*PHOTO_SIZE)[0])


def draw_scene(scene: CutoutScene, moved: tuple[float, float, float] = IN_PLACE) -> Image.Image:
    return draw_provider_scene(scene, draw_ground(scene, (246, 224, 120)), moved).resize(SCENE_SIZE)


def draw_matte(scene: CutoutScene) -> Image.Image:
    return scene.draw_provider_answer(SCENE_SIZE).getchannel("A")


def compose(scene: CutoutScene, moved: tuple[float, float, float] = IN_PLACE) -> ComposedScene:
    return compose_own_pixels(draw_scene(scene, moved), scene.draw_photo, draw_matte(scene), None, MAX_PIXELS)


def paste_naively(scene: CutoutScene, moved: tuple[float, float, float] = IN_PLACE) -> Image.Image:
    picture = draw_scene(scene, moved).resize(PHOTO_SIZE, Image.Resampling.LANCZOS)
    picture.paste(scene.draw_photo(), (0, 0), draw_matte(scene).resize(PHOTO_SIZE, Image.Resampling.BICUBIC))
    return picture


def draw_pattern(size: tuple[int, int]) -> Image.Image:
    """Returns coarse and fine detail, as in a photo: alignment needs both."""
    random = np.random.default_rng(4)
    coarse, fine = (
        Image.fromarray(random.integers(0, 256, (cells, cells, 3)).astype(np.uint8)).resize(
            size, Image.Resampling.BICUBIC
        )
        for cells in (20, 60)
    )
    return Image.blend(coarse, fine, 0.4)


def draw_box(size: tuple[int, int], *, scale: float = 1.0, offset: tuple[int, int] = (0, 0)) -> Image.Image:
    """Returns the matte of the subject of `draw_box_photo`, scaled and then moved."""
    left, top, right, bottom = (round(edge * scale) for edge in BOX)
    box = left + offset[0], top + offset[1], right + offset[0] - 1, bottom + offset[1] - 1
    matte = Image.new("L", size)
    ImageDraw.Draw(matte).rectangle(box, fill=255)
    return matte


def draw_box_photo(ground: str = "lime") -> Image.Image:
    photo = Image.new("RGB", (SIDE, SIDE), ground)
    photo.paste(draw_pattern((SIDE, SIDE)), (0, 0), draw_box((SIDE, SIDE)))
    return photo


def read(picture: Image.Image) -> Bytes:
    return np.asarray(picture)


def test_pixels_inside_the_matte_are_the_photos_own() -> None:
    scene = load_scene()
    matte = draw_matte(scene).resize(PHOTO_SIZE, Image.Resampling.BICUBIC).point([0] * 255 + [255])
    inside = read(matte.filter(ImageFilter.MinFilter(7))) > 0
    picture = compose(scene, (1.01, 0.01, 0.0)).picture
    assert picture.mode == "RGB"
    assert inside.sum() > 5_000
    assert (read(picture)[inside] == read(scene.draw_photo())[inside]).all()


def test_background_colored_patch_inside_the_matte_stays_identical() -> None:
    photo, matte = draw_box_photo(), draw_box((SIDE, SIDE)).resize((60, 60), Image.Resampling.BOX)
    photo.paste("lime", (BOX[0], 100, BOX[0] + 20, 140))
    own = read(photo.copy())
    scene = Image.new("RGB", (SIDE, SIDE), "white")
    scene.paste(photo, (0, 0), draw_box((SIDE, SIDE)))
    opaque = matte.resize(photo.size, Image.Resampling.BICUBIC).point([0] * 255 + [255])
    inside = read(opaque.filter(ImageFilter.MinFilter(7))) > 0
    picture = compose_own_pixels(scene, lambda: photo, matte, None, MAX_PIXELS).picture
    assert (read(picture)[inside] == own[inside]).all()


@pytest.mark.parametrize("moved", [IN_PLACE, (1.02, 0.015, -0.01), (0.97, 0.0, 0.01)])
def test_edges_show_at_most_half_of_a_naive_pastes_error(moved: tuple[float, float, float]) -> None:
    scene = load_scene()
    ground = draw_ground(scene, (246, 224, 120))
    own, naive = (
        measure_color_error(scene, ground, picture)
        for picture in (compose(scene, moved).picture, paste_naively(scene, moved))
    )
    assert own <= 0.5 * naive


def test_photos_old_background_does_not_show() -> None:
    scene = load_scene()
    red, green = (replace(scene, ground=np.full_like(scene.ground, color)) for color in ((230, 0, 0), (0, 230, 0)))
    differences = np.abs(read(compose(red).picture).astype(int) - read(compose(green).picture))
    naive = np.abs(read(paste_naively(red)).astype(int) - read(paste_naively(green)))
    assert differences.sum() <= 0.4 * naive.sum()


def test_full_size_matte_is_used_as_it_is() -> None:
    matte = draw_box((SIDE, SIDE))
    scene = Image.new("RGB", (SIDE, SIDE), "navy")
    scene.paste(draw_pattern((SIDE, SIDE)), (0, 0), matte)
    composed = compose_own_pixels(scene, draw_box_photo, matte, None, MAX_PIXELS)
    pixels, (left, top, right, bottom) = read(composed.picture).astype(int), BOX
    own = read(draw_pattern((SIDE, SIDE)))
    assert (pixels[top:bottom, left:right] == own[top:bottom, left:right]).all()
    assert np.abs(pixels[top:bottom, left - 3 : left] - (0, 0, 128)).max() <= 8
    assert np.abs(pixels[top:bottom, right : right + 3] - (0, 0, 128)).max() <= 8


def test_scene_is_moved_behind_the_subject() -> None:
    """The line ends where the provider's subject ends, which was moved by two percent of the picture."""
    photo, matte = draw_box_photo(), draw_box((SIDE, SIDE))
    scene = Image.new("RGB", (SIDE, SIDE), "navy")
    ImageDraw.Draw(scene).rectangle((0, 100, SIDE, 104), fill="white")
    scene.paste(draw_pattern((SIDE, SIDE)), (0, 0), matte)
    moved = move(scene, (1.0, 0.0, 0.02))
    composed = compose_own_pixels(moved, lambda: photo, matte, None, MAX_PIXELS).picture
    rows = read(composed)[:, 20, 0]
    assert abs(int(rows.argmax()) - 102) <= 2
    assert rows.max() > 200


def test_moved_scene_covers_every_border() -> None:
    photo, matte = draw_box_photo(), draw_box((SIDE, SIDE))
    scene = Image.new("RGB", (SIDE, SIDE), "white")
    scene.paste(draw_pattern((SIDE, SIDE)), (0, 0), matte)
    composed = compose_own_pixels(move(scene, (1.03, 0.01, 0.01)), lambda: photo, matte, None, MAX_PIXELS).picture
    pixels = read(composed)
    borders = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    assert min(int(border.min()) for border in borders) > 250


@pytest.mark.parametrize("number", [3, 5])
def test_photographed_coin_that_did_not_move_is_not_refused(number: int) -> None:
    pair = build_unchanged_pair(build_photos()[number](), "new background", 0)
    composed = compose_own_pixels(pair.result, pair.photo.copy, pair.cut_out.getchannel("A"), None, MAX_PIXELS)
    assert composed.enlargement == pytest.approx(1.0, abs=0.002)


@pytest.mark.parametrize("moved", [(1.0, 0.15, 0.0), (1.0, 0.0, -0.3), (0.6, 0.0, 0.0), (1.5, 0.0, 0.0)])
def test_scene_moved_too_far_is_refused(moved: tuple[float, float, float]) -> None:
    scene = load_scene()
    with pytest.raises(OwnPixelsError) as caught:
        compose_own_pixels(draw_scene(scene, moved), scene.draw_photo, draw_matte(scene), None, MAX_PIXELS)
    assert caught.value.problem is OwnPixelsProblem.SUBJECT_MOVED


def test_scene_without_the_subject_is_refused() -> None:
    scene = load_scene()
    with pytest.raises(OwnPixelsError) as caught:
        compose_own_pixels(draw_pattern(SCENE_SIZE), scene.draw_photo, draw_matte(scene), None, MAX_PIXELS)
    assert caught.value.problem is OwnPixelsProblem.SUBJECT_MOVED


def test_scene_of_another_shape_is_refused() -> None:
    scene = load_scene()
    with pytest.raises(OwnPixelsError) as caught:
        compose_own_pixels(draw_scene(scene).resize((180, 180)), scene.draw_photo, draw_matte(scene), None, MAX_PIXELS)
    assert caught.value.problem is OwnPixelsProblem.SUBJECT_MOVED


def test_translucent_subject_is_refused() -> None:
    photo, matte = draw_box_photo(), draw_box((SIDE, SIDE))
    matte.paste(120, (90, 80, 130, 130))
    with pytest.raises(OwnPixelsError) as caught:
        compose_own_pixels(photo.copy(), lambda: photo, matte, None, MAX_PIXELS)
    assert caught.value.problem is OwnPixelsProblem.TRANSLUCENT_SUBJECT


def test_translucent_share_counts_glass_but_no_edges() -> None:
    soft = draw_box((SIDE, SIDE)).filter(ImageFilter.GaussianBlur(0.7))
    glass = soft.copy()
    glass.paste(120, (80, 70, 160, 120))
    assert measure_translucent_share(soft) == 0
    assert measure_translucent_share(glass) == pytest.approx(80 * 50 / (100 * 120), abs=0.02)
    strands = soft.copy()
    for left in range(75, 165, 12):
        strands.paste(128, (left, 20, left + 3, 60))
    assert measure_translucent_share(strands) == 0


def test_contact_shadow_stays_at_the_subject() -> None:
    photo, matte = draw_box_photo(), draw_box((SIDE, SIDE))
    scene = Image.new("RGB", (SIDE, SIDE), "white")
    shadow = draw_box((SIDE, SIDE), offset=(0, 14)).filter(ImageFilter.GaussianBlur(4))
    scene.paste((60, 60, 60), (0, 0), shadow)
    expected = int(read(scene)[BOX[3] + 1, 120, 0])
    scene.paste(draw_pattern((SIDE, SIDE)), (0, 0), matte.filter(ImageFilter.MaxFilter(3)))
    pixels = read(compose_own_pixels(scene, lambda: photo, matte, None, MAX_PIXELS).picture)
    assert expected < 90
    assert abs(int(pixels[BOX[3] + 1, 120, 0]) - expected) < 25
    assert pixels[30, 120].min() > 250


def test_providers_larger_subject_leaves_no_ghost() -> None:
    photo, matte = draw_box_photo(), draw_box((SIDE, SIDE))
    scene = Image.new("RGB", (SIDE, SIDE), "white")
    scene.paste("black", (0, 0), matte.filter(ImageFilter.MaxFilter(5)))
    scene.paste(draw_pattern((SIDE, SIDE)), (0, 0), matte)
    pixels = read(compose_own_pixels(scene, lambda: photo, matte, None, MAX_PIXELS).picture)
    assert pixels[120, BOX[0] - 4 : BOX[0]].min() > 240
    assert pixels[120, BOX[2] : BOX[2] + 4].min() > 240


def test_framed_photo_gets_the_canvas_at_its_own_scale() -> None:
    photo, matte = draw_box_photo(), draw_box((SIDE, SIDE))
    canvas = plan_canvas(photo.size, parse_frame("2:3"))
    scene = Image.new("RGB", (160, 240), "navy")
    place = canvas.resize(160, 240)
    pattern = draw_pattern((SIDE, SIDE)).resize((160, 160))
    scene.paste(pattern, (0, place.photo_top), draw_box((160, 160), scale=160 / SIDE))
    composed = compose_own_pixels(scene, lambda: photo, matte, canvas, MAX_PIXELS)
    assert composed.picture.size == (canvas.width, canvas.height) == (240, 360)
    top = canvas.photo_top
    assert (
        read(composed.picture)[top + 63 : top + 177, 73:167] == read(draw_pattern((SIDE, SIDE)))[63:177, 73:167]
    ).all()
    assert composed.picture.getpixel((5, 5)) == (0, 0, 128)
    assert composed.enlargement == pytest.approx(1.5, abs=0.01)


def test_framed_photo_is_scaled_down_to_the_maximum() -> None:
    photo, matte = draw_box_photo(), draw_box((SIDE, SIDE))
    canvas = plan_canvas(photo.size, parse_frame("2:3"))
    scene = Image.new("RGB", (240, 360), "navy")
    scene.paste(draw_pattern((SIDE, SIDE)), (0, canvas.photo_top), matte)
    composed = compose_own_pixels(scene, lambda: photo, matte, canvas, 40_000).picture
    assert composed.width * composed.height <= 40_000
    assert composed.width / composed.height == pytest.approx(2 / 3, abs=0.01)
    center = composed.getpixel((composed.width // 2, composed.height // 2))
    assert center == pytest.approx(scene.getpixel((120, 180)), abs=30)


def test_photos_own_transparency_is_its_matte() -> None:
    matte = draw_box((SIDE, SIDE))
    matte.putpixel((BOX[0] - 1, 120), 128)
    photo = draw_box_photo("black")
    photo.putpixel((BOX[0] - 1, 120), (200, 100, 0))
    photo.putalpha(matte)
    own = read(photo.convert("RGB"))
    scene = Image.new("RGB", (SIDE, SIDE), "white")
    scene.paste(draw_pattern((SIDE, SIDE)), (0, 0), draw_box((SIDE, SIDE)))
    picture = compose_own_pixels(scene, lambda: photo, None, None, MAX_PIXELS).picture
    assert picture.mode == "RGB"
    inside = slice(BOX[1], BOX[3]), slice(BOX[0], BOX[2])
    assert (read(picture)[inside] == own[inside]).all()
    assert picture.getpixel((BOX[0] - 1, 120)) == pytest.approx((227, 177, 127), abs=3)
    assert picture.getpixel((BOX[0] - 3, 120)) == (255, 255, 255)


def test_matte_shows_no_more_than_the_photos_transparency() -> None:
    photo, matte = draw_box_photo(), draw_box((SIDE, SIDE))
    scene = Image.new("RGB", (SIDE, SIDE), "white")
    scene.paste(draw_pattern((SIDE, SIDE)), (0, 0), matte)
    hole = matte.copy()
    hole.paste(0, (110, 110, 130, 130))
    photo.putalpha(hole)
    picture = compose_own_pixels(scene, lambda: photo, matte.resize((120, 120)), None, MAX_PIXELS).picture
    pixels = read(picture)
    own = read(draw_pattern((SIDE, SIDE)))
    assert (pixels[112:128, 112:128] != own[112:128, 112:128]).any(axis=-1).mean() > 0.9
    assert (pixels[80:105, 80:160] == own[80:105, 80:160]).all()


def test_opaque_photo_without_a_matte_is_an_error() -> None:
    with pytest.raises(ValueError, match="matte"):
        compose_own_pixels(draw_box_photo(), draw_box_photo, None, None, MAX_PIXELS)


def test_enlargement_of_a_small_scene_is_reported() -> None:
    photo, matte = draw_box_photo(), draw_box((SIDE, SIDE))
    small = Image.new("RGB", (SIDE, SIDE), "white")
    small.paste(draw_pattern((SIDE, SIDE)), (0, 0), matte)
    photo = photo.resize((600, 600))
    composed = compose_own_pixels(small.resize((120, 120)), lambda: photo, matte, None, MAX_PIXELS)
    assert composed.picture.size == (600, 600)
    assert composed.enlargement == pytest.approx(5, abs=0.1)
