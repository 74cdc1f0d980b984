"""Refines the edge of a cut-out beyond the resolution of its matte, using the photo's pixels there.

Where the subject's color F and the background's color B are known, the alpha of a pixel I of the photo follows from how
far I is along the line from B to F. A provider's matte is right overall but too coarse. So its scaled alpha is
corrected by the difference between that measure of the photo and the same measure of the photo at the matte's own
sharpness. The color of a pixel that is partly subject is I without its share of B.
"""

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING, Any, cast

from backdrop.imaging.inpaint_pyramid import inpaint
from backdrop.imaging.matte_parts import SNAP_ALPHA_TABLE

if TYPE_CHECKING:
    from PIL.Image import Image

type RelativeBox = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of a picture (0 to 1)."""

_VISIBLE_MASK_TABLE = [0] + [255] * 255
_CERTAIN_ALPHA_DISTANCE = 26
"""Within this distance of the highest or lowest alpha, a pixel counts as showing only the subject or background."""
_MAX_COLOR_PIXELS = 1_000_000
"""The largest size at which subject and background colors are spread: they change slowly away from the edge."""
_EDGE_GAIN_TABLE = [0 if steep <= 2 else round(255 * (steep - 2) / (steep + 13)) for steep in range(256)]
"""The weight of a correction for each range of the matte's alpha within three pixels. It is low on a soft shadow and
inside glass, where the photo shows only grain beyond the matte."""
_COLOR_NOISE = 300.0
"""Squared color distance (channels 0 to 255) below which subject and background cannot be distinguished."""
_REGULARIZATION = 0.02
"""Keeps the color of a faint pixel near the subject's, since dividing by its alpha would amplify the photo's noise."""
_BLUR_RADII = (0.0, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2)
"""Standard deviations in pixels of the matte: how blurred it may be compared with the photo at the same size."""
_SAMPLE_SIDE, _SAMPLES = 256, 16


@dataclass(frozen=True, slots=True)
class MatteRefiner:
    """Planes of the same size from which edges are refined.

    `matte` is the provider's alpha (L), and `gate` the weight of a correction (L). `guide` is the photo at the matte's
    size and sharpness (RGB). `subject` and `background` are their colors everywhere (RGB).
    """

    matte: "Image"
    gate: "Image"
    guide: "Image"
    subject: "Image"
    background: "Image"

    def alpha_range(self, area: RelativeBox) -> tuple[int, int]:
        """Returns the lowest and the highest matte alpha that affect the pixels of an area."""
        left, top, right, bottom = _to_pixels(area, self.matte.size)
        near = (max(floor(left) - 2, 0), max(floor(top) - 2, 0))
        far = (min(ceil(right) + 2, self.matte.width), min(ceil(bottom) + 2, self.matte.height))
        return _read_alpha_range(self.matte.crop((*near, *far)))

    def cut_out(self, photo: "Image", area: RelativeBox) -> "Image":
        """Cuts out an area of the photo (RGB): returns RGBA with refined alpha and without the background's color."""
        from PIL import Image, ImageMath

        planes = _split_channels("photo", photo) | self.resample_planes(area, photo.size)
        alpha = ImageMath.lambda_eval(_correct_alpha, **planes).convert("L").point(SNAP_ALPHA_TABLE)
        colors = [_decontaminate(planes, channel, alpha.convert("F")).convert("L") for channel in "rgb"]
        cutout = Image.merge("RGBA", [*colors, alpha])
        cleared = Image.new("RGBA", cutout.size)
        cleared.paste(cutout, mask=alpha.point(_VISIBLE_MASK_TABLE))
        return cleared

    def resample_planes(self, area: RelativeBox, size: tuple[int, int]) -> dict[str, "Image"]:
        """Scales all planes of an area to `size` pixels. Returns each channel (F) by its name."""
        from PIL.Image import Resampling

        def scale(picture: "Image", resampling: Resampling) -> "Image":
            return picture.resize(size, resampling, _to_pixels(area, picture.size))

        return {
            "matte": scale(self.matte, Resampling.BICUBIC).convert("F"),
            "gate": scale(self.gate, Resampling.BILINEAR).convert("F"),
            **_split_channels("guide", scale(self.guide, Resampling.BICUBIC)),
            **_split_channels("subject", scale(self.subject, Resampling.BILINEAR)),
            **_split_channels("background", scale(self.background, Resampling.BILINEAR)),
        }


def build_matte_refiner(guide: "Image", matte: "Image") -> MatteRefiner:
    """Builds the refiner from the photo at the matte's size (RGB) and the matte (L)."""
    from PIL import ImageChops, ImageFilter

    highest, lowest = matte.filter(ImageFilter.MaxFilter(3)), matte.filter(ImageFilter.MinFilter(3))
    gate = ImageChops.subtract(highest, lowest).point(_EDGE_GAIN_TABLE)
    subject, background = _estimate_colors(guide, matte)
    sharp = MatteRefiner(matte, gate, guide, subject, background)
    blur_radius = _estimate_blur_radius(sharp)
    return (
        MatteRefiner(matte, gate, guide.filter(ImageFilter.GaussianBlur(blur_radius)), subject, background)
        if blur_radius
        else sharp
    )


def _read_alpha_range(matte: "Image") -> tuple[int, int]:
    low, high = cast("tuple[int, int]", matte.getextrema())
    return low, high


def _estimate_colors(guide: "Image", matte: "Image") -> tuple["Image", "Image"]:
    """Estimates the colors of subject and background everywhere, from the pixels that show only one of them."""
    from PIL import Image, ImageFilter

    scale = min(1.0, (_MAX_COLOR_PIXELS / (matte.width * matte.height)) ** 0.5)
    size = max(1, round(matte.width * scale)), max(1, round(matte.height * scale))
    small, alpha = guide.resize(size, Image.Resampling.BOX), matte.resize(size, Image.Resampling.BOX)
    low, high = _read_alpha_range(alpha)
    certainty_tables = (
        [_certainty(value - high + _CERTAIN_ALPHA_DISTANCE) for value in range(256)],
        [_certainty(low + _CERTAIN_ALPHA_DISTANCE - value) for value in range(256)],
    )
    shrink = ImageFilter.MinFilter(3)
    subject, background = (inpaint(small, alpha.point(table).filter(shrink)) for table in certainty_tables)
    return subject, background


def _certainty(distance: int) -> int:
    return max(0, min(255, distance * 255 // _CERTAIN_ALPHA_DISTANCE))


def _estimate_blur_radius(refiner: MatteRefiner) -> float:
    """Estimates how blurred the matte is: the blur that makes the guide's own alpha most similar to it along edges."""
    from PIL import ImageChops, ImageFilter, ImageMath, ImageStat

    errors_by_radius = dict.fromkeys(_BLUR_RADII, 0.0)
    for box in _find_edge_samples(refiner.gate):
        width, height = refiner.matte.size
        area = (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
        planes = refiner.resample_planes(area, (box[2] - box[0], box[3] - box[1]))
        measured_alpha = ImageMath.lambda_eval(_measure_alpha, **planes).convert("L")
        matte, gate = refiner.matte.crop(box), refiner.gate.crop(box)
        for radius in _BLUR_RADII:
            difference = ImageChops.difference(measured_alpha.filter(ImageFilter.GaussianBlur(radius)), matte)
            errors_by_radius[radius] += ImageStat.Stat(ImageChops.multiply(difference, gate)).sum[0]
    return min(_BLUR_RADII, key=errors_by_radius.__getitem__)


def _find_edge_samples(gate: "Image") -> list[tuple[int, int, int, int]]:
    """Returns the boxes that contain most of a matte's edge."""
    from PIL import Image

    side = _SAMPLE_SIDE
    across, down = ceil(gate.width / side), ceil(gate.height / side)
    edge_weights = list(gate.resize((across, down), Image.Resampling.BOX).tobytes())
    best = sorted(range(across * down), key=edge_weights.__getitem__)[-_SAMPLES:]
    corners = [(n % across * side, n // across * side) for n in best if edge_weights[n]]
    return [(x, y, min(x + side, gate.width), min(y + side, gate.height)) for x, y in corners]


def _to_pixels(area: RelativeBox, size: tuple[int, int]) -> RelativeBox:
    width, height = size
    return area[0] * width, area[1] * height, min(area[2] * width, width), min(area[3] * height, height)


def _split_channels(name: str, picture: "Image") -> dict[str, "Image"]:
    return {f"{name}_{letter}": band.convert("F") for letter, band in zip("rgb", picture.split()[:3], strict=True)}


def _color_axis(planes: dict[str, Any]) -> list[Any]:
    """Returns the vector from the background's color to the subject's."""
    return [planes[f"subject_{letter}"] - planes[f"background_{letter}"] for letter in "rgb"]


def _project(axis: list[Any], shift: list[Any]) -> Any:
    """Returns the share of the axis that a color shift covers."""
    length = axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2] + _COLOR_NOISE
    return (axis[0] * shift[0] + axis[1] * shift[1] + axis[2] * shift[2]) / length


def _correct_alpha(planes: dict[str, Any]) -> Any:
    """Returns alpha plus 0.5, for rounding. It may be slightly outside 0 to 255."""
    shift = [planes[f"photo_{letter}"] - planes[f"guide_{letter}"] for letter in "rgb"]
    return planes["matte"] + planes["gate"] * _project(_color_axis(planes), shift) + 0.5


def _measure_alpha(planes: dict[str, Any]) -> Any:
    """Returns the alpha that follows from the guide's own pixels. It may be outside 0 to 255."""
    return (
        _project(_color_axis(planes), [planes[f"guide_{letter}"] - planes[f"background_{letter}"] for letter in "rgb"])
        * 255.0
    )


def _decontaminate(planes: dict[str, "Image"], channel: str, alpha: "Image") -> "Image":
    """Returns one channel of the subject's color plus 0.5, for rounding; where alpha is 255, the photo's own."""
    from PIL import ImageMath

    def remove_background_color(values: dict[str, Any]) -> Any:
        subject, background = values["subject"], values["background"]
        share = values["alpha"] / 255.0
        gain = share / (share * share + (1.0 - share) * _REGULARIZATION)
        return subject + gain * (values["photo"] - background - share * (subject - background)) + 0.5

    channels = {name: planes[f"{name}_{channel}"] for name in ("photo", "subject", "background")}
    return ImageMath.lambda_eval(remove_background_color, alpha=alpha, **channels)
