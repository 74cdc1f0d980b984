"""The values of the instructions: each type is validated and normalized to one spelling."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, StringConstraints, Tag

from backdrop.instructions.output_schema import coerce_whole_number, tag_one_or_list, to_lowercase
from backdrop.instructions.suggest import find_nearest, suggest_preset
from backdrop.model.frame import COMMON_RATIOS, POSITIONS, parse_frame
from backdrop.model.ids import to_canonical_json
from backdrop.model.styles import is_style_code, parse_preset

MAX_METADATA_BYTES = 8_192
MAX_METADATA_DEPTH = 32
MAX_LISTED_CHARACTERS = 5
LONE_SURROGATE_MESSAGE = "half of a surrogate pair is not text"
MAX_PROMPT_LENGTH, MAX_REVISION_LENGTH = 2000, 200
MIN_SUBJECT_SIZE = 0.1
_SHARE_PATTERN = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)(%?)", re.ASCII)


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


def _validate_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
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


def _parse_frame(value: object) -> object:
    """Returns a frame in one spelling. The message for a list explains how to request several frames."""
    if isinstance(value, list):
        raise ValueError("one picture has one frame; for several frames, write one variant for each")
    if not isinstance(value, str):
        return value
    try:
        return str(parse_frame(value))
    except ValueError as error:
        suggestion = find_nearest("".join(value.split()), COMMON_RATIOS)
        hint = f". Did you mean {suggestion!r}?" if suggestion and "Did you mean" not in str(error) else ""
        raise ValueError(f"{error}{hint}") from error


def _parse_subject_size(value: object) -> object:
    """Returns a share of the frame as a number; text may also be a percentage."""
    text = "".join(value.split()) if isinstance(value, str) else str(value)
    match = None if isinstance(value, bool) else _SHARE_PATTERN.fullmatch(text)
    share = round(float(match[1]) / (100 if match[2] else 1), 4) if match else 0
    if not MIN_SUBJECT_SIZE <= share <= 1:
        raise ValueError(
            f"{text[:80]!r} is not a share of the frame: use {MIN_SUBJECT_SIZE} to 1, or '{MIN_SUBJECT_SIZE:.0%}' to "
            "'100%'"
        )
    return share


def _parse_position(value: object) -> object:
    if not isinstance(value, str):
        return value
    word = "-".join(value.lower().replace("-", " ").split())
    if word not in POSITIONS:
        suggestion = find_nearest(word, POSITIONS)
        hint = f" Did you mean {suggestion!r}?" if suggestion else ""
        raise ValueError(f"{value[:80]!r} is not a position: use {', '.join(POSITIONS)}.{hint}")
    return word


Operation = Annotated[Literal["replace", "remove"], BeforeValidator(to_lowercase)]
ProviderName = Annotated[Literal["ideogram", "segmind", "1min", "runware"], BeforeValidator(to_lowercase)]
ProviderNames = Annotated[list[ProviderName], Field(min_length=1), AfterValidator(_reject_duplicates)]
ProviderPreference = Annotated[
    Annotated[ProviderName, Tag("one")] | Annotated[ProviderNames, Tag("list")], Discriminator(tag_one_or_list)
]
Prompt = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PROMPT_LENGTH),
    BeforeValidator(_build_text_normalizer(MAX_PROMPT_LENGTH)),
]
Style = Annotated[str, BeforeValidator(_reject_lone_surrogates), AfterValidator(_parse_style)]
StyleCodes = Annotated[
    list[Annotated[str, AfterValidator(_parse_style_code)]],
    Field(min_length=1),
    BeforeValidator(_split_words),
    AfterValidator(_deduplicate),
]
StyleType = Annotated[Literal["AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"], BeforeValidator(to_uppercase)]
ReferenceKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1024),
    BeforeValidator(_reject_lone_surrogates),
    AfterValidator(_reject_url),
]
ReferenceKeys = Annotated[
    list[ReferenceKey], Field(min_length=1, max_length=4), BeforeValidator(_wrap_in_list), AfterValidator(_deduplicate)
]
AutoOnOff = Annotated[Literal["AUTO", "ON", "OFF"], BeforeValidator(to_uppercase)]
RenderingSpeed = Annotated[Literal["FLASH", "TURBO", "DEFAULT", "QUALITY"], BeforeValidator(to_uppercase)]
ImageCount = Annotated[int, BeforeValidator(coerce_whole_number), Field(ge=1, le=20)]
Seed = Annotated[int, BeforeValidator(coerce_whole_number), Field(ge=0, le=2_147_483_647)]
Frame = Annotated[str, BeforeValidator(_parse_frame)]
SubjectSize = Annotated[float, BeforeValidator(_parse_subject_size, json_schema_input_type=float | str)]
Position = Annotated[str, BeforeValidator(_parse_position), Field(json_schema_extra={"enum": [*POSITIONS]})]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Revision = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_REVISION_LENGTH),
    BeforeValidator(_build_text_normalizer(MAX_REVISION_LENGTH)),
]
Metadata = Annotated[dict[str, Any], AfterValidator(_validate_metadata)]
VariantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
