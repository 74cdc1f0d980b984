"""Canvases: the photo keeps its pixels, and the added area continues its border without an edge."""

import io
from functools import cache
from random import Random
from typing import cast

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps, ImageStat

from backdrop.imaging.canvas import draw_canvas
from backdrop.model.frame import Canvas, parse_frame, plan_canvas, plan_subject_canvas
from backdrop_local.photos import load_photo
from backdrop_local.standin.pictures import cut_out

SIZE = (300, 200)
SOLID_TABLE = [0] * 128 + [255] * 128
MAX_FAR_DIFFERENCE = 3.0
"""Mean difference (0–255 per channel) of neighboring pixels in the added area. A photo of a street has about 8."""


def draw_clouds(size: tuple[int, int] = SIZE) -> Image.Image:
    """Returns a colorful photo with soft shapes and some grain."""
    random = Random(7)
    coarse = Image.new("RGB", (12, 8))
    coarse.putdata([tuple(random.randrange(256) for _ in range(3)) for _ in range(96)])
    soft = coarse.resize(size, Image.Resampling.BICUBIC)
    return Image.blend(soft, Image.merge("RGB", [Image.effect_noise(size, 40)] * 3), 0.15)


def frame_photo(photo: Image.Image, frame: str) -> tuple[Image.Image, Canvas]:
    canvas = plan_canvas(photo.size, parse_frame(frame))
    return draw_canvas(photo, canvas), canvas


def measure_step(picture: Image.Image, row: int) -> float:
    """Returns the mean difference between a row and the next one."""
    rows = [picture.crop((0, y, picture.width, y + 1)) for y in (row, row + 1)]
    return max(ImageStat.Stat(ImageChops.difference(*rows)).mean)


@cache
def load_cup() -> Image.Image:
    """Returns the demo's cup, 360 × 240. The shadow of its saucer reaches the lower border."""
    return Image.open(io.BytesIO(load_photo("coffee"))).convert("RGB").resize((360, 240))


def find_subject(photo: Image.Image) -> tuple[int, int, int, int]:
    """Returns the box of what the stand-in cuts out of a photo."""
    box = cut_out(photo).to_image().getchannel("A").point([0] * 128 + [255] * 128).getbbox()
    assert box
    return box


def find_maximum(picture: Image.Image) -> int:
    """Returns the highest value of any channel."""
    return max(high for _, high in cast("tuple[tuple[int, int], ...]", picture.getextrema()))


@pytest.mark.parametrize("frame", ["4:5", "1:3", "1:1", "3:1", "16:9"])
def test_photo_keeps_its_pixels(frame: str) -> None:
    photo = draw_clouds()
    picture, canvas = frame_photo(photo, frame)
    box = canvas.photo_left, canvas.photo_top, canvas.photo_left + 300, canvas.photo_top + 200
    assert picture.size == (canvas.width, canvas.height)
    assert ImageChops.difference(picture.crop(box), photo).getbbox() is None


@pytest.mark.parametrize("frame", ["4:5", "1:3", "3:1"])
def test_added_area_begins_without_an_edge_and_becomes_smooth(frame: str) -> None:
    """Compares rows. For a frame that adds columns, the picture is turned first."""
    picture, canvas = frame_photo(draw_clouds(), frame)
    first, last = canvas.photo_top, canvas.photo_top + canvas.photo_height
    if canvas.photo_left:
        picture = picture.transpose(Image.Transpose.TRANSPOSE)
        first, last = canvas.photo_left, canvas.photo_left + canvas.photo_width
    steps = [measure_step(picture, row) for row in range(picture.height - 1)]
    assert (steps[first - 1], steps[last - 1]) == (0, 0)
    inside = max(steps[first : last - 1])
    outside = steps[: first - 1] + steps[last:]
    assert max(outside) < inside
    assert max(steps[: first - 40] + steps[last + 40 :]) < MAX_FAR_DIFFERENCE


def test_added_area_has_no_edge_that_the_photo_does_not_have() -> None:
    photo = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    picture, _ = frame_photo(photo, "1:3")
    edges = picture.filter(ImageFilter.FIND_EDGES).crop((2, 2, picture.width - 2, picture.height - 2))
    own_edges = photo.filter(ImageFilter.FIND_EDGES).crop((2, 2, 298, 198))
    strongest, own = (
        max(band[1] for band in cast("tuple[tuple[int, int], ...]", each.getextrema())) for each in (edges, own_edges)
    )
    assert strongest <= own + 2


def test_colors_of_the_border_spread_outward() -> None:
    photo = Image.new("RGB", SIZE, "blue")
    ImageDraw.Draw(photo).rectangle((0, 0, 300, 99), fill="red")
    picture, _ = frame_photo(photo, "1:3")
    assert picture.getpixel((150, 0)) == (255, 0, 0)
    assert picture.getpixel((150, picture.height - 1)) == (0, 0, 255)


def test_transparent_photo_gets_a_transparent_area_on_all_sides() -> None:
    photo = Image.new("RGBA", SIZE)
    photo.paste((200, 30, 30, 255), (100, 50, 200, 150))
    canvas = plan_subject_canvas(SIZE, (100, 50, 200, 150), parse_frame("1:1"), 0.2, "center")
    picture = draw_canvas(photo, canvas)
    assert picture.size == (500, 500)
    assert picture.getchannel("A").getbbox() == (200, 200, 300, 300)


def test_transparent_borders_may_be_outside_the_canvas() -> None:
    photo = Image.new("RGBA", SIZE)
    photo.paste((200, 30, 30, 255), (100, 50, 200, 150))
    canvas = plan_subject_canvas(SIZE, (100, 50, 200, 150), parse_frame("1:1"), 1.0, "center")
    picture = draw_canvas(photo, canvas)
    assert picture.size == (100, 100)
    assert picture.getextrema()[-1] == (255, 255)


def test_canvas_continues_on_both_axes_without_a_gap() -> None:
    canvas = Canvas(width=90, height=70, photo_left=20, photo_top=10, photo_width=40, photo_height=30)
    picture = draw_canvas(Image.new("RGB", (80, 60), (10, 200, 30)), canvas)
    assert picture.getcolors() == [(90 * 70, (10, 200, 30))]


def test_large_photo_is_scaled_down_to_its_place() -> None:
    picture, canvas = frame_photo(draw_clouds((6000, 400)), "3:1")
    assert picture.size == (4096, 1366)
    assert (canvas.photo_width, canvas.photo_height) == (4096, 273)


@pytest.mark.parametrize("frame", ["4:5", "9:16", "16:9"])
def test_cut_out_of_the_framed_cup_has_no_part_of_the_canvas(frame: str) -> None:
    """The photo's dark lower border once continued as a wedge, which became a part of the subject."""
    picture, canvas = frame_photo(load_cup(), frame)
    left, top, right, bottom = find_subject(picture)
    place = canvas.photo_left, canvas.photo_top, canvas.photo_left, canvas.photo_top
    moved = [edge - shift for edge, shift in zip((left, top, right, bottom), place, strict=True)]
    differences = [abs(edge - own) for edge, own in zip(moved, find_subject(load_cup()), strict=True)]
    assert max(differences) <= 20


@pytest.mark.parametrize("frame", ["4:5", "9:16"])
def test_canvas_of_the_cup_fades_gently_to_one_color(frame: str) -> None:
    photo = load_cup()
    picture, canvas = frame_photo(photo, frame)
    top, bottom = canvas.photo_top, canvas.photo_top + canvas.photo_height
    steps = [measure_step(picture, row) for row in range(picture.height - 1)]
    assert max(steps[: top - 1] + steps[bottom:]) < max(steps[top : bottom - 1])
    for first, last in ((0, top - 20), (bottom + 20, picture.height)):
        area = picture.crop((0, first, picture.width, last))
        assert max(ImageStat.Stat(area).stddev) < 1


@pytest.mark.parametrize("name", ["coffee", "flower"])
@pytest.mark.parametrize("frame", ["4:5", "9:16"])
def test_stand_in_cuts_the_same_subject_out_of_a_framed_photo(name: str, frame: str) -> None:
    """The photos are dark, and mirrored, so that the stand-in does not recognize them."""
    demo = Image.open(io.BytesIO(load_photo(name))).convert("RGB").resize((360, 240))
    photo = ImageOps.mirror(demo.point([level // 2 for level in range(256)] * 3))
    picture, canvas = frame_photo(photo, frame)
    own, framed = (cut_out(each).to_image().getchannel("A").point(SOLID_TABLE) for each in (photo, picture))
    left, top = canvas.photo_left, canvas.photo_top
    place = left, top, left + canvas.photo_width, top + canvas.photo_height
    assert sum(framed.crop(place).histogram()[1:]) == sum(framed.histogram()[1:])
    differing = ImageChops.difference(own, framed.crop(place)).histogram()[255]
    assert differing < 0.05 * own.histogram()[255]
