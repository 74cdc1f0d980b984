"""The picture that the corpus contains in every format: soft colors, and a different mark in each corner."""

from typing import Any

import numpy as np
from PIL import Image

type Pixels = np.ndarray[Any, np.dtype[np.uint8]]
"""Rows, columns, and three or four channels of 8 bits."""

WIDTH, HEIGHT = 96, 64
MARK = 16
MARKS = {
    "top left": (200, 40, 40),
    "top right": (40, 160, 60),
    "bottom left": (50, 70, 190),
    "bottom right": (220, 200, 60),
}


def scene(*, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Returns a gradient of muted RGB colors with the four marks."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    pixels = np.stack([90 + 90 * x, 110 + 60 * y, 160 - 70 * x * y], axis=-1).astype(np.uint8)
    for name, color in MARKS.items():
        pixels[mark(name)] = color
    return pixels


def mark(name: str) -> tuple[slice, slice]:
    """Returns the rows and columns of a corner's mark."""
    row = slice(0, MARK) if "top" in name else slice(-MARK, None)
    column = slice(0, MARK) if "left" in name else slice(-MARK, None)
    return row, column


def with_alpha(pixels: Pixels) -> Pixels:
    """Adds alpha: transparent at the left edge, opaque to the right of the middle. The marks stay opaque."""
    alpha = np.tile(np.clip(np.linspace(0, 510, pixels.shape[1]), 0, 255).astype(np.uint8), (pixels.shape[0], 1))
    for name in MARKS:
        alpha[mark(name)] = 255
    return np.dstack([pixels, alpha])


def noise(width: int, height: int) -> Pixels:
    """Returns noise, which no encoder can compress. It is always the same."""
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def laid_down(pixels: Pixels, orientation: int) -> Pixels:
    """Turns upright pixels to how they are stored in a file with this EXIF orientation."""
    match orientation:
        case 2:
            return pixels[:, ::-1]
        case 3:
            return pixels[::-1, ::-1]
        case 4:
            return pixels[::-1]
        case 5:
            return pixels.swapaxes(0, 1)
        case 6:
            return np.rot90(pixels)
        case 7:
            return np.rot90(pixels, 2).swapaxes(0, 1)
        case 8:
            return np.rot90(pixels, -1)
        case _:
            return pixels


def picture(pixels: Pixels) -> Image.Image:
    """Converts pixels for Pillow."""
    return Image.fromarray(np.ascontiguousarray(pixels))
