"""Marks: filters that draw, paste or spray something of their own onto a background."""

import cv2
import numpy as np

from backdrop_local.standin.pictures.arrays import Plane, Random, as_plane, luma, mix, smoothstep, soften
from backdrop_local.standin.pictures.styles.fields import bend, field, grid, unit
from backdrop_local.standin.pictures.styles.filters import edges
from backdrop_local.standin.pictures.styles.look import Ink


def rays(picture: Plane, random: Random, ink: Ink, strength: float) -> Plane:
    """Let a fan of rays rise from the lower middle."""
    ys, xs = grid(picture)
    height, width = picture.shape[:2]
    turn = float(random.uniform(0, 1))
    angle = np.arctan2(height * 1.05 - ys, xs - width / 2)
    fan = smoothstep(-0.03, 0.03, as_plane(np.sin(angle * 26 + turn)))
    return mix(picture, np.broadcast_to(as_plane(ink), picture.shape), as_plane(fan * strength))


def blocks(picture: Plane, random: Random, inks: tuple[Ink, ...], count: int) -> Plane:
    """Lay slanted bars of ink across the picture."""
    ys, xs = unit(picture)
    out = picture
    for number in range(count):
        slope, place, wide = (
            random.uniform(-1.2, 1.2),
            random.uniform(0, 1),
            random.uniform(0.01, 0.07),
        )
        bar = smoothstep(0.002, -0.002, as_plane(np.abs(ys - place - slope * (xs - 0.5)) - wide))
        ink = as_plane(inks[number % len(inks)])
        out = mix(out, np.broadcast_to(ink, out.shape), as_plane(bar * 0.9))
    return out


def shapes(picture: Plane, random: Random, inks: tuple[Ink, ...], count: int) -> Plane:
    """Lay circles, squares and half circles of ink."""
    ys, xs = grid(picture)
    height, width = picture.shape[:2]
    out = picture
    for number in range(count):
        x, y, size = (
            random.uniform(0, width),
            random.uniform(0, height),
            random.uniform(0.06, 0.2) * height,
        )
        far = np.hypot(xs - x, ys - y) if number % 3 else np.maximum(np.abs(xs - x), np.abs(ys - y))
        cover = smoothstep(1, -1, as_plane(far - size))
        if number % 3 == 1:
            cover = as_plane(cover * (xs < x))
        out = mix(
            out,
            np.broadcast_to(as_plane(inks[number % len(inks)]), out.shape),
            as_plane(cover * 0.92),
        )
    return out


def blueprint(picture: Plane, paper: Ink, ink: Ink) -> Plane:
    """Redraw in white lines on squared blue paper."""
    ys, xs = grid(picture)
    step = picture.shape[0] / 24
    fine = np.minimum(ys % step, xs % step) < 1.2
    wide = np.minimum(ys % (step * 4), xs % (step * 4)) < 2
    shade = as_plane(paper) * (0.85 + 0.3 * luma(picture)[..., None])
    lines = np.maximum(edges(picture) * 0.95, fine * 0.14 + wide * 0.14)
    return mix(
        as_plane(shade),
        np.broadcast_to(as_plane(ink), picture.shape),
        as_plane(np.clip(lines, 0, 1)),
    )


def drawing(picture: Plane, ink: Ink, paper: Ink, strength: float) -> Plane:
    """Leave nothing but the outlines on paper."""
    flat = np.broadcast_to(as_plane(paper), picture.shape)
    return mix(flat, np.broadcast_to(as_plane(ink), picture.shape), as_plane(edges(picture) * strength))


def torn(picture: Plane, random: Random, count: int, strength: float) -> Plane:
    """Cut the picture into torn strips, each shifted, recoloured and edged in white."""
    out = picture
    ys, xs = unit(picture)
    rough = (field(picture, random, 40) - 0.5) * 0.03
    for _ in range(count):
        slope, place, wide = (
            random.uniform(-0.8, 0.8),
            random.uniform(0, 1),
            random.uniform(0.05, 0.14),
        )
        away = as_plane(np.abs(xs - place - slope * (ys - 0.5)) - wide + rough)
        moved = np.roll(picture, tuple(random.integers(-200, 200, 2)), (0, 1))
        colour = as_plane(random.uniform(0.65, 1.15, 3))
        rim = mix(out, np.full_like(out, 0.96), smoothstep(0.008, 0.005, away) * strength)
        out = mix(rim, as_plane(np.clip(moved * colour, 0, 1)), smoothstep(0.001, -0.001, away) * strength)
    return out


def scribbles(picture: Plane, random: Random, ink: Ink, count: int) -> Plane:
    """Draw loose spirals and stars with a thin pen."""
    cover = np.zeros(picture.shape[:2], np.float32)
    height, width = cover.shape
    for number in range(count):
        turn = np.linspace(0, 2 * np.pi * (3 if number % 2 else 1), 60)
        radius = height * random.uniform(0.01, 0.035)
        swing = radius * (turn / turn[-1] if number % 2 else 0.6 + 0.4 * np.cos(5 * turn))
        x, y = random.uniform(0, width), random.uniform(0, height)
        line = np.stack([x + swing * np.cos(turn), y + swing * np.sin(turn)], 1)
        cv2.polylines(cover, [np.rint(line * 8).astype(np.int32)], False, 1, 2, cv2.LINE_AA, 3)
    return mix(picture, np.broadcast_to(as_plane(ink), picture.shape), as_plane(np.clip(cover, 0, 1)))


def splashes(picture: Plane, random: Random, inks: tuple[Ink, ...], count: int) -> Plane:
    """Throw paint: blots with drips and specks."""
    height, width = picture.shape[:2]
    out = picture
    for ink in inks:
        cover = np.zeros((height, width), np.float32)
        for _ in range(count // len(inks) + 1):
            x, y, size = (
                random.uniform(0, width),
                random.uniform(0, height),
                random.uniform(0.01, 0.05) * height,
            )
            cv2.circle(cover, (int(x), int(y)), int(size), 1, -1, cv2.LINE_AA)
            cv2.line(
                cover,
                (int(x), int(y)),
                (int(x), int(y + size * random.uniform(1, 5))),
                1,
                max(2, int(size / 5)),
                cv2.LINE_AA,
            )
        rough = bend(cover, random, height * 0.02, 40)
        out = mix(out, np.broadcast_to(as_plane(ink), out.shape), as_plane(np.clip(rough, 0, 1) * 0.92))
    return out


def strokes(picture: Plane, random: Random, count: int) -> Plane:
    """Repaint with broad strokes that follow the picture's colours."""
    height, width = picture.shape[:2]
    out = soften(picture, height / 60).copy()
    for number in range(count):
        x, y = int(random.integers(width)), int(random.integers(height))
        long = height * (0.16 if number < count // 2 else 0.08)
        angle = float(random.normal(0.5, 0.5))
        end = (int(x + long * np.cos(angle)), int(y + long * np.sin(angle)))
        colour = picture[y, x] * random.uniform(0.9, 1.1)
        cv2.line(out, (x, y), end, [float(c) for c in colour], int(long / 5), cv2.LINE_AA)
    return bend(out, random, height * 0.006, 60)


def dots(picture: Plane, cell: float, strength: float) -> Plane:
    """Lay the dots of cheap colour print over the picture."""
    ys, xs = grid(picture)
    screen = np.hypot(ys % cell - cell / 2, xs % cell - cell / 2)
    size = cell * 0.5 * (1.1 - luma(picture))
    return as_plane(picture * (1 - strength * smoothstep(1, -1, as_plane(screen - size))[..., None]))
