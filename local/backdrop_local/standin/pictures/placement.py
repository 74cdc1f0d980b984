"""Places a cut-out on a background, with a shadow, matched light, and soft edges."""

import numpy as np

from backdrop_local.standin.pictures.arrays import (
    Plane,
    blend,
    gaussian_blur,
    luma,
    resize,
    smoothstep,
    to_plane,
)
from backdrop_local.standin.pictures.backgrounds import Background
from backdrop_local.standin.pictures.cutout import CutOut


class PlacedSubject:
    """A cut-out at the size of the result, and its top and bottom rows."""

    def __init__(self, cut: CutOut, size: tuple[int, int]) -> None:
        weighted = resize(to_plane(cut.color * cut.alpha[..., None]), *size)
        self.alpha = to_plane(np.clip(resize(cut.alpha, *size), 0, 1))
        own = weighted / np.maximum(self.alpha, 1e-3)[..., None]
        self.color = to_plane(np.clip(own, 0, 1))
        rows = np.flatnonzero(self.alpha.max(axis=1) > 0.5)
        self.top, self.bottom = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, size[1])

    @property
    def is_cropped(self) -> bool:
        """Whether the frame's lower edge crops the subject, as in a portrait."""
        return float((self.alpha[-2:] > 0.5).mean()) > 0.12

    def choose_horizon(self) -> float:
        """Returns where the ground ends: behind the subject, and higher for a subject seen from above."""
        if self.is_cropped:
            return 0.62
        return min(0.44, max(0.2, 1.2 - self.bottom / self.alpha.shape[0]))


def place_subject(subject: PlacedSubject, background: Background) -> Plane:
    """Returns the subject on the background, (height, width, 3)."""
    height = subject.alpha.shape[0]
    back = gaussian_blur(background.color, height * 0.006) if subject.is_cropped else background.color
    if not subject.is_cropped:
        back = back * (1 - _draw_shadow(subject, background)[..., None])
    lit = _match_light(subject, to_plane(back), background)
    joined = blend(to_plane(back), lit, subject.alpha)
    return to_plane(np.clip(joined, 0, 1))


def add_vignette_and_grain(picture: Plane, random: np.random.Generator) -> Plane:
    """Darkens the corners slightly, and adds film grain."""
    height, width = picture.shape[:2]
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    corners = smoothstep(0.75, 1.6, to_plane(np.hypot(xs, ys)))
    grain = gaussian_blur(to_plane(random.standard_normal((height, width), dtype=np.float32)), 0.6)
    shaded = picture * (1 - 0.13 * corners[..., None]) + grain[..., None] * 0.012
    return to_plane(np.clip(shaded, 0, 1))


def _draw_shadow(subject: PlacedSubject, background: Background) -> Plane:
    """Returns how much light the subject blocks on the ground, 0..1."""
    height, width = subject.alpha.shape
    touch, near = (_draw_contact_shadow(subject, reach) for reach in (0.012, 0.05))
    pool = _draw_ground_shadow(subject, background.side)
    light = (1 - 0.8 * touch) * (1 - 0.65 * near) * (1 - 0.4 * pool)
    rows = to_plane(np.linspace(0, 1, height)[:, None] * np.ones((1, width)))
    ground = smoothstep(background.horizon - 0.01, background.horizon + 0.08, rows)
    return to_plane((1 - light) * ground * 0.9)


def _draw_contact_shadow(subject: PlacedSubject, reach: float) -> Plane:
    """Returns the line in which the subject touches the ground, blurred by `reach`.

    It is the lowest part of each column, if it is not far above the lowest part of the subject.
    """
    height = subject.alpha.shape[0]
    solid = subject.alpha > 0.5
    lowest = np.where(solid.any(axis=0), height - np.argmax(solid[::-1], axis=0), 0)
    rests = smoothstep(0.3 * (subject.bottom - subject.top), 0, to_plane(subject.bottom - lowest))
    is_near = np.abs(np.arange(height)[:, None] - lowest) < reach * height
    return gaussian_blur(to_plane(is_near * rests), 0.7 * reach * height)


def _draw_ground_shadow(subject: PlacedSubject, side: float) -> Plane:
    """Returns a wide soft shadow: the silhouette projected onto the ground around its base."""
    height, width = subject.alpha.shape
    tall = subject.bottom - subject.top
    flat = max(4, round(tall * 0.2))
    laid = resize(subject.alpha[subject.top : subject.bottom], width, flat)
    shade = np.zeros((height * 2, width), np.float32)
    start = subject.bottom - round(flat * 0.74)
    shade[start : start + flat] = laid
    moved = np.roll(shade[:height], round(-side * 0.06 * tall), 1)
    return gaussian_blur(to_plane(np.clip(moved, 0, 1)), 0.034 * height)


def _match_light(subject: PlacedSubject, back: Plane, background: Background) -> Plane:
    """Adapts the subject to the background's light: its level, its color, and a little of it at the rim."""
    height, width = subject.alpha.shape
    weight = float(subject.alpha.sum()) + 1e-3
    own = float((luma(subject.color) * subject.alpha).sum()) / weight
    level = float(luma(back).mean())
    gain = float(np.clip((level / max(own, 0.05)) ** 0.16, 0.84, 1.08))
    around = back.reshape(-1, 3).mean(axis=0) / max(level, 0.05)
    color = (to_plane(background.tint) ** 0.4) * (np.clip(around, 0.6, 1.4) ** 0.14)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None] * background.side
    lit = subject.color * gain * color * (1 + 0.05 * across)
    rim = np.clip(gaussian_blur(to_plane(1 - subject.alpha), height * 0.006), 0, 1)[..., None] * 0.3
    return to_plane(np.clip(lit + (gaussian_blur(back, height * 0.02) - lit) * rim, 0, 1))
