"""Alpha matting: turns a hard outline into soft alpha and clean edge colours."""

import numpy as np
from numpy.typing import NDArray

from backdrop_local.standin.pictures.arrays import (
    Plane,
    as_plane,
    box_mean,
    box_sum,
    resize,
)

_PIN = 60.0

type Exact = NDArray[np.float64]


class _Laplacian:
    """The closed-form matting Laplacian as an operator, applied with box sums alone.

    Levin's matrix (2008) in the form of He, Sun and Tang (2010): inside each small window alpha
    is a linear function of the colour, and `apply` tells how far from that a field is.
    """

    def __init__(self, colour: Plane, radius: int = 2, epsilon: float = 4e-5) -> None:
        self.colour = [np.ascontiguousarray(colour[..., c]) for c in range(3)]
        self.radius = radius
        self.count = box_sum(np.ones(colour.shape[:2], np.float32), radius)
        self.mean = [self._mean(channel) for channel in self.colour]
        self.inverse = self._inverse(epsilon)

    def _mean(self, plane: Plane) -> Plane:
        return as_plane(box_sum(plane, self.radius) / self.count)

    def _spread(self, one: int, other: int, ridge: float = 0.0) -> Exact:
        product = self._mean(as_plane(self.colour[one] * self.colour[other]))
        shared = self.mean[one].astype(np.float64) * self.mean[other]
        return product.astype(np.float64) - shared + ridge

    def _inverse(self, epsilon: float) -> list[list[Plane]]:
        """Invert each window's 3 x 3 colour covariance by cofactors, which cancel badly in 32 bits."""
        rr, gg, bb = (self._spread(c, c, epsilon) for c in range(3))
        rg, rb, gb = self._spread(0, 1), self._spread(0, 2), self._spread(1, 2)
        first, second, third = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
        scale = 1 / (rr * first + rg * second + rb * third)
        middle, last, corner = rr * bb - rb * rb, rr * gg - rg * rg, rg * rb - rr * gb
        rows = ((first, second, third), (second, middle, corner), (third, corner, last))
        return [[as_plane(cell * scale) for cell in row] for row in rows]

    def apply(self, alpha: Plane) -> Plane:
        """Return L·alpha."""
        level = self._mean(alpha)
        cross = [
            self._mean(as_plane(channel * alpha)) - mean * level
            for channel, mean in zip(self.colour, self.mean, strict=True)
        ]
        out = as_plane(self.count * alpha)
        offset = level
        for c in range(3):
            row = self.inverse[c]
            slope = as_plane(row[0] * cross[0] + row[1] * cross[1] + row[2] * cross[2])
            offset = offset - slope * self.mean[c]
            out -= box_sum(slope, self.radius) * self.colour[c]
        out -= box_sum(as_plane(offset), self.radius)
        return out


def solve_alpha(colour: Plane, known: Plane, start: Plane, steps: int = 60) -> Plane:
    """Solve for alpha where `known` is 0.5; where it is 0 or 1 it stays (nearly) so.

    colour: (h, w, 3) in 0..1; known: (h, w) of 0, 0.5, 1; start: a first guess.
    """
    laplacian = _Laplacian(colour)
    pin = as_plane(np.where(known == 0.5, 0.0, _PIN))
    alpha = start.copy()
    residual = as_plane(pin * known - laplacian.apply(alpha) - pin * alpha)
    scale = as_plane(1 / (laplacian.count + pin))
    direction = as_plane(scale * residual)
    energy = _dot(residual, direction)
    enough = max(1e-4, energy * 1e-4)
    for _ in range(steps):
        pushed = as_plane(laplacian.apply(direction) + pin * direction)
        curve = _dot(direction, pushed)
        if energy < enough or curve <= 0:
            break
        alpha += direction * np.float32(energy / curve)
        residual -= pushed * np.float32(energy / curve)
        shaped = as_plane(scale * residual)
        fresh = _dot(residual, shaped)
        direction = as_plane(shaped + direction * np.float32(fresh / energy))
        energy = fresh
    return as_plane(np.clip(alpha, 0, 1))


def _dot(one: Plane, other: Plane) -> float:
    return float(np.vdot(one.ravel(), other.ravel()))


def enlarge_alpha(small: Plane, alpha: Plane, colour: Plane, radius: int = 4) -> Plane:
    """Carry alpha from a reduced picture to the full one along the full one's edges.

    A fast guided filter: the local linear law between colour and alpha is learnt at the small
    size and applied to the full colours.
    """
    height, width = colour.shape[:2]
    mean_colour, mean_alpha = box_mean(small, radius), box_mean(alpha, radius)
    outer = as_plane((small[..., :, None] * small[..., None, :]).reshape(*alpha.shape, 9))
    spread = box_mean(np.ascontiguousarray(outer), radius).reshape(*alpha.shape, 3, 3)
    spread = spread - mean_colour[..., :, None] * mean_colour[..., None, :]
    cross = box_mean(as_plane(small * alpha[..., None]), radius)
    cross = cross - mean_colour * mean_alpha[..., None]
    ridge = spread + np.eye(3, dtype=np.float32) * np.float32(1e-4)
    slope = as_plane(np.linalg.solve(ridge, cross[..., None])[..., 0])
    offset = as_plane(mean_alpha - (slope * mean_colour).sum(axis=2))
    law = resize(box_mean(as_plane(np.dstack([slope, offset])), 1), width, height)
    guided = (law[..., :3] * colour).sum(axis=2) + law[..., 3]
    plain = resize(alpha, width, height)
    soft = np.clip(4 * plain * (1 - plain), 0, 1)
    return as_plane(np.clip(plain + (guided - plain) * soft, 0, 1))


def clean_colours(colour: Plane, alpha: Plane) -> Plane:
    """Return the subject's own colours: what the old background lent to soft edges is taken out.

    Blur-fusion after Forte (2021): the subject's and the background's colours are spread into
    the band from either side, then corrected so that they add up to the photo again.
    """
    reach = max(8, round(max(colour.shape[:2]) / 24))
    own, behind = colour, colour
    for radius in (reach, max(3, reach // 6)):
        own, behind = _fuse(colour, alpha, own, behind, radius)
    return as_plane(np.clip(own, 0, 1))


def _fuse(colour: Plane, alpha: Plane, own: Plane, behind: Plane, radius: int) -> tuple[Plane, Plane]:
    weight = alpha[..., None]
    near = box_mean(as_plane(own * weight), radius) / (box_mean(alpha, radius)[..., None] + 1e-5)
    rest = box_mean(as_plane(behind * (1 - weight)), radius)
    far = rest / (box_mean(as_plane(1 - alpha), radius)[..., None] + 1e-5)
    trust = np.clip(weight * 2.2 - 1.2, 0, 1)
    clean = near + trust * (colour - weight * near - (1 - weight) * far)
    return as_plane(np.clip(clean, 0, 1)), as_plane(np.clip(far, 0, 1))
