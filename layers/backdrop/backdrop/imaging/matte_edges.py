"""The edge of a cut-out in more pixels than its matte has: what the photo shows there decides.

Where a subject's color F and its ground's color B are known, a pixel I of the photo tells its own alpha by how far it
lies on the way from B to F. A provider's matte is right on the whole and too coarse; so its scaled alpha is corrected
by what that measure says of the photo beyond what it says of the photo at the matte's own sharpness. The color of a
pixel that is partly subject is I without its share of B.
"""

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING, Any, cast

from backdrop.imaging.inpaint_pyramid import spread

if TYPE_CHECKING:
    from PIL.Image import Image

type Area = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of a picture, 0 to 1."""

GONE, WHOLE = 3, 252
"""Alpha up to `GONE` and from `WHOLE` on is a network's way to say 0 and 255."""

_SNAPPED = [0 if alpha <= GONE else 255 if alpha >= WHOLE else alpha for alpha in range(256)]
_SEEN = [0] + [255] * 255
_CERTAIN_OF = 26
"""How far from the highest or the lowest alpha a pixel's color counts as the subject's or the ground's alone."""
_COLOR_PIXELS = 1_000_000
"""Subject and ground are spread in so few pixels at most: away from the edge they change slowly."""
_EDGE = [0 if steep <= 2 else round(255 * (steep - 2) / (steep + 13)) for steep in range(256)]
"""How far a correction counts where the matte's alpha differs so much within three pixels: little on a soft shadow or
inside glass, where what the photo shows beyond the matte is grain."""
_NOISE = 300.0
"""Squared distance of colors (each channel 0 to 255) below which subject and ground cannot be told apart."""
_CAUTION = 0.02
"""Keeps the color of a faint pixel near the subject's, where dividing by its alpha would show the photo's noise."""
_SOFTNESS = (0.0, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2)
"""Standard deviations in the matte's pixels: how blurred a matte may be against the photo at its own size."""
_SAMPLE_SIDE, _SAMPLES = 256, 16


@dataclass(frozen=True, slots=True)
class Edges:
    """What decides on an edge, all over the same picture.

    `matte`: the provider's alpha (L). `gate`: how far a correction counts (L). `guide`: the photo at the matte's size
    and sharpness (RGB). `subject`, `ground`: their colors everywhere (RGB).
    """

    matte: "Image"
    gate: "Image"
    guide: "Image"
    subject: "Image"
    ground: "Image"

    def alpha_around(self, area: Area) -> tuple[int, int]:
        """The lowest and the highest alpha that an area's pixels can be made of."""
        left, top, right, bottom = _box(area, self.matte.size)
        near = (max(floor(left) - 2, 0), max(floor(top) - 2, 0))
        far = (min(ceil(right) + 2, self.matte.width), min(ceil(bottom) + 2, self.matte.height))
        return _extremes(self.matte.crop((*near, *far)))

    def cut(self, photo: "Image", area: Area) -> "Image":
        """That area of the photo (RGB) as RGBA: its alpha, and the subject's color without the ground's."""
        from PIL import Image, ImageMath

        planes = _channels("photo", photo) | self.planes(area, photo.size)
        alpha = ImageMath.lambda_eval(_corrected, **planes).convert("L").point(_SNAPPED)
        colors = [_cleaned(planes, channel, alpha.convert("F")).convert("L") for channel in "rgb"]
        made = Image.merge("RGBA", [*colors, alpha])
        cleared = Image.new("RGBA", made.size)
        cleared.paste(made, mask=alpha.point(_SEEN))
        return cleared

    def planes(self, area: Area, size: tuple[int, int]) -> dict[str, "Image"]:
        """All that is known of an area, in so many pixels, each channel by its name (F)."""
        from PIL.Image import Resampling

        def scaled(picture: "Image", how: Resampling) -> "Image":
            return picture.resize(size, how, _box(area, picture.size))

        return {
            "matte": scaled(self.matte, Resampling.BICUBIC).convert("F"),
            "gate": scaled(self.gate, Resampling.BILINEAR).convert("F"),
            **_channels("guide", scaled(self.guide, Resampling.BICUBIC)),
            **_channels("subject", scaled(self.subject, Resampling.BILINEAR)),
            **_channels("ground", scaled(self.ground, Resampling.BILINEAR)),
        }


def edges_of(guide: "Image", matte: "Image") -> Edges:
    """What a photo at the matte's size (RGB), and the matte (L), say of the edge."""
    from PIL import ImageChops, ImageFilter

    highest, lowest = matte.filter(ImageFilter.MaxFilter(3)), matte.filter(ImageFilter.MinFilter(3))
    gate = ImageChops.subtract(highest, lowest).point(_EDGE)
    subject, ground = _colors(guide, matte)
    sharp = Edges(matte, gate, guide, subject, ground)
    soft = _softness(sharp)
    return Edges(matte, gate, guide.filter(ImageFilter.GaussianBlur(soft)), subject, ground) if soft else sharp


def _extremes(matte: "Image") -> tuple[int, int]:
    low, high = cast("tuple[int, int]", matte.getextrema())
    return low, high


def _colors(guide: "Image", matte: "Image") -> tuple["Image", "Image"]:
    """The colors of subject and ground, each spread from the pixels that show nothing else."""
    from PIL import Image, ImageFilter

    scale = min(1.0, (_COLOR_PIXELS / (matte.width * matte.height)) ** 0.5)
    size = max(1, round(matte.width * scale)), max(1, round(matte.height * scale))
    small, alpha = guide.resize(size, Image.Resampling.BOX), matte.resize(size, Image.Resampling.BOX)
    low, high = _extremes(alpha)
    spans = ([_share(value - high + _CERTAIN_OF) for value in range(256)],
             [_share(low + _CERTAIN_OF - value) for value in range(256)])  # fmt: skip
    inside = ImageFilter.MinFilter(3)
    subject, ground = (spread(small, alpha.point(span).filter(inside)) for span in spans)
    return subject, ground


def _share(distance: int) -> int:
    return max(0, min(255, distance * 255 // _CERTAIN_OF))


def _softness(edges: Edges) -> float:
    """How blurred the matte is: the blur under which the guide's own alpha resembles it most, where edges are."""
    from PIL import ImageChops, ImageFilter, ImageMath, ImageStat

    misses = dict.fromkeys(_SOFTNESS, 0.0)
    for box in _samples(edges.gate):
        width, height = edges.matte.size
        area = (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
        planes = edges.planes(area, (box[2] - box[0], box[3] - box[1]))
        shown = ImageMath.lambda_eval(_measured, **planes).convert("L")
        matte, gate = edges.matte.crop(box), edges.gate.crop(box)
        for soft in _SOFTNESS:
            missed = ImageChops.difference(shown.filter(ImageFilter.GaussianBlur(soft)), matte)
            misses[soft] += ImageStat.Stat(ImageChops.multiply(missed, gate)).sum[0]
    return min(_SOFTNESS, key=misses.__getitem__)


def _samples(gate: "Image") -> list[tuple[int, int, int, int]]:
    """The parts of a matte that hold most of its edge."""
    from PIL import Image

    side = _SAMPLE_SIDE
    across, down = ceil(gate.width / side), ceil(gate.height / side)
    held = list(gate.resize((across, down), Image.Resampling.BOX).tobytes())
    best = sorted(range(across * down), key=held.__getitem__)[-_SAMPLES:]
    corners = [(n % across * side, n // across * side) for n in best if held[n]]
    return [(x, y, min(x + side, gate.width), min(y + side, gate.height)) for x, y in corners]


def _box(area: Area, size: tuple[int, int]) -> Area:
    """An area in a picture's pixels."""
    width, height = size
    return area[0] * width, area[1] * height, min(area[2] * width, width), min(area[3] * height, height)


def _channels(name: str, picture: "Image") -> dict[str, "Image"]:
    return {f"{name}_{letter}": band.convert("F") for letter, band in zip("rgb", picture.split()[:3], strict=True)}


def _way(n: dict[str, Any]) -> list[Any]:
    """From the ground's color to the subject's."""
    return [n[f"subject_{letter}"] - n[f"ground_{letter}"] for letter in "rgb"]


def _along(way: list[Any], moved: list[Any]) -> Any:
    """How much of the way a color was moved by."""
    length = way[0] * way[0] + way[1] * way[1] + way[2] * way[2] + _NOISE
    return (way[0] * moved[0] + way[1] * moved[1] + way[2] * moved[2]) / length


def _corrected(n: dict[str, Any]) -> Any:
    """Alpha, 0 to 255 and somewhat beyond, rounded up by a half."""
    moved = [n[f"photo_{letter}"] - n[f"guide_{letter}"] for letter in "rgb"]
    return n["matte"] + n["gate"] * _along(_way(n), moved) + 0.5


def _measured(n: dict[str, Any]) -> Any:
    """The alpha that the guide's own pixels tell, 0 to 255 and beyond."""
    return _along(_way(n), [n[f"guide_{letter}"] - n[f"ground_{letter}"] for letter in "rgb"]) * 255.0


def _cleaned(planes: dict[str, "Image"], channel: str, alpha: "Image") -> "Image":
    """One channel of the subject's color, rounded up by a half; where alpha is 255, the photo's own."""
    from PIL import ImageMath

    def clean(n: dict[str, Any]) -> Any:
        share = n["alpha"] / 255.0
        trust = share / (share * share + (1.0 - share) * _CAUTION)
        return n["subject"] + trust * (n["photo"] - n["ground"] - share * (n["subject"] - n["ground"])) + 0.5

    named = {name: planes[f"{name}_{channel}"] for name in ("photo", "subject", "ground")}
    return ImageMath.lambda_eval(clean, alpha=alpha, **named)
