"""Outdoor scenes: beach, sunset, mountains, desert, snow and meadow."""

import numpy as np

from backdrop_local.standin.pictures.arrays import Plane, as_plane, mix, smoothstep
from backdrop_local.standin.pictures.scenes.painted import Painted
from backdrop_local.standin.pictures.scenes.stage import Colour, Stage, tile_noise


def beach(stage: Stage) -> Painted:
    """Pale sand, a line of surf and a bright sea under summer clouds."""
    side = stage.side()
    sky = _sky(stage, (0.25, 0.55, 0.86), (0.78, 0.9, 0.96), (1.0, 1.0, 1.0), 0.9)
    water = _sea(stage, (0.05, 0.42, 0.58), (0.4, 0.78, 0.8), (1.0, 1.0, 0.97), side)
    sand = _ground(stage, (0.92, 0.83, 0.68), 0.09, 18)
    return _shore(stage, sky, water, sand, side, (1.0, 0.98, 0.92))


def sunset(stage: Stage) -> Painted:
    """The sun on the horizon over the sea, seen from wet sand."""
    side = stage.side()
    sun = side * stage.uniform(0.2, 0.45)
    sky = _sky(stage, (0.27, 0.25, 0.46), (1.0, 0.62, 0.33), (1.0, 0.55, 0.42), 0.85)
    low = stage.horizon - 0.045
    sky += stage.glow(sun, low, 0.5)[..., None] * as_plane((0.42, 0.24, 0.05))
    far = np.hypot(stage.x - sun, stage.y - low)
    sky = mix(sky, stage.fill((1.0, 0.96, 0.78)), smoothstep(0.052, 0.046, as_plane(far)))
    water = _sea(stage, (0.22, 0.2, 0.34), (0.86, 0.5, 0.34), (1.0, 0.78, 0.46), sun / 0.5)
    path = np.exp(-(((stage.x - sun) / (0.05 + 0.25 * (stage.y - stage.horizon))) ** 2))
    water += path[..., None] * as_plane((0.55, 0.34, 0.14)) * (0.4 + stage.noise(0.02, 2, 6))[..., None]
    sand = _ground(stage, (0.56, 0.38, 0.3), 0.1, 18)
    sand += path[..., None] * as_plane((0.3, 0.17, 0.07))
    return _shore(stage, sky, as_plane(water), sand, side, (1.0, 0.8, 0.58))


def mountain(stage: Stage) -> Painted:
    """Ridges that fade into haze behind a meadow."""
    side = stage.side()
    picture = _sky(stage, (0.36, 0.58, 0.82), (0.86, 0.9, 0.92), (1.0, 0.99, 0.97), 0.7)
    picture += stage.glow(side * 0.5, stage.horizon * 0.5, 0.5)[..., None] * 0.12
    for layer in range(5):
        near = layer / 4
        tone = tuple(0.66 * (1 - near) + v * near for v in (0.13, 0.24, 0.2))
        base = stage.horizon * (0.62 + 0.36 * near)
        picture = mix(
            picture,
            _slope(stage, tone, 1 - near),
            stage.ridge(base, 0.13 * (1.15 - near), 3 + 2 * layer),
        )
    back = stage.blur(as_plane(picture), 0.004)
    grass = _ground(stage, (0.36, 0.47, 0.2), 0.3, 60)
    return _open(stage, back, grass, side, (1.0, 0.98, 0.93))


def desert(stage: Stage) -> Painted:
    """Dunes with a lit and a shaded flank under a clear sky."""
    side = stage.side()
    picture = _sky(stage, (0.3, 0.5, 0.76), (0.95, 0.86, 0.72), (1.0, 0.97, 0.92), 0.2)
    for layer in range(4):
        near = layer / 3
        base = stage.horizon * (0.86 + 0.15 * near)
        body = stage.ridge(base, 0.06 + 0.03 * near, 2 + layer, 2)
        flank = stage.noise(0.3, 2, 3)
        lit = mix(
            stage.fill((0.72, 0.42, 0.24)),
            stage.fill((0.98, 0.74, 0.46)),
            smoothstep(0.35, 0.65, flank),
        )
        picture = mix(picture, mix(stage.fill((0.94, 0.8, 0.66)), lit, 0.4 + 0.5 * near), body)
    sand = _ground(stage, (0.93, 0.68, 0.43), 0.14, 26)
    return _open(stage, stage.blur(as_plane(picture), 0.006), sand, side, (1.0, 0.92, 0.78))


def snow(stage: Stage) -> Painted:
    """Fresh snow, a dim wood behind it and falling flakes."""
    side = stage.side()
    picture = stage.gradient((0, (0.62, 0.72, 0.84)), (stage.horizon, (0.9, 0.92, 0.95)))
    for layer in range(3):
        tone = tuple(0.78 - 0.2 * layer - d for d in (0.1, 0.05, 0.0))
        picture = mix(picture, stage.fill((tone[0], tone[1], tone[2])), _firs(stage, 0.16 + 0.09 * layer))
        picture = stage.blur(picture, 0.008 - 0.002 * layer)
    picture = mix(
        picture,
        stage.fill((0.95, 0.96, 0.98)),
        smoothstep(-0.1, 0.02, stage.y - stage.horizon) * 0.6,
    )
    ground = _ground(stage, (0.94, 0.96, 1.0), 0.1, 9)
    scene = _open(stage, picture, ground, side, (0.96, 0.98, 1.0))
    flakes = stage.bokeh(90, [(1.0, 1.0, 1.0)], (0.003, 0.012), (0.0, 1.0))
    scene.colour = as_plane(scene.colour + flakes * 0.7)
    return scene


def meadow(stage: Stage) -> Painted:
    """A garden in low sun: blurred leaves and flowers over grass."""
    side = stage.side()
    leaves = mix(
        stage.fill((0.1, 0.22, 0.09)),
        stage.fill((0.5, 0.66, 0.26)),
        smoothstep(0.3, 0.75, stage.noise(0.16, 4)),
    )
    sun = stage.glow(side * 0.5, 0.05, 0.6)[..., None]
    back = stage.blur(leaves, 0.022) + sun * as_plane((0.5, 0.45, 0.2))
    back = back + stage.bokeh(
        44,
        [(1.0, 0.86, 0.5), (0.9, 0.45, 0.6), (0.8, 0.95, 0.6), (1.0, 0.95, 0.85)],
        (0.012, 0.045),
        (0.0, stage.horizon),
    )
    grass = _ground(stage, (0.37, 0.52, 0.19), 0.4, 80)
    grass += sun * as_plane((0.2, 0.16, 0.03))
    return _open(stage, as_plane(back), as_plane(grass), side, (1.0, 0.95, 0.82))


def _sky(stage: Stage, top: Colour, low: Colour, cloud: Colour, amount: float) -> Plane:
    blue = stage.gradient((0, top), (stage.horizon, low), (1, low))
    heap = stage.noise(0.34, 6, 2.6)
    veil = smoothstep(0.5, 0.78, heap) * smoothstep(stage.horizon + 0.05, stage.horizon * 0.3, stage.y)
    shade = smoothstep(0.55, 0.95, heap)[..., None]
    body = as_plane(as_plane(cloud) * (1 - 0.16 * shade))
    return stage.blur(mix(blue, body, veil * amount), 0.004)


def _sea(stage: Stage, deep: Colour, shallow: Colour, glint: Colour, side: float) -> Plane:
    steep = np.clip((stage.y - stage.horizon) / 0.3, 0, 1)
    body = mix(stage.fill(deep), stage.fill(shallow), as_plane(steep**0.8))
    swell = stage.noise(0.016, 3, 9) - 0.5
    depth = (0.25 + steep)[..., None]
    sparkle = smoothstep(0.62, 0.85, swell + 0.5) * (0.25 + stage.glow(side * 0.5, stage.horizon + 0.05, 0.5))
    lit = body + swell[..., None] * 0.22 * depth + sparkle[..., None] * as_plane(glint) * 0.55
    return as_plane(lit)


def _shore(stage: Stage, sky: Plane, water: Plane, sand: Plane, side: float, tint: Colour) -> Painted:
    reach = stage.horizon + 0.19 + 0.03 * stage.x * side
    wave = stage.noise(0.3, 3, 3) - 0.5
    edge = as_plane(stage.y - reach - wave * 0.09)
    land = smoothstep(-0.004, 0.004, edge)
    foam = np.exp(-((edge / 0.011) ** 2)) + 0.6 * np.exp(-(((edge + 0.05 + wave * 0.04) / 0.008) ** 2))
    wet = smoothstep(0.1, 0.0, edge)[..., None]
    beach_side = mix(as_plane(sand * (1 - 0.3 * wet)), water, as_plane(wet * 0.25))
    joined = mix(water, beach_side, land)
    lace = np.clip(foam * (0.35 + stage.noise(0.03, 3, 2)), 0, 1)
    joined = mix(joined, stage.fill((1.0, 1.0, 1.0)), as_plane(lace * 0.85))
    return _open(stage, sky, joined, side, tint)


def _open(stage: Stage, back: Plane, ground: Plane, side: float, tint: Colour) -> Painted:
    """Join sky and ground at the horizon, with haze, and put the distance out of focus."""
    edge = smoothstep(-0.002, 0.002, as_plane(stage.y - stage.horizon))
    joined = mix(back, ground, stage.blur(edge, 0.003))
    haze = np.exp(-(((stage.y - stage.horizon) / 0.05) ** 2)) * 0.28
    veil = stage.blur(joined, 0.06)
    joined = mix(joined, as_plane(veil * 0.7 + 0.3 * as_plane(tint)), as_plane(haze))
    return Painted(stage.focus(as_plane(joined), 0.86, 0.012), side, tint, stage.horizon, 0.7)


def _ground(stage: Stage, colour: Colour, relief: float, cells: int) -> Plane:
    """Ground with ripples and grain, lit softly from above."""
    coarse = tile_noise(stage.random, (cells, cells), 5)
    fine = tile_noise(stage.random, (200, 200), 2)
    height = coarse * 0.7 + fine * 0.3
    light = np.roll(height, 3, axis=0) - height
    tone = 1 + relief * (3.2 * light + (fine - 0.5) + 0.7 * (coarse - 0.5))
    tile = as_plane(np.clip(tone[..., None] * as_plane(colour), 0, 1))
    broad = 0.92 + 0.16 * stage.noise(0.4, 3, 3)
    return as_plane(stage.floor(tile, 0.6) * broad[..., None])


def _slope(stage: Stage, tone: tuple[float, ...], haze: float) -> Plane:
    rough = (stage.noise(0.08, 4, 1.5) - 0.5) * (0.3 - 0.22 * haze)
    fade = stage.gradient((0, (0.0, 0.0, 0.0)), (stage.horizon, (0.14, 0.13, 0.1)))
    return as_plane(as_plane(tone) * (1 + rough[..., None]) + fade)


def _firs(stage: Stage, size: float) -> Plane:
    """A row of fir trees as coverage, standing on the horizon."""
    cover = np.zeros_like(stage.x)
    edge = float(stage.x[0, -1])
    for place in np.arange(-edge, edge, size * 0.36):
        centre, tall = place + stage.uniform(-0.1, 0.1), size * stage.uniform(1.1, 2.1)
        drop = (stage.y - (stage.horizon + 0.02 - tall)) / tall
        saw = 0.75 + 0.25 * (1 - (drop * 9 % 1))
        half = np.clip(drop, 0, 1) * size * 0.3 * saw
        cover = np.maximum(cover, smoothstep(0.003, -0.003, as_plane(np.abs(stage.x - centre) - half)) * (drop > 0))
    return as_plane(cover * (stage.y < stage.horizon + 0.02))
