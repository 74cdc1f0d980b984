"""The `output` field of the instructions: the model of one output, and the rules for combining its values."""

import re
from collections.abc import Container, Iterator, Sequence
from typing import Annotated, Any, Literal, Self

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

from backdrop.instructions.composition_schema import Alt, Background, Copyright, Logo, Shadow, Title
from backdrop.instructions.field_errors import FieldCombinationError
from backdrop.instructions.name_templates import validate_name_template
from backdrop.instructions.values import (
    Margin,
    coerce_whole_number,
    tag_one_or_list,
    to_lowercase,
)
from backdrop.model.marketplaces import load_marketplace
from backdrop.model.output_spec import (
    COVER,
    FULL_SIZE,
    JPG,
    MAX_OUTPUT_SIDE,
    PAD,
    PROVIDER_SIZE,
    OutputSpec,
    expand_output,
    predict_measurements,
)

MAX_OUTPUTS = 10
MIN_BYTE_LIMIT, MAX_BYTE_LIMIT = 5_000, 100_000_000
"""The lower limit leaves room for the color profile and the metadata of a small picture."""
_NAME_PATTERN = re.compile(r"[a-z0-9-]{1,40}")


def _normalize_format(value: object) -> object:
    """Accepts the format with a leading dot, and `jpeg` for `jpg`."""
    word = to_lowercase(value)
    return {"jpeg": JPG}.get(word.removeprefix("."), word.removeprefix(".")) if isinstance(word, str) else word


def _parse_size(value: object) -> object:
    """Accepts a size's name; the message for a number refers to `width` and `height`."""
    word = to_lowercase(value)
    if word not in (FULL_SIZE, PROVIDER_SIZE):
        quoted = repr(value[:80]) if isinstance(value, str) else "this"
        raise ValueError(
            f"{quoted} is not a size: use '{FULL_SIZE}' for the photo's own size, "
            f"'{PROVIDER_SIZE}' for the provider's picture as it is, "
            "or set width and height for a size in pixels"
        )
    return word


def _coerce_integer(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("true and false are not numbers")
    return coerce_whole_number(value)


def _validate_name(text: str) -> str:
    if not _NAME_PATTERN.fullmatch(text):
        raise ValueError(
            f"{text[:80]!r} is not a name: use 1 to 40 characters: lowercase letters a to z, digits, and hyphens"
        )
    return text


OutputName = Annotated[str, AfterValidator(_validate_name), Field(json_schema_extra={"pattern": "^[a-z0-9-]{1,40}$"})]
NameTemplate = Annotated[str, StringConstraints(min_length=1), AfterValidator(validate_name_template)]
OutputFormat = Annotated[Literal["png", "webp", "jpg"], BeforeValidator(_normalize_format)]
Fit = Annotated[Literal["contain", "cover", "pad"], BeforeValidator(to_lowercase)]
OutputSize = Annotated[Literal["full", "provider"], BeforeValidator(_parse_size)]
SideLength = Annotated[int, BeforeValidator(_coerce_integer), Field(ge=1, le=MAX_OUTPUT_SIDE)]
Quality = Annotated[int, BeforeValidator(_coerce_integer), Field(ge=1, le=100)]
ByteLimit = Annotated[int, BeforeValidator(_coerce_integer), Field(ge=MIN_BYTE_LIMIT, le=MAX_BYTE_LIMIT)]

MarketplaceName = Annotated[
    Literal["amazon-main", "ebay", "etsy", "google-merchant", "shopify", "walmart"], BeforeValidator(to_lowercase)
]


def _reject_duplicates(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a marketplace is listed twice; list each only once")
    return names


MarketplaceNames = Annotated[
    Annotated[MarketplaceName, Tag("one")]
    | Annotated[list[MarketplaceName], Field(min_length=1), AfterValidator(_reject_duplicates), Tag("list")],
    Discriminator(tag_one_or_list),
]

SQUARE_OUTPUT: dict[str, Any] = {
    "format": "jpg",
    "width": 2000,
    "height": 2000,
    "fit": "pad",
    "background": "#ffffff",
    "trim": True,
    "margin": "7.5%",
}
"""White, square, trimmed; the subject fills 85%."""


class OutputModel(BaseModel):
    """One form in which each picture is delivered."""

    model_config = ConfigDict(
        extra="forbid",
        title="Output",
        json_schema_extra={
            "examples": [
                SQUARE_OUTPUT,
                {"name": "thumb", "format": "webp", "width": 400},
                {"for": ["amazon-main", "ebay"]},
            ]
        },
    )

    name: OutputName | None = Field(
        None,
        description="Follows `@` in the picture's key: 1 to 40 of `a-z`, `0-9`, `-`. One output may have no name.",
        examples=["thumb"],
    )
    name_template: NameTemplate | None = Field(
        None,
        description="The name of the pictures below the photo's folder, instead of the default layout. Placeholders: "
        "those of a prompt, and `{variant}`, `{output}`, `{width}`, `{n}`, `{ext}`.",
        examples=["{sku}_{variant}_{width}.{ext}"],
    )
    format: OutputFormat | None = Field(
        None, description="`png` (lossless, the default), `webp`, or `jpg`, which cannot be transparent."
    )
    quality: Quality | None = Field(
        None, description="For `jpg` and `webp`: 1 to 100, by default 90. `webp` at 100 is lossless.", examples=[85]
    )
    max_bytes: ByteLimit | None = Field(
        None,
        description="For `jpg` and `webp`: the largest file in bytes, 5,000 to 100,000,000. If the file is larger, the "
        "quality is reduced to as low as 40; width and height stay.",
        examples=[500_000],
    )
    width: SideLength | None = Field(
        None,
        description="The width of the finished picture in pixels, 1 to 10,000. Without `height`, it is proportional.",
        examples=[2000],
    )
    height: SideLength | None = Field(
        None,
        description="The height of the finished picture in pixels, 1 to 10,000. Without `width`, it is proportional.",
        examples=[2000],
    )
    fit: Fit | None = Field(
        None,
        description="`contain` (the default): the whole subject within width and height, never enlarged. `pad`: the "
        "whole subject, centered in a picture of exactly that size. `cover`: exactly that size, cropped evenly.",
    )
    background: Background | None = Field(
        None,
        description="What is under transparent parts and in free space: a color, or for a removed background also a "
        "gradient or a picture. If omitted, these areas are transparent.",
        examples=["#ffffff", "white", {"gradient": ["#fff", "#ddd"]}],
    )
    trim: bool | None = Field(
        None, description="Whether transparent borders, or borders of one color, are cut off first."
    )
    margin: Margin | None = Field(
        None,
        description="Free space on every side, within width and height: up to 45% of the finished picture's shorter "
        "side, or pixels. In a square, 7.5% lets the subject fill 85%.",
        examples=["7.5%", "40px", 40],
    )
    size: OutputSize | None = Field(
        None,
        description="For `remove`: `full` (the default) removes the background from the photo's own pixels, unless the "
        "provider's picture is larger. `provider` uses the provider's picture; without other fields, it is unchanged.",
    )
    for_: MarketplaceNames | None = Field(
        None,
        alias="for",
        description="The marketplace for which the file is made and by whose rules it is measured, or a list: one file "
        "for each. Its name, size, format, background, trim, and margin apply where the output does not set them.",
        examples=["amazon-main", ["amazon-main", "ebay"]],
    )
    shadow: Shadow = None
    logo: Logo = None
    alt: Alt = None
    title: Title = None
    copyright: Copyright = None

    @model_validator(mode="after")
    def _validate_combination(self) -> Self:
        outputs = self.expand()
        conflicts = [("", one) for output in outputs for one in _find_output_conflicts(output)]
        if self.name and isinstance(self.for_, list) and len(self.for_) > 1:
            conflicts.append(
                ("", "one name cannot be used for several marketplaces; leave it out, and each has its own")
            )
        conflicts += [one for output in outputs for one in _find_violations(output, self.model_fields_set)]
        if conflicts:
            raise FieldCombinationError(conflicts)
        return self

    def expand(self) -> list[OutputSpec]:
        """Returns the outputs that this object describes: one for each marketplace that it names, else one."""
        return list(expand_output(self.model_dump(by_alias=True, exclude_none=True)))


def _find_output_conflicts(output: OutputSpec) -> Iterator[str]:
    if output.fit in (PAD, COVER) and not (output.width and output.height):
        yield f"{output.fit} makes a picture of an exact size, so it needs width and height"
    if output.format == "png" and output.quality:
        yield "quality has no effect on png, which is lossless; remove it, or choose webp or jpg"
    if output.format == "png" and output.max_bytes:
        yield "max_bytes needs a format whose quality can be reduced, and png is lossless; choose webp or jpg"
    if output.fit == COVER and output.has_free_space:
        yield "cover leaves no free space, so it cannot have a margin; choose pad or contain"
    if output.format == JPG and output.has_free_space and not output.background:
        yield "a jpg cannot be transparent, so its free space needs a background such as #ffffff"
    shortest_side = min((side for side in (output.width, output.height) if side), default=MAX_OUTPUT_SIDE)
    if 2 * output.margin_pixels >= shortest_side:
        yield f"a margin of {output.margin_pixels}px on both sides leaves no room in {shortest_side} pixels"


def _find_violations(output: OutputSpec, own_fields: Container[str]) -> Iterator[tuple[str, str]]:
    """Yields the field that breaks a marketplace's rule, and a sentence about it."""
    if output.marketplace:
        for rule, reason in load_marketplace(output.marketplace).find_violations(predict_measurements(output)):
            yield rule.find_deciding_field(own_fields), reason


def _validate_distinct_names(outputs: Sequence[OutputModel]) -> Sequence[OutputModel]:
    names = [output.name for model in outputs for output in model.expand()]
    errors: list[str] = []
    if len(names) > MAX_OUTPUTS:
        errors.append(f"they make {len(names)} files of each picture; at most {MAX_OUTPUTS} are possible")
    if names.count(None) > 1:
        errors.append(f"{names.count(None)} outputs have no name; only one may have none")
    duplicates = sorted({name for name in names if name and names.count(name) > 1})
    if duplicates:
        errors.append(f"{', '.join(map(repr, duplicates))}: two outputs must not have the same name")
    if errors:
        raise ValueError("; ".join(errors))
    return outputs


def _require_object(value: object) -> object:
    if not isinstance(value, (dict, OutputModel)):
        raise ValueError('an output must be an object such as {"format": "webp"}')
    return value


SingleOutput = Annotated[OutputModel, BeforeValidator(_require_object)]
OutputList = Annotated[
    list[SingleOutput], Field(min_length=1, max_length=MAX_OUTPUTS), AfterValidator(_validate_distinct_names)
]
Outputs = Annotated[
    Annotated[SingleOutput, Tag("one")] | Annotated[OutputList, Tag("list")], Discriminator(tag_one_or_list)
]
"""The field `output`: one object, or a list of 1 to 10."""
