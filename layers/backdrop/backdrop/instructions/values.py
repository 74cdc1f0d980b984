"""The values of the instructions: each kind checked, and brought into one spelling."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, StringConstraints, Tag

from backdrop.instructions.output_schema import one_or_list, whole
from backdrop.model.ids import canonical_json
from backdrop.model.styles import is_code, nearest_preset, preset_of

MAX_METADATA_BYTES = 8_192
MAX_METADATA_DEPTH = 32
MOST_SIGNS = 5
HALF = "half of a surrogate pair is no text"
MAX_PROMPT, MAX_REVISION = 2000, 200


def upper(value: object) -> object:
    """A word in capitals, as the providers write theirs."""
    return value.strip().upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _words(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _encodable(value: object) -> object:
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(HALF)
    return value


def _one_spelling(most: int) -> Callable[[object], object]:
    """Text in the one form that is hashed and sent: composed Unicode, line feeds.

    Beside letters that no text has, one of more than `most` characters is told too: nobody else would look.
    """

    def spelled(value: object) -> object:
        if not isinstance(value, str):
            return value
        text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").replace("\r", "\n")
        slips, length = _strange(text), len(text.strip())
        if slips and length > most:
            slips.append(f"it has {length:,} characters; it can have at most {most:,} characters")
        if slips:
            raise ValueError("; ".join(slips))
        return text

    return spelled


def _strange(text: str) -> list[str]:
    """What stands in a text that is no letter, sign or blank."""
    found = sorted({sign for sign in text if sign not in "\n\t" and unicodedata.category(sign) == "Cc"})
    slips = [HALF] if any("\ud800" <= sign <= "\udfff" for sign in text) else []
    if found:
        signs = ", ".join(f"U+{ord(sign):04X}" for sign in found[:MOST_SIGNS])
        slips.append(f"it holds the control character{'s' if found[1:] else ''} {signs}")
    return slips


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
        raise ValueError("one provider is named twice; each may stand in the list once")
    return names


def _once(codes: list[str]) -> list[str]:
    return list(dict.fromkeys(codes))


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    levels = list(_levels(metadata))
    text = "".join(_alone(value) for level in levels for value in level)
    slips = {
        f"it is nested more than {MAX_METADATA_DEPTH} levels deep": len(levels) - 1 > MAX_METADATA_DEPTH,
        HALF: any("\ud800" <= sign <= "\udfff" for sign in text),
        "it is larger than 8 KB": len(text.encode(errors="surrogatepass")) > MAX_METADATA_BYTES,
    }
    if any(slips.values()):
        raise ValueError("; ".join(words for words, met in slips.items() if met))
    return metadata


def _levels(value: object) -> Iterator[Sequence[Any]]:
    """A JSON value, what is in it, what is in that, and so on; without recursion, however deep it is."""
    level: Sequence[Any] = [value]
    while level:
        yield level
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]


def _alone(value: Any) -> str:
    """The signs that a value has in its canonical JSON, without those of the values in it."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return "{}" + ":".join(map(canonical_json, fields)) + "," * len(fields)
    if isinstance(value, list):
        return "[]" + "," * (len(cast("list[Any]", value)) - 1)
    return canonical_json(value)


Operation = Annotated[Literal["replace", "remove"], BeforeValidator(_lower)]
ProviderName = Annotated[Literal["ideogram", "segmind", "1min", "runware"], BeforeValidator(_lower)]
ProviderNames = Annotated[list[ProviderName], Field(min_length=1), AfterValidator(_different)]
Provider = Annotated[
    Annotated[ProviderName, Tag("one")] | Annotated[ProviderNames, Tag("list")], Discriminator(one_or_list)
]
Prompt = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PROMPT),
    BeforeValidator(_one_spelling(MAX_PROMPT)),
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
Revision = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_REVISION),
    BeforeValidator(_one_spelling(MAX_REVISION)),
]
Metadata = Annotated[dict[str, Any], AfterValidator(_small)]
VariantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
