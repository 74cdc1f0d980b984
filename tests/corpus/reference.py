"""Decodes corpus files with OpenCV, and measures how different two pictures look."""

from typing import Any

import cv2
import numpy as np

from tests.corpus.icc import Numbers
from tests.corpus.scene import Pixels

_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_VISIBLE = 16


def decoded(data: bytes) -> Pixels:
    """Decodes the first picture to RGB or RGBA as stored, without orientation or color profile."""
    found: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None, "OpenCV cannot decode it"
    eight = _eight_bits(found)
    if eight.ndim == 2:
        return np.dstack([eight, eight, eight])
    return eight[..., [2, 1, 0, 3]] if eight.shape[2] == 4 else eight[..., ::-1]


def _eight_bits(found: Any) -> Pixels:
    return np.round(found / 257).astype(np.uint8) if found.dtype == np.uint16 else found


def shrunk(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scales pixels down by averaging areas."""
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def difference(one: Pixels, other: Pixels) -> float:
    """Returns the mean color difference (CIE76) where either picture is visible."""
    shown = np.maximum(_alpha(one), _alpha(other)) > _VISIBLE
    distances = np.linalg.norm(_lab(one) - _lab(other), axis=-1)
    return float(distances[shown].mean())


def alpha_difference(one: Pixels, other: Pixels) -> float:
    """Returns the mean difference of alpha (0 to 255)."""
    return float(np.abs(_alpha(one).astype(int) - _alpha(other)).mean())


def _alpha(pixels: Pixels) -> Pixels:
    return pixels[..., 3] if pixels.shape[2] == 4 else np.full(pixels.shape[:2], 255, np.uint8)


def _lab(pixels: Pixels) -> Numbers:
    values = pixels[..., :3] / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = light @ _TO_XYZ.T / _TO_XYZ.sum(axis=1)
    steps = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(steps, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
