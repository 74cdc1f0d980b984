"""What one place (a sidecar, tags, a folder's defaults, a request) says is wanted: its fields, each in one spelling."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from backdrop.instructions.output_schema import OutputModel, Outputs
from backdrop.instructions.palette import ColorPalette, PaletteMemberModel, PaletteModel
from backdrop.instructions.values import (
    AutoOnOff,
    ImageCount,
    Metadata,
    Operation,
    Prompt,
    ProviderPreference,
    ReferenceKeys,
    RenderingSpeed,
    Revision,
    Seed,
    Style,
    StyleCodes,
    StyleType,
    Usd,
    VariantName,
)
from backdrop.model.styles import is_style_code

MAX_VARIANTS = 20


class VariantModel(BaseModel):
    """The fields that may differ from one picture of a photo to another; None where none is given.

    Which exclude one another is not said here.
    """

    model_config = ConfigDict(extra="forbid", title="Variant")

    operation: Operation | None = Field(
        None, description="`replace` puts the subject before a new background, `remove` makes it transparent."
    )
    prompt: Prompt | None = Field(
        None,
        description="The new background in words, 1 to 2,000 characters. Alone it means `replace`.",
        examples=["on a marble table in morning light"],
    )
    style: Style | None = Field(
        None,
        description="A preset in any spelling (`golden hour`) or one 8-digit style code.",
        examples=["golden hour", "AAFF5733"],
    )
    style_preset: Style | None = Field(
        None, description="The long form of `style` for a preset.", examples=["GOLDEN_HOUR"]
    )
    style_codes: StyleCodes | None = Field(
        None, description="The long form of `style` for one or more 8-digit codes.", examples=[["AAFF5733"]]
    )
    style_type: StyleType | None = Field(None, description="The kind of picture.")
    style_reference_images: ReferenceKeys | None = Field(
        None,
        description="Keys of one to four pictures in the input bucket whose style is taken over.",
        examples=[["references/summer.jpg"]],
    )
    color_palette: ColorPalette | None = Field(
        None,
        description="One of the provider's palettes by name, or up to eight colours.",
        examples=[{"name": "PASTEL"}],
    )
    negative_prompt: Prompt | None = Field(
        None, description="What the background shall not show, 1 to 2,000 characters.", examples=["people, text"]
    )
    magic_prompt: AutoOnOff | None = Field(None, description="Whether the provider may enrich the prompt.")
    rendering_speed: RenderingSpeed | None = Field(None, description="Faster is cheaper, slower is finer.")
    num_images: ImageCount | None = Field(
        None, description="How many pictures to make of one photo; each is paid for.", examples=[2]
    )
    seed: Seed | None = Field(None, description="A number that makes a provider's choice repeatable.", examples=[42])
    provider: ProviderPreference | None = Field(
        None, description="Who makes the picture, or a list of providers in order of preference."
    )
    output: Outputs | None = Field(None, description="How the pictures are handed over: one form, or a list of them.")
    max_cost_usd: Usd | None = Field(
        None, description="A job that is quoted above this many dollars is refused.", examples=[0.5]
    )
    revision: Revision | None = Field(
        None, description="Any text; change it to buy again with the same instructions.", examples=["2"]
    )
    metadata: Metadata | None = Field(
        None,
        description="An object of at most 8 KB, copied to receipts and events.",
        examples=[{"sku": "4711"}],
    )

    def to_fields(self) -> dict[str, Any]:
        """The given fields under their long names; a prompt alone means `replace`."""
        given: dict[str, Any] = self.model_dump(exclude_none=True, exclude={"variants"})
        if not given.get("revision"):
            given.pop("revision", None)
        if "prompt" in given:
            given.setdefault("operation", "replace")
        for name in ("style", "style_preset"):
            style = given.pop(name, None)
            if style:
                given |= {"style_codes": [style]} if is_style_code(style) else {"style_preset": style}
        return given


class InstructionsModel(VariantModel):
    """All that one place can say."""

    model_config = ConfigDict(extra="forbid", title="Backdrop instructions")

    variants: Annotated[dict[VariantName, VariantModel], Field(max_length=MAX_VARIANTS)] | None = Field(
        None,
        description="Several pictures of one photo: by name (`a-z`, `0-9`, `-`) the fields in which each differs.",
        examples=[{"beach": {"prompt": "on a beach"}, "cut-out": {"operation": "remove"}}],
    )


def list_known_fields(path: Sequence[str | int]) -> list[str]:
    """The names of the fields that may stand at a place in the JSON."""
    models_by_field = {
        "output": OutputModel,
        "members": PaletteMemberModel,
        "color_palette": PaletteModel,
        "variants": VariantModel,
    }
    # A variant may be called `output`.
    ancestors = [*path[:1], *path[2:-1]] if path[0] == "variants" else path[:-1]
    model = next((model for name, model in models_by_field.items() if name in ancestors), InstructionsModel)
    return list(model.model_fields)
