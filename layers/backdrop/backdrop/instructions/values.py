"""The values of the instructions: each type is validated and normalized to one spelling."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from backdrop.instructions.output_schema import coerce_whole_number, tag_one_or_list, to_lowercase
from backdrop.instructions.suggest import suggest_preset
from backdrop.instructions.templates import has_braces, parse_template
from backdrop.model.capabilities import MAX_PROMPT_LENGTH, MAX_REFERENCES
from backdrop.model.ids import to_canonical_json
from backdrop.model.styles import is_style_code, parse_preset

MAX_METADATA_BYTES = 8_192
MAX_METADATA_DEPTH = 32
MAX_LISTED_CHARACTERS = 5
LONE_SURROGATE_MESSAGE = "half of a surrogate pair is not text"
MAX_REVISION_LENGTH = 200


def to_uppercase(value: object) -> object:
    """The providers write their constants in capitals."""
    return value.strip().upper() if isinstance(value, str) else value


def _split_words(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _has_lone_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _reject_lone_surrogates(value: object) -> object:
    if isinstance(value, str) and _has_lone_surrogate(value):
        raise ValueError(LONE_SURROGATE_MESSAGE)
    return value


def _build_text_normalizer(max_length: int) -> Callable[[object], object]:
    """Builds the validator that normalizes text to the form that is hashed and sent: NFC, with line feeds.

    If the text has invalid characters, pydantic does not check its length, so the message also reports a length above
    `max_length`.
    """

    def normalize(value: object) -> object:
        if not isinstance(value, str):
            return value
        text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").replace("\r", "\n")
        errors, length = _find_invalid_characters(text), len(text.strip())
        if errors and length > max_length:
            errors.append(f"it has {length:,} characters; it can have at most {max_length:,} characters")
        if errors:
            raise ValueError("; ".join(errors))
        return text

    return normalize


def _find_invalid_characters(text: str) -> list[str]:
    control_characters = sorted({sign for sign in text if sign not in "\n\t" and unicodedata.category(sign) == "Cc"})
    errors = [LONE_SURROGATE_MESSAGE] if _has_lone_surrogate(text) else []
    if control_characters:
        code_points = ", ".join(f"U+{ord(sign):04X}" for sign in control_characters[:MAX_LISTED_CHARACTERS])
        errors.append(f"it contains the control character{'s' if control_characters[1:] else ''} {code_points}")
    return errors


def _check_template(value: object, check_text: ValidatorFunctionWrapHandler) -> object:
    """Checks only the braces of a template: its length is limited after it is filled."""
    if isinstance(value, str) and has_braces(value):
        parse_template(value)
        return value.strip()
    return check_text(value)


def _wrap_in_list(value: object) -> object:
    """A single string is shorthand for a one-item list."""
    return [value] if isinstance(value, str) else value


def _reject_url(key: str) -> str:
    if "://" in key:
        raise ValueError(f"{key[:80]!r} is a URL; a reference image must be a key in the input bucket")
    return key


def _parse_style_code(text: str) -> str:
    if not is_style_code(text):
        raise ValueError(f"{text[:80]!r} is not a style code, which is 8 hexadecimal digits such as 'AAFF5733'")
    return text.upper()


def _parse_style(text: str) -> str:
    """Accepts a style code, or a preset's name in any spelling."""
    style = text.strip().upper() if is_style_code(text.strip()) else parse_preset(text)
    if style is None:
        suggestion = suggest_preset(text)
        hint = f" Did you mean {suggestion!r}?" if suggestion else ""
        raise ValueError(f"{text[:80]!r} is neither one of the 62 presets nor an 8-digit style code.{hint}")
    return style


def _reject_duplicates(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a provider is listed twice; list each only once")
    return names


def _deduplicate(codes: list[str]) -> list[str]:
    return list(dict.fromkeys(codes))


def validate_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    levels_of_values = list(_iterate_levels(metadata))
    text = "".join(_serialize_shallowly(value) for level in levels_of_values for value in level)
    checks = {
        f"it is nested more than {MAX_METADATA_DEPTH} levels deep": len(levels_of_values) - 1 > MAX_METADATA_DEPTH,
        LONE_SURROGATE_MESSAGE: _has_lone_surrogate(text),
        "it is larger than 8 KB": len(text.encode(errors="surrogatepass")) > MAX_METADATA_BYTES,
    }
    if any(checks.values()):
        raise ValueError("; ".join(words for words, met in checks.items() if met))
    return metadata


def _iterate_levels(value: object) -> Iterator[Sequence[Any]]:
    """Yields the values of each nesting level of a JSON value, without recursion."""
    level: Sequence[Any] = [value]
    while level:
        yield level
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]


def _serialize_shallowly(value: Any) -> str:
    """Returns a value's canonical JSON, excluding nested values."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return "{}" + ":".join(map(to_canonical_json, fields)) + "," * len(fields)
    if isinstance(value, list):
        return "[]" + "," * (len(cast("list[Any]", value)) - 1)
    return to_canonical_json(value)


Operation = Annotated[Literal["replace", "remove"], BeforeValidator(to_lowercase)]
ProviderName = Annotated[Literal["ideogram", "segmind", "1min", "runware"], BeforeValidator(to_lowercase)]
ProviderNames = Annotated[list[ProviderName], Field(min_length=1), AfterValidator(_reject_duplicates)]
ProviderPreference = Annotated[
    Annotated[ProviderName, Tag("one")] | Annotated[ProviderNames, Tag("list")], Discriminator(tag_one_or_list)
]
_PROMPT_LENGTH = StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PROMPT_LENGTH)
_PROMPT_NORMALIZER = BeforeValidator(_build_text_normalizer(MAX_PROMPT_LENGTH))
Prompt = Annotated[str, _PROMPT_LENGTH, WrapValidator(_check_template), _PROMPT_NORMALIZER]
FILLED_TEXT: TypeAdapter[str] = TypeAdapter(Annotated[str, _PROMPT_LENGTH, _PROMPT_NORMALIZER])
"""A prompt whose placeholders are filled, so that its braces are literal."""
Style = Annotated[str, BeforeValidator(_reject_lone_surrogates), AfterValidator(_parse_style)]
StyleCodes = Annotated[
    list[Annotated[str, AfterValidator(_parse_style_code)]],
    Field(min_length=1),
    BeforeValidator(_split_words),
    AfterValidator(_deduplicate),
]
StyleType = Annotated[
    Literal["AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION", "RENDER_3D", "ANIME"], BeforeValidator(to_uppercase)
]
ReferenceKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1024),
    BeforeValidator(_reject_lone_surrogates),
    AfterValidator(_reject_url),
]
ReferenceKeys = Annotated[
    list[ReferenceKey],
    Field(min_length=1, max_length=MAX_REFERENCES),
    BeforeValidator(_wrap_in_list),
    AfterValidator(_deduplicate),
]
AutoOnOff = Annotated[Literal["AUTO", "ON", "OFF"], BeforeValidator(to_uppercase)]
RenderingSpeed = Annotated[Literal["FLASH", "TURBO", "DEFAULT", "QUALITY"], BeforeValidator(to_uppercase)]
ImageCount = Annotated[int, BeforeValidator(coerce_whole_number), Field(ge=1, le=20)]
Seed = Annotated[int, BeforeValidator(coerce_whole_number), Field(ge=0, le=2_147_483_647)]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Revision = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_REVISION_LENGTH),
    BeforeValidator(_build_text_normalizer(MAX_REVISION_LENGTH)),
]
Metadata = Annotated[dict[str, Any], AfterValidator(validate_metadata)]
VariantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
