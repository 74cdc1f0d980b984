"""Color errors at the subject's edges, compared with a naive paste: the photo through its matte over the scaled scene.

The true picture is known (`bench/cutout_scenes.py`): the true subject in front of a new background with a contact
shadow. A provider's scene is that picture at a smaller size, where the provider's version of the subject is slightly
larger, softer, and of another color.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from PIL import Image, ImageFilter

from backdrop.imaging.own_pixels import compose_own_pixels
from bench.cutout import convert_to_lab, find_edge
from bench.cutout_scenes import CutoutScene, Pixels, build_scenes, composite

PHOTO_SIZE, SCENE_SIZE = (1_600, 1_200), (640, 480)
MAX_RELATIVE_ERROR = 0.5
GROUNDS = {"dark blue": (18, 32, 92), "bright yellow": (246, 224, 120)}
PLACES = {"in place": (1.0, 0.0, 0.0), "1% larger, moved by 1%": (1.01, 0.01, -0.006)}
"""Scale and shift, in shares of the picture, of the provider's scene."""
_SOLID_SCENES = 4
"""The first scenes. The others are soft shadows and glass, which are not composed."""


@dataclass(frozen=True, slots=True)
class EdgeFigure:
    """Mean ΔE (CIE76) near the subject's edges, for a naive paste and for own pixels.

    `changed_pixels`: how many of the photo's pixels are not identical, 3 pixels inside the opaque matte.
    """

    scene: str
    ground: str
    place: str
    naive: float
    own: float
    changed_pixels: int

    @property
    def relative(self) -> float:
        return self.own / self.naive


def measure_edges() -> Iterator[EdgeFigure]:
    """Yields one figure per scene, new background, and place."""
    for plain_scene in build_scenes(*PHOTO_SIZE)[:_SOLID_SCENES]:
        scene = add_texture(plain_scene)
        photo = scene.draw_photo()
        matte = scene.draw_provider_answer(SCENE_SIZE).getchannel("A")
        large_matte = matte.resize(PHOTO_SIZE, Image.Resampling.BICUBIC)
        opaque = large_matte.point([0] * 255 + [255]).filter(ImageFilter.MinFilter(7))
        inside = np.asarray(opaque) > 0
        for (ground_name, color), (place, moved) in product(GROUNDS.items(), PLACES.items()):
            ground = draw_ground(scene, color)
            provider = draw_provider_scene(scene, ground, moved)
            own = compose_own_pixels(provider, photo.copy, matte, None, 100_000_000).picture
            naive = provider.resize(PHOTO_SIZE, Image.Resampling.LANCZOS)
            naive.paste(photo, (0, 0), large_matte)
            yield EdgeFigure(
                scene.name,
                ground_name,
                place,
                measure_color_error(scene, ground, naive),
                measure_color_error(scene, ground, own),
                int((np.asarray(own) != np.asarray(photo))[inside].any(axis=-1).sum()),
            )


def add_texture(scene: CutoutScene) -> CutoutScene:
    """Returns the scene with detail inside the subject, because a plain surface cannot be aligned."""
    height, width = scene.alpha.shape
    random, pattern = np.random.default_rng(9), np.zeros((height, width))
    for cells in (10, 30, 90):
        noise = Image.fromarray(random.integers(0, 256, (cells, cells)).astype(np.uint8))
        pattern += np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC)).astype(float) - 128
    return replace(scene, subject=np.clip(scene.subject + pattern[..., None] * 0.15, 0, 255))


def draw_ground(scene: CutoutScene, color: tuple[int, int, int]) -> Pixels:
    """Returns a new background with light from above and the subject's contact shadow."""
    height, width = scene.alpha.shape
    light = np.linspace(25, -25, height)[:, None, None]
    shadow = Image.new("L", (width, height))
    shadow.paste(scene.draw_matte(), (0, height // 60))
    shade = np.asarray(shadow.filter(ImageFilter.GaussianBlur(height / 80))).astype(float) / 255
    return (np.asarray(color) + light).clip(0, 255) * (1 - 0.5 * shade[..., None])


def draw_provider_scene(scene: CutoutScene, ground: Pixels, moved: tuple[float, float, float]) -> Image.Image:
    """Returns the scene with the provider's version of the subject, which is two pixels of the photo larger."""
    fat = scene.draw_matte().filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.GaussianBlur(1))
    picture = composite(np.asarray(fat).astype(float) / 255, scene.subject * 0.92 + 14, ground)
    whole = Image.fromarray(np.clip(picture + 0.5, 0, 255).astype(np.uint8))
    return move_picture(whole, moved).resize(SCENE_SIZE, Image.Resampling.LANCZOS)


def move_picture(picture: Image.Image, moved: tuple[float, float, float]) -> Image.Image:
    """Scales a picture around its center, moves it, and repeats its border. Shares of the picture."""
    scale, dx, dy = moved
    width, height = picture.size
    margin = max(width, height) // 3
    padded = np.pad(np.asarray(picture), ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    left, top = width * (0.5 - (0.5 + dx) / scale), height * (0.5 - (0.5 + dy) / scale)
    return Image.fromarray(padded).transform(
        picture.size,
        Image.Transform.AFFINE,
        (1 / scale, 0, left + margin, 0, 1 / scale, top + margin),
        Image.Resampling.BICUBIC,
    )


def measure_color_error(scene: CutoutScene, ground: Pixels, picture: Image.Image) -> float:
    """Returns the mean ΔE near edges between a picture and the true one."""
    truth = convert_to_lab(composite(scene.alpha, scene.subject, ground))
    difference = np.linalg.norm(convert_to_lab(np.asarray(picture).astype(float)) - truth, axis=-1)
    return float(difference[find_edge(scene)].mean())
