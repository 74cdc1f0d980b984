"""The cut-out: finds the subject of a photo, and returns it with soft alpha and clean edges."""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from backdrop_local.standin.pictures.arrays import (
    Mask,
    Plane,
    box_blur,
    dilate,
    erode,
    from_image,
    gaussian_blur,
    luma,
    resize,
    to_image,
    to_plane,
)
from backdrop_local.standin.pictures.known_photos import KNOWN_PHOTOS, KnownPhoto, Points

_WORKING_SIDE = 640
_FADE_SHARE = 0.045
"""How far Backdrop's canvas visibly fades from the photo's border to one color, as a share of the border's length."""
_MIN_PHOTO_SIDE = 16
_MAX_PLAIN_SPREAD = 2.5
"""The largest standard deviation (of 255) in a line of one color, which a JPEG encoder makes slightly uneven."""


@dataclass(frozen=True)
class CutOut:
    """A subject: its own colors (h, w, 3), and how much of each pixel it covers (h, w)."""

    color: Plane
    alpha: Plane
    known_photo: str | None

    def to_image(self) -> Image.Image:
        """Returns the cut-out as a Pillow RGBA picture."""
        return to_image(to_plane(np.dstack([self.color, self.alpha])))


def cut_out(photo: Image.Image) -> CutOut:
    """Cuts the subject out of any photo (RGB), at the photo's own size.

    A frame's free space has no subject, so only the photo in it is cut out. GrabCut finds the outline at 640 pixels or
    less, and a guided filter aligns its soft edge with the photo's edges. The same photo gives the same result.
    """
    left, top, right, bottom = box = _find_photo_box(photo)
    cut = _cut_out_whole(photo.crop(box))
    if box == (0, 0, *photo.size):
        return cut
    color, alpha = from_image(photo).copy(), np.zeros((photo.height, photo.width), np.float32)
    color[top:bottom, left:right], alpha[top:bottom, left:right] = cut.color, cut.alpha
    return CutOut(color, alpha, cut.known_photo)


def _find_photo_box(photo: Image.Image) -> tuple[int, int, int, int]:
    """Returns the part of a picture without the free space of a frame, which is plain above and below or on both sides.

    A demo photo is recognized in the middle of the picture.
    """
    width, height = photo.size
    for known in KNOWN_PHOTOS:
        scale = min(width / known.size[0], height / known.size[1])
        across, down = round(known.size[0] * scale), round(known.size[1] * scale)
        left, top = (width - across) // 2, (height - down) // 2
        box = left, top, left + across, top + down
        if _recognize(photo.crop(box)) is known:
            return box
    pixels = np.asarray(photo, np.float32)
    (above, below), (before, after) = (_count_plain_lines(pixels.std(axis=axis).max(axis=1)) for axis in (1, 0))
    box = 0, 0, width, height
    if above and below and not (before or after):
        fade = round(width * _FADE_SHARE)
        box = 0, above + fade, width, height - below - fade
    if before and after and not (above or below):
        fade = round(height * _FADE_SHARE)
        box = before + fade, 0, width - after - fade, height
    return box if min(box[2] - box[0], box[3] - box[1]) >= _MIN_PHOTO_SIDE else (0, 0, width, height)


def _count_plain_lines(spread: Plane) -> tuple[int, int]:
    """Returns how many lines of one color a picture has at its beginning and end, from each line's color spread.

    Returns 0 for less than a fiftieth of the picture, which is no frame, and for a picture with hardly another line.
    """
    busy = np.flatnonzero(spread > _MAX_PLAIN_SPREAD)
    if busy.size < len(spread) / 8:
        return 0, 0
    first, last = int(busy[0]), len(spread) - 1 - int(busy[-1])
    least = len(spread) / 50
    return first if first >= least else 0, last if last >= least else 0


def _cut_out_whole(photo: Image.Image) -> CutOut:
    cv2.setRNGSeed(20)
    scale = min(1.0, _WORKING_SIDE / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    full = from_image(photo)
    small = from_image(photo.resize(size, Image.Resampling.BOX, reducing_gap=2))
    known = _recognize(photo)
    alpha = _cut_known_photo(small, known) if known else _soften_edge(small, _find_outline(small))
    if full.shape != small.shape:
        alpha = _enlarge_alpha(small, alpha, full)
    return CutOut(_clean_colors(full, alpha), alpha, known.name if known else None)


def _recognize(image: Image.Image) -> KnownPhoto | None:
    """Returns the demo photo that matches at any size and quality: difference hashes at most 5 bits apart."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    mark = int("".join("1" if bit else "0" for bit in bits), 2)
    for one in KNOWN_PHOTOS:
        same_shape = abs(image.width / image.height / (one.size[0] / one.size[1]) - 1) < 0.03
        if same_shape and (one.difference_hash ^ mark).bit_count() <= 5:
            return one
    return None


def _cut_known_photo(color: Plane, known: KnownPhoto) -> Plane:
    """Returns a demo photo's alpha: GrabCut between the shapes that were drawn manually close to its outline."""
    labels = np.full(color.shape[:2], cv2.GC_BGD, np.uint8)
    for shapes, label in (
        (known.subject_area, cv2.GC_PR_FGD),
        (known.subject_core, cv2.GC_FGD),
        (known.holes, cv2.GC_BGD),
    ):
        labels[_fill_shapes(shapes, known, labels)] = label
    outline = np.where(
        labels == cv2.GC_PR_FGD,
        _clean_mask(_grab_cut(color, labels.copy()), 0.0003, known.smoothing_pixels),
        labels & 1,
    )
    outline = outline.astype(np.uint8)
    if known.has_hard_edge:
        return _snap_alpha(gaussian_blur(to_plane(outline), 0.9))
    alpha = _soften_edge(color, outline)
    # Leaves are dark, and the sky between them is bright.
    lace = _fill_shapes(known.foliage, known, labels)
    alpha[lace] = np.clip((0.74 - luma(color)[lace]) / 0.24, 0, 1)
    return alpha


def _fill_shapes(
    shapes: tuple[Points, ...], known: KnownPhoto, like: Mask
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.zeros(like.shape, np.uint8)
    for shape in shapes:
        corners = np.rint(np.array(shape) * (like.shape[1] / known.size[0], like.shape[0] / known.size[1]))
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
    return mask == 1


def _find_outline(color: Plane) -> Mask:
    """Returns GrabCut's outline from an ellipse in the middle, or the ellipse if GrabCut finds nothing or everything.

    The photo's border is background, except for its lower edge, which a portrait touches.
    """
    height, width = color.shape[:2]
    guess = np.zeros((height, width), np.uint8)
    cv2.ellipse(guess, (width // 2, height // 2), (round(width * 0.42), round(height * 0.42)), 0, 0, 360, 1, -1)
    labels = np.where(guess, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    rim = max(1, min(height, width) // 40)
    labels[:rim] = labels[:, :rim] = labels[:, -rim:] = cv2.GC_BGD
    found = _clean_mask(_grab_cut(color, labels), 0.01)
    return found if 0.01 < float(found.mean()) < 0.97 else guess


def _grab_cut(color: Plane, labels: Mask) -> Mask:
    """Runs GrabCut, which needs pixels of both kinds."""
    if (labels & 1).any() and not (labels & 1).all():
        calm = (gaussian_blur(color, 0.7) * 255).astype(np.uint8)
        models = (np.zeros((1, 65)), np.zeros((1, 65)))
        cv2.grabCut(calm, labels, (0, 0, 1, 1), *models, 5, cv2.GC_INIT_WITH_MASK)
    return (labels & 1).astype(np.uint8)


def _clean_mask(mask: Mask, min_hole_share: float, smooth: float = 1.2) -> Mask:
    """Removes small parts (under 4% of the largest), and fills holes under `min_hole_share` of the mask."""
    calm = (gaussian_blur(to_plane(mask), smooth) > 0.5).astype(np.uint8)
    kept = _keep_large_parts(calm, 0.04, of_largest=True)
    return 1 - _keep_large_parts(1 - kept, min_hole_share, of_largest=False)


def _keep_large_parts(mask: Mask, min_share: float, *, of_largest: bool) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    areas = np.asarray(stats)[:, cv2.CC_STAT_AREA]
    if count < 2:
        return mask
    keep = areas >= min_share * (int(areas[1:].max()) if of_largest else mask.size)
    keep[0] = False
    return keep[np.asarray(labels, np.intp)].astype(np.uint8)


def _soften_edge(color: Plane, outline: Mask) -> Plane:
    """Returns alpha for an outline: opaque inside, transparent outside, and guided by the photo's edges in between."""
    band = max(1, round(3 * max(outline.shape) / _WORKING_SIDE))
    guided = _guided_filter(color, to_plane(outline), band + 1, color)
    alpha = np.where(erode(outline, band) == 1, 1, np.where(dilate(outline, band) == 0, 0, guided))
    return _snap_alpha(to_plane(alpha))


def _snap_alpha(alpha: Plane) -> Plane:
    """Snaps nearly transparent and nearly opaque pixels to 0 and 1, to avoid a veil and pinholes."""
    return to_plane(np.clip((alpha - 0.06) / 0.88, 0, 1))


def _enlarge_alpha(small: Plane, alpha: Plane, color: Plane) -> Plane:
    """Enlarges alpha from a reduced picture to the full one, along the full picture's edges."""
    plain = np.clip(resize(alpha, color.shape[1], color.shape[0]), 0, 1)
    soft = np.clip(4 * plain * (1 - plain), 0, 1)
    return to_plane(np.clip(plain + (_guided_filter(small, alpha, 4, color) - plain) * soft, 0, 1))


def _guided_filter(guide: Plane, alpha: Plane, radius: int, color: Plane) -> Plane:
    """Applies a guided filter (He, Sun, and Tang 2010): in each window of `guide`, alpha is linear in the color.

    Applies the linear functions to `color`, the same picture at the same size or larger.
    """
    mean_color, mean_alpha = box_blur(guide, radius), box_blur(alpha, radius)
    outer = to_plane((guide[..., :, None] * guide[..., None, :]).reshape(*alpha.shape, 9))
    spread = box_blur(outer, radius).reshape(*alpha.shape, 3, 3) - mean_color[..., :, None] * mean_color[..., None, :]
    cross = box_blur(to_plane(guide * alpha[..., None]), radius) - mean_color * mean_alpha[..., None]
    ridge = spread + np.eye(3, dtype=np.float32) * np.float32(1e-4)
    slope = to_plane(np.linalg.solve(ridge, cross[..., None])[..., 0])
    offset = to_plane(mean_alpha - (slope * mean_color).sum(axis=2))
    law = resize(box_blur(to_plane(np.dstack([slope, offset])), 1), color.shape[1], color.shape[0])
    return to_plane((law[..., :3] * color).sum(axis=2) + law[..., 3])


def _clean_colors(color: Plane, alpha: Plane) -> Plane:
    """Returns the subject's own colors, without the old background's contribution to soft edges.

    Blur fusion (Forte 2021): spreads the subject's and the background's colors into the band from both sides, and
    then corrects them so that they add up to the photo.
    """
    reach = max(8, round(max(color.shape[:2]) / 24))
    weight = alpha[..., None]
    own, behind = color, color
    for radius in (reach, max(3, reach // 6)):
        near = box_blur(to_plane(own * weight), radius) / (box_blur(alpha, radius)[..., None] + 1e-5)
        rest = box_blur(to_plane(behind * (1 - weight)), radius)
        behind = np.clip(rest / (box_blur(to_plane(1 - alpha), radius)[..., None] + 1e-5), 0, 1)
        trust = np.clip(weight * 2.2 - 1.2, 0, 1)
        own = to_plane(np.clip(near + trust * (color - weight * near - (1 - weight) * behind), 0, 1))
    return own
