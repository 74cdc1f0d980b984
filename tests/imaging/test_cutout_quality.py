"""Full-size cut-outs compared with the known truth: edges match the photo and contain none of the old background."""

from collections.abc import Iterator
from functools import cache
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from backdrop.imaging.cutout import Matte, cut_out_full_size
from backdrop.imaging.output import OriginalPhoto, PaidPicture
from backdrop.imaging.strip_resize import resize
from backdrop.imaging.verify import verify_result
from backdrop.model.output_spec import OutputSpec
from bench.cutout import find_edge, scale_alpha
from bench.cutout_scenes import CutoutScene, Pixels, build_scenes, composite
from tests.imaging.output_pictures import add_no_metadata, encode_picture

SIZE, SMALL = (480, 360), (120, 90)
SCENES = {scene.name: scene for scene in build_scenes(*SIZE)}
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


@cache
def cut_out_scene(name: str, *, soft: float = 0.0) -> Pixels:
    """Cuts out a scene at full size. Returns an array of rows, columns, and RGBA."""
    scene = SCENES[name]
    return np.asarray(
        cut_out_full_size(scene.draw_photo(), Matte.of(scene.draw_provider_answer(SMALL, soft=soft)))
    ).astype(float)


def scale_matte(scene: CutoutScene, *, soft: float = 0.0) -> Pixels:
    """The same, but only the matte is scaled."""
    return np.asarray(scale_alpha(scene.draw_photo(), scene.draw_provider_answer(SMALL, soft=soft))).astype(float)


def measure_alpha_error(scene: CutoutScene, cut_out: Pixels) -> float:
    """Returns the mean absolute error of alpha near edges, 0 to 1."""
    return float(np.abs(cut_out[..., 3] / 255 - scene.alpha)[find_edge(scene)].mean())


def measure_difference(scene: CutoutScene, cut_out: Pixels, background: tuple[int, int, int]) -> float:
    """Returns the mean difference (0 to 255) near edges between this cut-out and the true one on a background."""
    shown = composite(cut_out[..., 3] / 255, cut_out[..., :3], background)
    return float(np.abs(shown - composite(scene.alpha, scene.subject, background))[find_edge(scene)].mean())


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("shapes", 0.35),
        ("shapes, little contrast", 0.6),
        ("stripes in front of a busy ground", 0.5),
        ("hair", 0.45),
        ("soft shadow", 1.0),
        ("glass", 0.6),
    ],
)
def test_edge_is_more_accurate_than_a_scaled_matte(name: str, part: float) -> None:
    scene = SCENES[name]
    assert measure_alpha_error(scene, cut_out_scene(name)) <= part * measure_alpha_error(scene, scale_matte(scene))


@pytest.mark.parametrize("name", ["shapes", "glass", "soft shadow"])
def test_blurred_matte_gives_an_edge_as_sharp_as_photo(name: str) -> None:
    scene = SCENES[name]
    assert measure_alpha_error(scene, cut_out_scene(name, soft=1.0)) <= 0.6 * measure_alpha_error(
        scene, scale_matte(scene, soft=1.0)
    )


@pytest.mark.parametrize("name", sorted(SCENES))
@pytest.mark.parametrize("background", [WHITE, BLACK])
def test_new_background_shows_no_halo_of_the_old(name: str, background: tuple[int, int, int]) -> None:
    scene = SCENES[name]
    assert measure_difference(scene, cut_out_scene(name), background) <= 0.7 * measure_difference(
        scene, scale_matte(scene), background
    )


@pytest.mark.parametrize("size", [SIZE, (478, 359), (720, 540)])
@pytest.mark.parametrize("name", ["shapes", "hair", "stripes in front of a busy ground"])
def test_result_of_the_photos_size_or_more_shows_no_halo_either(name: str, size: tuple[int, int]) -> None:
    scene, data = SCENES[name], encode_picture(SCENES[name].draw_provider_answer(size))
    verified = verify_result(data, expect_alpha=True, max_megapixels=1)

    def measure(original: OriginalPhoto | None) -> Iterator[float]:
        made = PaidPicture(data, verified, original).build_output(OutputSpec(), add_no_metadata)
        assert (made.width, made.height) == (size if original is None or size[0] > SIZE[0] else SIZE)
        pixels = np.asarray(Image.open(BytesIO(made.data))).astype(float)
        assert not pixels[pixels[..., 3] == 0].any()
        scaled = np.asarray(resize(Image.fromarray(pixels.astype(np.uint8)), SIZE))
        return (measure_difference(scene, scaled, background) for background in (WHITE, BLACK))

    # Exactly the same size has no error of scaling.
    share = 0.8 if size == SIZE else 0.9
    for made, copied in zip(measure(OriginalPhoto(SIZE, False, scene.draw_photo)), measure(None), strict=True):
        assert made <= share * copied


@pytest.mark.parametrize("name", sorted(SCENES))
def test_subject_pixels_stay_bit_identical(name: str) -> None:
    photo = np.asarray(SCENES[name].draw_photo())
    whole = cut_out_scene(name)[..., 3] == 255
    assert whole.any()
    assert (cut_out_scene(name)[whole][:, :3] == photo[whole]).all()


@pytest.mark.parametrize("name", sorted(SCENES))
def test_transparent_pixels_contain_no_removed_background(name: str) -> None:
    gone = cut_out_scene(name)[..., 3] == 0
    assert gone.any()
    assert not cut_out_scene(name)[gone].any()


def test_tile_borders_are_not_visible() -> None:
    """A photo of one color has no information about edges, so all tiles together equal the matte scaled as a whole."""
    waves = np.random.default_rng(1).integers(0, 256, (9, 12)).astype(np.uint8)
    matte = Image.fromarray(waves).resize(SMALL, Image.Resampling.BICUBIC)
    photo = Image.new("RGB", SIZE, (90, 30, 200))
    answer = photo.resize(SMALL)
    answer.putalpha(matte)
    expected = np.asarray(matte.resize(SIZE, Image.Resampling.BICUBIC)).astype(int)
    off = np.abs(np.asarray(cut_out_full_size(photo, Matte.of(answer)).getchannel("A")).astype(int) - expected)
    assert off[(expected > 8) & (expected < 247)].max() <= 1


def test_transparent_parts_of_the_photo_stay_transparent() -> None:
    scene = SCENES["shapes"]
    photo = scene.draw_photo().convert("RGBA")
    photo.paste((0, 0, 0, 0), (0, 0, SIZE[0] // 4, SIZE[1]))
    before = np.asarray(photo.getchannel("A")).copy()
    cut_out = cut_out_full_size(photo, Matte.of(scene.draw_provider_answer(SMALL)))
    assert (np.asarray(cut_out.getchannel("A")) <= before).all()
    assert cut_out.getchannel("A").getextrema() == (0, 255)


def test_colors_are_kept_where_no_pixel_is_certain() -> None:
    """Only glass: no pixel shows the subject alone."""
    photo = Image.new("RGB", (200, 200), (100, 120, 140))
    answer = Image.new("RGBA", (50, 50), (100, 120, 140, 0))
    answer.paste((100, 120, 140, 128), (10, 10, 40, 40))
    cut_out = cut_out_full_size(photo, Matte.of(answer))
    assert cut_out.getpixel((0, 0)) == (0, 0, 0, 0)
    assert cut_out.getpixel((100, 100)) == pytest.approx((100, 120, 140, 128), abs=2)
