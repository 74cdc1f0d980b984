"""A color palette: one of the provider's palettes by name, or up to eight colors of your own.

Source: Ideogram's OpenAPI, `ColorPaletteWithPresetNameOrMembers` (v1, 3.0 family), August 2026.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from backdrop.instructions.values import to_uppercase

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
    members: Annotated[list[PaletteMemberModel], Field(min_length=1, max_length=8)] | None = Field(
        None, description="One to eight colors."
    )

    @model_validator(mode="after")
    def _validate_exclusive(self) -> "PaletteModel":
        if (self.name is None) == (self.members is None):
            raise ValueError("a palette has either a name or members, not both")
        return self


ColorPalette = Annotated[PaletteModel, BeforeValidator(_wrap_name)]
