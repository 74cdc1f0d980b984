"""The fields with which one place (a sidecar, a photo's tags) says what is wanted, each checked and in one spelling."""

import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)

from backdrop.core.identity import canonical_json
from backdrop.core.styles import is_code, nearest_preset, preset_of

MAX_METADATA_BYTES = 8_192
MAX_METADATA_DEPTH = 32


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _words(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _encodable(value: object) -> object:
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("half of a surrogate pair is no text")
    return value


def _one_spelling(value: object) -> object:
    """Text in the one form that is hashed and sent: composed Unicode, line feeds."""
    if not isinstance(_encodable(value), str):
        return value
    return unicodedata.normalize("NFC", str(value)).replace("\r\n", "\n").replace("\r", "\n")


def _code(text: str) -> str:
    if not is_code(text):
        raise ValueError(f"{text[:80]!r} is not a style code, which is 8 hexadecimal digits such as 'AAFF5733'")
    return text.upper()


def _style(text: str) -> str:
    """A code or a preset's name, from any spelling."""
    known = text.strip().upper() if is_code(text.strip()) else preset_of(text)
    if known is None:
        nearest = nearest_preset(text)
        guess = f"did you mean {nearest!r}? " if nearest else ""
        raise ValueError(f"{text[:80]!r} is unknown; {guess}a style is one of the 62 presets or an 8-digit code")
    return known


def _different(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("one provider is named twice; each may stand in the list once")
    return names


def _once(codes: list[str]) -> list[str]:
    return list(dict.fromkeys(codes))


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    if _depth(metadata) > MAX_METADATA_DEPTH:
        raise ValueError(f"it is nested more than {MAX_METADATA_DEPTH} levels deep")
    text = canonical_json(metadata)
    _encodable(text)
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise ValueError("it is larger than 8 KB")
    return metadata


def _depth(value: object) -> int:
    """How many levels a JSON value has; counted only as far as it matters."""
    level: Sequence[Any] = [value]
    for depth in range(MAX_METADATA_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return depth
    return MAX_METADATA_DEPTH + 1


def _one_or_list(value: object) -> str:
    return "list" if isinstance(value, list | tuple) else "one"


Name = Annotated[Literal["ideogram", "segmind", "1min", "runware"], BeforeValidator(_lower)]
Names = Annotated[list[Name], Field(min_length=1), AfterValidator(_different)]
Provider = Annotated[Annotated[Name, Tag("one")] | Annotated[Names, Tag("list")], Discriminator(_one_or_list)]
Prompt = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), BeforeValidator(_one_spelling)
]
Style = Annotated[str, BeforeValidator(_encodable), AfterValidator(_style)]
Codes = Annotated[
    list[Annotated[str, AfterValidator(_code)]], Field(min_length=1), BeforeValidator(_words), AfterValidator(_once)
]
Switch = Annotated[Literal["AUTO", "ON", "OFF"], BeforeValidator(_upper)]
Speed = Annotated[Literal["FLASH", "TURBO", "DEFAULT", "QUALITY"], BeforeValidator(_upper)]


class Wish(BaseModel):
    """The fields that one place gives, None where it gives none. Which exclude one another is not said here."""

    model_config = ConfigDict(extra="forbid", title="Backdrop instructions")

    operation: Annotated[Literal["replace", "remove"], BeforeValidator(_lower)] | None = Field(
        None, description="`replace` puts the subject before a new background, `remove` makes it transparent."
    )
    prompt: Prompt | None = Field(
        None, description="The new background in words, 1 to 2,000 characters. Alone it means `replace`."
    )
    style: Style | None = Field(None, description="A preset in any spelling (`golden hour`) or one 8-digit style code.")
    style_preset: Style | None = Field(None, description="The long form of `style` for a preset.")
    style_codes: Codes | None = Field(None, description="The long form of `style` for one or more 8-digit codes.")
    magic_prompt: Switch | None = Field(None, description="Whether the provider may enrich the prompt.")
    rendering_speed: Speed | None = Field(None, description="Faster is cheaper, slower is finer.")
    num_images: Annotated[int, Field(ge=1, le=20)] | None = Field(
        None, description="How many pictures to make of one photo; each is paid for."
    )
    seed: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = Field(
        None, description="A number that makes a provider's choice repeatable."
    )
    provider: Provider | None = Field(
        None, description="Who makes the picture, or a list of providers in order of preference."
    )
    max_cost_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="A job that is quoted above this many dollars is refused."
    )
    revision: (
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), BeforeValidator(_one_spelling)] | None
    ) = Field(None, description="Any text; change it to buy again with the same instructions.")
    metadata: Annotated[dict[str, Any], AfterValidator(_small)] | None = Field(
        None, description="An object of at most 8 KB, copied to receipts and events."
    )

    def fields(self) -> dict[str, Any]:
        """The given fields under their long names; a prompt alone means `replace`."""
        given: dict[str, Any] = self.model_dump(exclude_none=True)
        if not given.get("revision"):
            given.pop("revision", None)
        if "prompt" in given:
            given.setdefault("operation", "replace")
        for name in ("style", "style_preset"):
            style = given.pop(name, None)
            if style:
                given |= {"style_codes": [style]} if is_code(style) else {"style_preset": style}
        return given
