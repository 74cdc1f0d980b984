"""The fields of one instruction source: a sidecar, tags, folder defaults, or a request."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from backdrop.instructions.composition_schema import (
    Alt,
    BackgroundModel,
    Copyright,
    Logo,
    LogoModel,
    Shadow,
    ShadowModel,
    Title,
)
from backdrop.instructions.output_schema import OutputModel, Outputs
from backdrop.instructions.palette import ColorPalette, PaletteMemberModel, PaletteModel
from backdrop.instructions.subject_schema import Subject, SubjectModel
from backdrop.instructions.values import (
    Approval,
    AutoOnOff,
    FrameText,
    ImageCount,
    Metadata,
    Operation,
    Position,
    Prompt,
    ProviderPreference,
    ReferenceKeys,
    RemoverName,
    RenderingSpeed,
    Revision,
    Seed,
    Style,
    StyleCodes,
    StyleType,
    SubjectSize,
    Usd,
    VariantName,
)
from backdrop.model.styles import is_style_code

MAX_VARIANTS = 20


class VariantModel(BaseModel):
    """The fields that may differ between the pictures of one photo; None if not given.

    conflicts.py checks which fields cannot be used together.
    """

    model_config = ConfigDict(extra="forbid", title="Variant")

    operation: Operation | None = Field(
        None,
        description="`replace` puts the subject in front of a new background; `remove` makes the background "
        "transparent.",
    )
    prompt: Prompt | None = Field(
        None,
        description="The new background in words, 1 to 10,000 characters. Without `operation`, a prompt implies "
        "`replace`. `{sku}` is replaced by the value in `metadata`.",
        examples=["on a marble table in morning light", "{product} on a marble table, {season} light"],
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
    style_type: StyleType | None = Field(None, description="The general style of the picture.")
    style_reference_images: ReferenceKeys | None = Field(
        None,
        description="Keys of one to five pictures in the input bucket whose style is used.",
        examples=[["references/summer.jpg"]],
    )
    color_palette: ColorPalette | None = Field(
        None,
        description="One of the provider's palettes by name, or one to eight colors, the most important first.",
        examples=[{"name": "PASTEL"}, ["#b470b3", "#7a79e3"]],
    )
    negative_prompt: Prompt | None = Field(
        None, description="What the background must not show, 1 to 10,000 characters.", examples=["people, text"]
    )
    magic_prompt: AutoOnOff | None = Field(None, description="Whether the provider may enrich the prompt.")
    rendering_speed: RenderingSpeed | None = Field(None, description="Faster is cheaper; slower has more detail.")
    num_images: ImageCount | None = Field(
        None, description="How many pictures to make of one photo; you pay for each.", examples=[2]
    )
    seed: Seed | None = Field(
        None, description="A number that makes the provider's result reproducible.", examples=[42]
    )
    provider: ProviderPreference | None = Field(
        None, description="The provider that makes the picture, or a list of providers in order of preference."
    )
    model: RemoverName | None = Field(
        None,
        description="With `remove`, the model that cuts the product out. By default, the provider's first: `ideogram` "
        "at Ideogram, `birefnet-matting` at Runware.",
    )
    frame: FrameText | None = Field(
        None,
        description="The shape of the picture, 1:3 to 3:1, with the whole subject inside. A size in pixels is also the "
        "size of the finished picture, which is never enlarged. With `replace`, another shape is another purchase.",
        examples=["4:5", "1200x628"],
    )
    subject_size: SubjectSize | None = Field(
        None,
        description="The share of the frame's width or height that the subject fills: 0.1 to 1, or a percentage. By "
        "default, 0.85 if `position` is given. With `replace`, the photo needs transparent parts that show where its "
        "subject is.",
        examples=[0.85, "85%"],
    )
    position: Position | None = Field(
        None,
        description="Where the subject is in the frame. With `replace`, the photo needs transparent parts that show "
        "where its subject is.",
        examples=["bottom"],
    )
    output: Outputs | None = Field(
        None, description="How the pictures are delivered: one output, or a list of outputs."
    )
    subject: Subject = None
    approval: Approval | None = Field(
        None,
        description="`required`: each picture waits until a person approves or rejects it, before it is delivered. "
        "`none` (the default): pictures are delivered at once.",
        examples=["required"],
    )
    shadow: Shadow = None
    logo: Logo = None
    alt: Alt = None
    title: Title = None
    copyright: Copyright = None
    max_cost_usd: Usd | None = Field(
        None, description="A job whose quote exceeds this many US dollars is refused.", examples=[0.5]
    )
    revision: Revision | None = Field(
        None, description="Any text. Change it to buy again with the same instructions.", examples=["2"]
    )
    metadata: Metadata | None = Field(
        None,
        description="An object of at most 8 KB, copied to receipts and events. Its texts, numbers, and booleans are "
        "the values of placeholders. The objects of several places are merged name by name.",
        examples=[{"sku": "4711"}],
    )

    def to_fields(self) -> dict[str, Any]:
        """Returns the given fields under their long names; a prompt without an operation implies `replace`."""
        given: dict[str, Any] = self.model_dump(by_alias=True, exclude_none=True, exclude={"variants"})
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
    """All fields of one instruction source."""

    model_config = ConfigDict(extra="forbid", title="Backdrop instructions")

    variants: Annotated[dict[VariantName, VariantModel], Field(max_length=MAX_VARIANTS)] | None = Field(
        None,
        description="Several pictures of one photo: for each name (`a-z`, `0-9`, `-`), the fields that differ.",
        examples=[{"beach": {"prompt": "on a beach"}, "cut-out": {"operation": "remove"}}],
    )


def list_known_fields(path: Sequence[str | int]) -> list[str]:
    """Returns the names of the fields that exist at a path of the JSON."""
    models_by_field = {
        "subject": SubjectModel,
        "shadow": ShadowModel,
        "logo": LogoModel,
        "background": BackgroundModel,
        "output": OutputModel,
        "members": PaletteMemberModel,
        "color_palette": PaletteModel,
        "variants": VariantModel,
    }
    # A variant may have the name `output`.
    ancestors = [*path[:1], *path[2:-1]] if path[0] == "variants" else path[:-1]
    model = next((model for name, model in models_by_field.items() if name in ancestors), InstructionsModel)
    return [field.alias or name for name, field in model.model_fields.items()]


def find_object_examples(path: Sequence[str | int]) -> list[str | dict[str, Any]]:
    """Returns valid values for a place in the JSON that takes an object: its shorthand, if it has one, and an object.

    They are the first examples of the field.
    """
    if "members" in path:
        return [{"color_hex": "#b470b3"}]
    is_variant = len(path) == 2 and path[0] == "variants"
    field = None if is_variant else InstructionsModel.model_fields.get(str(path[-1]))
    examples = (field.examples or []) if field else []
    shorthands = [one for one in examples if isinstance(one, str)]
    objects = [one for one in examples if isinstance(one, dict)] or [{"prompt": "on a beach"}]
    return [*shorthands[:1], objects[0]]


def list_number_and_boolean_fields(model: type[BaseModel]) -> frozenset[str]:
    """Returns the model's fields whose JSON value may be a number or a boolean."""
    properties = model.model_json_schema()["properties"]
    return frozenset(
        name
        for name, rules in properties.items()
        if any(option.get("type") in ("integer", "number", "boolean") for option in rules.get("anyOf", [rules]))
    )
