"""What an output adds to the paid picture: a background, a shadow, a logo, and texts.

None of it reaches a provider or is part of a job's identity, so changing it costs nothing.
"""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, NamedTuple

from backdrop.model.record import Record, record

TEXT_FIELDS = ("alt", "title", "copyright")
"""The fields of `PictureTexts`."""
COMPOSITION_FIELDS = ("shadow", "logo", *TEXT_FIELDS)
"""Fields next to `output`, for all outputs. An output's own field of the same name takes precedence."""
CUT_OUT_FIELDS = ("shadow",)
"""The fields of these that need a cut-out."""
NONE = "none"
"""Takes the place of a shadow's type, or of a logo's image: nothing is drawn, whatever is inherited."""
CONTACT, DROP, REFLECTION = "contact", "drop", "reflection"
DOWN, RIGHT, RADIAL = "down", "right", "radial"
DEFAULT_SHADOWS: Mapping[str, tuple[float, float]] = {CONTACT: (0.5, 0.4), DROP: (0.35, 0.5), REFLECTION: (0.3, 0.2)}
"""The strength and softness of each type of shadow, if they are not given."""
PERCENT, PIXELS = "%", "px"


class BrandImageUse(StrEnum):
    """What a brand image is used for. The value names it in messages."""

    LOGO = "logo"
    BACKGROUND = "background"


class BrandImage(NamedTuple):
    """A logo or background picture in the photo's bucket, which outputs draw."""

    use: BrandImageUse
    key: str


@record
class Length(Record):
    """A length: a number of pixels, or a share (0 to 1) of a side."""

    pixels: int = 0
    share: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Length":
        """Converts `12%` or `40px`."""
        if text.endswith(PERCENT):
            return cls(share=float(text.removesuffix(PERCENT)) / 100)
        return cls(pixels=int(text.removesuffix(PIXELS)))

    def measure(self, side: int) -> int:
        """Returns the length in pixels, for a side of this length."""
        return self.pixels or round(self.share * side)


@record
class Shadow(Record):
    """The shadow of a cut-out. `strength` is its opacity where it is darkest, and `softness` its blur, both 0 to 1."""

    type: str
    strength: float
    softness: float


@record
class Logo(Record):
    """A logo: its key in the photo's bucket, its width as a share of the picture's, and its place.

    `margin` is the distance to the picture's edges; a share refers to the picture's shorter side. `opacity`: 0 to 1.
    """

    image: str
    position: str = "bottom-right"
    width: Length = field(default_factory=lambda: Length(share=0.12))
    margin: Length = field(default_factory=lambda: Length(share=0.04))
    opacity: float = 1.0

    @property
    def brand_image(self) -> BrandImage:
        return BrandImage(BrandImageUse.LOGO, self.image)


@record
class GradientBackground(Record):
    """Colors (`#rrggbb`) at equal distances. `direction`: where the last one is; `radial` begins at the center."""

    colors: tuple[str, ...]
    direction: str = DOWN


@record
class PictureBackground(Record):
    """A picture that covers the whole frame: its key in the photo's bucket."""

    image: str

    @property
    def brand_image(self) -> BrandImage:
        return BrandImage(BrandImageUse.BACKGROUND, self.image)


type Background = str | GradientBackground | PictureBackground
"""A color (`#rrggbb`), a gradient, or a picture."""


@record
class PictureTexts(Record):
    """Texts that a picture's file carries; "" if not given.

    `alt` describes the picture for people who cannot see it.
    """

    alt: str = ""
    title: str = ""
    copyright: str = ""


def parse_shadow(given: Mapping[str, Any] | None) -> Shadow | None:
    """Converts a validated `shadow` object."""
    if given is None or given["type"] == NONE:
        return None
    strength, softness = DEFAULT_SHADOWS[given["type"]]
    return Shadow(
        type=given["type"], strength=given.get("strength", strength), softness=given.get("softness", softness)
    )


def parse_logo(given: Mapping[str, Any] | None) -> Logo | None:
    """Converts a validated `logo` object."""
    if given is None or given["image"] == NONE:
        return None
    lengths: dict[str, Any] = {name: Length.parse(given[name]) for name in ("width", "margin") if name in given}
    return Logo(**{**given, **lengths})


def parse_background(given: str | Mapping[str, Any] | None) -> Background | None:
    """Converts a validated `background`."""
    if given is None or isinstance(given, str):
        return given
    if "image" in given:
        return PictureBackground(image=given["image"])
    return GradientBackground(colors=tuple(given["gradient"]), direction=given.get("direction", DOWN))


def parse_texts(given: Mapping[str, Any]) -> PictureTexts:
    """Selects the texts from validated fields."""
    return PictureTexts(**{name: given[name] for name in TEXT_FIELDS if name in given})
