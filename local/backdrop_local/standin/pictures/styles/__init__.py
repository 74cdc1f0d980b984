"""Styles: gives a painted background the look of a style preset or of style codes."""

import hashlib

import numpy as np

from backdrop_local.standin.pictures.arrays import Plane, Random
from backdrop_local.standin.pictures.styles import filters, ornament
from backdrop_local.standin.pictures.styles.table import LOOKS

PRESETS = tuple(LOOKS)
"""The names of all 62 presets."""


def styled(picture: Plane, style: str, random: Random) -> Plane:
    """Return the background in the style: a preset's name, else anything as a code.

    A code's look (two toning colours, contrast, brushwork) is drawn from its hash, so each code
    has its own and keeps it.
    """
    look = LOOKS.get(style.strip().upper().replace(" ", "_").replace("-", "_"))
    return look.apply(picture, random) if look else _by_code(picture, style)


def _by_code(picture: Plane, code: str) -> Plane:
    digest = hashlib.sha256(code.strip().lower().encode()).digest()
    draw = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    shade, light = draw.uniform(0, 0.35, 3), draw.uniform(0.7, 1.0, 3)
    toned = filters.tone(picture, draw.uniform(0.9, 1.25), draw.uniform(0, 0.08), draw.uniform(0.6, 1.4))
    toned = ornament.split(toned, _ink(shade), _ink(light), draw.uniform(0.3, 0.6))
    return filters.brush(toned, int(draw.integers(2, 7))) if draw.random() < 0.5 else toned


def _ink(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
