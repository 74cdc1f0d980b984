"""What an output adds to the paid picture: the models of `background`, `shadow`, and `logo`, and their shorthands."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from backdrop.instructions.values import (
    AltText,
    BrandImageKey,
    CopyrightNotice,
    HexColor,
    LogoKey,
    LogoWidth,
    Margin,
    Position,
    TitleText,
    UnitShare,
    to_lowercase,
)

MAX_GRADIENT_COLORS = 5

ShadowType = Annotated[Literal["contact", "drop", "reflection", "none"], BeforeValidator(to_lowercase)]
Direction = Annotated[Literal["down", "right", "radial"], BeforeValidator(to_lowercase)]


class ShadowModel(BaseModel):
    """The shadow of a cut-out."""

    model_config = ConfigDict(extra="forbid", title="Shadow")

    type: ShadowType = Field(
        description="`contact`: a dark seam where the subject touches the ground. `drop`: the whole subject's shadow, "
        "below it. `reflection`: the subject mirrored in the ground. `none`: no shadow, whatever is inherited."
    )
    strength: UnitShare | None = Field(
        None,
        description="The opacity where it is darkest, 0 to 1. By default 0.5 for `contact`, 0.35 for `drop`, and 0.3 "
        "for `reflection`.",
        examples=[0.4],
    )
    softness: UnitShare | None = Field(
        None,
        description="The blur, 0 (sharp) to 1. By default 0.4 for `contact`, 0.5 for `drop`, and 0.2 for `reflection`.",
        examples=[0.6],
    )


class LogoModel(BaseModel):
    """A logo in a picture."""

    model_config = ConfigDict(extra="forbid", title="Logo")

    image: LogoKey = Field(
        description="The key of a PNG, WebP, or JPEG in the photo's bucket, in a folder `_backdrop`. `none`: no logo, "
        "whatever is inherited.",
        examples=["_backdrop/brand/logo.png"],
    )
    position: Position | None = Field(None, description="Where in the picture, by default `bottom-right`.")
    width: LogoWidth | None = Field(
        None,
        description="The logo's width: 1% to 100% of the picture's, or pixels. By default 12%. A logo that would not "
        "fit between the margins is smaller.",
        examples=["12%", "240px", 240],
    )
    margin: Margin | None = Field(
        None,
        description="The distance to the picture's edges: up to 45% of its shorter side, or pixels. By default 4%.",
        examples=["4%", "40px", 40],
    )
    opacity: UnitShare | None = Field(
        None, description="0 (invisible) to 1 (the default, as in the file).", examples=[0.9]
    )


class BackgroundModel(BaseModel):
    """A gradient, or a picture."""

    model_config = ConfigDict(
        extra="forbid",
        title="Background",
        json_schema_extra={
            "oneOf": [{"required": ["gradient"]}, {"required": ["image"]}],
            "dependentRequired": {"direction": ["gradient"]},
        },
    )

    gradient: Annotated[list[HexColor], Field(min_length=2, max_length=MAX_GRADIENT_COLORS)] | None = Field(
        None, description="Two to five colors, at equal distances.", examples=[["#ffffff", "#dddddd"]]
    )
    direction: Direction | None = Field(
        None,
        description="Where a gradient's last color is: `down` (the default), `right`, or `radial`, which begins in the "
        "center.",
    )
    image: BrandImageKey | None = Field(
        None,
        description="The key of a PNG, WebP, or JPEG in the photo's bucket, in a folder `_backdrop`. It is scaled and "
        "cropped to cover the whole picture.",
        examples=["_backdrop/backgrounds/table.jpg"],
    )

    @model_validator(mode="after")
    def _validate_exclusive(self) -> Self:
        if (self.gradient is None) == (self.image is None):
            raise ValueError("a background has either a gradient or an image")
        if self.direction and self.image:
            raise ValueError("an image has no direction; only a gradient has one")
        return self


def _wrap_type(value: object) -> object:
    """A bare word is shorthand for an object with that type."""
    return {"type": value} if isinstance(value, str) else value


def _wrap_image(value: object) -> object:
    """A bare key is shorthand for an object with that image."""
    return {"image": value} if isinstance(value, str) else value


def _tag_background(value: object) -> str:
    return "drawn" if isinstance(value, (dict, BackgroundModel)) else "color"


# None: not given.
Background = Annotated[
    Annotated[HexColor, Tag("color")] | Annotated[BackgroundModel, Tag("drawn")], Discriminator(_tag_background)
]
Shadow = Annotated[
    ShadowModel | None,
    BeforeValidator(_wrap_type),
    Field(
        description="For `remove`: `contact`, `drop`, or `reflection`, or an object. It is drawn in the space around "
        "the subject, and does not move it.",
        examples=["contact", {"type": "drop", "strength": 0.3, "softness": 0.6}],
    ),
]
Logo = Annotated[
    LogoModel | None,
    BeforeValidator(_wrap_image),
    Field(
        description="The key of an image that is drawn over the picture, or an object.",
        examples=[
            "_backdrop/brand/logo.png",
            {"image": "_backdrop/brand/logo.png", "position": "bottom-right", "width": "12%", "margin": "4%"},
        ],
    ),
]
Alt = Annotated[
    AltText | None,
    Field(
        description="What the picture shows, for people who cannot see it, 1 to 1,000 characters. The file carries it, "
        "as it does `title` and `copyright`. All three may contain placeholders, as a prompt may.",
        examples=["A red cup on a white background", "{product}, {season} collection"],
    ),
]
Title = Annotated[TitleText | None, Field(description="A title, 1 to 200 characters.", examples=["Red cup"])]
Copyright = Annotated[
    CopyrightNotice | None,
    Field(description="A copyright notice, 1 to 500 characters.", examples=["© 2026 Example Ltd."]),
]
