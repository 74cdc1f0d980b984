"""The field `output` of the instructions: its objects, each checked, and how they may stand beside one another."""

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

from backdrop.model.output_spec import COVER, FULL, JPG, PAD, PERCENT, PIXELS, PROVIDER, Output, output_of

MOST_OUTPUTS = 10
MOST_PIXELS = 10_000
MOST_PERCENT = 45
# CSS 2.1's color keywords (W3C, CSS 2.1, 4.3.6).
COLORS = {
    "aqua": "#00ffff", "black": "#000000", "blue": "#0000ff", "fuchsia": "#ff00ff", "gray": "#808080",
    "green": "#008000", "lime": "#00ff00", "maroon": "#800000", "navy": "#000080", "olive": "#808000",
    "orange": "#ffa500", "purple": "#800080", "red": "#ff0000", "silver": "#c0c0c0", "teal": "#008080",
    "white": "#ffffff", "yellow": "#ffff00",
}  # fmt: skip
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_COLOR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_PERCENT = re.compile(r"\d{1,3}(?:\.\d{1,4})?", re.ASCII)
_PIXELS = re.compile(r"\d{1,5}", re.ASCII)


def _word(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _suffix(value: object) -> object:
    """A format's word, also in its longer or dotted spelling."""
    word = _word(value)
    return {"jpeg": JPG}.get(word.removeprefix("."), word.removeprefix(".")) if isinstance(word, str) else word


def _size(value: object) -> object:
    """A size's word; numbers are meant for other fields."""
    word = _word(value)
    if word not in (FULL, PROVIDER):
        shown = repr(value[:80]) if isinstance(value, str) else "this"
        raise ValueError(
            f"{shown} is no size: '{FULL}' is the photo's own, '{PROVIDER}' leaves the provider's picture as it is; "
            "pixels are said by width and height"
        )
    return word


def whole(value: object) -> object:
    """JSON knows one kind of number: `7.0` and `1e3` are whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return whole(value)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no name: 1 to 40 small letters a to z, digits and hyphens")
    return text


def _color(text: str) -> str:
    """A color as `#rrggbb`."""
    word = text.strip().lower()
    word = COLORS.get(word, word)
    if not _COLOR.fullmatch(word):
        raise ValueError(f"{text[:80]!r} is no color: write it as '#ffffff', '#fff' or a basic word such as 'white'")
    return word if len(word) == 7 else "#" + "".join(digit * 2 for digit in word[1:])


def _margin(value: object) -> object:
    """A margin as `7.5%` or `40px`; a bare number counts pixels."""
    value = whole(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value}{PIXELS}"
    if not isinstance(value, str):
        raise ValueError("write it as a share of the shorter side such as '7.5%', or in pixels such as '40px' or 40")
    text = "".join(value.split()).lower()
    if text.endswith(PERCENT) and _PERCENT.fullmatch(text[:-1]) and float(text[:-1]) <= MOST_PERCENT:
        return f"{float(text[:-1]):.6g}%"
    pixels = text.removesuffix(PIXELS)
    if _PIXELS.fullmatch(pixels) and int(pixels) < MOST_PIXELS // 2:
        return f"{int(pixels)}{PIXELS}"
    raise ValueError(
        f"{value[:80]!r} is no margin: '0%' to '{MOST_PERCENT}%' of the shorter side, or '0px' to '4999px'"
    )


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": "^[a-z0-9-]{1,40}$"})]
Format = Annotated[Literal["png", "webp", "jpg"], BeforeValidator(_suffix)]
Fit = Annotated[Literal["contain", "cover", "pad"], BeforeValidator(_word)]
Size = Annotated[Literal["full", "provider"], BeforeValidator(_size)]
Side = Annotated[int, BeforeValidator(_number), Field(ge=1, le=MOST_PIXELS)]
Quality = Annotated[int, BeforeValidator(_number), Field(ge=1, le=100)]
Color = Annotated[str, AfterValidator(_color)]
Margin = Annotated[str, BeforeValidator(_margin, json_schema_input_type=str | int)]

MARKETPLACE: dict[str, Any] = {
    "format": "jpg",
    "width": 2000,
    "height": 2000,
    "fit": "pad",
    "background": "#ffffff",
    "trim": True,
    "margin": "7.5%",
}
"""White, square, trimmed, the subject over 85 % of it: what marketplaces demand of a main picture."""


class OutputWish(BaseModel):
    """One form in which each picture is handed over."""

    model_config = ConfigDict(
        extra="forbid",
        title="Output",
        json_schema_extra={"examples": [MARKETPLACE, {"name": "thumb", "format": "webp", "width": 400}]},
    )

    name: Name | None = Field(
        None,
        description="Stands after `@` in the picture's key: 1 to 40 of `a-z`, `0-9`, `-`. One output may have none.",
        examples=["thumb"],
    )
    format: Format | None = Field(
        None, description="`png` (lossless, the default), `webp`, or `jpg`, which cannot be transparent."
    )
    quality: Quality | None = Field(
        None, description="Of `jpg` and `webp`: 1 to 100, by default 90; `webp` at 100 is lossless.", examples=[85]
    )
    width: Side | None = Field(
        None,
        description="Pixels of the finished picture, 1 to 10,000. Without `height` the height follows.",
        examples=[2000],
    )
    height: Side | None = Field(
        None,
        description="Pixels of the finished picture, 1 to 10,000. Without `width` the width follows.",
        examples=[2000],
    )
    fit: Fit | None = Field(
        None,
        description="`contain` (the default): all of it within width and height, never enlarged. `pad`: all of it in "
        "the middle of a picture of exactly that size. `cover`: exactly that size, what stands out is cut off evenly.",
    )
    background: Color | None = Field(
        None,
        description="The color under transparent parts and in free space; without it they are transparent.",
        examples=["#ffffff", "white"],
    )
    trim: bool | None = Field(
        None, description="Whether transparent borders, or borders of one color, are cut off before all else."
    )
    margin: Margin | None = Field(
        None,
        description="Free space on every side, within width and height: a share of the finished picture's shorter side "
        "up to 45%, or pixels. On a square, 7.5% lets the subject fill 85%.",
        examples=["7.5%", "40px", 40],
    )
    size: Size | None = Field(
        None,
        description="Of `remove`, where the provider's picture is smaller than the photo: `full` (the default) takes "
        "the background out of the photo's own pixels, `provider` leaves the provider's picture as it is.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        slips = list(_slips(output_of(self.model_dump(exclude_none=True))))
        if slips:
            raise ValueError("; ".join(slips))
        return self


def _slips(output: Output) -> Iterator[str]:
    """What an output's fields say against one another."""
    if output.fit in (PAD, COVER) and not (output.width and output.height):
        yield f"{output.fit} makes a picture of exactly one size, so it needs width and height"
    if output.format == "png" and output.quality:
        yield "quality means nothing for png, which loses nothing; leave it out, or choose webp or jpg"
    if output.fit == COVER and output.leaves_free_space:
        yield "cover leaves no free space, so it cannot have a margin; choose pad or contain"
    if output.format == JPG and output.leaves_free_space and not output.background:
        yield "a jpg cannot be transparent, so its free space needs a background such as #ffffff"
    narrow = min((side for side in (output.width, output.height) if side), default=MOST_PIXELS)
    if 2 * output.margin_pixels >= narrow:
        yield f"a margin of {output.margin_pixels}px on both sides leaves nothing of {narrow} pixels"


def _told_apart(outputs: Sequence[OutputWish]) -> Sequence[OutputWish]:
    """Outputs whose names differ, or ValueError."""
    names = [output.name for output in outputs]
    slips: list[str] = []
    if names.count(None) > 1:
        slips.append(f"{names.count(None)} outputs have no name; at most one can do without")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        slips.append(f"{', '.join(map(repr, twice))}: two outputs cannot have the same name")
    if slips:
        raise ValueError("; ".join(slips))
    return outputs


def one_or_list(value: object) -> str:
    """Which of both a field holds that takes one value or a list of them: the tag of its union."""
    return "list" if isinstance(value, (list, tuple)) else "one"


def _object(value: object) -> object:
    if not isinstance(value, (dict, OutputWish)):
        raise ValueError('an output is an object such as {"format": "webp"}')
    return value


One = Annotated[OutputWish, BeforeValidator(_object)]
Several = Annotated[list[One], Field(min_length=1, max_length=MOST_OUTPUTS), AfterValidator(_told_apart)]
Outputs = Annotated[Annotated[One, Tag("one")] | Annotated[Several, Tag("list")], Discriminator(one_or_list)]
"""The field `output`: one object, or a list of 1 to 10."""
