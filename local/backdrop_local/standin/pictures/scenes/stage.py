"""The stage: noise, gradients, perspective floors and out-of-focus lights for painted scenes."""

from dataclasses import dataclass, field

import numpy as np

from backdrop_local.standin.pictures.arrays import (
    Plane,
    Random,
    as_plane,
    mix,
    sample,
    smoothstep,
    soften,
    stretch,
)

type Colour = tuple[float, float, float]


@dataclass
class Stage:
    """An empty picture to paint on.

    x runs from -aspect/2 to aspect/2, y from 0 (top) to 1 (bottom); horizon is a y.
    """

    width: int
    height: int
    random: Random
    horizon: float
    accent: Colour
    x: Plane = field(init=False)
    y: Plane = field(init=False)

    def __post_init__(self) -> None:
        rows = (np.arange(self.height, dtype=np.float32) + 0.5) / self.height
        columns = (np.arange(self.width, dtype=np.float32) + 0.5) - self.width / 2
        self.y = as_plane(np.repeat(rows[:, None], self.width, axis=1))
        self.x = as_plane(np.repeat(columns[None, :] / self.height, self.height, axis=0))

    def side(self) -> float:
        """Return -1 or 1: left or right, by the seed."""
        return 1.0 if self.random.random() < 0.5 else -1.0

    def uniform(self, low: float, high: float) -> float:
        """Return a number between the two, by the seed."""
        return float(self.random.uniform(low, high))

    def blur(self, plane: Plane, share: float) -> Plane:
        """Blur by a share of the picture's height."""
        return soften(plane, share * self.height)

    def gradient(self, *stops: tuple[float, Colour]) -> Plane:
        """Paint a smooth vertical gradient through (y, colour) stops."""
        places = [place for place, _ in stops]
        rows = self.y[:, 0]
        bands = [np.interp(rows, places, [colour[c] for _, colour in stops]) for c in range(3)]
        painted = np.empty((self.height, self.width, 3), np.float32)
        painted[:] = np.stack(bands, axis=1)[:, None, :]
        return painted

    def fill(self, colour: Colour) -> Plane:
        """Paint one colour."""
        return self.gradient((0.0, colour), (1.0, colour))

    def noise(self, cell: float, octaves: int = 4, wide: float = 1.0) -> Plane:
        """Cloudy noise, 0..1 around 0.5; `cell` is its coarsest size as a share of the height."""
        coarse = _Clouds(self.random, self.width // 4 + 1, self.height // 4 + 1)
        fine = _Clouds(self.random, self.width, self.height)
        for octave in range(octaves):
            size, weight = cell * self.height / 2**octave, 1 / 2**octave
            if size >= 24:
                coarse.add(size / 4, wide, weight)
            else:
                fine.add(size, wide, weight)
        total = fine.total + stretch(coarse.total, self.width, self.height)
        return as_plane(0.5 + total / (2 - 2.0 ** (1 - octaves)) * 0.9)

    def glow(self, x: float, y: float, reach: float) -> Plane:
        """A round falloff: 1 at the point, about 0.37 at `reach` heights from it."""
        return as_plane(np.exp(-((self.x - x) ** 2 + (self.y - y) ** 2) / reach**2))

    def floor(self, tile: Plane, zoom: float = 1.0, turn: float = 0.0) -> Plane:
        """Lay a wrapping texture on the ground from the horizon to the viewer's feet."""
        steep = np.maximum((self.y - self.horizon) / (1 - self.horizon), 0.004)
        depth = as_plane(1 / (steep + 0.22))
        across, along = self.x * depth * zoom, depth * zoom * np.float32(1.6)
        cos, sin = float(np.cos(turn)), float(np.sin(turn))
        size = tile.shape[0]
        us = as_plane((across * cos + along * sin) % 1 * (size - 1))
        vs = as_plane((along * cos - across * sin) % 1 * (size - 1))
        near = sample(tile, us, vs, wrap=True)
        far = sample(soften(tile, 3), us, vs, wrap=True)
        return mix(near, far, smoothstep(0.45, 0.15, steep))

    def focus(self, picture: Plane, at: float, strength: float = 0.02) -> Plane:
        """Keep the picture sharp around the row `at`, ever softer towards the horizon."""
        away = as_plane(np.clip((at - self.y) / max(at - self.horizon, 0.05), 0, 1.6))
        slight = mix(picture, self.blur(picture, strength * 0.3), smoothstep(0.1, 0.5, away))
        return mix(slight, self.blur(picture, strength), smoothstep(0.45, 1.1, away))

    def bokeh(
        self,
        count: int,
        colours: list[Colour],
        radius: tuple[float, float],
        rows: tuple[float, float],
    ) -> Plane:
        """Paint out-of-focus lights to be added: discs with a brighter rim."""
        light = np.zeros((self.height, self.width, 3), np.float32)
        for _ in range(count):
            self._disc(light, colours[int(self.random.integers(len(colours)))], radius, rows)
        return soften(light, self.height / 500)

    def _disc(self, light: Plane, colour: Colour, radius: tuple[float, float], rows: tuple[float, float]) -> None:
        size = self.uniform(*radius)
        x, y = self.uniform(float(self.x[0, 0]), float(self.x[0, -1])), self.uniform(*rows)
        power = self.uniform(0.15, 0.6)
        reach = round(size * self.height) + 3
        column, row = round(x * self.height + self.width / 2), round(y * self.height)
        top, left = max(0, row - reach), max(0, column - reach)
        part = np.s_[top : row + reach, left : column + reach]
        far = np.hypot(self.x[part] - x, self.y[part] - y) / size
        disc = smoothstep(1.04, 0.96, as_plane(far)) * (0.6 + 0.4 * np.clip(far, 0, 1) ** 4)
        light[part] += disc[..., None] * as_plane(colour) * np.float32(power)

    def ridge(self, base: float, rise: float, rough: float, octaves: int = 5) -> Plane:
        """A skyline as coverage: 1 below a rugged line around y = `base`."""
        line = np.zeros(self.width, np.float32)
        for octave in range(octaves):
            count = max(4, round(rough * 2**octave)) + 3
            knots = as_plane(self.random.uniform(-1, 1, (1, count)))
            line += stretch(knots, self.width, 1)[0] / np.float32(1.9**octave)
        edge = base - rise * line[None, :]
        return smoothstep(-0.0015, 0.0015, as_plane(self.y - edge))


def tile_noise(random: Random, cells: tuple[int, int], octaves: int, size: int = 1024) -> Plane:
    """Cloudy noise that wraps at its edges, 0..1; `cells` are its coarsest (rows, columns)."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        rows, columns = (min(size // 2, cell * 2**octave) for cell in cells)
        grid = as_plane(random.uniform(-0.5, 0.5, (rows, columns)))
        wrapped = np.pad(grid, 2, mode="wrap")
        high, wide = size * (rows + 4) // rows, size * (columns + 4) // columns
        full = stretch(as_plane(wrapped), wide, high)
        top, left = 2 * size // rows, 2 * size // columns
        total += full[top : top + size, left : left + size] / np.float32(2**octave)
    return as_plane(np.clip(0.5 + total * 0.75, 0, 1))


class _Clouds:
    """A sum of smooth random fields."""

    def __init__(self, random: Random, width: int, height: int) -> None:
        self.random = random
        self.total = np.zeros((height, width), np.float32)

    def add(self, size: float, wide: float, weight: float) -> None:
        """Add a field whose spots are `size` pixels high and `wide` times as long."""
        height, width = self.total.shape
        rows, columns = int(height / size + 3) + 1, int(width / (size * wide) + 3) + 1
        grid = as_plane(self.random.uniform(-0.5, 0.5, (rows, columns)))
        full = stretch(grid, round(columns * size * wide), round(rows * size))
        self.total += full[:height, :width] * np.float32(weight)
