"""Draws one of a dozen backgrounds, chosen by the words of a prompt and varied by the seed."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backdrop_local.standin.pictures.arrays import (
    Color,
    Plane,
    blend,
    cloud_noise,
    gaussian_blur,
    luma,
    sample,
    smoothstep,
    to_plane,
)

_TILE = (1024, 1024)
_COLORS: dict[str, Color] = {
    "red": (0.78, 0.2, 0.18),
    "orange": (0.93, 0.55, 0.24),
    "yellow": (0.95, 0.8, 0.35),
    "green": (0.42, 0.62, 0.42),
    "blue": (0.33, 0.54, 0.8),
    "purple": (0.5, 0.38, 0.68),
    "pink": (0.95, 0.72, 0.76),
    "brown": (0.5, 0.36, 0.26),
    "beige": (0.89, 0.83, 0.74),
    "gray": (0.68, 0.69, 0.7),
    "grey": (0.68, 0.69, 0.7),
    "black": (0.1, 0.1, 0.11),
}
_QUIET_COLORS: tuple[Color, ...] = ((0.89, 0.83, 0.74), (0.66, 0.76, 0.72), (0.93, 0.76, 0.7), (0.62, 0.7, 0.8))


@dataclass
class Background:
    """A background and its light.

    While drawing, x ranges from -aspect/2 to aspect/2, and y from 0 (top) to 1 (bottom). All lengths are fractions of
    the height.
    """

    size: tuple[int, int]
    horizon: float
    """The y at which the ground ends."""
    prompt: str
    seed: int

    def __post_init__(self) -> None:
        self.width, self.height = self.size
        digest = hashlib.sha256(f"{self.seed}\n{self.prompt}".encode()).digest()
        self.random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        self.side = 1.0 if self.random.random() < 0.5 else -1.0
        """The side from which the light comes: -1 left, 1 right."""
        self.tint: Color = (1.0, 0.98, 0.94)
        """The color of the light."""
        ys, xs = np.mgrid[: self.height, : self.width]
        self.y = to_plane((ys + 0.5) / self.height)
        self.x = to_plane((xs + 0.5 - self.width / 2) / self.height)
        self.color = self.gradient((0, (0.0, 0.0, 0.0)))

    def uniform(self, low: float, high: float) -> float:
        """Returns a random number between the two, from the seed."""
        return float(self.random.uniform(low, high))

    def blur(self, plane: Plane, share: float) -> Plane:
        """Blurs by a fraction of the picture's height."""
        return gaussian_blur(plane, share * self.height)

    def gradient(self, *stops: tuple[float, Color]) -> Plane:
        """Returns a smooth vertical gradient through (y, color) stops."""
        places = [place for place, _ in stops]
        bands = [np.interp(self.y, places, [color[c] for _, color in stops]) for c in range(3)]
        return to_plane(np.dstack(bands))

    def noise(self, cell: float, octaves: int = 4, wide: float = 1.0) -> Plane:
        """Returns cloudy noise. `cell` is the height of its coarsest structure, `wide` its width relative to it."""
        high = cell * self.height
        return cloud_noise(self.random, (self.height, self.width), (high, high * wide), octaves)

    def glow(self, x: float, y: float, reach: float) -> Plane:
        """Returns a round falloff, to multiply with a color: 1 at the point, about 0.37 at distance `reach`."""
        return to_plane(np.exp(-((self.x - x) ** 2 + (self.y - y) ** 2) / reach**2))[..., None]

    def floor(self, tile: Plane, zoom: float) -> Plane:
        """Projects a texture onto the ground, from the horizon to the viewer's feet."""
        steep = np.maximum((self.y - self.horizon) / (1 - self.horizon), 0.004)
        depth = zoom / (steep + 0.22) * tile.shape[0]
        across, along = to_plane(self.x * depth + tile.shape[1] / 2), to_plane(depth * 1.6)
        near, far = (sample(one, across, along) for one in (tile, gaussian_blur(tile, 3)))
        return blend(near, far, smoothstep(0.45, 0.15, to_plane(steep)))

    def join(self, back: Plane, ground: Plane, haze: float) -> None:
        """Joins the back and the ground, which becomes softer toward the horizon."""
        away = to_plane((0.84 - self.y) / max(0.84 - self.horizon, 0.05))
        ground = blend(ground, self.blur(ground, 0.015), smoothstep(0.2, 1.0, away))
        joined = blend(back, ground, smoothstep(-0.004, 0.004, to_plane(self.y - self.horizon)))
        veil = np.exp(-(((self.y - self.horizon) / 0.05) ** 2)) * abs(haze)
        far = self.blur(joined, 0.06) * 0.7 + 0.3 * to_plane(self.tint) if haze > 0 else np.zeros_like(joined)
        self.color = blend(joined, to_plane(far), to_plane(veil))

    def lights(self, count: int, colors: list[Color], radius: tuple[float, float], rows: tuple[float, float]) -> Plane:
        """Lights out of focus, to be added: discs with a brighter rim."""
        light = np.zeros((self.height, self.width, 3), np.float32)
        for _ in range(count):
            color = colors[int(self.random.integers(len(colors)))]
            x, y = self.uniform(float(self.x[0, 0]), float(self.x[0, -1])), self.uniform(*rows)
            size, power = self.uniform(*radius), self.uniform(0.15, 0.6)
            column, row = round(x * self.height + self.width / 2), round(y * self.height)
            reach = round(size * self.height) + 3
            part = np.s_[max(0, row - reach) : row + reach, max(0, column - reach) : column + reach]
            far = np.hypot(self.x[part] - x, self.y[part] - y) / size
            disc = smoothstep(1.04, 0.96, to_plane(far)) * (0.6 + 0.4 * np.clip(far, 0, 1) ** 4)
            light[part] += disc[..., None] * to_plane(color) * np.float32(power)
        return gaussian_blur(light, self.height / 500)


def _ground(scene: Background, color: Color, relief: float, cells: int) -> Plane:
    """Sand, grass or snow: ripples and grain, lit softly from above."""
    coarse = cloud_noise(scene.random, _TILE, (1024 / cells, 1024 / cells), 5)
    fine = cloud_noise(scene.random, _TILE, (5, 5), 2)
    height = coarse * 0.7 + fine * 0.3
    tone = 1 + relief * (3.2 * (np.roll(height, 3, axis=0) - height) + (fine - 0.5) + 0.7 * (coarse - 0.5))
    tile = to_plane(np.clip(tone[..., None] * to_plane(color), 0, 1))
    return to_plane(scene.floor(tile, 0.6) * (0.92 + 0.16 * scene.noise(0.4, 3, 3))[..., None])


def _sky(scene: Background, top: Color, low: Color, cloud: Color) -> Plane:
    heap = scene.noise(0.34, 6, 2.6)
    veil = smoothstep(0.5, 0.8, heap) * smoothstep(scene.horizon + 0.05, scene.horizon * 0.3, scene.y)
    return scene.blur(blend(scene.gradient((0, top), (scene.horizon, low)), cloud, to_plane(veil * 0.8)), 0.004)


def _shore(scene: Background, sky: Plane, sea: tuple[Color, Color], sand: Plane, shine: Plane) -> None:
    """Draws sky, a sea from deep to shallow with a shine on its waves, surf, and wet sand that dries."""
    below = to_plane(scene.y - scene.horizon)
    swell = scene.noise(0.016, 3, 9)[..., None]
    deep = np.clip(below / 0.3, 0, 1)
    water = blend(*sea, deep**0.8) + (swell - 0.5) * 0.3 * (0.25 + deep)[..., None]
    water = water + smoothstep(0.5, 0.75, swell) * shine
    wave = scene.noise(0.3, 3, 3) - 0.5
    edge = to_plane(below - 0.19 - 0.03 * scene.x * scene.side - wave * 0.09)
    wet = smoothstep(0.1, 0.0, edge)
    beach = blend(to_plane(sand * (1 - 0.3 * wet[..., None])), to_plane(water), to_plane(wet * 0.25))
    ground = blend(to_plane(water), beach, smoothstep(-0.004, 0.004, edge))
    foam = np.exp(-((edge / 0.011) ** 2)) + 0.6 * np.exp(-(((edge + 0.05 + wave * 0.04) / 0.008) ** 2))
    lace = np.clip(foam * (0.35 + scene.noise(0.03, 3, 2)), 0, 1) * 0.85
    scene.join(sky, blend(ground, (1.0, 1.0, 1.0), to_plane(lace)), 0.28)


def _beach(scene: Background) -> None:
    """Pale sand, a line of surf and a bright sea."""
    sky = _sky(scene, (0.25, 0.55, 0.86), (0.78, 0.9, 0.96), (1.0, 1.0, 1.0))
    shine = scene.glow(scene.side * 0.5, scene.horizon + 0.05, 0.5) * to_plane((0.3, 0.3, 0.28))
    _shore(scene, sky, ((0.05, 0.42, 0.58), (0.4, 0.78, 0.8)), _ground(scene, (0.92, 0.83, 0.68), 0.09, 18), shine)


def _sunset(scene: Background) -> None:
    """The sun above the sea, and its path on the water and on wet sand."""
    scene.tint = (1.0, 0.8, 0.58)
    sun, low = scene.side * scene.uniform(0.2, 0.45), scene.horizon - 0.045
    sky = _sky(scene, (0.27, 0.25, 0.46), (1.0, 0.62, 0.33), (1.0, 0.55, 0.42))
    sky += scene.glow(sun, low, 0.5) * to_plane((0.42, 0.24, 0.05))
    disc = np.hypot(scene.x - sun, scene.y - low)
    sky = blend(sky, (1.0, 0.96, 0.78), smoothstep(0.052, 0.046, to_plane(disc)))
    narrow = (scene.x - sun) / (0.05 + 0.25 * (scene.y - scene.horizon))
    path = to_plane(np.exp(-(narrow**2)))[..., None]
    sand = _ground(scene, (0.56, 0.38, 0.3), 0.1, 18) + path * to_plane((0.3, 0.17, 0.07))
    shine = path * to_plane((0.75, 0.5, 0.25)) + to_plane((0.12, 0.08, 0.04))
    _shore(scene, sky, ((0.26, 0.23, 0.35), (0.86, 0.5, 0.34)), to_plane(sand), shine)


def _trunks(scene: Background, near: float) -> Plane:
    """Returns the coverage of trunks. `near` is 0 for many thin ones, 1 for a few thick ones."""
    cover = np.zeros_like(scene.x)
    foot = 0.85 + 0.35 * smoothstep(0.5, 1.0, scene.y / scene.horizon)
    for _ in range(round(9 - 6 * near)):
        center, lean = scene.uniform(-0.5, 0.5) * scene.width / scene.height, scene.uniform(-0.06, 0.06)
        thick = (0.008 + 0.028 * near**1.5) * scene.uniform(0.6, 1.3) * foot
        away = np.abs(scene.x - center - lean * scene.y) - thick
        cover = np.maximum(cover, smoothstep(0.002, -0.002, to_plane(away)))
    return to_plane(cover)


def _forest(scene: Background) -> None:
    """Trunks that fade into green light, sunbeams and a mossy floor."""
    light = scene.gradient((0, (0.3, 0.42, 0.16)), (scene.horizon, (0.74, 0.8, 0.5)), (1, (0.3, 0.36, 0.16)))
    leaves = smoothstep(0.42, 0.72, scene.noise(0.2, 5)) * smoothstep(scene.horizon, 0.0, scene.y)
    back = scene.blur(blend(light, (0.1, 0.2, 0.07), to_plane(leaves)), 0.014)
    back += scene.glow(scene.side * 0.35, 0.1, 0.5) * np.float32(0.3)
    for near in (0.0, 0.33, 0.67, 1.0):
        bark = blend((0.5, 0.58, 0.36), (0.1, 0.08, 0.05), near)
        back = scene.blur(blend(back, bark, _trunks(scene, near) * np.float32(0.9)), 0.006)
    angle = np.arctan2(scene.y + 0.25, scene.x - scene.side * 0.75)
    rays = sum(np.exp(-(((angle - scene.uniform(0.7, 2.4)) / scene.uniform(0.02, 0.06)) ** 2)) for _ in range(7))
    fade = smoothstep(1.0, 0.05, scene.y) * 0.55
    beams = (np.clip(rays, 0, 1) * fade)[..., None] * to_plane((0.5, 0.48, 0.25))
    spots = scene.lights(40, [(0.9, 0.95, 0.55), (1.0, 0.95, 0.75)], (0.01, 0.035), (0.0, scene.horizon * 0.8))
    grain = cloud_noise(scene.random, _TILE, (25, 25), 5)[..., None]
    patch = smoothstep(0.4, 0.65, cloud_noise(scene.random, _TILE, (114, 114), 4))
    moss = blend(to_plane(grain * to_plane((0.42, 0.32, 0.2))), to_plane(grain * to_plane((0.36, 0.48, 0.16))), patch)
    dapple = 0.75 + 0.7 * smoothstep(0.5, 0.75, scene.noise(0.1, 3, 2.5))
    ground = scene.floor(moss, 0.7) * dapple[..., None] + beams * 0.35
    soft = scene.blur(smoothstep(-0.05, 0.05, to_plane(scene.y - scene.horizon)), 0.02)
    away = smoothstep(0.75, scene.horizon, scene.y)
    ground = blend(to_plane(ground), scene.blur(to_plane(ground), 0.015), away)
    scene.color = blend(to_plane(back + beams + spots * 0.7), ground, soft)


def _city(scene: Background) -> None:
    """A street at night: towers of lit windows, lamps out of focus, and their reflections in wet ground."""
    scene.tint = (1.0, 0.86, 0.76)
    back = scene.gradient((0, (0.03, 0.04, 0.1)), (scene.horizon, (0.2, 0.16, 0.3)))
    left, cell = float(scene.x[0, 0]), 0.026
    while left < -float(scene.x[0, 0]):
        wide, top = scene.uniform(0.08, 0.2), scene.horizon * scene.uniform(0.1, 0.8)
        inside = (scene.x >= left) & (scene.x < left + wide) & (scene.y > top)
        rows, columns = scene.y / cell, (scene.x + 9) / cell
        lit = scene.random.random((int(1 / cell) + 2, int(18 / cell) + 2))[rows.astype(int), columns.astype(int)]
        glow = (lit > 0.62) * (rows % 1 > 0.3) * (columns % 1 > 0.35) * (0.5 + lit * 0.7)
        facade = to_plane((0.07, 0.06, 0.11)) + glow[..., None] * to_plane((1.0, 0.78, 0.45))
        back = blend(back, to_plane(facade), to_plane(inside))
        left += wide * scene.uniform(0.7, 1.1)
    back = scene.blur(back, 0.008) + scene.glow(0, scene.horizon, 0.45) * to_plane((0.4, 0.22, 0.16))
    neon: list[Color] = [(1.0, 0.7, 0.3), (1.0, 0.25, 0.3), (0.35, 0.6, 1.0), (1.0, 0.9, 0.7), (0.9, 0.35, 0.8)]
    back = to_plane(back + scene.lights(70, neon, (0.015, 0.06), (scene.horizon * 0.4, scene.horizon + 0.02)))
    line = round(scene.horizon * scene.height)
    mirrored = np.pad(back[:line], ((0, scene.height - line), (0, 0), (0, 0)), "symmetric")
    grit = scene.floor(cloud_noise(scene.random, _TILE, (17, 17), 4), 0.7) * 0.5 + 0.75
    ground = scene.blur(to_plane(mirrored), 0.03) * grit[..., None] * 0.55 + to_plane((0.03, 0.03, 0.05))
    scene.join(back, to_plane(ground), -0.1)


def _space(scene: Background) -> None:
    """Stars, a nebula, and the lit rim of a planet."""
    scene.tint = (0.92, 0.95, 1.0)
    violet = smoothstep(0.4, 0.85, scene.noise(0.6, 6))[..., None] * to_plane((0.5, 0.2, 0.55))
    blue = smoothstep(0.45, 0.9, scene.noise(0.45, 6))[..., None] * to_plane((0.1, 0.35, 0.6))
    stars = smoothstep(0.9985, 1.0, to_plane(scene.random.random(scene.x.shape)))[..., None] * 0.9
    near = scene.lights(40, [(1.0, 1.0, 1.0), (0.8, 0.88, 1.0)], (0.0012, 0.003), (0.0, 1.0))
    sky = to_plane((violet + blue) * 0.8 + stars + near + to_plane((0.015, 0.02, 0.05)))
    far = to_plane(np.hypot(scene.x + scene.side * 0.25, scene.y - 2.05) / 1.35)
    sea = smoothstep(0.93, 1.0, far)[..., None] * to_plane((0.05, 0.15, 0.28)) + 0.01
    rim = to_plane(np.exp(-(((far - 1) / 0.02) ** 2)))[..., None] * (0.4 + 0.6 * scene.glow(scene.side * 0.4, 0.7, 0.7))
    scene.color = to_plane(blend(sky, to_plane(sea), smoothstep(1.001, 0.999, far)) + rim * to_plane((0.35, 0.65, 1.0)))


def _snow(scene: Background) -> None:
    """Fresh snow, a dim forest behind it, and falling flakes."""
    scene.tint = (0.96, 0.98, 1.0)
    back = scene.gradient((0, (0.62, 0.72, 0.84)), (scene.horizon, (0.9, 0.92, 0.95)))
    for near in (0.2, 0.6, 1.0):
        back = scene.blur(blend(back, blend((0.7, 0.75, 0.8), (0.4, 0.46, 0.54), near), _trunks(scene, near)), 0.007)
    drift = smoothstep(scene.horizon - 0.15, scene.horizon, scene.y)
    back = blend(back, (0.95, 0.96, 0.98), drift)
    scene.join(back, _ground(scene, (0.94, 0.96, 1.0), 0.1, 9), 0.28)
    scene.color = to_plane(scene.color + scene.lights(90, [(1.0, 1.0, 1.0)], (0.003, 0.012), (0.0, 1.0)) * 0.7)


def _meadow(scene: Background) -> None:
    """A garden in low sun: blurred leaves and flowers over grass."""
    leaves = blend((0.1, 0.22, 0.09), (0.5, 0.66, 0.26), smoothstep(0.3, 0.75, scene.noise(0.16, 4)))
    sun = scene.glow(scene.side * 0.5, 0.05, 0.6)
    petals: list[Color] = [(1.0, 0.86, 0.5), (0.9, 0.45, 0.6), (0.8, 0.95, 0.6), (1.0, 0.95, 0.85)]
    back = scene.blur(leaves, 0.022) + sun * to_plane((0.5, 0.45, 0.2))
    back += scene.lights(44, petals, (0.012, 0.045), (0.0, scene.horizon))
    scene.join(
        to_plane(back), to_plane(_ground(scene, (0.37, 0.52, 0.19), 0.4, 80) + sun * to_plane((0.2, 0.16, 0.03))), 0.28
    )


def _mountain(scene: Background) -> None:
    """Ridges that fade into haze behind a meadow."""
    sky = _sky(scene, (0.36, 0.58, 0.82), (0.86, 0.9, 0.92), (1.0, 0.99, 0.97))
    _ridges(scene, sky, 0.4, ((0.66, 0.68, 0.7), (0.16, 0.26, 0.22)), _ground(scene, (0.36, 0.47, 0.2), 0.3, 60))


def _desert(scene: Background) -> None:
    """Low dunes under a clear sky."""
    scene.tint = (1.0, 0.92, 0.78)
    sky = _sky(scene, (0.3, 0.5, 0.76), (0.95, 0.86, 0.72), (0.95, 0.86, 0.72))
    _ridges(scene, sky, 0.15, ((0.94, 0.8, 0.66), (0.86, 0.58, 0.36)), _ground(scene, (0.93, 0.68, 0.43), 0.14, 26))


def _ridges(scene: Background, sky: Plane, rise: float, rocks: tuple[Color, Color], ground: Plane) -> None:
    """Draws five ridges in front of the sky, from far to near, and the ground in front of them."""
    back = sky
    for near in (0.0, 0.25, 0.5, 0.75, 1.0):
        line = cloud_noise(scene.random, (1, scene.width), (1, scene.width / (3 + 8 * near)), 5) - 0.5
        top = scene.horizon * (1 - (1 - near) * rise - 0.02) - rise * (1 - 0.6 * near) * line
        rough = (scene.noise(0.08, 4, 1.5) - 0.5)[..., None] * 0.22 * near
        rock = blend(*rocks, near) + rough
        back = blend(back, to_plane(rock), smoothstep(-0.0015, 0.0015, to_plane(scene.y - top)))
    scene.join(scene.blur(back, 0.003), ground, 0.28)


def _pool(scene: Background) -> Plane:
    """Returns the light of a lamp on a table."""
    return to_plane(0.76 + 0.3 * scene.glow(scene.side * 0.35, scene.horizon + 0.28, 0.7))


def _planks(scene: Background) -> Plane:
    """Returns the texture of a wooden tabletop."""
    ys, xs = (to_plane(grid) for grid in np.mgrid[: _TILE[0], : _TILE[1]])
    bend = (cloud_noise(scene.random, _TILE, (512, 340), 2) - 0.5) * 60
    grain = sample(cloud_noise(scene.random, _TILE, (340, 8.5), 3), to_plane(xs + bend), ys)
    rings = np.sin(sample(cloud_noise(scene.random, _TILE, (1024, 85), 2), to_plane(xs + bend), ys) * 70)
    board = to_plane(scene.random.uniform(0.82, 1.12, 5))[(xs * 5 / 1024).astype(int)]
    place = to_plane(xs * 5 / 1024 % 1)
    gap = smoothstep(0.0, 0.012, place) * smoothstep(1.0, 0.988, place)
    level = (0.37 + 0.5 * grain + 0.035 * rings) * board * (0.35 + 0.65 * gap)
    return to_plane(np.clip(level[..., None] ** to_plane((0.85, 1.1, 1.3)) * to_plane((0.99, 0.64, 0.39)), 0, 1))


def _wood(scene: Background) -> None:
    """A plank table in a warm room with lights out of focus."""
    scene.tint = (1.0, 0.86, 0.68)
    room = scene.gradient((0, (0.13, 0.09, 0.07)), (scene.horizon, (0.34, 0.22, 0.14)))
    shapes = scene.noise(0.35, 2)[..., None] * to_plane((0.24, 0.16, 0.1))
    lamps: list[Color] = [(1.0, 0.72, 0.36), (1.0, 0.86, 0.6), (0.9, 0.5, 0.25)]
    back = scene.blur(to_plane(room + shapes), 0.03) + scene.lights(
        26, lamps, (0.02, 0.07), (0.0, scene.horizon * 0.95)
    )
    sheen = scene.glow(scene.side * 0.35, scene.horizon + 0.1, 0.4) * 0.22
    scene.join(to_plane(back), to_plane(scene.floor(_planks(scene), 0.45) * _pool(scene) + sheen), -0.18)


def _kitchen(scene: Background) -> None:
    """A pale worktop in front of tiles, a shelf, and a bright window, all out of focus."""
    rows = scene.y * 11
    columns = scene.x * 6 + (rows.astype(int) % 2) * 0.5
    joint = np.maximum(np.abs(rows % 1 - 0.5) - 0.02, np.abs(columns % 1 - 0.5))
    wall = (0.9 - 0.13 * smoothstep(0.45, 0.49, to_plane(joint)))[..., None] * to_plane((0.93, 0.96, 0.94))
    x, board = scene.x * scene.side, scene.horizon * 0.58
    wall[(x < 0.05) & (np.abs(scene.y - board) < 0.012)] = (0.62, 0.45, 0.3)
    jars: list[Color] = [(0.8, 0.5, 0.32), (0.35, 0.48, 0.4), (0.92, 0.88, 0.8), (0.3, 0.34, 0.38)]
    for place in np.arange(-0.78, 0.0, 0.105):
        wide, tall = scene.uniform(0.028, 0.046), scene.uniform(0.07, 0.17)
        inside = (np.abs(x - place) < wide) & (scene.y < board - 0.012) & (scene.y > board - tall)
        wall[inside] = jars[int(scene.random.integers(len(jars)))]
    wall[(np.abs(x - 0.6) < 0.22) & (scene.y < 0.34)] = (0.95, 0.99, 0.9)
    back = scene.blur(to_plane(wall * _pool(scene)), 0.014) + scene.glow(scene.side * 0.62, 0.2, 0.5) * 0.28
    sheen = scene.glow(scene.side * 0.5, scene.horizon + 0.08, 0.45) * 0.16
    scene.join(to_plane(back), to_plane(scene.floor(_planks(scene) * 0.35 + 0.58, 0.4) + sheen), -0.18)


def _marble(scene: Background) -> None:
    """A veined marble top in front of a plaster wall that is lit through a window."""
    aslant = scene.x * scene.side - 0.4 * scene.y
    panes = smoothstep(0.3, 0.29, to_plane(np.abs(aslant - 0.2))) * smoothstep(
        0.02, 0.03, to_plane(np.abs(aslant - 0.2))
    )
    panes *= smoothstep(0.01, 0.02, to_plane(np.abs(scene.y - 0.2 + 0.1 * aslant)))
    plaster = 0.93 + 0.14 * scene.blur(panes, 0.008)[..., None] + (scene.noise(0.5, 5) - 0.5)[..., None] * 0.08
    wall = plaster * (0.72 + 0.3 * scene.glow(scene.side * 0.5, 0.05, 0.9)) * to_plane((0.86, 0.83, 0.79))
    ys, xs = (to_plane(grid) for grid in np.mgrid[: _TILE[0], : _TILE[1]])
    warp = (cloud_noise(scene.random, _TILE, (340, 340), 5) - 0.5) * 900
    cloud = sample(cloud_noise(scene.random, _TILE, (256, 256), 6), to_plane(xs + warp), to_plane(ys - warp))
    veins = np.exp(-(((cloud - 0.5) / 0.012) ** 2)) * cloud_noise(scene.random, _TILE, (200, 200), 3)
    gray = 0.93 - 0.38 * veins - 0.28 * np.clip(cloud - 0.42, 0, 1)
    top = scene.floor(to_plane(gray[..., None] * to_plane((1.0, 0.99, 0.975))), 0.5)
    scene.join(to_plane(wall), to_plane(top * _pool(scene)), -0.18)


def _white(scene: Background) -> None:
    """A white sweep that stays white at the edges."""
    _sweep(scene, (0.965, 0.965, 0.96), 0.07)


def _studio(scene: Background) -> None:
    """A seamless paper sweep in a color that the prompt names, or in a quiet color."""
    named = [color for name, color in _COLORS.items() if name in _words(scene.prompt)]
    quiet = _QUIET_COLORS[hashlib.sha256(scene.prompt.encode()).digest()[0] % len(_QUIET_COLORS)]
    _sweep(scene, named[0] if named else quiet, 0.26)


def _sweep(scene: Background, color: Color, fall: float) -> None:
    """Draws seamless paper, lit from one side. `fall` is the maximum loss of light."""
    spot = scene.glow(scene.side * 0.28, scene.horizon * 0.62, 0.72)
    bend = smoothstep(scene.horizon - 0.12, scene.horizon + 0.2, scene.y)[..., None]
    paper = (1 - fall + fall * (0.95 * spot + 0.32 * bend)) * to_plane(color)
    scene.color = to_plane(paper + spot**2 * (1 - to_plane(color)) * 0.16)


_BACKGROUNDS: tuple[tuple[str, Callable[[Background], None]], ...] = (
    ("sunset sunrise dusk dawn golden", _sunset),
    ("beach sea ocean sand coast island", _beach),
    ("snow snowy winter ice christmas frost", _snow),
    ("forest woods jungle trees moss", _forest),
    ("city night street neon urban skyline", _city),
    ("space star stars galaxy moon planet orbit", _space),
    ("desert dune dunes canyon", _desert),
    ("mountain mountains hills valley landscape lake sky", _mountain),
    ("garden meadow grass flower flowers park field spring blossom", _meadow),
    ("kitchen counter worktop tiles", _kitchen),
    ("marble stone granite plaster bathroom", _marble),
    ("wood wooden oak table plank rustic cafe bar desk", _wood),
    ("white", _white),
)


def draw(size: tuple[int, int], prompt: str, seed: int, horizon: float) -> Background:
    """Draws the first background with a keyword in the prompt, or else a studio.

    The same arguments give the same picture.
    """
    scene = Background(size, horizon, prompt, seed)
    words = _words(prompt)
    next((painter for keys, painter in _BACKGROUNDS if words & set(keys.split())), _studio)(scene)
    if "night" in words and luma(scene.color).mean() > 0.3:
        scene.color = to_plane(scene.color * to_plane((0.3, 0.36, 0.5)))
        scene.tint = (0.84, 0.92, 1.0)
    scene.color = to_plane(np.clip(scene.color, 0, 1))
    return scene


def _words(prompt: str) -> set[str]:
    return set(re.findall(r"[a-z]+", prompt.lower()))
