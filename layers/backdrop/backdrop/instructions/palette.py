"""A color palette: one of the provider's palettes by name, or one to eight colors, with or without weights.

Source: Ideogram's OpenAPI, `ColorPaletteWithPresetNameOrMembers` (v1, 3.0 family), August 2026.
"""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from backdrop.instructions.values import HexColor, tag_one_or_list, to_uppercase

MAX_COLORS = 8
"""The providers' limit for the members of a palette."""

PaletteName = Literal["EMBER", "FRESH", "JUNGLE", "MAGIC", "MELON", "MOSAIC", "PASTEL", "ULTRAMARINE"]


def _wrap_name(value: object) -> object:
    """A bare name is shorthand for an object with that name."""
    return {"name": value} if isinstance(value, str) else value


class PaletteMemberModel(BaseModel):
    """One color and its weight."""

    model_config = ConfigDict(extra="forbid", title="Palette member")

    color_hex: Annotated[
        str,
        StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^#([0-9a-fA-F]{3}){1,2}$"),
        Field(description="`#b470b3` or `#b7b`.", examples=["#b470b3"]),
    ]
    color_weight: Annotated[float, Field(ge=0.05, le=1, allow_inf_nan=False)] | None = Field(
        None, description="The color's share, 0.05 to 1. List the colors in descending order of weight."
    )


class PaletteModel(BaseModel):
    """One of the provider's palettes (`name`), or your own colors (`members`)."""

    model_config = ConfigDict(
        extra="forbid",
        title="Color palette",
        json_schema_extra={"oneOf": [{"required": ["name"]}, {"required": ["members"]}]},
    )

    name: Annotated[PaletteName, BeforeValidator(to_uppercase)] | None = Field(
        None, description="One of the provider's palettes."
    )
    members: Annotated[list[PaletteMemberModel], Field(min_length=1, max_length=MAX_COLORS)] | None = Field(
        None, description="One to eight colors."
    )

    @model_validator(mode="after")
    def _validate_exclusive(self) -> "PaletteModel":
        if (self.name is None) == (self.members is None):
            raise ValueError("a palette has either a name or members, not both")
        return self


def _build_palette(colors: list[str]) -> PaletteModel:
    """A list of colors is shorthand for members without weights."""
    return PaletteModel(members=[PaletteMemberModel(color_hex=color) for color in colors])


ColorList = Annotated[list[HexColor], Field(min_length=1, max_length=MAX_COLORS), AfterValidator(_build_palette)]
ColorPalette = Annotated[
    Annotated[PaletteModel, BeforeValidator(_wrap_name), Tag("one")] | Annotated[ColorList, Tag("list")],
    Discriminator(tag_one_or_list),
]
"""The field `color_palette`: a name, an object, or a list of colors. Each is normalized to the object.

A color in a list becomes `#rrggbb`. One in `members` keeps its number of digits, because the ID of a job contains it.
"""
