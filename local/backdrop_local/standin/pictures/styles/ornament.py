"""Ornament: filters that change the light, the film or the lens."""

import cv2
import numpy as np

from backdrop_local.standin.pictures.arrays import Plane, Random, as_plane, luma, mix, sample, smoothstep, soften
from backdrop_local.standin.pictures.styles.fields import bend, grid, unit
from backdrop_local.standin.pictures.styles.look import Ink


def grain(picture: Plane, random: Random, strength: float) -> Plane:
    """Add coarse film grain."""
    noise = soften(as_plane(random.standard_normal(picture.shape[:2])), 0.9) * 2
    return as_plane(picture + noise[..., None] * strength)


def scanlines(picture: Plane, random: Random, strength: float) -> Plane:
    """Darken every third line, as a tube screen does."""
    start = int(random.integers(3))
    out = picture.copy()
    out[start::3] *= 1 - 3 * strength
    return out


def canvas(picture: Plane, random: Random, strength: float) -> Plane:
    """Press the weave of a canvas into the paint."""
    ys, xs = grid(picture)
    weave = np.sin(ys * 1.7) * np.sin(xs * 1.7)
    bristle = soften(as_plane(random.standard_normal(picture.shape[:2])), 1.5) * 3
    relief = weave * 0.6 + bristle - np.roll(bristle, 2, 0)
    return as_plane(np.clip(picture * (1 + strength * relief[..., None]), 0, 1))


def wobble(picture: Plane, random: Random, reach: float) -> Plane:
    """Bend every line a little, as an unsteady hand would."""
    return bend(picture, random, reach * picture.shape[0], 22)


def swirl(picture: Plane, random: Random, reach: float) -> Plane:
    """Bend the whole picture into slow waves."""
    return bend(picture, random, reach * picture.shape[0], 4)


def veil(picture: Plane, reach: float) -> Plane:
    """Blur everything into soft fields."""
    return soften(picture, reach * picture.shape[0])


def aura(picture: Plane, random: Random, inks: tuple[Ink, ...], strength: float) -> Plane:
    """Lay wide pools of coloured light over the picture."""
    ys, xs = unit(picture)
    out = picture
    for ink in inks:
        x, y = random.uniform(0.1, 0.9, 2)
        pool = np.exp(-(((xs - x) / 0.34) ** 2) - ((ys - y) / 0.4) ** 2) * strength
        out = mix(out, np.broadcast_to(as_plane(ink), out.shape), as_plane(pool))
    return out


def doubled(picture: Plane, strength: float) -> Plane:
    """Expose the mirrored, larger picture over itself."""
    height, width = picture.shape[:2]
    ys, xs = grid(picture)
    second = sample(picture, as_plane(width - xs * 0.6), as_plane(ys * 0.6 + height * 0.1))
    return as_plane(1 - (1 - picture) * (1 - second * strength))


def split(picture: Plane, shade: Ink, light: Ink, strength: float) -> Plane:
    """Tone shadows and lights towards two colours."""
    level = luma(picture)[..., None]
    toned = as_plane(shade) * (1 - level) * 0.7 + as_plane(light) * level
    return mix(picture, as_plane(toned), strength)


def sparkles(picture: Plane, random: Random, count: int) -> Plane:
    """Add small soft lights."""
    light = np.zeros(picture.shape[:2], np.float32)
    height, width = light.shape
    for _ in range(count):
        place = (int(random.integers(width)), int(random.integers(height)))
        cv2.circle(
            light,
            place,
            int(random.integers(2, max(3, height // 90))),
            float(random.uniform(0.3, 1)),
            -1,
        )
    halo = soften(light, height / 400) * 0.7 + soften(light, height / 60) * 1.5
    return as_plane(1 - (1 - np.clip(picture, 0, 1)) * (1 - np.clip(halo, 0, 1))[..., None])


def prism(picture: Plane, random: Random, count: int) -> Plane:
    """Refract the picture in upright glass bars."""
    width = picture.shape[1]
    ys, xs = grid(picture)
    columns = np.arange(width, dtype=np.float32)
    bars = np.sort(random.uniform(0, width, count))
    number = np.searchsorted(bars, columns)
    shift = random.uniform(-0.09, 0.09, count + 1)[number] * width
    starts = np.concatenate([np.zeros(1), bars])[number]
    inside = np.clip((columns - starts) / 40, 0, 1)
    shine = 1 + 0.14 * np.exp(-inside * 6)
    return as_plane(sample(picture, as_plane(xs + shift), ys) * shine[None, :, None])


def spot(picture: Plane, random: Random, ink: Ink, strength: float) -> Plane:
    """Light the middle with a coloured spotlight from above."""
    ys, xs = unit(picture)
    lean = float(random.uniform(-0.25, 0.25))
    cone = smoothstep(0.3, 0.05, as_plane(np.abs(xs - 0.5 - lean * (1 - ys)) - 0.12 * ys))
    light = as_plane(cone * (0.5 + 0.5 * ys) * strength)[..., None] * as_plane(ink)
    return as_plane(1 - (1 - np.clip(picture, 0, 1)) * (1 - light * 0.7))


def shifted(picture: Plane) -> Plane:
    """Exchange the colours and bend the tones."""
    turned = picture[..., [2, 0, 1]]
    return as_plane(0.5 + 0.5 * np.sin((turned - 0.25) * 4.2))
