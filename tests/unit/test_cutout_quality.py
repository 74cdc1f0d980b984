"""Full-size cut-outs beside the known truth: the edge is the photo's own, and no old ground is on it."""

from functools import cache

import numpy as np
import pytest
from PIL import Image

from backdrop.imaging.cutout import cut_out_full_size
from bench.cutout import edge, plain
from bench.cutout_scenes import Pixels, Scene, over, scenes

SIZE, SMALL = (480, 360), (120, 90)
SCENES = {scene.name: scene for scene in scenes(*SIZE)}
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


@cache
def cut(name: str, *, soft: float = 0.0) -> Pixels:
    """A scene cut out in full size: rows, columns, RGBA."""
    scene = SCENES[name]
    return np.asarray(cut_out_full_size(scene.photo(), scene.answer(SMALL, soft=soft))).astype(float)


def plainly(scene: Scene, *, soft: float = 0.0) -> Pixels:
    """The same with the matte scaled and nothing else."""
    return np.asarray(plain(scene.photo(), scene.answer(SMALL, soft=soft))).astype(float)


def missed(scene: Scene, made: Pixels) -> float:
    """The mean absolute error of alpha near edges, 0 to 1."""
    return float(np.abs(made[..., 3] / 255 - scene.alpha)[edge(scene)].mean())


def apart(scene: Scene, made: Pixels, ground: tuple[int, int, int]) -> float:
    """How far the cut-out over a ground is from the true one, near edges, of 255."""
    shown = over(made[..., 3] / 255, made[..., :3], ground)
    return float(np.abs(shown - over(scene.alpha, scene.subject, ground))[edge(scene)].mean())


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("shapes", 0.35),
        ("shapes, little contrast", 0.6),
        ("stripes before a busy ground", 0.5),
        ("hair", 0.45),
        ("soft shadow", 1.0),
        ("glass", 0.6),
    ],
)
def test_the_edge_is_nearer_to_the_truth_than_a_scaled_matte(name: str, part: float) -> None:
    scene = SCENES[name]
    assert missed(scene, cut(name)) <= part * missed(scene, plainly(scene))


@pytest.mark.parametrize("name", ["shapes", "glass", "soft shadow"])
def test_a_blurred_matte_gives_an_edge_as_sharp_as_the_photos(name: str) -> None:
    scene = SCENES[name]
    assert missed(scene, cut(name, soft=1.0)) <= 0.6 * missed(scene, plainly(scene, soft=1.0))


@pytest.mark.parametrize("name", sorted(SCENES))
@pytest.mark.parametrize("ground", [WHITE, BLACK])
def test_no_halo_of_the_old_ground_shows_on_a_new_one(name: str, ground: tuple[int, int, int]) -> None:
    scene = SCENES[name]
    assert apart(scene, cut(name), ground) <= 0.7 * apart(scene, plainly(scene), ground)


@pytest.mark.parametrize("name", sorted(SCENES))
def test_what_is_wholly_subject_keeps_the_photos_pixels_to_the_bit(name: str) -> None:
    photo = np.asarray(SCENES[name].photo())
    whole = cut(name)[..., 3] == 255
    assert whole.any()
    assert (cut(name)[whole][:, :3] == photo[whole]).all()


@pytest.mark.parametrize("name", sorted(SCENES))
def test_nothing_of_the_removed_ground_hides_under_what_is_transparent(name: str) -> None:
    gone = cut(name)[..., 3] == 0
    assert gone.any()
    assert not cut(name)[gone].any()


def test_the_tiles_of_which_it_is_made_cannot_be_seen() -> None:
    """A photo of one color says nothing of edges, so that all tiles together are the matte, scaled in one piece."""
    waves = np.random.default_rng(1).integers(0, 256, (9, 12)).astype(np.uint8)
    matte = Image.fromarray(waves).resize(SMALL, Image.Resampling.BICUBIC)
    photo = Image.new("RGB", SIZE, (90, 30, 200))
    answer = photo.resize(SMALL)
    answer.putalpha(matte)
    expected = np.asarray(matte.resize(SIZE, Image.Resampling.BICUBIC)).astype(int)
    off = np.abs(np.asarray(cut_out_full_size(photo, answer).getchannel("A")).astype(int) - expected)
    assert off[(expected > 8) & (expected < 247)].max() <= 1


def test_a_photo_that_was_transparent_somewhere_stays_so() -> None:
    scene = SCENES["shapes"]
    photo = scene.photo().convert("RGBA")
    photo.paste((0, 0, 0, 0), (0, 0, SIZE[0] // 4, SIZE[1]))
    before = np.asarray(photo.getchannel("A")).copy()
    made = cut_out_full_size(photo, scene.answer(SMALL))
    assert (np.asarray(made.getchannel("A")) <= before).all()
    assert made.getchannel("A").getextrema() == (0, 255)


def test_colors_come_through_where_nothing_is_certain() -> None:
    """Glass alone: no pixel is wholly the subject's."""
    photo = Image.new("RGB", (200, 200), (100, 120, 140))
    answer = Image.new("RGBA", (50, 50), (100, 120, 140, 0))
    answer.paste((100, 120, 140, 128), (10, 10, 40, 40))
    made = cut_out_full_size(photo, answer)
    assert made.getpixel((0, 0)) == (0, 0, 0, 0)
    assert made.getpixel((100, 100)) == pytest.approx((100, 120, 140, 128), abs=2)
