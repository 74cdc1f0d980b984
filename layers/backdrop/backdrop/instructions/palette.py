"""A colour palette: one of the provider's by name, or up to eight colours of one's own.

Source: Ideogram's OpenAPI, `ColorPaletteWithPresetNameOrMembers` (v1, 3.0 family), August 2026.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from backdrop.instructions.values import to_uppercase

PaletteName = Literal["EMBER", "FRESH", "JUNGLE", "MAGIC", "MELON", "MOSAIC", "PASTEL", "ULTRAMARINE"]


def _wrap_name(value: object) -> object:
    """A palette's bare name is short for the object that names it."""
    return {"name": value} if isinstance(value, str) else value


class PaletteMemberModel(BaseModel):
    """One colour, and how much of it."""

    model_config = ConfigDict(extra="forbid", title="Palette member")

    color_hex: Annotated[
        str,
        StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^#([0-9a-fA-F]{3}){1,2}$"),
        Field(description="`#b470b3` or `#b7b`.", examples=["#b470b3"]),
    ]
    color_weight: Annotated[float, Field(ge=0.05, le=1, allow_inf_nan=False)] | None = Field(
        None, description="Its share, 0.05 to 1; the colours in falling order of it."
    )


class PaletteModel(BaseModel):
    """Either a name or members."""

    model_config = ConfigDict(
        extra="forbid",
        title="Colour palette",
        json_schema_extra={"oneOf": [{"required": ["name"]}, {"required": ["members"]}]},
    )

    name: Annotated[PaletteName, BeforeValidator(to_uppercase)] | None = Field(
        None, description="One of the provider's palettes."
    )
    members: Annotated[list[PaletteMemberModel], Field(min_length=1, max_length=8)] | None = Field(
        None, description="One to eight colours."
    )

    @model_validator(mode="after")
    def _validate_exclusive(self) -> "PaletteModel":
        if (self.name is None) == (self.members is None):
            raise ValueError("a palette has either a name or members")
        return self


ColorPalette = Annotated[PaletteModel, BeforeValidator(_wrap_name)]
