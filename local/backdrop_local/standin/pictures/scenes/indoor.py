"""Indoor scenes: studio sweeps, marble, wood and a kitchen."""

import numpy as np

from backdrop_local.standin.pictures.arrays import (
    Plane,
    as_plane,
    mix,
    sample,
    smoothstep,
    soften,
)
from backdrop_local.standin.pictures.scenes.painted import Painted
from backdrop_local.standin.pictures.scenes.stage import Colour, Stage, tile_noise


def studio(stage: Stage) -> Painted:
    """A seamless paper sweep in the accent colour, lit from one side."""
    return _sweep(stage, stage.accent, 0.26)


def white(stage: Stage) -> Painted:
    """A white sweep that stays white at the edges."""
    return _sweep(stage, (0.965, 0.965, 0.96), 0.07)


def gradient(stage: Stage) -> Painted:
    """What an unknown wish gets: a sweep with two colours of light."""
    side = stage.side()
    other = tuple(stage.accent[(c + 1) % 3] * 0.7 + 0.2 for c in range(3))
    base = _sweep(stage, stage.accent, 0.22)
    wash = stage.glow(side * 0.7, 0.15, 0.75) * 0.75
    base.colour = mix(base.colour, stage.fill((other[0], other[1], other[2])), wash)
    return base


def marble(stage: Stage) -> Painted:
    """A veined marble top before a plaster wall with the shadow of leaves."""
    side = stage.side()
    wall = _wall(stage, (0.86, 0.83, 0.79), side)
    top = _marble_tile(stage)
    floor = stage.floor(top, 0.5, stage.uniform(0.3, 1.2))
    lit = stage.focus(floor * _pool(stage, side)[..., None], 0.8)
    return _room(stage, wall, lit, side, (1.0, 0.97, 0.92))


def wood(stage: Stage) -> Painted:
    """A plank table in a warm room full of out-of-focus lights."""
    side = stage.side()
    room = stage.gradient((0, (0.13, 0.09, 0.07)), (stage.horizon, (0.34, 0.22, 0.14)))
    shapes = stage.noise(0.35, 2)[..., None] * as_plane((0.4, 0.27, 0.16))
    lamps = stage.bokeh(
        26,
        [(1.0, 0.72, 0.36), (1.0, 0.86, 0.6), (0.9, 0.5, 0.25)],
        (0.02, 0.07),
        (0.0, stage.horizon * 0.95),
    )
    back = stage.blur(as_plane(room + shapes * 0.6), 0.03) + lamps
    table = stage.floor(_wood_tile(stage), 0.45, 0.02 * side)
    sheen = stage.glow(side * 0.35, stage.horizon + 0.1, 0.4)[..., None] * 0.22
    lit = stage.focus(as_plane(table * _pool(stage, side)[..., None] + sheen), 0.82)
    return _room(stage, as_plane(back), lit, side, (1.0, 0.86, 0.68))


def kitchen(stage: Stage) -> Painted:
    """A pale worktop before tiles, a shelf and a bright window, all out of focus."""
    side = stage.side()
    wall = _tiles(stage) * _pool(stage, side)[..., None]
    window = _window(stage, side)
    things = _shelf(stage, side)
    back = stage.blur(as_plane(mix(mix(wall, *things), *window)), 0.014)
    back = as_plane(back + stage.glow(side * 0.62, 0.2, 0.5)[..., None] * 0.28)
    counter = stage.floor(_wood_tile(stage) * 0.35 + 0.58, 0.4)
    sheen = stage.glow(side * 0.5, stage.horizon + 0.08, 0.45)[..., None] * 0.16
    return _room(stage, back, stage.focus(as_plane(counter + sheen), 0.82), side, (1.0, 0.98, 0.94))


def _sweep(stage: Stage, colour: Colour, fall: float) -> Painted:
    side = stage.side()
    tone = as_plane(colour)
    bend = smoothstep(stage.horizon - 0.12, stage.horizon + 0.2, stage.y)
    spot = stage.glow(side * 0.28, stage.horizon * 0.62, 0.72)
    level = as_plane(1 - fall + fall * (0.95 * spot + 0.32 * bend))
    shade = 1 - fall * 0.5 * smoothstep(0.06, -0.1, stage.y - stage.horizon) * (1 - spot)
    paper = as_plane(level * shade)[..., None] * tone
    high = as_plane(np.clip(paper + spot[..., None] ** 2 * (1 - tone) * 0.16, 0, 1))
    return Painted(high, side, (1.0, 0.99, 0.97), stage.horizon, 0.75)


def _room(stage: Stage, back: Plane, floor: Plane, side: float, tint: Colour) -> Painted:
    edge = smoothstep(-0.004, 0.004, as_plane(stage.y - stage.horizon))
    joined = mix(back, floor, stage.blur(edge, 0.004))
    shade = np.exp(-(((stage.y - stage.horizon) / 0.03) ** 2)) * 0.18
    return Painted(as_plane(joined * (1 - shade[..., None])), side, tint, stage.horizon, 0.85)


def _wall(stage: Stage, colour: Colour, side: float) -> Plane:
    plaster = 1 + (stage.noise(0.5, 5) - 0.5) * 0.08
    light = 0.72 + 0.3 * stage.glow(side * 0.5, 0.05, 0.9)
    return as_plane((plaster * light * _leaves(stage, side))[..., None] * as_plane(colour))


def _leaves(stage: Stage, side: float) -> Plane:
    """The shadow of a palm branch on a wall, as a factor."""
    shade = np.zeros_like(stage.x)
    root, lean = side * stage.uniform(0.55, 0.75), -side
    for spray in np.linspace(-0.9, 0.75, 13):
        angle = float(spray) + stage.uniform(-0.06, 0.06)
        dx, dy = stage.x - root, stage.y + 0.12
        along = dx * lean * np.cos(angle) + dy * np.sin(angle)
        across = -dx * lean * np.sin(angle) + dy * np.cos(angle) - 0.25 * along**2
        reach = stage.uniform(0.6, 0.95)
        blade = 0.026 * np.sin(np.pi * np.clip(along / reach, 0, 1)) ** 0.8
        shade = np.maximum(shade, smoothstep(0.006, -0.006, as_plane(np.abs(across) - blade)))
    return as_plane(1 - 0.2 * stage.blur(as_plane(shade), 0.009))


def _pool(stage: Stage, side: float) -> Plane:
    return as_plane(0.76 + 0.3 * stage.glow(side * 0.35, stage.horizon + 0.28, 0.7))


def _marble_tile(stage: Stage) -> Plane:
    random = stage.random
    size = 1024
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    warp = (tile_noise(random, (3, 3), 5) - 0.5) * 900
    drift = (tile_noise(random, (2, 2), 5) - 0.5) * 900
    cloud = sample(tile_noise(random, (4, 4), 6), xs + warp, ys + drift, wrap=True)
    veins = np.exp(-(((cloud - 0.5) / 0.012) ** 2)) * tile_noise(random, (5, 5), 3)
    fine = sample(tile_noise(random, (9, 9), 5), xs + drift, ys - warp, wrap=True)
    hair = np.exp(-(((fine - 0.5) / 0.01) ** 2)) * 0.35
    smoke = np.clip(1.3 * (cloud - 0.42), 0, 1)
    grey = 0.93 - 0.38 * veins - 0.16 * hair - 0.22 * smoke
    return as_plane(np.clip(grey[..., None] * as_plane((1.0, 0.99, 0.975)), 0, 1))


def _wood_tile(stage: Stage, planks: int = 5) -> Plane:
    random, size = stage.random, 1024
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    bend = (tile_noise(random, (2, 3), 2) - 0.5) * 60
    grain = sample(tile_noise(random, (3, 120), 3), xs + bend, ys, wrap=True)
    growth = sample(tile_noise(random, (1, 12), 2), xs + bend, ys, wrap=True)
    rings = 0.5 + 0.5 * np.sin(growth * 70)
    board = (xs * planks / size).astype(int)
    tone = as_plane(random.uniform(0.82, 1.12, planks))[board]
    place = xs * planks / size % 1
    gap = smoothstep(0.0, 0.012, place) * smoothstep(1.0, 0.988, place)
    level = (0.62 + 0.5 * (grain - 0.5) + 0.07 * (rings - 0.5)) * tone * (0.35 + 0.65 * gap)
    warm = as_plane((0.86, 0.56, 0.34))
    return as_plane(np.clip(level[..., None] ** as_plane((0.85, 1.1, 1.3)) * warm * 1.15, 0, 1))


def _tiles(stage: Stage) -> Plane:
    rows, columns = stage.y * 11, stage.x * 6
    shift = (rows.astype(int) % 2) * 0.5
    joint = np.minimum(np.abs(rows % 1 - 0.5), 9)
    upright = np.abs((columns + shift) % 1 - 0.5)
    line = np.maximum(smoothstep(0.44, 0.49, joint), smoothstep(0.46, 0.49, as_plane(upright)))
    tone = 0.9 + (stage.noise(0.2, 2) - 0.5) * 0.06 - 0.13 * line
    return as_plane(tone[..., None] * as_plane((0.93, 0.96, 0.94)))


def _window(stage: Stage, side: float) -> tuple[Plane, Plane]:
    x, y = stage.x - side * 0.6, stage.y
    frame = smoothstep(0.22, 0.215, as_plane(np.abs(x))) * smoothstep(0.34, 0.335, y)
    bars = smoothstep(0.008, 0.012, as_plane(np.abs(x))) * smoothstep(0.008, 0.012, as_plane(np.abs(y - 0.14)))
    garden = stage.noise(0.09, 3)[..., None] * as_plane((0.5, 0.65, 0.4)) + 0.62
    return as_plane(garden * bars[..., None] + (1 - bars[..., None]) * 0.93), frame


def _shelf(stage: Stage, side: float) -> tuple[Plane, Plane]:
    """Jars and pots on a board: their colours, and where they stand."""
    colours, cover = stage.fill((0.62, 0.45, 0.3)), np.zeros_like(stage.x)
    board = stage.horizon * 0.58
    x = stage.x * side
    cover = as_plane(smoothstep(0.05, 0.04, x) * (np.abs(stage.y - board) < 0.012))
    for place in np.arange(-0.78, 0.0, 0.105):
        wide, high = stage.uniform(0.028, 0.046), stage.uniform(0.07, 0.17)
        tone = stage.random.choice([[0.8, 0.5, 0.32], [0.35, 0.48, 0.4], [0.92, 0.88, 0.8], [0.3, 0.34, 0.38]])
        inside = (np.abs(x - place) < wide) & (stage.y < board - 0.012) & (stage.y > board - high)
        colours[inside] = tone
        cover = np.maximum(cover, inside.astype(np.float32))
    return soften(colours, 2), soften(as_plane(cover), 1)
