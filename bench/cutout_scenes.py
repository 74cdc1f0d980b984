"""Pictures whose true cut-out is known for every pixel: shapes, strands, shadows, and glass on a background."""

from dataclasses import dataclass
from math import cos, pi, sin
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SUPERSAMPLING = 3
"""The factor by which a scene is drawn larger and then averaged, which gives its true alpha."""

Pixels = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CutoutScene:
    """A picture and its true cut-out. `alpha`: 0 to 1. `subject` and `ground`: 0 to 255, rows × columns × 3."""

    name: str
    alpha: Pixels
    subject: Pixels
    ground: Pixels

    def draw_photo(self, noise: float = 2.0) -> Image.Image:
        """Returns the subject in front of its background, as from a camera. `noise`: standard deviation, of 255."""
        mixed = composite(self.alpha, self.subject, self.ground)
        grain = np.random.default_rng(7).normal(0, noise, mixed.shape)
        return Image.fromarray(np.clip(mixed + grain + 0.5, 0, 255).astype(np.uint8))

    def draw_provider_answer(self, size: tuple[int, int], *, soft: float = 0.0, cut: int = 0) -> Image.Image:
        """Returns a provider's result: smaller, with an edge blurred by `soft` pixels or eroded by `cut` pixels."""
        matte = self.draw_matte().resize(size, Image.Resampling.LANCZOS)
        if cut:
            matte = matte.filter(ImageFilter.MinFilter(2 * cut + 1))
        answer = self.draw_photo().resize(size, Image.Resampling.LANCZOS)
        answer.putalpha(matte.filter(ImageFilter.GaussianBlur(soft)) if soft else matte)
        return answer

    def draw_matte(self) -> Image.Image:
        """Returns the true alpha as a picture."""
        return Image.fromarray((self.alpha * 255 + 0.5).astype(np.uint8))


def composite(alpha: Pixels, subject: Pixels, ground: Pixels | tuple[int, int, int]) -> Pixels:
    """Composites the subject over a background."""
    return subject * alpha[..., None] + np.asarray(ground) * (1 - alpha[..., None])


def build_scenes(width: int = 1200, height: int = 900) -> list[CutoutScene]:
    """Returns all scenes in one size."""
    return [
        _shapes("shapes", width, height, (200, 60, 40), (90, 140, 170)),
        _shapes("shapes, little contrast", width, height, (150, 140, 135), (176, 166, 160)),
        _shapes("stripes in front of a busy ground", width, height, (190, 70, 60), (90, 120, 140), stripes=50, busy=30),
        _hair(width, height),
        _shadow(width, height),
        _glass(width, height),
    ]


def _new_mask(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    mask = Image.new("L", (width * SUPERSAMPLING, height * SUPERSAMPLING))
    return mask, ImageDraw.Draw(mask)


def _mask_to_alpha(mask: Image.Image) -> Pixels:
    return np.asarray(mask.reduce(SUPERSAMPLING)).astype(float) / 255


def _draw_shaded(
    width: int, height: int, color: tuple[int, int, int], *, stripes: float = 0, busy: float = 0
) -> Pixels:
    """Returns a color with light from the upper left. `stripes` and `busy`: the amplitudes of two patterns."""
    y, x = np.mgrid[:height, :width].astype(float)
    light = 25 * (0.5 - x / width) + 15 * (0.5 - y / height) + stripes * np.sign(np.sin(x / 9 + y / 14))
    grain = np.random.default_rng(3).normal(0, 1, (height // 6 + 1, width // 6 + 1)).repeat(6, 0).repeat(6, 1)
    return np.clip(np.asarray(color) + (light + busy * grain[:height, :width])[..., None], 0, 255)


def _shapes(
    name: str,
    width: int,
    height: int,
    color: tuple[int, int, int],
    ground: tuple[int, int, int],
    *,
    stripes: float = 0,
    busy: float = 0,
) -> CutoutScene:
    mask, pen = _new_mask(width, height)
    w, h = mask.size
    pen.ellipse((w * 0.08, h * 0.1, w * 0.45, h * 0.6), 255)
    pen.polygon([(w * 0.55, h * 0.12), (w * 0.93, h * 0.3), (w * 0.7, h * 0.52), (w * 0.62, h * 0.28)], 255)
    for n in range(9):
        left = w * (0.1 + n * 0.09)
        pen.line((left, h * 0.68, left + w * 0.02, h * 0.95), 255, SUPERSAMPLING * (2 + 2 * n))
    subject = _draw_shaded(width, height, color, stripes=stripes)
    return CutoutScene(name, _mask_to_alpha(mask), subject, _draw_shaded(width, height, ground, busy=busy))


def _hair(width: int, height: int) -> CutoutScene:
    mask, pen = _new_mask(width, height)
    w, h = mask.size
    middle, radius, chance = (w / 2, h * 0.55), h * 0.25, Random(5)
    pen.ellipse((middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), 255)
    for _ in range(420):
        turn, length, bend = chance.uniform(0, 2 * pi), chance.uniform(0.2, 0.75), chance.uniform(-0.5, 0.5)
        steps = [n / 24 for n in range(25)]
        points = [
            (
                middle[0] + radius * (0.95 + length * step) * cos(turn + bend * step * step),
                middle[1] + radius * (0.95 + length * step) * sin(turn + bend * step * step),
            )
            for step in steps
        ]
        pen.line(points, 255, chance.choice((SUPERSAMPLING, SUPERSAMPLING + 1, 2 * SUPERSAMPLING)))
    ground = _draw_shaded(width, height, (170, 190, 175), busy=6)
    return CutoutScene("hair", _mask_to_alpha(mask), _draw_shaded(width, height, (62, 40, 28)), ground)


def _shadow(width: int, height: int) -> CutoutScene:
    mask, pen = _new_mask(width, height)
    w, h = mask.size
    box = (w * 0.3, h * 0.2, w * 0.65, h * 0.7)
    pen.rounded_rectangle(box, h * 0.06, 255)
    solid = _mask_to_alpha(mask)
    cast, pen = _new_mask(width, height)
    pen.ellipse((w * 0.25, h * 0.6, w * 0.85, h * 0.85), 150)
    thrown = _mask_to_alpha(cast.filter(ImageFilter.GaussianBlur(h * 0.03)))
    alpha = solid + thrown * (1 - solid)
    share = (solid / np.maximum(alpha, 1e-6))[..., None]
    subject = _draw_shaded(width, height, (205, 170, 60)) * share
    return CutoutScene("soft shadow", alpha, subject, _draw_shaded(width, height, (225, 222, 218)))


def _glass(width: int, height: int) -> CutoutScene:
    mask, pen = _new_mask(width, height)
    w, h = mask.size
    pen.ellipse((w * 0.3, h * 0.1, w * 0.7, h * 0.75), 90)
    pen.ellipse((w * 0.3, h * 0.1, w * 0.7, h * 0.75), None, 220, SUPERSAMPLING * 7)
    pen.rectangle((w * 0.47, h * 0.75, w * 0.53, h * 0.9), 255)
    pen.arc((w * 0.35, h * 0.2, w * 0.65, h * 0.65), 190, 240, 240, SUPERSAMPLING * 9)
    ground = _draw_shaded(width, height, (120, 70, 50), busy=8)
    return CutoutScene("glass", _mask_to_alpha(mask), _draw_shaded(width, height, (215, 225, 230)), ground)
