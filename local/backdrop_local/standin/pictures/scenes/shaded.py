"""Scenes in shade and at night: forest, city and space."""

import numpy as np

from backdrop_local.standin.pictures.arrays import Plane, as_plane, mix, smoothstep
from backdrop_local.standin.pictures.scenes.painted import Painted
from backdrop_local.standin.pictures.scenes.stage import Stage, tile_noise


def forest(stage: Stage) -> Painted:
    """Trunks that fade into green light, sunbeams and a mossy floor."""
    side = stage.side()
    picture = _canopy(stage, side)
    for layer in range(4):
        near = layer / 3
        bark = tuple(v * near + h * (1 - near) for v, h in zip((0.1, 0.08, 0.05), (0.5, 0.58, 0.36), strict=True))
        trunks = _trunks(stage, 0.008 + 0.028 * near**1.5, 9 - 2 * layer)
        picture = mix(picture, stage.fill((bark[0], bark[1], bark[2])), trunks * 0.9)
        picture = stage.blur(picture, 0.006)
    beams = _beams(stage, side)[..., None] * as_plane((0.5, 0.48, 0.25))
    lights = stage.bokeh(40, [(0.9, 0.95, 0.55), (1.0, 0.95, 0.75)], (0.01, 0.035), (0.0, stage.horizon * 0.8))
    back = as_plane(picture + beams + lights * 0.7)
    floor = stage.focus(as_plane(_moss(stage) + beams * 0.35), 0.85, 0.02)
    edge = stage.blur(smoothstep(-0.05, 0.05, as_plane(stage.y - stage.horizon)), 0.02)
    return Painted(mix(back, floor, edge), side, (1.0, 0.98, 0.84), stage.horizon, 0.8)


def city(stage: Stage) -> Painted:
    """A street at night: towers of lit windows, lamps out of focus, wet ground."""
    side = stage.side()
    sky = stage.gradient((0, (0.03, 0.04, 0.1)), (stage.horizon, (0.2, 0.16, 0.3)))
    towers = _towers(stage, sky)
    glow = stage.glow(0, stage.horizon, 0.45)[..., None] * as_plane((0.4, 0.22, 0.16))
    lamps = stage.bokeh(
        60,
        [(1.0, 0.7, 0.3), (1.0, 0.25, 0.3), (0.35, 0.6, 1.0), (1.0, 0.9, 0.7), (0.9, 0.35, 0.8)],
        (0.012, 0.05),
        (stage.horizon * 0.45, stage.horizon + 0.02),
    )
    back = as_plane(stage.blur(towers, 0.008) + glow + lamps)
    return Painted(_wet(stage, back), side, (1.0, 0.86, 0.76), stage.horizon, 0.85)


def space(stage: Stage) -> Painted:
    """Stars, a nebula and the lit rim of a planet."""
    side = stage.side()
    cloud = stage.noise(0.6, 6)
    veil = smoothstep(0.45, 0.9, cloud)[..., None] * as_plane((0.5, 0.2, 0.55))
    veil = veil + smoothstep(0.5, 0.95, stage.noise(0.45, 6))[..., None] * as_plane((0.1, 0.35, 0.6))
    stars = stage.random.random(stage.x.shape, dtype=np.float32)
    points = smoothstep(0.9985, 1.0, as_plane(stars))[..., None] * np.float32(0.9)
    big = stage.bokeh(40, [(1.0, 1.0, 1.0), (0.8, 0.88, 1.0)], (0.0012, 0.003), (0.0, 1.0))
    picture = as_plane(veil * 0.8 + points + big + as_plane((0.015, 0.02, 0.05)))
    return Painted(_planet(stage, picture, side), side, (0.92, 0.95, 1.0), stage.horizon, 0.5)


def _canopy(stage: Stage, side: float) -> Plane:
    light = stage.gradient((0, (0.3, 0.42, 0.16)), (stage.horizon, (0.74, 0.8, 0.5)), (1, (0.3, 0.36, 0.16)))
    leaves = smoothstep(0.42, 0.72, stage.noise(0.2, 5))
    dark = mix(
        light,
        stage.fill((0.1, 0.2, 0.07)),
        as_plane(leaves * smoothstep(stage.horizon, 0.0, stage.y)),
    )
    return as_plane(stage.blur(dark, 0.014) + stage.glow(side * 0.35, 0.1, 0.5)[..., None] * 0.3)


def _trunks(stage: Stage, half: float, count: int) -> Plane:
    cover = np.zeros_like(stage.x)
    edge = float(stage.x[0, -1])
    for _ in range(count):
        centre, lean = stage.uniform(-edge, edge), stage.uniform(-0.06, 0.06)
        thick = half * stage.uniform(0.6, 1.3) * (0.85 + 0.35 * smoothstep(0.5, 1.0, stage.y / stage.horizon))
        away = np.abs(stage.x - centre - lean * stage.y)
        cover = np.maximum(cover, smoothstep(0.002, -0.002, as_plane(away - thick)))
    return as_plane(cover)


def _beams(stage: Stage, side: float) -> Plane:
    angle = np.arctan2(stage.y + 0.25, stage.x - side * 0.75)
    rays = np.zeros_like(stage.x)
    for _ in range(7):
        centre = stage.uniform(0.7, 2.4) if side > 0 else stage.uniform(0.7, 2.4)
        rays += np.exp(-(((angle - centre) / stage.uniform(0.02, 0.06)) ** 2))
    fade = smoothstep(1.0, 0.05, stage.y)
    return as_plane(np.clip(rays, 0, 1) * fade * 0.55)


def _moss(stage: Stage) -> Plane:
    coarse = tile_noise(stage.random, (40, 40), 5)
    patch = smoothstep(0.4, 0.65, tile_noise(stage.random, (9, 9), 4))
    soil = coarse[..., None] * as_plane((0.42, 0.32, 0.2))
    green = coarse[..., None] * as_plane((0.36, 0.48, 0.16))
    dapple = 0.75 + 0.7 * smoothstep(0.5, 0.75, stage.noise(0.1, 3, 2.5))
    return as_plane(stage.floor(mix(soil, green, patch), 0.7) * dapple[..., None])


def _towers(stage: Stage, sky: Plane) -> Plane:
    picture = sky
    edge = float(stage.x[0, -1])
    for layer in range(2):
        place = -edge - 0.05
        while place < edge:
            wide, top = stage.uniform(0.08, 0.2), stage.horizon * stage.uniform(0.1, 0.8)
            inside = (stage.x >= place) & (stage.x < place + wide) & (stage.y > top)
            picture = mix(picture, _facade(stage, layer), as_plane(inside))
            place += wide * stage.uniform(0.9, 1.3)
    return picture


def _facade(stage: Stage, layer: int) -> Plane:
    cell = 0.022 + 0.008 * layer
    rows, columns = (stage.y / cell).astype(int), ((stage.x + 9) / cell).astype(int)
    lit = stage.random.random((int(1 / cell) + 2, int(18 / cell) + 2), dtype=np.float32)[rows, columns]
    pane = (stage.y / cell % 1 > 0.3) & ((stage.x + 9) / cell % 1 > 0.35)
    glow = (lit > 0.62) * pane * (0.35 + lit * 0.6)
    wall = stage.fill((0.06 + 0.02 * layer, 0.06, 0.11))
    return as_plane(wall + glow[..., None] * as_plane((1.0, 0.78, 0.45)))


def _wet(stage: Stage, back: Plane) -> Plane:
    """Mirror what stands above the horizon in rippled wet asphalt."""
    line = round(stage.horizon * stage.height)
    mirrored = np.concatenate([back[:line], back[:line][::-1]])[: stage.height]
    missing = stage.height - mirrored.shape[0]
    whole = np.concatenate([mirrored, np.repeat(mirrored[-1:], missing, axis=0)]) if missing else mirrored
    tall = stage.blur(as_plane(whole), 0.03)
    grit = 0.75 + 0.5 * stage.floor(tile_noise(stage.random, (60, 60), 4), 0.7)
    ground = tall * grit[..., None] * 0.55 + as_plane((0.03, 0.03, 0.05))
    edge = stage.blur(smoothstep(-0.003, 0.003, as_plane(stage.y - stage.horizon)), 0.006)
    return mix(back, as_plane(ground), edge)


def _planet(stage: Stage, picture: Plane, side: float) -> Plane:
    far = np.hypot(stage.x + side * 0.25, stage.y - 2.05) / 1.35
    body = smoothstep(1.001, 0.999, as_plane(far))
    rim = np.exp(-(((far - 1) / 0.02) ** 2)) * (0.4 + 0.6 * stage.glow(side * 0.4, 0.7, 0.7))
    inner = (
        smoothstep(0.93, 1.0, as_plane(far))[..., None] * as_plane((0.1, 0.3, 0.55)) * stage.noise(0.2, 5)[..., None]
    )
    covered = mix(picture, as_plane(inner + 0.01), body)
    return as_plane(covered + rim[..., None] * as_plane((0.35, 0.65, 1.0)))
