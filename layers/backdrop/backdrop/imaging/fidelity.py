"""Whether the product in a returned picture is still the customer's: compared tile by tile, after alignment.

The structure of each tile is compared with the contrast-structure term of SSIM (Wang et al., 2004), at the best of five
small shifts. Light changes the brightness and contrast of a tile, so both are evened out first. Colors are compared
with those that the photo has in the light that fits best: within limits, it may be brighter or darker, and warmer or
cooler, and colors may be more or less saturated. Each tile is averaged with its neighbors. The score follows from the
worst tiles, or from the one that differs most from its surroundings, as one word with other letters does: whichever is
lower. `imaging/mask_checks.py` has checked the mask before.
"""

from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, NamedTuple

from backdrop.imaging.alignment import (
    choose_area,
    choose_size,
    combine,
    find_alignment,
    multiply,
    read_area,
    read_values,
)
from backdrop.imaging.color import is_transparent
from backdrop.imaging.sizes import can_show_whole_picture
from backdrop.model.fidelity import FROZEN_SIMILARITY, CannotSayReason, Fidelity, calibrate_score
from backdrop.model.frame import FloatBox, Size

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 512
"""Pixels of the longest side at which the area around the subject is compared."""
_BLOCK = 8
"""A tile is 2 × 2 blocks, and the next tile begins one block later."""
_LIGHT_CELL = 16
"""The light is evened out between cells of this many pixels."""
_EDGE = 5
"""Pixels at the mask's edge that are not compared, because a mask may be slightly too large."""
_MIN_TILE_SHARE = 0.25
_MIN_TILES = 12
_MAX_MAP_SIDE = 256
_TILE_CORNERS = ("a", 0, 0), ("b", 1, 0), ("c", 0, 1), ("d", 1, 1)
_SHIFTS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
_BLUR = 0.7
"""Removes grain and JPEG noise. A standard deviation in pixels."""
_CONTRAST_NOISE = 40.0
"""Variance (channels 0 to 255) below which a tile has no structure to compare."""
_MAX_LOCAL_GAIN = 1.7
"""Light from one side, or a shadow on the product, changes a tile's brightness by up to this factor."""
_GAIN_RANGE = (0.6, 1.6)
"""How much another light changes all channels."""
_WARMTHS = tuple(1.02**step for step in sorted(range(-7, 8), key=abs))
"""How much it may change red, and blue inversely. The smallest change comes first."""
_MAX_SATURATION = 0.3
"""How much it changes the difference between a tile's color and gray. The hue stays."""
_DARK = 8.0
"""Added to brightness before it is divided, because noise determines the ratio of dark tiles."""
_COLOR_PLANES = ("lit_red", "lit_green", "lit_blue", "red", "green", "blue")
_WORST_SHARE = 0.01
_USUAL_SHARE = 0.05
"""Light and compression make as many tiles differ from their surroundings, by an amount that is the picture's own."""
_FROZEN_OUTLIER = 0.05
"""What a tile may differ beyond that, which counts as much as the frozen similarity. In the half of the corpus of
`bench.fidelity` that sets the limits, less than 2% of the unchanged products have more."""
_SURROUNDINGS = 81
"""The sum of the weights of the 5 × 5 tiles around a tile, whose weight falls from 9 to 1."""
_SOLID_TABLE = [0] * 128 + [255] * 128
_INNER_TABLE = [0] * 254 + [255] * 2
_TO_SHARE = 1 / 255
_TINY = 1e-6


class _Tolerance(NamedTuple):
    """A difference in color (channels 0 to 255) that does not count, and one that leaves no similarity."""

    free: float
    full: float

    def to_loss(self, difference: Any) -> Any:
        """`difference`: a number, or an operand of `combine`. The loss is 0 to 1 between the two limits."""
        return (difference - self.free) / (self.full - self.free)


_TILE_TINT, _TILE_LIGHT = _Tolerance(12.0, 52.0), _Tolerance(60.0, 140.0)
_WHOLE_TINT, _WHOLE_LIGHT = _Tolerance(2.0, 7.0), _Tolerance(10.0, 30.0)
"""For the median of all tiles, which has far less noise than a single one."""


@dataclass(frozen=True, slots=True)
class FidelityMeasurement:
    """The fidelity, and where the product changed.

    `change_map` (L, at most 256 pixels per side, as wide relative to its height as the photo) is bright where the
    product changed, and 0 outside it. None if there is no score.
    """

    fidelity: Fidelity
    change_map: "Image | None"


def measure_fidelity(
    photo: "Image", mask: "Image", result: "Image", min_score: float | None = None
) -> FidelityMeasurement:
    """Compares the subject of two pictures (RGB or RGBA, upright, sRGB), which are not changed.

    `mask` (L): 255 where the photo shows its subject, at any size. `min_score`: the lowest score that counts as the
    same product, None for the default.
    """
    small_mask = _reduce_mask(mask, photo)
    reason = _find_reason(photo, result)
    area = None if reason else choose_area(small_mask)
    if reason or area is None:
        return FidelityMeasurement(Fidelity.from_reason(reason or CannotSayReason.MASK_EMPTY), None)
    views = _read_views(photo, small_mask, result, area)
    tiles = _compare(views)
    losses = tiles.list_losses()
    if len(losses) < _MIN_TILES:
        return FidelityMeasurement(Fidelity.from_reason(CannotSayReason.SUBJECT_TOO_SMALL), None)
    outliers = _find_outliers(tiles)
    worst = max(sorted(losses, reverse=True)[int(len(losses) * _WORST_SHARE)], *read_values(outliers))
    fidelity = Fidelity.from_score(calibrate_score(1 - worst), min_score)
    shown = combine(lambda p: p["max"](p["a"], p["b"]), a=tiles.losses, b=outliers)
    return FidelityMeasurement(fidelity, _draw_map(shown, area, photo.size))


def _reduce_mask(mask: "Image", photo: "Image") -> "Image":
    """Returns the mask, reduced to about the compared size, and empty where the photo is transparent."""
    from PIL import Image, ImageChops

    scale = min(1.0, 2 * SIDE / max(mask.size))
    size = max(1, round(mask.width * scale)), max(1, round(mask.height * scale))
    reduced = mask if size == mask.size else mask.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    if photo.mode != "RGBA":
        return reduced
    return ImageChops.darker(reduced, read_area(photo, (0, 0, 1, 1), size).getchannel("A"))


def _find_reason(photo: "Image", result: "Image") -> CannotSayReason | None:
    """Returns why two pictures cannot be compared, as far as shapes and transparency show it."""
    if not can_show_whole_picture(photo.size, result.size):
        return CannotSayReason.OTHER_SHAPE
    if is_transparent(result):
        return CannotSayReason.TRANSPARENT_RESULT
    return None


class _Views(NamedTuple):
    """The same area of both pictures, after alignment (RGB), and the weight of each pixel (F, 0 or 1)."""

    photo: "Image"
    result: "Image"
    weight: "Image"


class _Tiles(NamedTuple):
    """How much each tile changed (F, 0 to 1), and whether it shows enough of the subject (F, 0 or 1)."""

    losses: "Image"
    is_shown: "Image"

    def list_losses(self) -> list[float]:
        return _list_shown(self.losses, self.is_shown)


def _read_views(photo: "Image", mask: "Image", result: "Image", area: FloatBox) -> _Views:
    from PIL import Image, ImageFilter

    width, height = choose_size(area, photo.size, result.size, SIDE)
    size = max(2 * _BLOCK, width // _BLOCK * _BLOCK), max(2 * _BLOCK, height // _BLOCK * _BLOCK)
    own, other = (read_area(picture, area, size).convert("RGB") for picture in (photo, result))
    subject = read_area(mask, area, size)
    alignment = find_alignment(own, other, subject)
    if alignment.is_reliable:
        matrix = alignment.affine(size, size)
        other = other.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    inner = subject.point(_SOLID_TABLE).filter(ImageFilter.BoxBlur(_EDGE)).point(_INNER_TABLE).convert("F")
    return _Views(own, other, inner.point(lambda value: value * _TO_SHARE))


def _compare(views: _Views) -> _Tiles:
    """Compares all tiles. The loss of a tile is averaged with its neighbors', so that a single one is no change."""
    weight = combine(lambda p: p["w"] + _TINY, w=_sum_tiles(views.weight))
    is_shown = combine(lambda p: p["float"](p["w"] >= _MIN_TILE_SHARE), w=weight)
    losses = combine(
        lambda p: p["max"](1 - p["structure"], p["color"]) * p["shown"],
        structure=_compare_structure(views, weight),
        color=_compare_colors(views, weight, is_shown),
        shown=is_shown,
    )
    averaged = combine(
        lambda p: p["min"](p["losses"] / (p["count"] + _TINY), p["shown"]),
        losses=_sum_neighbors(losses),
        count=_sum_neighbors(is_shown),
        shown=is_shown,
    )
    return _Tiles(averaged, is_shown)


def _find_outliers(tiles: _Tiles) -> "Image":
    """Returns the loss of each tile (F) that follows from how much more it changed than the tiles around it.

    Where these are not all shown, it is 0: at the product's edge, a shadow or a mask that is too large looks the same.
    """
    around, count = (_sum_neighbors(_sum_neighbors(plane)) for plane in tiles)
    is_inner = combine(lambda p: p["float"](p["count"] > _SURROUNDINGS - 0.5), count=count)
    excess = combine(lambda p: p["losses"] - p["around"] / _SURROUNDINGS, losses=tiles.losses, around=around)
    values = sorted(_list_shown(excess, is_inner), reverse=True)
    usual = values[int(len(values) * _USUAL_SHARE)] if values else 0.0
    factor = (1 - FROZEN_SIMILARITY) / _FROZEN_OUTLIER
    return combine(
        lambda p: p["min"](p["max"](p["excess"] - usual, 0) * p["inner"] * factor, 1), excess=excess, inner=is_inner
    )


def _compare_structure(views: _Views, weight: "Image") -> "Image":
    """Returns the contrast-structure term of each tile (F) at its best shift."""
    from PIL import ImageChops, ImageFilter

    photo, other = (
        view.convert("L").filter(ImageFilter.GaussianBlur(_BLUR)).convert("F") for view in (views.photo, views.result)
    )
    weighted_photo = multiply(views.weight, photo)
    relit = _relight(weighted_photo, other, views.weight)
    photo_planes = {
        "weight": weight,
        "photo": _sum_tiles(weighted_photo),
        "photo_square": _sum_tiles(multiply(weighted_photo, photo)),
    }
    best: Image | None = None
    for x, y in _SHIFTS:
        result = ImageChops.offset(relit, x, y)
        weighted_result = multiply(views.weight, result)
        term = combine(
            _compute_structure_term,
            **photo_planes,
            result=_sum_tiles(weighted_result),
            result_square=_sum_tiles(multiply(weighted_result, result)),
            product=_sum_tiles(multiply(weighted_result, photo)),
        )
        best = combine(lambda p: p["max"](p["a"], p["b"]), a=best, b=term) if best else term
    return best or weight


def _relight(weighted_photo: "Image", result: "Image", weight: "Image") -> "Image":
    """Returns the result (F) in the photo's light, so that the edge of a shadow is no structure."""
    from PIL import Image

    across, down = (side / _LIGHT_CELL for side in result.size)
    cells = {"photo": weighted_photo, "result": multiply(weight, result), "weight": weight}
    gains = combine(_compute_gain, **{name: _sum_neighbors(plane.reduce(_LIGHT_CELL)) for name, plane in cells.items()})
    return multiply(result, gains.resize(result.size, Image.Resampling.BILINEAR, (0, 0, across, down)))


def _compute_gain(p: dict[str, Any]) -> Any:
    dark = p["weight"] * _DARK + _TINY
    return p["min"](p["max"]((p["photo"] + dark) / (p["result"] + dark), 1 / _MAX_LOCAL_GAIN), _MAX_LOCAL_GAIN)


def _compute_structure_term(p: dict[str, Any]) -> Any:
    photo, result = p["photo"] / p["weight"], p["result"] / p["weight"]
    # More light means more contrast in the same proportion.
    gain = p["min"](p["max"]((photo + _DARK) / (result + _DARK), 1 / _MAX_LOCAL_GAIN), _MAX_LOCAL_GAIN)
    photo_variance = p["max"](p["photo_square"] / p["weight"] - photo * photo, 0)
    result_variance = p["max"](p["result_square"] / p["weight"] - result * result, 0) * gain * gain
    covariance = (p["product"] / p["weight"] - photo * result) * gain
    return (2 * covariance + _CONTRAST_NOISE) / (photo_variance + result_variance + _CONTRAST_NOISE)


def _compare_colors(views: _Views, weight: "Image", is_shown: "Image") -> "Image":
    """Returns how much the color of each tile changed (F, 0 to 1) beyond what the light explains.

    A smaller change counts if the whole product has it, because the median of all tiles has no noise.
    """
    photo, result = (
        [
            combine(lambda p: p["a"] / p["w"], a=_sum_tiles(multiply(views.weight, band.convert("F"))), w=weight)
            for band in picture.split()
        ]
        for picture in (views.photo, views.result)
    )
    red, green, blue = (_find_gain(one, other, is_shown) for one, other in zip(photo, result, strict=True))
    gain = _clip(green, *_GAIN_RANGE)
    tint, light = min(
        (_compare_in_light(photo, result, (gain * warmth, gain, gain / warmth)) for warmth in _WARMTHS),
        # Not the median: a product of mostly one color fits several lights, and its other colors tell them apart.
        key=lambda difference: fmean(_list_shown(difference.tint, is_shown) or [0.0]),
    )
    whole = max(_WHOLE_TINT.to_loss(_find_median(tint, is_shown)), _WHOLE_LIGHT.to_loss(_find_median(light, is_shown)))
    tiles = combine(
        lambda p: p["max"](_TILE_TINT.to_loss(p["tint"]), _TILE_LIGHT.to_loss(p["light"])), tint=tint, light=light
    )
    return combine(lambda p: p["max"](p["min"](p["max"](p["tiles"], whole), 1), 0), tiles=tiles)


class _ColorDifference(NamedTuple):
    """How much each tile differs in tint and in brightness (F, channels 0 to 255)."""

    tint: "Image"
    light: "Image"


def _compare_in_light(photo: list["Image"], result: list["Image"], gains: tuple[float, ...]) -> _ColorDifference:
    """Compares the colors with those that the photo has in another light."""
    lit = (
        combine(lambda p, gain=gain: p["min"](p["a"] * gain, 255), a=plane)
        for plane, gain in zip(photo, gains, strict=True)
    )
    planes = dict(zip(_COLOR_PLANES, (*lit, *result), strict=True))
    return _ColorDifference(combine(_compute_tint, **planes), combine(lambda p: abs(_compute_light(p)), **planes))


def _compute_light(p: dict[str, Any]) -> Any:
    return (p["red"] + p["green"] + p["blue"] - p["lit_red"] - p["lit_green"] - p["lit_blue"]) / 3


def _compute_tint(p: dict[str, Any]) -> Any:
    """Returns the largest difference of a channel that neither light nor saturation explains."""
    gray, light = (p["lit_red"] + p["lit_green"] + p["lit_blue"]) / 3, _compute_light(p)
    own = [p[f"lit_{name}"] - gray for name in ("red", "green", "blue")]
    other = [p[name] - p[f"lit_{name}"] - light for name in ("red", "green", "blue")]
    product = own[0] * other[0] + own[1] * other[1] + own[2] * other[2]
    square = own[0] * own[0] + own[1] * own[1] + own[2] * own[2]
    saturation = p["max"](p["min"](product / (square + _TINY), _MAX_SATURATION), -_MAX_SATURATION)
    rest = [abs(one - saturation * chroma) for one, chroma in zip(other, own, strict=True)]
    return p["max"](p["max"](rest[0], rest[1]), rest[2])


def _find_gain(photo: "Image", result: "Image", is_shown: "Image") -> float:
    """Returns the median ratio of the tiles' brightness in one channel."""
    return _find_median(combine(lambda p: (p["b"] + _DARK) / (p["a"] + _DARK), a=photo, b=result), is_shown)


def _find_median(plane: "Image", is_shown: "Image") -> float:
    """Returns 1 if no tile is shown, which is too few for a score anyway."""
    values = _list_shown(plane, is_shown)
    return median(values) if values else 1.0


def _list_shown(plane: "Image", is_shown: "Image") -> list[float]:
    return [value for value, shown in zip(read_values(plane), read_values(is_shown), strict=True) if shown]


def _clip(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))


def _sum_tiles(plane: "Image") -> "Image":
    """Returns the mean of each tile of a plane (F)."""
    blocks = plane.reduce(_BLOCK)
    width, height = blocks.width - 1, blocks.height - 1
    corners = {name: blocks.crop((x, y, x + width, y + height)) for name, x, y in _TILE_CORNERS}
    return combine(lambda p: (p["a"] + p["b"] + p["c"] + p["d"]) * 0.25, **corners)


def _sum_neighbors(plane: "Image") -> "Image":
    """Returns the sum of 3 × 3 tiles around each tile (F)."""
    width, height = plane.size
    for x, y in ((1, 0), (0, 1)):
        plane = combine(
            lambda p: p["a"] + p["b"] + p["c"],
            a=plane.crop((-x, -y, width - x, height - y)),
            b=plane,
            c=plane.crop((x, y, width + x, height + y)),
        )
    return plane


def _draw_map(losses: "Image", area: FloatBox, photo: Size) -> "Image":
    """Returns the change map of the whole picture. The area's tiles are stretched to the area."""
    from PIL import Image

    scale = min(1.0, _MAX_MAP_SIDE / max(photo))
    change_map = Image.new("L", (max(1, round(photo[0] * scale)), max(1, round(photo[1] * scale))))
    left, top = round(area[0] * change_map.width), round(area[1] * change_map.height)
    right, bottom = round(area[2] * change_map.width), round(area[3] * change_map.height)
    size = max(1, right - left), max(1, bottom - top)
    tiles = losses.point(lambda value: value * 255).convert("L")
    # A tile reaches half a block beyond its center on each side.
    columns, rows = tiles.size
    framed = tiles.crop((-1, -1, columns + 1, rows + 1))
    change_map.paste(framed.resize(size, Image.Resampling.BILINEAR, (0.5, 0.5, columns + 1.5, rows + 1.5)), (left, top))
    return change_map
