"""The values of the instructions: each kind checked, and brought into one spelling."""

import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, StringConstraints, Tag

from backdrop.core.identity import canonical_json
from backdrop.core.output_wish import whole
from backdrop.core.styles import is_code, nearest_preset, preset_of

MAX_METADATA_BYTES = 8_192
MAX_METADATA_DEPTH = 32
TWICE = "one provider is named twice; each may stand in the list once"


def upper(value: object) -> object:
    """A word in capitals, as the providers write theirs."""
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
    text = unicodedata.normalize("NFC", str(value)).replace("\r\n", "\n").replace("\r", "\n")
    strange = next((letter for letter in text if letter not in "\n\t" and unicodedata.category(letter) == "Cc"), None)
    if strange is not None:
        raise ValueError(f"it holds the control character U+{ord(strange):04X}")
    return text


def _alone_or_listed(value: object) -> object:
    """A single text is short for a list of it."""
    return [value] if isinstance(value, str) else value


def _in_this_bucket(key: str) -> str:
    if "://" in key:
        raise ValueError(f"{key[:80]!r} is an address; a reference image is a key in the input bucket")
    return key


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
        raise ValueError(TWICE)
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


Operation = Annotated[Literal["replace", "remove"], BeforeValidator(_lower)]
ProviderName = Annotated[Literal["ideogram", "segmind", "1min", "runware"], BeforeValidator(_lower)]
ProviderNames = Annotated[list[ProviderName], Field(min_length=1), AfterValidator(_different)]
Provider = Annotated[
    Annotated[ProviderName, Tag("one")] | Annotated[ProviderNames, Tag("list")], Discriminator(_one_or_list)
]
Prompt = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), BeforeValidator(_one_spelling)
]
Style = Annotated[str, BeforeValidator(_encodable), AfterValidator(_style)]
Codes = Annotated[
    list[Annotated[str, AfterValidator(_code)]], Field(min_length=1), BeforeValidator(_words), AfterValidator(_once)
]
StyleType = Annotated[Literal["AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"], BeforeValidator(upper)]
Reference = Annotated[
    str, StringConstraints(min_length=1, max_length=1024), BeforeValidator(_encodable), AfterValidator(_in_this_bucket)
]
References = Annotated[
    list[Reference], Field(min_length=1, max_length=4), BeforeValidator(_alone_or_listed), AfterValidator(_once)
]
Switch = Annotated[Literal["AUTO", "ON", "OFF"], BeforeValidator(upper)]
Speed = Annotated[Literal["FLASH", "TURBO", "DEFAULT", "QUALITY"], BeforeValidator(upper)]
Count = Annotated[int, BeforeValidator(whole), Field(ge=1, le=20)]
Seed = Annotated[int, BeforeValidator(whole), Field(ge=0, le=2_147_483_647)]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Revision = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), BeforeValidator(_one_spelling)]
Metadata = Annotated[dict[str, Any], AfterValidator(_small)]
VariantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
