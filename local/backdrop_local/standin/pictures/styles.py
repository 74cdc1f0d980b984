"""Styles: a few filters that give a painted background another look."""

import hashlib

import cv2
import numpy as np

from backdrop_local.standin.pictures.arrays import Color, Plane, as_plane, luma, mix, smoothstep, soften

_TONES: tuple[tuple[Color, Color], ...] = (
    ((0.05, 0.1, 0.3), (1.0, 0.9, 0.7)),
    ((0.2, 0.05, 0.25), (0.95, 0.85, 1.0)),
    ((0.0, 0.2, 0.18), (1.0, 0.95, 0.8)),
    ((0.3, 0.08, 0.02), (0.8, 1.0, 0.95)),
)
"""What the dark and the light parts of a picture are drawn towards."""


def styled(picture: Plane, style: str) -> Plane:
    """Return the background in the style, a preset's name or a code: one of nine looks, always the same one for it."""
    words = "".join(letter for letter in style.upper() if letter.isalnum())
    if words == "GOLDENHOUR":
        return _golden(picture)
    draw = hashlib.sha256(words.encode()).digest()
    dark, light = _TONES[draw[0] % len(_TONES)]
    level = luma(picture)
    ink = mix(dark, light, level)
    toned = mix(picture, as_plane(ink * (level / luma(ink))[..., None]), 0.25)
    toned = as_plane(1 - (1 - np.clip(toned, 0, 1)) ** 1.4)
    return _brushed(toned) if draw[1] % 2 else toned


def _golden(picture: Plane) -> Plane:
    """Low warm sun from one side, and lights that glow into their surroundings."""
    warm = mix(picture, as_plane(luma(picture)[..., None] * as_plane((1.45, 1.01, 0.55))), 0.42)
    ramp = as_plane(np.linspace(-1, 1, picture.shape[1]))[None, :]
    sun = smoothstep(0.1, 1.3, ramp)[..., None] * as_plane((0.55, 0.34, 0.12))
    bright = warm * smoothstep(0.55, 0.95, luma(warm))[..., None]
    halo = soften(as_plane(bright), 0.06 * picture.shape[0]) * 0.45
    return as_plane(1 - (1 - np.clip(warm, 0, 1)) * (1 - sun) * (1 - np.clip(halo, 0, 1)))


def _brushed(picture: Plane) -> Plane:
    """Flat areas with clean edges, as brushwork leaves them."""
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for _ in range(3):
        small = cv2.bilateralFilter(small, 9, 0.15, 6)
    return as_plane(cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC))
