"""The `output` field of the instructions: the model of one output, and the rules for combining its values."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from backdrop.model.marketplaces import load_marketplace
from backdrop.model.output_spec import (
    COVER,
    FULL_SIZE,
    JPG,
    PAD,
    PERCENT,
    PIXELS,
    PROVIDER_SIZE,
    OutputSpec,
    expand_output,
    predict_measurements,
)

MAX_OUTPUTS = 10
MAX_SIDE_PIXELS = 10_000
MAX_MARGIN_PERCENT = 45
# CSS 2.1's color keywords (W3C, CSS 2.1, 4.3.6).
COLORS = {
    "aqua": "#00ffff", "black": "#000000", "blue": "#0000ff", "fuchsia": "#ff00ff", "gray": "#808080",
    "green": "#008000", "lime": "#00ff00", "maroon": "#800000", "navy": "#000080", "olive": "#808000",
    "orange": "#ffa500", "purple": "#800080", "red": "#ff0000", "silver": "#c0c0c0", "teal": "#008080",
    "white": "#ffffff", "yellow": "#ffff00",
}  # fmt: skip
_NAME_PATTERN = re.compile(r"[a-z0-9-]{1,40}")
_COLOR_PATTERN = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_PERCENT_PATTERN = re.compile(r"\d{1,3}(?:\.\d{1,4})?", re.ASCII)
_PIXELS_PATTERN = re.compile(r"\d{1,5}", re.ASCII)


def to_lowercase(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


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


def coerce_whole_number(value: object) -> object:
    """JSON has one number type, so `7.0` and `1e3` are whole numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


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


def _parse_color(text: str) -> str:
    """Returns a color as `#rrggbb`."""
    word = text.strip().lower()
    word = COLORS.get(word, word)
    if not _COLOR_PATTERN.fullmatch(word):
        raise ValueError(
            f"{text[:80]!r} is not a color: write it as '#ffffff', '#fff', or a basic color name such as 'white'"
        )
    return word if len(word) == 7 else "#" + "".join(digit * 2 for digit in word[1:])


def _parse_margin(value: object) -> object:
    """Returns a margin as `7.5%` or `40px`; a bare number counts pixels."""
    value = coerce_whole_number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value}{PIXELS}"
    if not isinstance(value, str):
        raise ValueError("write it as a share of the shorter side such as '7.5%', or in pixels such as '40px' or 40")
    text = "".join(value.split()).lower()
    if text.endswith(PERCENT) and _PERCENT_PATTERN.fullmatch(text[:-1]) and float(text[:-1]) <= MAX_MARGIN_PERCENT:
        return f"{float(text[:-1]):.6g}%"
    pixel_text = text.removesuffix(PIXELS)
    if _PIXELS_PATTERN.fullmatch(pixel_text) and int(pixel_text) < MAX_SIDE_PIXELS // 2:
        return f"{int(pixel_text)}{PIXELS}"
    raise ValueError(
        f"{value[:80]!r} is not a margin: use '0%' to '{MAX_MARGIN_PERCENT}%' of the shorter side, or '0px' to '4999px'"
    )


OutputName = Annotated[str, AfterValidator(_validate_name), Field(json_schema_extra={"pattern": "^[a-z0-9-]{1,40}$"})]
OutputFormat = Annotated[Literal["png", "webp", "jpg"], BeforeValidator(_normalize_format)]
Fit = Annotated[Literal["contain", "cover", "pad"], BeforeValidator(to_lowercase)]
OutputSize = Annotated[Literal["full", "provider"], BeforeValidator(_parse_size)]
SideLength = Annotated[int, BeforeValidator(_coerce_integer), Field(ge=1, le=MAX_SIDE_PIXELS)]
Quality = Annotated[int, BeforeValidator(_coerce_integer), Field(ge=1, le=100)]
HexColor = Annotated[str, AfterValidator(_parse_color)]
Margin = Annotated[str, BeforeValidator(_parse_margin, json_schema_input_type=str | int)]
MarketplaceName = Annotated[
    Literal["amazon-main", "ebay", "etsy", "google-merchant", "shopify", "walmart"], BeforeValidator(to_lowercase)
]


def tag_one_or_list(value: object) -> str:
    """Returns the union tag of a field that takes one value or a list of values."""
    return "list" if isinstance(value, (list, tuple)) else "one"


def _reject_duplicates(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a marketplace is listed twice; list each only once")
    return names


MarketplaceNames = Annotated[
    Annotated[MarketplaceName, Tag("one")]
    | Annotated[list[MarketplaceName], Field(min_length=1), AfterValidator(_reject_duplicates), Tag("list")],
    Discriminator(tag_one_or_list),
]

MARKETPLACE_OUTPUT: dict[str, Any] = {
    "format": "jpg",
    "width": 2000,
    "height": 2000,
    "fit": "pad",
    "background": "#ffffff",
    "trim": True,
    "margin": "7.5%",
}
"""White, square, and trimmed, with the subject filling 85%, as marketplaces require for a main picture."""


class OutputModel(BaseModel):
    """One form in which each picture is delivered."""

    model_config = ConfigDict(
        extra="forbid",
        title="Output",
        json_schema_extra={
            "examples": [
                MARKETPLACE_OUTPUT,
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
    format: OutputFormat | None = Field(
        None, description="`png` (lossless, the default), `webp`, or `jpg`, which cannot be transparent."
    )
    quality: Quality | None = Field(
        None, description="For `jpg` and `webp`: 1 to 100, by default 90. `webp` at 100 is lossless.", examples=[85]
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
    background: HexColor | None = Field(
        None,
        description="The color under transparent parts and in free space. If omitted, these areas are transparent.",
        examples=["#ffffff", "white"],
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
        description="For `remove`, if the provider's picture is smaller than the photo: `full` (the default) removes "
        "the background from the photo's own pixels; `provider` leaves the provider's picture as it is.",
    )

    for_: MarketplaceNames | None = Field(
        None,
        alias="for",
        description="The marketplace for which the file is made and by whose rules it is measured, or a list: one file "
        "for each. Its name, size, format, and background apply where the output does not set them.",
        examples=["amazon-main", ["amazon-main", "ebay"]],
    )

    @model_validator(mode="after")
    def _validate_combination(self) -> Self:
        conflicts = [one for output in self.expand() for one in _find_output_conflicts(output)]
        if self.name and isinstance(self.for_, list) and len(self.for_) > 1:
            conflicts.append("one name cannot be used for several marketplaces; leave it out, and each has its own")
        if conflicts:
            raise ValueError("; ".join(dict.fromkeys(conflicts)))
        return self

    def expand(self) -> list[OutputSpec]:
        """Returns the outputs that this object describes: one for each marketplace that it names, else one."""
        return list(expand_output(self.model_dump(by_alias=True, exclude_none=True)))


def _find_output_conflicts(output: OutputSpec) -> Iterator[str]:
    if output.fit in (PAD, COVER) and not (output.width and output.height):
        yield f"{output.fit} makes a picture of an exact size, so it needs width and height"
    if output.format == "png" and output.quality:
        yield "quality has no effect on png, which is lossless; remove it, or choose webp or jpg"
    if output.fit == COVER and output.has_free_space:
        yield "cover leaves no free space, so it cannot have a margin; choose pad or contain"
    if output.format == JPG and output.has_free_space and not output.background:
        yield "a jpg cannot be transparent, so its free space needs a background such as #ffffff"
    shortest_side = min((side for side in (output.width, output.height) if side), default=MAX_SIDE_PIXELS)
    if 2 * output.margin_pixels >= shortest_side:
        yield f"a margin of {output.margin_pixels}px on both sides leaves no room in {shortest_side} pixels"
    if output.marketplace:
        yield from load_marketplace(output.marketplace).find_violations(predict_measurements(output))


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
