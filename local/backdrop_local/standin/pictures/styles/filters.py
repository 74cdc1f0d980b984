"""Filters: what a style does to a painted background, each a small picture-to-picture function."""

import cv2
import numpy as np

from backdrop_local.standin.pictures.arrays import (
    Plane,
    Random,
    as_plane,
    box_mean,
    convolve,
    luma,
    mix,
    smoothstep,
    soften,
)
from backdrop_local.standin.pictures.styles.fields import bend, field, grid
from backdrop_local.standin.pictures.styles.look import Ink


def tone(picture: Plane, contrast: float, lift: float, saturation: float) -> Plane:
    """Contrast around the middle, black point lift and saturation."""
    grey = luma(picture)[..., None]
    vivid = grey + (picture - grey) * saturation
    curve = 0.5 + (vivid - 0.5) * contrast
    return as_plane(np.clip(lift + curve * (1 - lift), 0, 1))


def tint(picture: Plane, ink: Ink, amount: float) -> Plane:
    """Push everything towards one colour, lights and darks kept."""
    colour = as_plane(ink)
    washed = luma(picture)[..., None] * colour / max(float(colour.mean()), 0.05)
    return as_plane(np.clip(mix(picture, as_plane(washed), amount), 0, 1))


def inks(picture: Plane, dark: Ink, middle: Ink, light: Ink) -> Plane:
    """Map lightness onto three inks."""
    level = luma(picture)
    low, high = as_plane(dark), as_plane(light)
    lower = mix(
        np.broadcast_to(low, picture.shape),
        np.broadcast_to(as_plane(middle), picture.shape),
        np.clip(level * 2, 0, 1),
    )
    return mix(lower, np.broadcast_to(high, picture.shape), np.clip(level * 2 - 1, 0, 1))


def flatten(picture: Plane, levels: int) -> Plane:
    """Reduce to flat areas of few levels, edges kept clean."""
    calm = np.clip(smooth_areas(picture, 3), 0.01, 1)
    level = luma(calm)
    steps = np.round(level * levels) / levels
    return soften(as_plane(np.clip(calm * (steps / level)[..., None], 0, 1)), 0.7)


def smooth_areas(picture: Plane, times: int) -> Plane:
    """Smooth inside areas but not across edges."""
    half = as_plane(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    for _ in range(times):
        half = as_plane(cv2.bilateralFilter(half, 7, 0.12, 5))
    return as_plane(cv2.resize(half, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC))


def outlines(picture: Plane, ink: Ink, strength: float) -> Plane:
    """Draw lines along the edges of areas."""
    return mix(picture, np.broadcast_to(as_plane(ink), picture.shape), edges(picture) * strength)


def edges(picture: Plane) -> Plane:
    """How much of an edge each pixel is, 0..1."""
    level = soften(luma(smooth_areas(picture, 1)), 1.2)
    change = np.hypot(cv2.Sobel(level, cv2.CV_32F, 1, 0), cv2.Sobel(level, cv2.CV_32F, 0, 1))
    top = float(np.percentile(change, 97)) + 1e-4
    return smoothstep(0.25, 0.95, as_plane(change / top))


def brush(picture: Plane, radius: int) -> Plane:
    """Kuwahara's filter: each pixel takes the calmest of four neighbouring squares."""
    height, width = picture.shape[:2]
    edge = ((radius, radius), (radius, radius), (0, 0))
    mean = np.pad(box_mean(picture, radius), edge, mode="edge")
    power = np.pad(box_mean(as_plane(picture**2), radius), edge, mode="edge")
    spread = (power - mean**2).sum(axis=2)
    out, least = picture.copy(), np.full((height, width), np.inf, np.float32)
    for top in (0, 2 * radius):
        for left in (0, 2 * radius):
            part = np.s_[top : top + height, left : left + width]
            calmer = spread[part] < least
            out[calmer], least[calmer] = mean[part][calmer], spread[part][calmer]
    return out


def halftone(picture: Plane, cell: float, ink: Ink, paper: Ink) -> Plane:
    """Print the lightness as dots of one ink on paper, set at 45 degrees."""
    ys, xs = grid(picture)
    u, v = (xs + ys) * 0.7071 / cell * np.pi, (xs - ys) * 0.7071 / cell * np.pi
    screen = 0.5 + 0.25 * (np.cos(u) + np.cos(v))
    level = soften(luma(picture), cell / 3)
    dots = smoothstep(-0.08, 0.08, as_plane(screen - level))
    return mix(
        np.broadcast_to(as_plane(paper), picture.shape),
        np.broadcast_to(as_plane(ink), picture.shape),
        dots,
    )


def hatch(picture: Plane, spacing: float, ink: Ink, paper: Ink) -> Plane:
    """Engrave the lightness as lines that swell in the darks."""
    ys, xs = grid(picture)
    level = soften(luma(picture), 1.5)
    lines = 0.5 + 0.5 * np.sin((ys + 0.35 * xs + 18 * level) * 2 * np.pi / spacing)
    cross = 0.5 + 0.5 * np.sin((ys - 0.6 * xs) * 2 * np.pi / spacing)
    mark = np.maximum(
        smoothstep(-0.1, 0.1, as_plane(lines - level - 0.12)),
        smoothstep(-0.1, 0.1, as_plane(cross - level * 2.2 - 0.1)),
    )
    return mix(
        np.broadcast_to(as_plane(paper), picture.shape),
        np.broadcast_to(as_plane(ink), picture.shape),
        mark,
    )


def paper(picture: Plane, random: Random, strength: float) -> Plane:
    """Lay the picture on rough paper."""
    grain = as_plane(random.standard_normal(picture.shape[:2]))
    tooth = soften(grain, 1.0) * 1.6 + soften(grain, 4) * 4
    relief = tooth - np.roll(tooth, (2, 1), (0, 1))
    return as_plane(np.clip(picture * (1 + strength * relief[..., None]), 0, 1))


def wash(picture: Plane, random: Random) -> Plane:
    """Watercolour: bleeding areas, pale paper and darker rims where the paint dried."""
    height, width = picture.shape[:2]
    bent = bend(brush(picture, 6), random, height / 110, 30)
    flat = brush(bent, 4)
    rim = edges(flat)[..., None]
    pale = 1 - (1 - flat) * (0.78 + 0.25 * field(picture, random, 9)[..., None])
    dried = pale * (1 - 0.18 * rim)
    frame = field(picture, random, 14) * 0.1
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    away = np.maximum(np.abs(xs), np.abs(ys)) + frame
    clear = smoothstep(0.9, 0.99, as_plane(away))
    return paper(mix(as_plane(dried), np.full_like(picture, 0.965), clear), random, 0.035)


def smear(picture: Plane, length: float, degrees: float) -> Plane:
    """Blur along one direction, as a moving camera does."""
    size = max(3, round(picture.shape[0] * length)) | 1
    kernel = np.zeros((size, size), np.float32)
    reach = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]) * (size - 1) / 2
    middle = (size - 1) / 2
    start, end = middle - reach, middle + reach
    cv2.line(kernel, tuple(np.rint(start).astype(int)), tuple(np.rint(end).astype(int)), 1, 1)
    return convolve(picture, as_plane(kernel / kernel.sum()))


def bloom(picture: Plane, reach: float, strength: float) -> Plane:
    """Let the lights glow into their surroundings."""
    bright = picture * smoothstep(0.55, 0.95, luma(picture))[..., None]
    halo = soften(as_plane(bright), reach * picture.shape[0])
    return as_plane(1 - (1 - np.clip(picture, 0, 1)) * (1 - np.clip(halo * strength, 0, 1)))


def leak(picture: Plane, ink: Ink, side: float, strength: float) -> Plane:
    """Let coloured light in from one edge of the film."""
    ramp = np.linspace(-1, 1, picture.shape[1], dtype=np.float32) * side
    amount = smoothstep(0.1, 1.3, as_plane(ramp))[None, :, None] * strength
    return as_plane(1 - (1 - picture) * (1 - amount * as_plane(ink)))


def fringe(picture: Plane, shift: float) -> Plane:
    """Part red and blue sideways, as cheap glass and misprints do."""
    pixels = max(1, round(shift * picture.shape[1]))
    parts = [
        np.roll(picture[..., 0], pixels, 1),
        picture[..., 1],
        np.roll(picture[..., 2], -pixels, 1),
    ]
    return as_plane(np.dstack(parts))


def facets(picture: Plane, random: Random, count: int, strength: float = 1.0) -> Plane:
    """Break the picture into flat shards around random points."""
    height, width = picture.shape[:2]
    small = (max(1, width // 2), max(1, height // 2))
    points = random.uniform(0, 1, (count, 2)) * (small[1], small[0])
    ys, xs = np.mgrid[: small[1], : small[0]].astype(np.float32)
    owner, best = np.zeros(ys.shape, int), np.full(ys.shape, np.inf, np.float32)
    for number, (row, column) in enumerate(points):
        far = (ys - row) ** 2 + (xs - column) ** 2
        nearer = far < best
        owner[nearer], best[nearer] = number, far[nearer]
    half = as_plane(cv2.resize(picture, small, interpolation=cv2.INTER_AREA))
    sums = [np.bincount(owner.ravel(), half[..., c].ravel(), count) for c in range(3)]
    flat = np.stack(sums, 1) / np.maximum(np.bincount(owner.ravel(), minlength=count), 1)[:, None]
    flat = flat * random.uniform(0.88, 1.12, (count, 1))
    shards = cv2.resize(as_plane(flat)[owner], (width, height), interpolation=cv2.INTER_LINEAR)
    return mix(picture, as_plane(np.clip(shards, 0, 1)), strength)
