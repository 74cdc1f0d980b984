"""Whether a mask shows where a photo's product is: it is not empty, does not cover everything, and is of this photo.

A cut-out has the colors of the picture that it was cut out of, which shows whether that is the photo. If the product
has too little detail for that, or the mask has no colors, its outline is compared: the photo has edges along it, in its
direction, and more than along the same outline moved elsewhere.
"""

from collections.abc import Iterator
from math import cos, log, pi, sin
from typing import TYPE_CHECKING, NamedTuple

from backdrop.imaging.alignment import average, combine, derive, read_area
from backdrop.imaging.sizes import has_same_aspect_ratio
from backdrop.model.fidelity import CannotSayReason
from backdrop.model.frame import FloatBox, Size

if TYPE_CHECKING:
    from PIL.Image import Image

_MAX_SUBJECT_SHARE = 0.97
_MIN_PADDED_SIDE = 0.9
"""A rectangle that is this share of the picture in each direction is a picture with an empty margin, not a product."""
_COVERAGE_SIDE = 512
_WHOLE: FloatBox = (0, 0, 1, 1)
_COLOR_SIDE = 96
"""Pixels of the longest side at which a cut-out's colors are compared with the photo's."""
_GAIN_RANGE = 0.8, 1.25
"""How much brighter or darker a provider may make a channel."""
_MIN_COLOR_CONTRAST = 12.0
"""Standard deviation (channels 0 to 255) from which the colors of a product distinguish it from another one."""
_MAX_COLOR_DIFFERENCE, _COLOR_NOISE = 0.16, 40.0
"""The root mean square of the differences, as a share of the contrast and this noise. Frozen on one half of the corpus
of `bench.fidelity`: right cut-outs have at most 0.09 there, those of other photos at least 0.27."""
_OUTLINE_SIDE = 256
"""Pixels of the longest side at which a mask's outline is compared with the photo's edges."""
_OUTLINE_FRAME = 2
"""Pixels at the picture's border that do not count as outline."""
_EDGE_NOISE = 60.0
"""The squared slope of noise (channels 0 to 255)."""
_MAX_OFFSET = 3
"""Pixels by which a mask may be too small or too large, so that the product's own edge is that far from its outline."""
_MOVED_OUTLINES, _OUTLINE_MOVES = 16, (0.16, 0.09)
"""How many moved outlines are compared, and how far they are moved, as shares of the subject's longer side."""
_MOVED_WEIGHT, _MIN_OUTLINE = 0.4, 0.73
"""Frozen on one half of the corpus of `bench.fidelity`: right masks have at least 0.77 there, others at most 0.69."""
_AXES = (1, 0), (0, 1)
_SOLID_TABLE = [0] * 128 + [255] * 128
_OPAQUE_TABLE = [0] * 250 + [255] * 6
_MIN_INNER_SHARE = 0.3
_TO_SHARE = 1 / 255
_TINY = 1e-6


def find_coverage_problem(mask: "Image") -> CannotSayReason | None:
    """Returns why a mask (L, any size) shows no place of a subject: it is empty, or the subject fills the picture."""
    from PIL import ImageStat

    share = ImageStat.Stat(_read(mask, _limit_size(mask.size, _COVERAGE_SIDE)).point(_SOLID_TABLE)).mean[0] / 255
    if share == 0:
        return CannotSayReason.MASK_EMPTY
    return CannotSayReason.SUBJECT_FILLS_FRAME if share > _MAX_SUBJECT_SHARE else None


def find_own_mask(photo: "Image") -> "Image | None":
    """Returns a photo's own transparency (L) if it shows where the product is; else None.

    It does not if few parts are transparent, such as a corner, or if it is an empty margin around a whole picture.
    """
    if photo.mode != "RGBA":
        return None
    alpha = photo.getchannel("A")
    return None if find_coverage_problem(alpha) or _is_padded_picture(alpha) else alpha


def _is_padded_picture(alpha: "Image") -> bool:
    box = alpha.point(_SOLID_TABLE).getbbox()
    if box is None or min((box[2] - box[0]) / alpha.width, (box[3] - box[1]) / alpha.height) < _MIN_PADDED_SIDE:
        return False
    return find_coverage_problem(alpha.crop(box)) is CannotSayReason.SUBJECT_FILLS_FRAME


def find_mask_problem(photo: "Image", mask: "Image") -> CannotSayReason | None:
    """Returns why a mask cannot be used for a photo (RGB or RGBA, upright, sRGB).

    `mask`, at any size: a cut-out (RGBA), or a picture (L) that is 255 where the photo shows its subject.
    """
    has_colors = mask.mode == "RGBA"
    alpha = mask.getchannel("A") if has_colors else mask
    if not has_same_aspect_ratio(photo.size, mask.size):
        return CannotSayReason.MASK_OF_ANOTHER_PHOTO
    if problem := find_coverage_problem(alpha):
        return problem
    is_of_photo = _compare_colors(photo, mask) if has_colors else None
    if is_of_photo is None:
        is_of_photo = _measure_outline(photo, alpha) >= _MIN_OUTLINE
    return None if is_of_photo else CannotSayReason.MASK_OF_ANOTHER_PHOTO


def _limit_size(size: Size, side: int) -> Size:
    scale = min(1.0, side / max(size))
    return max(8, round(size[0] * scale)), max(8, round(size[1] * scale))


def _read(picture: "Image", size: Size) -> "Image":
    from PIL import Image

    return picture.resize(size, Image.Resampling.BOX, reducing_gap=2.0)


# -- colors --------------------------------------------------------------------------------------------------------


def _compare_colors(photo: "Image", cut_out: "Image") -> bool | None:
    """Whether a cut-out has the photo's colors. None if the product has too little detail to tell."""
    from PIL import Image, ImageFilter, ImageStat

    size = _limit_size(photo.size, _COLOR_SIDE)
    other = read_area(cut_out, _WHOLE, size)
    opaque = other.getchannel("A").point(_OPAQUE_TABLE)
    inner = opaque.filter(ImageFilter.MinFilter(3))
    is_enough = ImageStat.Stat(inner).sum[0] >= _MIN_INNER_SHARE * ImageStat.Stat(opaque).sum[0]
    weight = (inner if is_enough else opaque).convert("F")
    share = average(weight)
    if share == 0:
        return None
    difference, contrast = 0.0, 0.0
    for own_band, other_band in zip(
        read_area(photo, _WHOLE, size).convert("RGB").split(), other.convert("RGB").split(), strict=True
    ):
        own, shown = own_band.convert("F"), other_band.convert("F")
        product = average(combine(lambda p: p["a"] * p["b"] * p["w"], a=own, b=shown, w=weight))
        square = average(combine(lambda p: p["b"] * p["b"] * p["w"], b=shown, w=weight))
        gain = max(_GAIN_RANGE[0], min(_GAIN_RANGE[1], product / max(square, _TINY)))
        scaled = shown.point(lambda value, gain=gain: value * gain)
        mean = average(combine(lambda p: p["a"] * p["w"], a=own, w=weight)) / share
        flat = Image.new("F", size, mean)
        difference += _average_square(own, scaled, weight) / share
        contrast += _average_square(own, flat, weight) / share
    difference, contrast = (difference / 3) ** 0.5, (contrast / 3) ** 0.5
    if difference > _MAX_COLOR_DIFFERENCE * (contrast + _COLOR_NOISE):
        return False
    return True if contrast >= _MIN_COLOR_CONTRAST else None


def _average_square(one: "Image", other: "Image", weight: "Image") -> float:
    return average(combine(lambda p: (p["a"] - p["b"]) * (p["a"] - p["b"]) * p["w"], a=one, b=other, w=weight))


# -- outlines ------------------------------------------------------------------------------------------------------


class _Edges(NamedTuple):
    """The photo's edges: the products of their slopes, summed over the channels, as shares of all slope and noise (F).

    So an edge counts by its direction, and only if it is stronger than noise.
    """

    xx: "Image"
    xy: "Image"
    yy: "Image"


class _Outline(NamedTuple):
    """An outline: 1 on its pixels (F), and the products of the components of its direction there (F).

    All four are the part of the picture that begins at the offset.
    """

    offset: tuple[int, int]
    pixels: "Image"
    xx: "Image"
    xy: "Image"
    yy: "Image"


def _measure_outline(photo: "Image", mask: "Image") -> float:
    """Returns how well the photo's edges fit the mask's outline, compared with moved outlines."""
    size = _limit_size(photo.size, _OUTLINE_SIDE)
    edges = _find_edges(read_area(photo, _WHOLE, size).convert("RGB"))
    solid = _read(mask, size).point(_SOLID_TABLE)
    outline = _draw_outline(solid)
    fit = max(_measure_fit(edges, one, (0, 0)) for one in (outline, *_draw_other_sizes(solid)))
    box = solid.getbbox() or (0, 0, *size)
    side = max(box[2] - box[0], box[3] - box[1])
    moved_fit = max(
        _measure_fit(edges, outline, (round(side * reach * cos(angle)), round(side * reach * sin(angle))))
        for step in range(_MOVED_OUTLINES)
        for reach, angle in [(_OUTLINE_MOVES[step % 2], 2 * pi * step / _MOVED_OUTLINES)]
    )
    return fit + _MOVED_WEIGHT * log((fit + _TINY) / (moved_fit + _TINY))


def _find_edges(picture: "Image") -> _Edges:
    from PIL import Image

    zero = Image.new("F", picture.size)
    xx, xy, yy = zero, zero, zero
    for band in picture.split():
        x, y = (derive(band.convert("F"), *axis) for axis in _AXES)
        xx = combine(lambda p: p["sum"] + p["x"] * p["x"], sum=xx, x=x)
        xy = combine(lambda p: p["sum"] + p["x"] * p["y"], sum=xy, x=x, y=y)
        yy = combine(lambda p: p["sum"] + p["y"] * p["y"], sum=yy, y=y)
    return _Edges(
        *(combine(lambda p: p["e"] / (p["xx"] + p["yy"] + _EDGE_NOISE), e=one, xx=xx, yy=yy) for one in (xx, xy, yy))
    )


def _draw_other_sizes(solid: "Image") -> Iterator[_Outline]:
    """Yields the outlines of the mask if it were slightly larger or smaller."""
    from PIL import ImageFilter

    for rank_filter in (ImageFilter.MaxFilter(3), ImageFilter.MinFilter(3)):
        changed = solid
        for _ in range(_MAX_OFFSET):
            changed = changed.filter(rank_filter)
            yield _draw_outline(changed)


def _draw_outline(solid: "Image") -> _Outline:
    from PIL import Image, ImageChops, ImageFilter

    width, height = solid.size
    line = ImageChops.difference(solid.filter(ImageFilter.MaxFilter(3)), solid.filter(ImageFilter.MinFilter(3)))
    inner = Image.new("L", solid.size)
    frame = _OUTLINE_FRAME, _OUTLINE_FRAME, width - _OUTLINE_FRAME, height - _OUTLINE_FRAME
    inner.paste(line.crop(frame), frame[:2])
    box = inner.getbbox() or (0, 0, 1, 1)
    pixels = inner.crop(box).convert("F").point(lambda value: value * _TO_SHARE)
    soft = solid.filter(ImageFilter.BoxBlur(2)).convert("F")
    x, y = (derive(soft, *axis).crop(box) for axis in _AXES)
    scale = combine(lambda p: p["o"] / (p["x"] * p["x"] + p["y"] * p["y"] + _TINY), o=pixels, x=x, y=y)
    products = (
        combine(lambda p: p["a"] * p["b"] * p["s"], a=one, b=other, s=scale) for one, other in ((x, x), (x, y), (y, y))
    )
    return _Outline((box[0], box[1]), pixels, *products)


def _measure_fit(edges: _Edges, outline: _Outline, move: tuple[int, int]) -> float:
    """Returns the share of an outline, moved by some pixels, along which the photo has edges in its direction."""
    (left, top), (width, height) = outline.offset, outline.pixels.size
    left, top = left + move[0], top + move[1]
    box = max(0, left), max(0, top), min(edges.xx.width, left + width), min(edges.xx.height, top + height)
    if box[0] >= box[2] or box[1] >= box[3]:
        return 0.0
    own_box = box[0] - left, box[1] - top, box[2] - left, box[3] - top
    length = average(outline.pixels.crop(own_box))
    planes = {f"edge_{name}": plane.crop(box) for name, plane in zip(edges._fields, edges, strict=True)}
    planes |= {name: getattr(outline, name).crop(own_box) for name in edges._fields}
    fitting = average(
        combine(
            lambda p: p["xx"] * p["edge_xx"] + 2 * p["xy"] * p["edge_xy"] + p["yy"] * p["edge_yy"],
            **planes,
        )
    )
    return fitting / length if length > 0 else 0.0
