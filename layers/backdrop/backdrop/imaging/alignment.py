"""Where a returned picture shows the photo's subject: how far providers shift and scale it when they redraw a picture.

Only detail inside the subject is compared, without its brightness, so that another background or another light does not
move the result. A coarse search over shifts and scales finds the neighborhood. Gauss-Newton steps on ever larger
pictures (the pyramid of Lucas and Kanade) then find fractions of a pixel, with little weight on what was redrawn.
"""

from array import array
from collections.abc import Callable, Iterator
from math import ceil, sumprod
from typing import TYPE_CHECKING, Any, NamedTuple

from backdrop.imaging.strip_resize import resize_in_strips
from backdrop.model.frame import FloatBox, Size

if TYPE_CHECKING:
    from PIL.Image import Image

_FINEST_SIDE = 256
"""Pixels of the longest side at which two pictures are compared last. Errors there are a few hundredths of a pixel.
More detail would be mostly noise: in photos of coins, it correlates by less than `MIN_CORRELATION`."""
MIN_CORRELATION = 0.5
"""Pictures of different products correlate by less than this at their best alignment."""
MAX_SHIFT = 0.08
"""The largest shift that is searched, as a share of the subject's longer side."""
_COARSE_SIDE = 32
_COARSE_SCALES = (1.0, 0.96, 1.04, 0.92, 1.08)
_CLEAR_CORRELATION = 0.95
"""A subject that correlates by this much where it was has not moved far."""
_FOUND_CORRELATION = 0.8
"""One that correlates by this much at a shift that was found is there, so no other scale is searched."""
_HALVING_SIDE = 64
"""Above this size, Gauss-Newton starts on a picture of half the size."""
_MARGIN = 0.12
"""What is read around the subject, as a share of its longer side, because the subject may be there in the result."""
_DETAIL_FACTOR = 4
"""Detail is what is lost if a picture is reduced by this factor."""
_MASK_SIDE = 128
_MASK_EDGE = 5
"""Two pixels on each side of the mask, at `_MASK_SIDE` pixels, are not compared if enough of the mask is left."""
_MIN_INNER_SHARE = 0.3
_SOLID_TABLE = [0] * 192 + [255] * 64
_STEPS = 4
_MIN_STEP_PIXELS = 0.02
_MIN_WEIGHT = 1e-4


class Alignment(NamedTuple):
    """How the subject of a result is placed, compared with the photo.

    `scale`: its size relative to the photo's, where both pictures count as equally large. `dx` and `dy`: how far the
    point at the center of the photo moves to the right and down, as shares of the picture's width and height.
    `correlation`: how similar the subjects' detail is at this alignment, from -1 to 1; 0 if there is none to compare.
    """

    scale: float
    dx: float
    dy: float
    correlation: float

    @property
    def is_reliable(self) -> bool:
        """Whether the two show the same subject within the searched shifts and scales."""
        return self.correlation >= MIN_CORRELATION

    def locate_in_result(self, point: tuple[float, float], photo: Size, result: Size) -> tuple[float, float]:
        """Converts a point in pixels of the photo to pixels of the result."""
        a, _, c, _, e, f = self.affine(photo, result)
        return a * point[0] + c, e * point[1] + f

    def affine(self, photo: Size, result: Size) -> tuple[float, float, float, float, float, float]:
        """Returns the coefficients with which `Image.transform` brings the result to the photo's pixels."""
        across, down = result[0] / photo[0], result[1] / photo[1]
        left = result[0] * (0.5 + self.dx - 0.5 * self.scale)
        top = result[1] * (0.5 + self.dy - 0.5 * self.scale)
        return self.scale * across, 0.0, left, 0.0, self.scale * down, top


UNMOVED = Alignment(1.0, 0.0, 0.0, 0.0)


def find_alignment(photo: "Image", result: "Image", mask: "Image") -> Alignment:
    """Finds the alignment of two pictures (RGB or RGBA, upright, of the same shape up to rounding).

    `mask` (L): 255 where the photo shows its subject, at any size. Returns `UNMOVED` if the mask is empty.
    """
    from PIL import Image

    area = choose_area(mask)
    if area is None:
        return UNMOVED
    size = choose_size(area, photo.size, result.size, _FINEST_SIDE)
    planes = _Planes(
        _read_luminance(photo, area, size), _read_luminance(result, area, size), _read_weight(mask, area, size)
    )
    pyramid = [planes]
    while max(pyramid[-1].size) > _HALVING_SIDE:
        pyramid.append(pyramid[-1].halve())
    coarsest = pyramid[-1]
    scale = min(1.0, _COARSE_SIDE / max(coarsest.size))
    coarse_size = max(1, round(coarsest.size[0] * scale)), max(1, round(coarsest.size[1] * scale))
    place, correlation = _refine(coarsest, _UNMOVED_PLACE)
    if correlation < _CLEAR_CORRELATION:
        for start in _search(coarsest.resize(coarse_size, Image.Resampling.BOX)):
            found = _refine(coarsest, start)
            place, correlation = max((place, correlation), found, key=lambda one: one[1])
            if found[1] >= _FOUND_CORRELATION:
                break
    for level in reversed(pyramid[:-1]):
        place, correlation = _refine(level, place)
    return place.to_alignment(area, correlation)


def read_area(picture: "Image", area: FloatBox, size: Size) -> "Image":
    """Reads an area, given in shares of the picture, at a size. Needs little memory, however large the picture is."""
    from PIL import Image

    width, height = picture.size
    box = area[0] * width, area[1] * height, area[2] * width, area[3] * height
    if picture.mode != "RGBA":
        return picture.resize(size, Image.Resampling.BICUBIC, box, reducing_gap=2.0)
    # Pillow would convert the whole picture, because it weights colors by their alpha.
    read = Image.new("RGBA", size)
    for top, strip in resize_in_strips(picture, size, box, Image.Resampling.BICUBIC):
        read.paste(strip, (0, top))
    return read


def average(picture: "Image") -> float:
    """Returns the mean of a picture's pixels (F)."""
    mean = picture.reduce(picture.size).getpixel((0, 0))
    return mean if isinstance(mean, float) else 0.0


class _Place(NamedTuple):
    """An alignment within an area: the scale, and the shift of the area's center in shares of the area's sides."""

    scale: float
    dx: float
    dy: float

    def affine(self, size: Size) -> tuple[float, float, float, float, float, float]:
        width, height = size
        left, top = width * (0.5 + self.dx - 0.5 * self.scale), height * (0.5 + self.dy - 0.5 * self.scale)
        return self.scale, 0.0, left, 0.0, self.scale, top

    def to_alignment(self, area: FloatBox, correlation: float) -> Alignment:
        left, top, right, bottom = area
        # What the scale moves, because it is relative to the center of the photo instead of the area's.
        x, y = (left + right) / 2 - 0.5, (top + bottom) / 2 - 0.5
        return Alignment(
            self.scale,
            self.dx * (right - left) + x * (1 - self.scale),
            self.dy * (bottom - top) + y * (1 - self.scale),
            correlation,
        )


_UNMOVED_PLACE = _Place(1.0, 0.0, 0.0)


class _Planes(NamedTuple):
    """The same area of both pictures: luminance (F), and the weight of each pixel of the photo (F, 0 to 255)."""

    photo: "Image"
    result: "Image"
    weight: "Image"

    @property
    def size(self) -> Size:
        return self.photo.size

    def halve(self) -> "_Planes":
        return _Planes(self.photo.reduce(2), self.result.reduce(2), self.weight.reduce(2))

    def resize(self, size: Size, resampling: Any) -> "_Planes":
        return _Planes(*(plane.resize(size, resampling) for plane in self))


def choose_area(mask: "Image") -> FloatBox | None:
    """Returns the subject's box with a margin, in shares of the picture, or None if the mask is empty."""
    box = mask.point(_SOLID_TABLE).getbbox()
    if box is None:
        return None
    margin = _MARGIN * max(box[2] - box[0], box[3] - box[1])
    return (
        max(0.0, (box[0] - margin) / mask.width),
        max(0.0, (box[1] - margin) / mask.height),
        min(1.0, (box[2] + margin) / mask.width),
        min(1.0, (box[3] + margin) / mask.height),
    )


def _read_weight(mask: "Image", area: FloatBox, size: Size) -> "Image":
    """Returns the mask's solid part (F) without its edge, where the new background shows, if enough is left."""
    from PIL import Image, ImageFilter, ImageStat

    scale = min(1.0, _MASK_SIDE / max(size))
    mask_size = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    solid = read_area(mask, area, mask_size).point(_SOLID_TABLE)
    inner = solid.filter(ImageFilter.MinFilter(_MASK_EDGE))
    is_enough = ImageStat.Stat(inner).sum[0] >= _MIN_INNER_SHARE * ImageStat.Stat(solid).sum[0]
    return (inner if is_enough else solid).convert("F").resize(size, Image.Resampling.BILINEAR)


def choose_size(area: FloatBox, photo: Size, result: Size, finest_side: int) -> Size:
    """Returns the size at which an area is compared: no larger than in the smaller picture."""
    width, height = min(photo, result)
    across, down = (area[2] - area[0]) * width, (area[3] - area[1]) * height
    scale = min(1.0, finest_side / max(across, down))
    return max(8, ceil(across * scale)), max(8, ceil(down * scale))


def _read_luminance(picture: "Image", area: FloatBox, size: Size) -> "Image":
    return read_area(picture, area, size).convert("L").convert("F")


def _extract_detail(luminance: "Image", weight: "Image") -> "Image":
    """Returns what is brighter or darker than its surroundings (F). Only those inside the weighted area count."""
    return combine(
        lambda p: p["a"] - p["sum"] / (p["weight"] + _MIN_WEIGHT),
        a=luminance,
        sum=_blur(multiply(luminance, weight)),
        weight=_blur(weight),
    )


def _blur(plane: "Image") -> "Image":
    from PIL import Image

    return plane.reduce(_DETAIL_FACTOR).resize(plane.size, Image.Resampling.BILINEAR)


def _search(planes: _Planes) -> Iterator[_Place]:
    """Tries shifts by whole pixels. Yields the best one of each scale, because so small pictures can be misleading.

    The smallest shift wins if several are equally similar.
    """
    from PIL import Image

    width, height = planes.size
    subject_side = max(width, height) / (1 + 2 * _MARGIN)
    shifts = _list_shifts(max(1, round(MAX_SHIFT * subject_side)))
    weighted = list(read_values(multiply(_extract_detail(planes.photo, planes.weight), planes.weight)))
    weights = list(read_values(planes.weight))
    everywhere = Image.new("F", planes.size, 255)
    for scale in _COARSE_SCALES:
        scaled = planes.result.transform(
            planes.size, Image.Transform.AFFINE, _Place(scale, 0, 0).affine(planes.size), Image.Resampling.BILINEAR
        )
        detail = _extract_detail(scaled, everywhere)
        energy = multiply(detail, detail)
        best, best_similarity = (0, 0), 0.0
        for x, y in shifts:
            box = x, y, x + width, y + height
            total = sumprod(weights, read_values(energy.crop(box)))
            similarity = sumprod(weighted, read_values(detail.crop(box))) / total**0.5 if total > 0 else 0.0
            if similarity > best_similarity * 1.001:
                best, best_similarity = (x, y), similarity
        yield _Place(scale, scale * best[0] / width, scale * best[1] / height)


def _list_shifts(reach: int) -> list[tuple[int, int]]:
    steps = range(-reach, reach + 1)
    return sorted(((x, y) for x in steps for y in steps), key=lambda shift: shift[0] ** 2 + shift[1] ** 2)


def _refine(planes: _Planes, start: _Place) -> tuple[_Place, float]:
    """Follows the gradient to the best alignment near a start. Returns it with its correlation."""
    width, height = planes.size
    template = _extract_detail(planes.photo, planes.weight)
    slopes = derive(template, 1, 0), derive(template, 0, 1)
    ramps = _build_ramp(width, planes.size), _build_ramp(height, (planes.size[1], planes.size[0]), is_vertical=True)
    growth = combine(lambda p: p["x"] * p["gx"] + p["y"] * p["gy"], x=ramps[0], y=ramps[1], gx=slopes[0], gy=slopes[1])
    place, best = start, (start, -1.0)
    for _ in range(_STEPS):
        detail = _move_result(planes, place)
        correlation, gain = _correlate(template, detail, planes.weight)
        if correlation > best[1]:
            best = place, correlation
        step = _solve_step(template, detail, planes.weight, gain, (growth, *slopes))
        if step is None:
            return best
        zoom, x, y = step
        # The step says how the photo's pixels move to those of the moved result, whose own scale it is relative to.
        place = _Place(
            place.scale * (1 + zoom), place.dx + place.scale * x / width, place.dy + place.scale * y / height
        )
        if max(abs(x), abs(y), abs(zoom) * max(width, height) / 2) < _MIN_STEP_PIXELS:
            break
    correlation, _ = _correlate(template, _move_result(planes, place), planes.weight)
    return (place, correlation) if correlation > best[1] else best


def _move_result(planes: _Planes, place: _Place) -> "Image":
    """Returns the result's detail at the photo's pixels."""
    from PIL import Image

    moved = planes.result.transform(
        planes.size, Image.Transform.AFFINE, place.affine(planes.size), Image.Resampling.BICUBIC
    )
    return _extract_detail(moved, planes.weight)


def _correlate(template: "Image", detail: "Image", weight: "Image") -> tuple[float, float]:
    """Returns the correlation of two pictures' detail, and the contrast of the first relative to the second."""
    both = average(combine(lambda p: p["a"] * p["b"] * p["w"], a=template, b=detail, w=weight))
    first = average(combine(lambda p: p["a"] * p["a"] * p["w"], a=template, w=weight))
    second = average(combine(lambda p: p["a"] * p["a"] * p["w"], a=detail, w=weight))
    if min(first, second) < _MIN_WEIGHT:
        return 0.0, 1.0
    return both / (first * second) ** 0.5, min(2.0, max(0.5, (first / second) ** 0.5))


def _solve_step(
    template: "Image", detail: "Image", weight: "Image", gain: float, columns: tuple["Image", "Image", "Image"]
) -> tuple[float, float, float] | None:
    """Solves weighted least squares for the step of scale, x, and y. None if the detail does not determine it."""
    difference = combine(lambda p: p["a"] - p["b"] * gain, a=template, b=detail)
    spread = average(combine(lambda p: abs(p["d"]) * p["w"], d=difference, w=weight)) / max(average(weight), 1e-6)
    robust = combine(lambda p: p["w"] / (1 + p["d"] * p["d"] / (4 * spread * spread + 1e-3)), d=difference, w=weight)
    weighted = [multiply(column, robust) for column in columns]
    matrix = [[average(multiply(one, other)) for other in columns] for one in weighted]
    return _solve(matrix, [average(multiply(one, difference)) for one in weighted])


def _solve(matrix: list[list[float]], vector: list[float]) -> tuple[float, float, float] | None:
    """Solves three linear equations with Cramer's rule."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(determinant) <= 1e-9 * abs(a * e * i):
        return None
    u, v, w = vector
    return (
        (u * (e * i - f * h) - b * (v * i - f * w) + c * (v * h - e * w)) / determinant,
        (a * (v * i - f * w) - u * (d * i - f * g) + c * (d * w - v * g)) / determinant,
        (a * (e * w - v * h) - b * (d * w - v * g) + u * (d * h - e * g)) / determinant,
    )


def _build_ramp(length: int, size: Size, *, is_vertical: bool = False) -> "Image":
    """Returns each pixel's distance from the center (F), along one axis."""
    from PIL import Image

    values = array("f", ((position + 0.5) - length / 2 for position in range(length)))
    line = Image.frombytes("F", (length, 1), values.tobytes()).resize(size, Image.Resampling.NEAREST)
    return line.transpose(Image.Transpose.TRANSPOSE) if is_vertical else line


def derive(picture: "Image", x: int, y: int) -> "Image":
    """Returns the slope per pixel along one axis (F)."""
    width, height = picture.size
    after, before = (picture.crop((side * x, side * y, width + side * x, height + side * y)) for side in (1, -1))
    return combine(lambda p: (p["a"] - p["b"]) * 0.5, a=after, b=before)


def multiply(one: "Image", other: "Image") -> "Image":
    return combine(lambda p: p["a"] * p["b"], a=one, b=other)


def combine(expression: Callable[[dict[str, Any]], Any], **planes: "Image") -> "Image":
    from PIL import ImageMath

    return ImageMath.lambda_eval(expression, **planes)


def read_values(picture: "Image") -> "memoryview[float]":
    return memoryview(picture.tobytes()).cast("f")
