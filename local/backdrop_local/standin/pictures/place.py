"""Placing: stands a cut-out in a painted scene with shadow, matched light and no hard seam."""

import numpy as np

from backdrop_local.standin.pictures.arrays import (
    Plane,
    as_plane,
    luma,
    mix,
    resize,
    smoothstep,
    soften,
)
from backdrop_local.standin.pictures.cutout import CutOut
from backdrop_local.standin.pictures.scenes import Scene


class Figure:
    """A cut-out at the size of the result, with where it stands."""

    def __init__(self, cut: CutOut, size: tuple[int, int]) -> None:
        weighted = resize(as_plane(cut.color * cut.alpha[..., None]), *size)
        self.alpha = as_plane(np.clip(resize(cut.alpha, *size), 0, 1))
        own = weighted / np.maximum(self.alpha, 1e-3)[..., None]
        self.color = as_plane(np.clip(own, 0, 1))
        rows = np.flatnonzero(self.alpha.max(axis=1) > 0.5)
        self.top, self.bottom = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, size[1])

    @property
    def cropped(self) -> bool:
        """Whether the frame's lower edge cuts through the subject, as in a portrait."""
        return float((self.alpha[-2:] > 0.5).mean()) > 0.12

    def horizon(self) -> float:
        """Where the ground should end: behind the subject, higher for one seen from above."""
        if self.cropped:
            return 0.62
        return min(0.44, max(0.2, 1.2 - self.bottom / self.alpha.shape[0]))


def place(figure: Figure, scene: Scene) -> Plane:
    """Return the subject in the scene, (height, width, 3)."""
    height = figure.alpha.shape[0]
    back = soften(scene.color, height * 0.006) if figure.cropped else scene.color
    if not figure.cropped:
        back = back * (1 - _shadow(figure, scene)[..., None])
    lit = _match(figure, as_plane(back), scene)
    joined = mix(as_plane(back), lit, figure.alpha)
    return as_plane(np.clip(joined, 0, 1))


def finish(picture: Plane, random: np.random.Generator) -> Plane:
    """Darken the corners a little and add film grain."""
    height, width = picture.shape[:2]
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    corners = smoothstep(0.75, 1.6, as_plane(np.hypot(xs, ys)))
    grain = soften(as_plane(random.standard_normal((height, width), dtype=np.float32)), 0.6)
    shaded = picture * (1 - 0.13 * corners[..., None]) + grain[..., None] * 0.012
    return as_plane(np.clip(shaded, 0, 1))


def _shadow(figure: Figure, scene: Scene) -> Plane:
    """How much light the subject takes from the ground, 0..1."""
    height, width = figure.alpha.shape
    tall = figure.bottom - figure.top
    tight = _dropped(figure, 0.012, 0.0, tall)
    middle = _dropped(figure, 0.035, -0.03 * scene.side, tall)
    pool = _pool(figure, scene.side)
    light = (1 - 0.6 * tight) * (1 - 0.42 * middle) * (1 - 0.5 * pool)
    rows = as_plane(np.linspace(0, 1, height)[:, None] * np.ones((1, width)))
    ground = smoothstep(scene.horizon - 0.01, scene.horizon + 0.08, rows)
    return as_plane((1 - light) * ground * 0.75)


def _dropped(figure: Figure, reach: float, aside: float, tall: int) -> Plane:
    """The silhouette's lower part, shifted away from the light and blurred by `reach`."""
    height, width = figure.alpha.shape
    rows = np.arange(height, dtype=np.float32)[:, None]
    low = smoothstep(figure.bottom - 0.55 * tall, figure.bottom - 0.05 * tall, as_plane(rows))
    moved = np.roll(figure.alpha * low, (round(reach * 0.6 * height), round(aside * width)), (0, 1))
    return soften(as_plane(moved), reach * height)


def _pool(figure: Figure, side: float) -> Plane:
    """A wide soft shadow: the silhouette laid flat on the ground around its foot."""
    height, width = figure.alpha.shape
    tall = figure.bottom - figure.top
    flat = max(4, round(tall * 0.2))
    laid = resize(figure.alpha[figure.top : figure.bottom], width, flat)
    shade = np.zeros((height * 2, width), np.float32)
    start = figure.bottom - round(flat * 0.74)
    shade[start : start + flat] = laid
    moved = np.roll(shade[:height], round(-side * 0.06 * tall), 1)
    return soften(as_plane(np.clip(moved, 0, 1)), 0.034 * height)


def _match(figure: Figure, back: Plane, scene: Scene) -> Plane:
    """Give the subject the scene's light: its level, its color and a little of it at the rim."""
    height, width = figure.alpha.shape
    weight = float(figure.alpha.sum()) + 1e-3
    own = float((luma(figure.color) * figure.alpha).sum()) / weight
    level = float(luma(back).mean())
    gain = float(np.clip((level / max(own, 0.05)) ** 0.16, 0.84, 1.08))
    around = back.reshape(-1, 3).mean(axis=0) / max(level, 0.05)
    color = (as_plane(scene.tint) ** 0.4) * (np.clip(around, 0.6, 1.4) ** 0.14)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None] * scene.side
    lit = figure.color * gain * color * (1 + 0.05 * across)
    rim = np.clip(soften(as_plane(1 - figure.alpha), height * 0.006), 0, 1)[..., None] * 0.3
    return as_plane(np.clip(lit + (soften(back, height * 0.02) - lit) * rim, 0, 1))
