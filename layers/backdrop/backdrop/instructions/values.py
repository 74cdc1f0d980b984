"""The values of the instructions: each type is validated and normalized to one spelling."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
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

from backdrop.instructions.suggest import find_nearest, suggest_preset
from backdrop.instructions.templates import has_braces, measure_literal_text
from backdrop.model.capabilities import MAX_PROMPT_LENGTH, MAX_REFERENCES
from backdrop.model.composition import NONE, PERCENT, PIXELS
from backdrop.model.frame import COMMON_RATIOS, POSITIONS, FrameError, parse_frame
from backdrop.model.ids import to_canonical_json
from backdrop.model.object_keys import is_below_reserved_folder
from backdrop.model.output_spec import MAX_OUTPUT_SIDE
from backdrop.model.styles import is_style_code, parse_preset
from backdrop.model.unicode_text import shows_something, to_nfc

MAX_METADATA_BYTES = 8_192
MAX_METADATA_DEPTH = 32
MAX_LISTED_CHARACTERS = 5
LONE_SURROGATE_MESSAGE = "half of a surrogate pair is not text"
MAX_REVISION_LENGTH = 200
MAX_TEXT_LENGTHS: Mapping[str, int] = {
    "prompt": MAX_PROMPT_LENGTH,
    "negative_prompt": MAX_PROMPT_LENGTH,
    "alt": 1000,
    "title": 200,
    "copyright": 500,
}
"""The fields that may contain placeholders, and how many characters each may have after they are filled."""
MAX_MARGIN_PERCENT = 45
MIN_SUBJECT_SIZE = 0.1
_SHARE_PATTERN = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)(%?)", re.ASCII)
# CSS 2.1's color keywords (W3C, CSS 2.1, 4.3.6).
COLORS = {
    "aqua": "#00ffff", "black": "#000000", "blue": "#0000ff", "fuchsia": "#ff00ff", "gray": "#808080",
    "green": "#008000", "lime": "#00ff00", "maroon": "#800000", "navy": "#000080", "olive": "#808000",
    "orange": "#ffa500", "purple": "#800080", "red": "#ff0000", "silver": "#c0c0c0", "teal": "#008080",
    "white": "#ffffff", "yellow": "#ffff00",
}  # fmt: skip
# XML 1.0, and therefore XMP, cannot represent these two characters.
_NOT_IN_XML = re.compile("[\ufffe\uffff]")
_COLOR_PATTERN = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_PERCENT_PATTERN = re.compile(r"\d{1,3}(?:\.\d{1,4})?", re.ASCII)
_PIXELS_PATTERN = re.compile(r"\d{1,5}", re.ASCII)


def to_lowercase(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def coerce_whole_number(value: object) -> object:
    """JSON has one number type, so `7.0` and `1e3` are whole numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def tag_one_or_list(value: object) -> str:
    """Returns the union tag of a field that takes one value or a list of values."""
    return "list" if isinstance(value, (list, tuple)) else "one"


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
        text = to_nfc(value).replace("\r\n", "\n").replace("\r", "\n")
        errors, length = _find_invalid_characters(text), len(text.strip())
        if errors and length > max_length:
            errors.append(f"it has {length:,} characters; it can have at most {max_length:,} characters")
        if errors:
            raise ValueError("; ".join(errors))
        return text if shows_something(text) else ""

    return normalize


def _find_invalid_characters(text: str) -> list[str]:
    control_characters = sorted({sign for sign in text if sign not in "\n\t" and unicodedata.category(sign) == "Cc"})
    errors = [LONE_SURROGATE_MESSAGE] if _has_lone_surrogate(text) else []
    if control_characters:
        code_points = ", ".join(f"U+{ord(sign):04X}" for sign in control_characters[:MAX_LISTED_CHARACTERS])
        errors.append(f"it contains the control character{'s' if control_characters[1:] else ''} {code_points}")
    return errors


def _build_template_check(max_length: int) -> WrapValidator:
    """Builds the validator of a text that may be a template. Its placeholders are measured when it is filled."""

    def check(value: object, check_text: ValidatorFunctionWrapHandler) -> object:
        if not isinstance(value, str) or not has_braces(value):
            return check_text(value)
        length = measure_literal_text(value)
        if length > max_length:
            message = f"it has {length:,} characters without its placeholders; it can have at most {max_length:,}"
            raise ValueError(message)
        return value.strip()

    return WrapValidator(check)


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


def _reject_characters_without_xml(text: str) -> str:
    if _NOT_IN_XML.search(text):
        raise ValueError("it contains U+FFFE or U+FFFF, which are not characters")
    return text


def _validate_brand_key(key: str) -> str:
    if "://" in key:
        raise ValueError(f"{key[:80]!r} is a URL; an image must be a key in the photo's bucket")
    if not is_below_reserved_folder(key):
        raise ValueError(
            f"{key[:80]!r} would be a photo of its own; put the image in a folder _backdrop, such as "
            f"'_backdrop/brand/{key.rpartition('/')[2][:80]}'"
        )
    return key


def _validate_logo_key(text: str) -> str:
    return NONE if text.strip().lower() == NONE else _validate_brand_key(text)


def _parse_color(text: str) -> str:
    """Returns a color as `#rrggbb`."""
    word = text.strip().lower()
    word = COLORS.get(word, word)
    if not _COLOR_PATTERN.fullmatch(word):
        nearest = find_nearest(word, COLORS)
        forms = "'#ffffff', '#fff', or a basic color name such as 'white'"
        guess = f". Did you mean {nearest!r}?" if nearest else ""
        raise ValueError(f"{text[:80]!r} is not a color: write it as {forms}{guess}")
    return word if len(word) == 7 else "#" + "".join(digit * 2 for digit in word[1:])


def _build_length_parser(
    noun: str, side: str, example: str, percents: tuple[int, int], pixels: tuple[int, int]
) -> Callable[[object], object]:
    """Builds the validator of a length, which returns `7.5%` or `40px`; a bare number counts pixels.

    `side`: what a percentage refers to. `percents`, `pixels`: the smallest and the largest value.
    """

    def parse(value: object) -> object:
        value = coerce_whole_number(value)
        if isinstance(value, int) and not isinstance(value, bool):
            value = f"{value}{PIXELS}"
        if not isinstance(value, str):
            raise ValueError(f"write it as a share of {side} such as '{example}', or in pixels such as '40px' or 40")
        text = "".join(value.split()).lower()
        if (
            text.endswith(PERCENT)
            and _PERCENT_PATTERN.fullmatch(text[:-1])
            and percents[0] <= float(text[:-1]) <= percents[1]
        ):
            return f"{float(text[:-1]):.6g}%"
        pixel_text = text.removesuffix(PIXELS)
        if _PIXELS_PATTERN.fullmatch(pixel_text) and pixels[0] <= int(pixel_text) <= pixels[1]:
            return f"{int(pixel_text)}{PIXELS}"
        raise ValueError(
            f"{value[:80]!r} is not a {noun}: use '{percents[0]}%' to '{percents[1]}%' of {side}, or '{pixels[0]}px' "
            f"to '{pixels[1]}px'"
        )

    return parse


def _reject_duplicates(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a provider is listed twice; list each only once")
    return names


def _deduplicate(codes: list[str]) -> list[str]:
    return list(dict.fromkeys(codes))


def validate_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    levels_of_values = list(_iterate_levels(metadata))
    if any(isinstance(value, float) and not math.isfinite(value) for level in levels_of_values for value in level):
        raise ValueError("a number is too large")
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


def _text_rules(name: str, *, is_filled: bool = False) -> tuple[Any, ...]:
    """The rules of the text of a field. One that `is_filled` has no placeholders: its braces are literal."""
    max_length = MAX_TEXT_LENGTHS[name]
    return (
        StringConstraints(strip_whitespace=True, min_length=1, max_length=max_length),
        *(() if is_filled else (_build_template_check(max_length),)),
        BeforeValidator(_build_text_normalizer(max_length)),
        # A picture's file carries the other texts.
        *(() if name in ("prompt", "negative_prompt") else (AfterValidator(_reject_characters_without_xml),)),
    )


def _parse_frame(value: object) -> object:
    """Returns a frame in one spelling. The message for a list explains how to request several frames."""
    if isinstance(value, list):
        raise ValueError("one picture has one frame; for several frames, write one variant for each")
    if not isinstance(value, str):
        return value
    try:
        return str(parse_frame(value))
    except FrameError as error:
        misspelled = "".join(value.split()) if error.may_be_misspelled else ""
        suggestion = error.nearest or find_nearest(misspelled, COMMON_RATIOS)
        hint = f". Did you mean {suggestion!r}?" if suggestion else ""
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
RemoverName = Annotated[Literal["birefnet-matting", "ideogram"], BeforeValidator(to_lowercase)]
ProviderNames = Annotated[list[ProviderName], Field(min_length=1), AfterValidator(_reject_duplicates)]
ProviderPreference = Annotated[
    Annotated[ProviderName, Tag("one")] | Annotated[ProviderNames, Tag("list")], Discriminator(tag_one_or_list)
]
Prompt = Annotated[str, *_text_rules("prompt")]
AltText = Annotated[str, *_text_rules("alt")]
TitleText = Annotated[str, *_text_rules("title")]
CopyrightNotice = Annotated[str, *_text_rules("copyright")]
FILLED_TEXTS: Mapping[str, TypeAdapter[str]] = {
    name: TypeAdapter(Annotated[str, *_text_rules(name, is_filled=True)]) for name in MAX_TEXT_LENGTHS
}
"""For each field that may contain placeholders, the type of its text after they are filled: its braces are literal."""
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
Approval = Annotated[Literal["required", "none"], BeforeValidator(to_lowercase)]
AutoOnOff = Annotated[Literal["AUTO", "ON", "OFF"], BeforeValidator(to_uppercase)]
RenderingSpeed = Annotated[Literal["FLASH", "TURBO", "DEFAULT", "QUALITY"], BeforeValidator(to_uppercase)]
ImageCount = Annotated[int, BeforeValidator(coerce_whole_number), Field(ge=1, le=20)]
Seed = Annotated[int, BeforeValidator(coerce_whole_number), Field(ge=0, le=2_147_483_647)]
FrameText = Annotated[str, BeforeValidator(_parse_frame)]
SubjectSize = Annotated[float, BeforeValidator(_parse_subject_size, json_schema_input_type=float | str)]
Position = Annotated[str, BeforeValidator(_parse_position), Field(json_schema_extra={"enum": [*POSITIONS]})]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Revision = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_REVISION_LENGTH),
    BeforeValidator(_build_text_normalizer(MAX_REVISION_LENGTH)),
]
Metadata = Annotated[dict[str, Any], AfterValidator(validate_metadata)]
VariantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
HexColor = Annotated[str, AfterValidator(_parse_color)]
Margin = Annotated[
    str,
    BeforeValidator(
        _build_length_parser(
            "margin", "the shorter side", "7.5%", (0, MAX_MARGIN_PERCENT), (0, MAX_OUTPUT_SIDE // 2 - 1)
        ),
        json_schema_input_type=str | int,
    ),
]
LogoWidth = Annotated[
    str,
    BeforeValidator(
        _build_length_parser("width", "the picture's width", "12%", (1, 100), (1, MAX_OUTPUT_SIDE)),
        json_schema_input_type=str | int,
    ),
]
UnitShare = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
BrandKeyText = Annotated[
    str, StringConstraints(min_length=1, max_length=1024), BeforeValidator(_reject_lone_surrogates)
]
BrandImageKey = Annotated[BrandKeyText, AfterValidator(_validate_brand_key)]
LogoKey = Annotated[BrandKeyText, AfterValidator(_validate_logo_key)]
