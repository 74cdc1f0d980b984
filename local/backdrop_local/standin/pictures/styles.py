"""Styles: a few filters that change the look of a drawn background."""

import hashlib

import cv2
import numpy as np

from backdrop_local.standin.pictures.arrays import Color, Plane, blend, gaussian_blur, luma, smoothstep, to_plane

_TONES: tuple[tuple[Color, Color], ...] = (
    ((0.05, 0.1, 0.3), (1.0, 0.9, 0.7)),
    ((0.2, 0.05, 0.25), (0.95, 0.85, 1.0)),
    ((0.0, 0.2, 0.18), (1.0, 0.95, 0.8)),
    ((0.3, 0.08, 0.02), (0.8, 1.0, 0.95)),
)
"""The colors toward which the dark and the light parts of a picture are shifted."""


def apply_style(picture: Plane, style: str) -> Plane:
    """Returns the background in a style, a preset's name or a code. A style always gives the same one of nine looks."""
    words = "".join(letter for letter in style.upper() if letter.isalnum())
    if words == "GOLDENHOUR":
        return _apply_golden_hour(picture)
    draw = hashlib.sha256(words.encode()).digest()
    dark, light = _TONES[draw[0] % len(_TONES)]
    level = luma(picture)
    ink = blend(dark, light, level)
    toned = blend(picture, to_plane(ink * (level / luma(ink))[..., None]), 0.25)
    toned = to_plane(1 - (1 - np.clip(toned, 0, 1)) ** 1.4)
    return _apply_brushwork(toned) if draw[1] % 2 else toned


def _apply_golden_hour(picture: Plane) -> Plane:
    """Adds a low warm sun from one side, and a glow around lights."""
    warm = blend(picture, to_plane(luma(picture)[..., None] * to_plane((1.45, 1.01, 0.55))), 0.42)
    ramp = to_plane(np.linspace(-1, 1, picture.shape[1]))[None, :]
    sun = smoothstep(0.1, 1.3, ramp)[..., None] * to_plane((0.55, 0.34, 0.12))
    bright = warm * smoothstep(0.55, 0.95, luma(warm))[..., None]
    halo = gaussian_blur(to_plane(bright), 0.06 * picture.shape[0]) * 0.45
    return to_plane(1 - (1 - np.clip(warm, 0, 1)) * (1 - sun) * (1 - np.clip(halo, 0, 1)))


def _apply_brushwork(picture: Plane) -> Plane:
    """Flattens areas and keeps edges, like brushwork."""
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for _ in range(3):
        small = cv2.bilateralFilter(small, 9, 0.15, 6)
    return to_plane(cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC))
