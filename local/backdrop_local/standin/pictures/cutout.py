"""The cut-out: finds the subject of a photo and returns it with soft alpha and clean edges."""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from backdrop_local.standin.pictures.arrays import (
    Mask,
    Plane,
    as_plane,
    from_image,
    grow,
    luma,
    resize,
    shrink,
    soften,
    stretch,
    to_image,
)
from backdrop_local.standin.pictures.known import KNOWN
from backdrop_local.standin.pictures.matting import clean_colours, enlarge_alpha, solve_alpha
from backdrop_local.standin.pictures.seeds import (
    BACKGROUND,
    SUBJECT,
    Known,
    automatic_seed,
    central_seed,
    drawn,
    known_seed,
    plausibility,
    recognise,
    second_seed,
)

_WORKING_SIDE = 640
_OUTLINE_SIDE = 420


@dataclass(frozen=True)
class CutOut:
    """A subject: its own colours (h, w, 3) and how much of each pixel it covers (h, w)."""

    colour: Plane
    alpha: Plane
    known: str | None

    def image(self) -> Image.Image:
        """Return the cut-out as a Pillow RGBA picture."""
        return to_image(as_plane(np.dstack([self.colour, self.alpha])))


def cut_out(photo: Image.Image) -> CutOut:
    """Cut the subject out of any photo (RGB), at the photo's own size.

    The outline is found at 640 pixels or less by GrabCut, its alpha by closed-form matting;
    larger photos get both carried up along their own edges. Same photo, same answer.
    """
    cv2.setRNGSeed(20)
    small = _reduced(photo)
    known = recognise(photo, KNOWN)
    colour = from_image(small)
    outline = _outline(colour, known)
    alpha = _alpha(colour, outline, known)
    full = from_image(photo)
    if full.shape != colour.shape:
        alpha = enlarge_alpha(colour, alpha, full)
    alpha = _settle(alpha)
    return CutOut(clean_colours(full, alpha), alpha, known.name if known else None)


def _reduced(photo: Image.Image) -> Image.Image:
    scale = min(1.0, _WORKING_SIDE / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo if scale == 1.0 else photo.resize(size, Image.Resampling.BOX, reducing_gap=2)


def _outline(colour: Plane, known: Known | None) -> Mask:
    height, width = colour.shape[:2]
    if known:
        seed = known_seed(known, width, height)
        sure = np.where(seed == BACKGROUND, 0, np.where(seed == SUBJECT, 1, 2)).astype(np.uint8)
        return np.where(sure < 2, sure, _tidy(_grab(colour, seed), 0.0003, known.smooth))
    return _strangers_outline(colour)


def _strangers_outline(colour: Plane) -> Mask:
    """Glance twice at an unknown photo, look closer at what is likelier, else take an ellipse."""
    small = _shrunk(colour, _OUTLINE_SIDE)
    half = _shrunk(colour, _OUTLINE_SIDE // 2)
    seeds = (automatic_seed(half), central_seed(half.shape[1], half.shape[0]))
    glances = [_tidy(_grab(half, seed, 3), 0.01) for seed in seeds]
    likely = _scaled(max(glances, key=lambda mask: plausibility(half, mask)), small)
    found = _joined(_tidy(_grab(small, second_seed(small, likely), 3), 0.01))
    if not 0.01 < float(found.mean()) < 0.97:
        found = (central_seed(small.shape[1], small.shape[0]) & SUBJECT).astype(np.uint8)
    return _scaled(found, colour)


def _shrunk(colour: Plane, side: int) -> Plane:
    scale = min(1.0, side / max(colour.shape[:2]))
    height, width = (max(16, round(length * scale)) for length in colour.shape[:2])
    return resize(colour, width, height)


def _scaled(mask: Mask, like: Plane) -> Mask:
    height, width = like.shape[:2]
    return (soften(stretch(as_plane(mask), width, height), 1) > 0.5).astype(np.uint8)


def _grab(colour: Plane, labels: Mask, rounds: int = 5) -> Mask:
    """Run GrabCut; without both kinds of pixel it has nothing to learn from."""
    if not (labels & 1).any() or (labels & 1).all():
        return (labels & 1).astype(np.uint8)
    calm = (soften(colour, 0.7) * 255).astype(np.uint8)
    models = (np.zeros((1, 65)), np.zeros((1, 65)))
    cv2.grabCut(calm, labels, (0, 0, 1, 1), *models, rounds, cv2.GC_INIT_WITH_MASK)
    return (labels & 1).astype(np.uint8)


def _tidy(mask: Mask, least_hole: float, smooth: float = 1.2) -> Mask:
    """Drop crumbs (parts under 4 % of the largest) and fill holes under that share of it all."""
    calm = (soften(as_plane(mask), smooth) > 0.5).astype(np.uint8)
    return 1 - _parts(1 - _parts(calm, 0.04, of_largest=True), least_hole, of_largest=False)


def _joined(mask: Mask) -> Mask:
    """Close gaps that are narrow for the size of the subject: a neck, a belt, a bright rim."""
    reach = max(2, round(max(mask.shape) * 0.02))
    frame = np.pad(mask, reach)
    closed = shrink(grow(frame, reach), reach)[reach:-reach, reach:-reach]
    return _tidy(closed, 0.01)


def _parts(mask: Mask, least: float, *, of_largest: bool) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    areas = np.asarray(stats)[:, cv2.CC_STAT_AREA]
    if count < 2:
        return mask
    bound = least * (int(areas[1:].max()) if of_largest else mask.size)
    keep = areas >= bound
    keep[0] = False
    return keep[np.asarray(labels, np.intp)].astype(np.uint8)


def _trimap(colour: Plane, outline: Mask, known: Known | None) -> Plane:
    """Say what is surely subject (1), surely not (0), and what matting must decide (0.5)."""
    height, width = outline.shape
    band = max(1, round((known.band if known else 4) * max(outline.shape) / _WORKING_SIDE))
    trimap = as_plane(np.full(outline.shape, 0.5))
    trimap[shrink(outline, band) == 1] = 1
    trimap[grow(outline, band) == 0] = 0
    if known and known.lace:
        # leaves are dark and the sky between them is bright
        level, lace = luma(colour), drawn(known.lace, known.size, width, height)
        keyed = np.where(level > 0.74, 0, np.where(level < 0.5, 1, 0.5))
        trimap[lace] = keyed[lace]
    return trimap


def _alpha(colour: Plane, outline: Mask, known: Known | None) -> Plane:
    if known and known.crisp:
        return soften(as_plane(outline), 0.9)
    return solve_alpha(colour, _trimap(colour, outline, known), soften(as_plane(outline), 1.5))


def _settle(alpha: Plane) -> Plane:
    """Pull nearly clear and nearly solid pixels to the end: no veil, no pinholes."""
    return as_plane(np.clip((alpha - 0.04) / 0.92, 0, 1))
