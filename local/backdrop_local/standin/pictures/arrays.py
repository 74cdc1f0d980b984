"""Typed array operations, which wrap OpenCV's filters."""

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

type Plane = NDArray[np.float32]
"""Floats in 0..1: (height, width), or (height, width, channels) with RGB order."""
type Mask = NDArray[np.uint8]
"""Bytes: (height, width) labels or 0/1 values."""
type Random = np.random.Generator
type Color = tuple[float, float, float]


def to_plane(values: object) -> Plane:
    """Returns any array as 32-bit floats, without a copy if none is needed."""
    return cast(Plane, np.asarray(cast(Any, values), dtype=np.float32))


def from_image(image: Image.Image) -> Plane:
    """Returns a Pillow picture as floats in 0..1."""
    return to_plane(np.asarray(image)) / np.float32(255)


def to_image(plane: Plane) -> Image.Image:
    """Returns floats in 0..1 as a Pillow picture (L, RGB, or RGBA by the channels). Clips values outside."""
    return Image.fromarray((np.clip(plane, 0, 1) * 255 + 0.5).astype(np.uint8))


def resize(plane: Plane, width: int, height: int) -> Plane:
    """Resizes by area average when shrinking, and by cubic interpolation when growing."""
    shrinks = width * height < plane.shape[0] * plane.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return to_plane(cv2.resize(plane, (width, height), interpolation=method))


def gaussian_blur(plane: Plane, sigma: float) -> Plane:
    """Blurs with a Gaussian. A large blur is computed at reduced size for speed."""
    height, width = plane.shape[:2]
    factor = max(1, min(int(sigma / 4), min(height, width) // 8))
    small = cv2.resize(plane, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REPLICATE)
    return to_plane(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def box_blur(plane: Plane, radius: int) -> Plane:
    """Returns the mean over square windows, with repeated edges."""
    return to_plane(cv2.blur(plane, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REPLICATE))


def sample(plane: Plane, xs: Plane, ys: Plane) -> Plane:
    """Samples the picture at fractional coordinates (pixels), mirrored outside."""
    return to_plane(cv2.remap(plane, to_plane(xs), to_plane(ys), cv2.INTER_LINEAR, None, cv2.BORDER_REFLECT))


def cloud_noise(random: Random, size: tuple[int, int], cell: tuple[float, float], octaves: int) -> Plane:
    """Returns cloudy noise of `size` (height, width), in 0..1 around 0.5.

    `cell` is the size of its coarsest structure (height, width) in pixels.
    """
    height, width = size
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        high, wide = (max(1.0, side / 2**octave) for side in cell)
        grid = to_plane(random.uniform(-0.5, 0.5, (int(height / high) + 3, int(width / wide) + 3)))
        full = resize(grid, round(grid.shape[1] * wide), round(grid.shape[0] * high))
        total += full[:height, :width] / np.float32(2**octave)
    return to_plane(np.clip(0.5 + total * 0.75, 0, 1))


def luma(color: Plane) -> Plane:
    """Returns the lightness of an RGB picture, (height, width)."""
    return to_plane(color @ np.array([0.299, 0.587, 0.114], np.float32))


def blend(low: Plane | Color, high: Plane | Color, amount: Plane | float) -> Plane:
    """Blends two pictures or colors. An amount of shape (height, width) applies to all channels."""
    below, above, weight = to_plane(low), to_plane(high), to_plane(amount)
    if weight.ndim == 2 and max(below.ndim, above.ndim) != 2:
        weight = weight[..., None]
    return to_plane(below + (above - below) * weight)


def smoothstep(low: float, high: float, values: Plane) -> Plane:
    """Returns a smooth ramp from 0 to 1 between two bounds."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return to_plane(t * t * (3 - 2 * t))
