"""Fields: coordinates and smooth random fields that the filters share."""

import numpy as np

from backdrop_local.standin.pictures.arrays import Plane, Random, as_plane, sample, stretch


def bend(picture: Plane, random: Random, reach: float, waves: int) -> Plane:
    """Bend the picture by up to `reach` pixels in smooth waves."""
    ys, xs = grid(picture)
    aside = (field(picture, random, waves) - 0.5) * 2 * reach
    down = (field(picture, random, waves) - 0.5) * 2 * reach
    return sample(picture, as_plane(xs + aside), as_plane(ys + down))


def field(picture: Plane, random: Random, cells: int) -> Plane:
    """A smooth random field, 0..1, with so many cells from top to bottom."""
    height, width = picture.shape[:2]
    columns = max(4, round(cells * width / height))
    return stretch(as_plane(random.uniform(0, 1, (max(4, cells), columns))), width, height)


def grid(picture: Plane) -> tuple[Plane, Plane]:
    """Row and column of each pixel."""
    ys, xs = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return as_plane(ys), as_plane(xs)


def unit(picture: Plane) -> tuple[Plane, Plane]:
    """Row and column of each pixel as shares of the picture."""
    ys, xs = grid(picture)
    return as_plane(ys / picture.shape[0]), as_plane(xs / picture.shape[1])
