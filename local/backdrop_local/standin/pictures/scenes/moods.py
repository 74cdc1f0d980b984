"""Moods: the hour and the weather a prompt names, laid over whatever scene it asks for."""

from collections.abc import Callable

import numpy as np

from backdrop_local.standin.pictures.arrays import Plane, as_plane, luma, mix, soften
from backdrop_local.standin.pictures.scenes.painted import Painted

type Mood = Callable[[Painted], None]


def golden(painted: Painted) -> None:
    """Low warm sun from the scene's light side."""
    faded = mix(painted.colour, as_plane(np.repeat(luma(painted.colour)[..., None], 3, 2)), 0.3)
    warm = faded * as_plane((1.1, 0.9, 0.68))
    sun = _falloff(painted, -0.05, 0.8)[..., None] * as_plane((0.5, 0.33, 0.14))
    painted.colour = as_plane(1 - (1 - np.clip(warm, 0, 1)) * (1 - sun))
    painted.tint = (1.0, 0.86, 0.66)


def night(painted: Painted) -> None:
    """Moonlight: dark, blue and with little colour."""
    grey = luma(painted.colour)[..., None]
    faded = mix(painted.colour, as_plane(grey * as_plane((0.75, 0.95, 1.35))), 0.7)
    moon = _falloff(painted, 0.0, 0.8)[..., None] * as_plane((0.08, 0.1, 0.14))
    painted.colour = as_plane(np.clip(faded, 0, 1) ** 1.25 * 0.42 + moon)
    painted.tint = (0.84, 0.92, 1.0)


def mist(painted: Painted) -> None:
    """Fog that thickens towards the horizon."""
    height = painted.colour.shape[0]
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None] - painted.horizon
    thick = 0.2 + 0.6 * np.exp(-((rows / 0.22) ** 2)) * np.ones_like(painted.colour[..., 0])
    bright = soften(painted.colour, height * 0.08) * 0.3 + 0.7 * as_plane((0.86, 0.89, 0.91))
    painted.colour = mix(painted.colour, as_plane(bright), as_plane(thick))


MOODS: tuple[tuple[str, Mood], ...] = (
    ("golden-hour sunset sunrise dusk dawn evening", golden),
    ("night midnight moonlight moonlit", night),
    ("mist misty fog foggy haze hazy", mist),
)


def _falloff(painted: Painted, y: float, reach: float) -> Plane:
    height, width = painted.colour.shape[:2]
    ys = np.linspace(0, 1, height, dtype=np.float32)[:, None] - y
    xs = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :] * (width / height)
    away = (xs - painted.side * 0.5 * width / height) ** 2 + ys**2
    return as_plane(np.exp(-away / reach**2))
