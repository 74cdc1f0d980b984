"""Seeds: tells the cut-out what is surely subject and surely background before it looks closer.

A stranger's photo gets an automatic seed from colour and place. The demo's own photos are known
by their perceptual hash and get hand-set shapes instead, in places close to the outline, so their
cut-outs are better than a stranger's photo may expect.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from backdrop_local.standin.pictures.arrays import (
    Mask,
    Plane,
    as_plane,
    grow,
    resize,
    shrink,
    soften,
)

BACKGROUND, SUBJECT, MAYBE_BACKGROUND, MAYBE_SUBJECT = 0, 1, 2, 3
"""The labels of OpenCV's GrabCut."""

type Points = tuple[tuple[int, int], ...]
type Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Known:
    """A demo photo: its hash, the size the coordinates are in, and hand-set shapes."""

    name: str
    print64: int
    size: tuple[int, int]
    reach: tuple[Points, ...]
    """The subject lies inside these polygons; all else is background."""
    core: tuple[Points, ...]
    """Inside these polygons there is nothing but subject."""
    holes: tuple[Points, ...] = field(default=())
    """Inside these polygons there is nothing but background."""
    band: int = 3
    """Half-width of the soft edge in pixels at `size`."""
    lace: tuple[Points, ...] = field(default=())
    """Inside these polygons leaves and bright sky alternate too finely for an outline."""
    smooth: float = 1.2
    """How far the outline is smoothed, in pixels: more for what has no fine detail."""
    crisp: bool = False
    """A glazed or polished rim: its highlights would mislead matting, so the outline is its edge."""


def fingerprint(image: Image.Image) -> int:
    """Return a 64-bit difference hash: alike for the same photo at another size or quality."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int("".join("1" if bit else "0" for bit in bits), 2)


def recognise(image: Image.Image, known: tuple[Known, ...]) -> Known | None:
    """Return the demo photo that this picture is (at most 5 bits of the hash differ), or None."""
    mark, shape = fingerprint(image), image.width / image.height
    for one in known:
        alike = (one.print64 ^ mark).bit_count() <= 5
        if alike and abs(shape / (one.size[0] / one.size[1]) - 1) < 0.03:
            return one
    return None


def known_seed(one: Known, width: int, height: int) -> Mask:
    """Draw a demo photo's shapes as GrabCut labels."""
    labels = np.full((height, width), BACKGROUND, np.uint8)
    layers = ((one.reach, MAYBE_SUBJECT), (one.core, SUBJECT), (one.holes, BACKGROUND))
    for shapes, label in layers:
        labels[drawn(shapes, one.size, width, height)] = label
    return labels


def drawn(shapes: tuple[Points, ...], size: tuple[int, int], width: int, height: int) -> Flags:
    """Fill polygons given at `size` in a mask of another size."""
    mask = np.zeros((height, width), np.uint8)
    for shape in shapes:
        corners = np.rint(np.array(shape) * (width / size[0], height / size[1])).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1)
    return mask == 1


def automatic_seed(colour: Plane) -> Mask:
    """Guess GrabCut labels for any photo.

    What the frame's left, right and upper edges look like is background; what differs from it
    and lies near the middle is subject. The lower edge does not count: portraits stand on it.
    """
    height, width = colour.shape[:2]
    score = soften(_contrast(colour) * _centre_weight(width, height), max(width, height) / 90)
    level = _otsu(score)
    labels = np.full((height, width), MAYBE_BACKGROUND, np.uint8)
    labels[score > level] = MAYBE_SUBJECT
    labels[score > level + 0.55 * (float(score.max()) - level)] = SUBJECT
    return _pin_edges(labels, score < level)


def second_seed(colour: Plane, first: Mask) -> Mask:
    """Refine a first answer: what lies within its hull may be subject too, hair and shade above all.

    Far outside the hull there is nothing; deep inside the answer there is subject.
    """
    if not first.any():
        return automatic_seed(colour)
    reach = max(4, max(first.shape) // 40)
    hull = _hull(first)
    labels = np.full(first.shape, BACKGROUND, np.uint8)
    labels[grow(hull, 4 * reach) == 1] = MAYBE_BACKGROUND
    contrast = soften(_contrast(colour), reach / 6)
    labels[(hull == 1) & (contrast > 0.22)] = MAYBE_SUBJECT
    labels[first == 1] = MAYBE_SUBJECT
    labels[(hull == 1) & (contrast > 0.6)] = SUBJECT
    labels[shrink(first, reach) == 1] = SUBJECT
    return labels


def plausibility(colour: Plane, mask: Mask) -> float:
    """Say how much a mask looks like one subject: of a piece, and ending where the photo has edges."""
    area, hull = float(mask.sum()), float(_hull(mask).sum()) if mask.any() else 0.0
    share = area / mask.size
    if hull == 0 or not 0.03 < share < 0.85:
        return 0.0
    rim = (grow(mask, 1) - shrink(mask, 1)) > 0
    rim[:2], rim[-2:], rim[:, :2], rim[:, -2:] = False, False, False, False
    near, far = soften(colour, 1), soften(colour, 4)
    change = np.abs(near - far).sum(axis=2)
    edge = float(change[rim].mean() / (change.mean() + 1e-4)) if rim.any() else 0.0
    return (area / hull) ** 2 * edge * min(1.0, (share / 0.12) ** 0.5)


def central_seed(width: int, height: int) -> Mask:
    """The seed of last resort: an ellipse in the middle."""
    labels = np.full((height, width), BACKGROUND, np.uint8)
    middle = (width // 2, height // 2)
    for part, label in ((0.46, MAYBE_BACKGROUND), (0.38, MAYBE_SUBJECT), (0.16, SUBJECT)):
        axes = (round(width * part), round(height * part))
        cv2.ellipse(labels, middle, axes, 0, 0, 360, label, -1)
    return labels


def _pin_edges(labels: Mask, dull: Flags) -> Mask:
    edge = np.zeros(labels.shape, bool)
    rim = max(2, round(min(labels.shape) / 60))
    edge[:rim], edge[:, :rim], edge[:, -rim:] = True, True, True
    labels[edge & dull] = BACKGROUND
    return labels


def _contrast(colour: Plane) -> Plane:
    """Distance of each pixel's colour to the nearest colour of the frame, 0..1."""
    lab = as_plane(cv2.cvtColor(colour, cv2.COLOR_RGB2Lab)) * as_plane([0.7, 1.2, 1.2])
    height, width = lab.shape[:2]
    rim = max(3, round(min(height, width) * 0.05))
    upper = round(height * 0.8)
    strips = (lab[:rim], lab[:upper, :rim], lab[:upper, -rim:])
    frame = as_plane(np.concatenate([strip.reshape(-1, 3) for strip in strips]))
    centres = _clusters(frame[:: max(1, len(frame) // 4000)])
    small = resize(lab, max(1, width // 2), max(1, height // 2))
    apart = [as_plane(((small - centres[k]) ** 2).sum(axis=2)) for k in range(len(centres))]
    nearest = np.sqrt(np.min(np.stack(apart), axis=0))
    far = as_plane(nearest / (float(np.percentile(nearest, 98)) + 1e-6))
    return np.clip(resize(far, width, height), 0, 1)


def _clusters(samples: Plane, count: int = 8) -> Plane:
    count = min(count, len(samples))
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    labels = np.zeros((len(samples), 1), np.int32)
    _, labels, centres = cv2.kmeans(samples, count, labels, stop, 2, cv2.KMEANS_PP_CENTERS)
    share = np.bincount(np.asarray(labels, np.intp).ravel(), minlength=count) / len(samples)
    return as_plane(np.asarray(centres)[share > 0.02])


def _centre_weight(width: int, height: int) -> Plane:
    xs = (np.arange(width, dtype=np.float32) + 0.5) / width - 0.5
    ys = np.minimum((np.arange(height, dtype=np.float32) + 0.5) / height - 0.52, 0.25)
    return as_plane(np.exp(-(xs[None, :] ** 2 / 0.11 + ys[:, None] ** 2 / 0.13)))


def _otsu(score: Plane) -> float:
    grey = np.clip(score * 255, 0, 255).astype(np.uint8)
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return level / 255


def _hull(mask: Mask) -> Mask:
    ys, xs = np.nonzero(mask)
    corners = cv2.convexHull(np.stack([xs, ys], axis=1).astype(np.int32))
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(filled, corners, 1)
    return filled
