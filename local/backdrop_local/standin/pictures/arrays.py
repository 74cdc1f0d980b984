"""Typed array operations: the one place where the pictures' code calls OpenCV's filters."""

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


def as_plane(values: object) -> Plane:
    """Return any array as 32-bit floats, without a copy where none is needed."""
    return cast(Plane, np.asarray(cast(Any, values), dtype=np.float32))


def from_image(image: Image.Image) -> Plane:
    """Return a Pillow picture as floats in 0..1."""
    return as_plane(np.asarray(image)) / np.float32(255)


def to_image(plane: Plane) -> Image.Image:
    """Return floats in 0..1 as a Pillow picture (L, RGB or RGBA by the channels)."""
    return Image.fromarray(to_bytes(plane))


def to_bytes(plane: Plane) -> Mask:
    """Return floats in 0..1 as rounded bytes; what lies outside is clipped."""
    return (np.clip(plane, 0, 1) * 255 + 0.5).astype(np.uint8)


def resize(plane: Plane, width: int, height: int) -> Plane:
    """Resize smoothly: area average when shrinking, Lanczos when growing."""
    shrinks = width * height < plane.shape[0] * plane.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return as_plane(cv2.resize(plane, (width, height), interpolation=method))


def stretch(plane: Plane, width: int, height: int) -> Plane:
    """Enlarge with cubic interpolation: what noise and soft fields need."""
    return as_plane(cv2.resize(plane, (width, height), interpolation=cv2.INTER_CUBIC))


def soften(plane: Plane, sigma: float) -> Plane:
    """Blur with a Gaussian; a large one is done at reduced size for speed."""
    if sigma < 0.3:
        return plane
    height, width = plane.shape[:2]
    factor = max(1, min(int(sigma / 4), min(height, width) // 8))
    if factor <= 1:
        return as_plane(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
    small = cv2.resize(plane, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REPLICATE)
    return as_plane(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def box_sum(plane: Plane, radius: int) -> Plane:
    """Sum over square windows; what lies outside the picture counts as zero."""
    size = (2 * radius + 1, 2 * radius + 1)
    return as_plane(cv2.boxFilter(plane, -1, size, normalize=False, borderType=cv2.BORDER_CONSTANT))


def box_mean(plane: Plane, radius: int) -> Plane:
    """Mean over square windows, edges repeated."""
    return as_plane(cv2.blur(plane, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REPLICATE))


def convolve(plane: Plane, kernel: Plane) -> Plane:
    """Convolve with any kernel, edges mirrored."""
    return as_plane(cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_REFLECT))


def sample(plane: Plane, xs: Plane, ys: Plane, wrap: bool = False) -> Plane:
    """Look the picture up at floating coordinates (pixels), mirrored or wrapped outside."""
    border = cv2.BORDER_WRAP if wrap else cv2.BORDER_REFLECT
    return as_plane(cv2.remap(plane, as_plane(xs), as_plane(ys), cv2.INTER_LINEAR, None, border))


def luma(colour: Plane) -> Plane:
    """Return the lightness of an RGB picture, (height, width)."""
    return as_plane(colour @ np.array([0.299, 0.587, 0.114], np.float32))


def mix(low: Plane, high: Plane, amount: Plane | float) -> Plane:
    """Blend two pictures; a (height, width) amount is spread over the channels."""
    weight = as_plane(amount)
    if weight.ndim == 2 and (low.ndim == 3 or high.ndim == 3):
        weight = weight[..., None]
    out = np.subtract(high, low, dtype=np.float32)
    out *= weight
    out += low
    return as_plane(out)


def smoothstep(low: float, high: float, values: Plane) -> Plane:
    """Rise from 0 to 1 between two bounds without a corner."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return as_plane(t * t * (3 - 2 * t))


def grow(mask: Mask, radius: int) -> Mask:
    """Dilate a 0/1 mask by a disc."""
    return cast(Mask, cv2.dilate(mask, _disc(radius))) if radius > 0 else mask


def shrink(mask: Mask, radius: int) -> Mask:
    """Erode a 0/1 mask by a disc; the frame's edge does not eat into it."""
    return cast(Mask, cv2.erode(mask, _disc(radius))) if radius > 0 else mask


def _disc(radius: int) -> Mask:
    size = 2 * radius + 1
    return cast(Mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
