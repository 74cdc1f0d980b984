"""Placeholder pictures: tiny results that take no time to draw, for tests and benches of everything else."""

import hashlib

import numpy as np
from PIL import Image

from backdrop_local.standin.pictures.arrays import Mask

_LONG_SIDE = 96


def draw_placeholder(size: tuple[int, int], recipe: str) -> Image.Image:
    """Returns a small RGB gradient with a disc. Its colors depend on the recipe."""
    width, height = _placeholder_size(size)
    ink = np.frombuffer(hashlib.sha256(recipe.encode()).digest()[:9], np.uint8).reshape(3, 3)
    ramp = np.linspace(0, 1, height)[:, None, None]
    pixels = (ink[0] * (1 - ramp) + ink[1] * ramp) * np.ones((1, width, 1))
    pixels[_disc(width, height) > 0] = ink[2]
    return Image.fromarray(pixels.astype(np.uint8))


def draw_placeholder_cut_out(size: tuple[int, int], recipe: str) -> Image.Image:
    """Returns a small RGBA disc with a soft edge on a transparent background."""
    picture = draw_placeholder(size, recipe)
    picture.putalpha(Image.fromarray(_disc(*picture.size)))
    return picture


def _placeholder_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = _LONG_SIDE / max(size)
    return max(24, round(size[0] * scale)), max(24, round(size[1] * scale))


def _disc(width: int, height: int) -> Mask:
    ys, xs = np.mgrid[:height, :width]
    far = np.hypot(xs - (width - 1) / 2, ys - (height - 1) / 2)
    radius = min(width, height) * 0.36
    return (np.clip((radius - far) / 3 + 0.5, 0, 1) * 255).astype(np.uint8)
