"""Which provider supports which field, with which values and under which name.

Validation, the provider requests, the notes in the schemas, and the reference page all use this table.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

PROVIDERS = ("ideogram", "segmind", "1min", "runware")
# Ideogram's "10MB" (API reference of replace-background, v1), read as megabytes, not as the larger mebibytes. 1min.ai
# has the same limit; the others publish none.
MAX_PHOTO_BYTES = 10_000_000
# A job's ID depends on the bytes of these files, not on their keys.
REFERENCES_FIELD = "style_reference_images"
# For a longer text, messages show only the length.
MAX_QUOTED_LENGTH = 80
# Intake and deliver hold the file in memory together with a decoded picture of MaxImageMegapixels.
MAX_FILE_BYTES = 128_000_000
# The maximum of the stack parameter MaxImageMegapixels.
MAX_MEGAPIXELS = 200
# The largest file of a provider that is downloaded, extracted from a response, or read from the output bucket.
MAX_RESULT_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """A provider's limits for a photo: bytes, file formats, and pixels of the longest side (None: no known limit)."""

    max_bytes: int
    formats: tuple[str, ...]
    max_side_pixels: int | None = None


_WEB_FORMATS = ("jpeg", "png", "webp")


def find_common_limits(limits: Collection[PhotoLimits]) -> PhotoLimits:
    """Returns the limits that a photo must meet so that every provider accepts it."""
    return PhotoLimits(
        min(each.max_bytes for each in limits),
        tuple(name for name in _WEB_FORMATS if all(name in each.formats for each in limits)),
        min((each.max_side_pixels for each in limits if each.max_side_pixels), default=None),
    )


PROVIDER_PHOTO_LIMITS: dict[str, PhotoLimits] = {
    # API reference of replace-background and remove-background, v1: JPEG, PNG, WebP, at most 10 MB; no side limit.
    "ideogram": PhotoLimits(MAX_PHOTO_BYTES, _WEB_FORMATS),
    # Its model page names no limit. The model is Ideogram's, so Ideogram's limit applies.
    "segmind": PhotoLimits(MAX_PHOTO_BYTES, _WEB_FORMATS),
    # Background replacer, API reference: 10 MB for each image.
    "1min": PhotoLimits(MAX_PHOTO_BYTES, _WEB_FORMATS),
    # Its pages name no limit for pictures inside the request, so Ideogram's limit applies.
    "runware": PhotoLimits(MAX_PHOTO_BYTES, _WEB_FORMATS),
}
# Intake prepares a photo once, for all providers: its job may move to another provider of its list, its next job may
# name another one, and the operator may enable another one later. So the limits of disabled providers apply too.
PHOTO_LIMITS = find_common_limits(PROVIDER_PHOTO_LIMITS.values())

# Ideogram's limit for style references: 10 MB for all images of a call (API reference of replace-background, v1).
REFERENCE_LIMITS = PhotoLimits(MAX_PHOTO_BYTES, _WEB_FORMATS)


@dataclass(frozen=True)
class IntRange:
    """An integer between two inclusive bounds."""

    low: int
    high: int

    def accepts(self, value: object) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high

    def shift(self, value: int, steps: int) -> int:
        """Returns the value this many steps later. The lowest value follows the highest."""
        return self.low + (value - self.low + steps) % (self.high - self.low + 1)

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


@dataclass(frozen=True)
class OneOf:
    """One of a closed list of values."""

    values: tuple[str, ...]

    def accepts(self, value: object) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return ", ".join(self.values)


@dataclass(frozen=True)
class Renamed:
    """One of a closed list of values, for which the provider has other names."""

    provider_names: Mapping[str, str]

    def accepts(self, value: object) -> bool:
        return value in self.provider_names

    def __str__(self) -> str:
        return ", ".join(self.provider_names)


@dataclass(frozen=True)
class SingleItem:
    """A list of exactly one value, which is sent without the list."""

    description: str

    def accepts(self, value: object) -> bool:
        return isinstance(value, list) and len(cast("list[Any]", value)) == 1

    def __str__(self) -> str:
        return self.description


@dataclass(frozen=True)
class AnyValue:
    """Any value that the instructions' model accepts."""

    description: str

    def accepts(self, value: object) -> bool:
        return value is not None

    def __str__(self) -> str:
        return self.description


@dataclass(frozen=True)
class Text:
    """Text of at most `max_length` characters."""

    max_length: int

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and 0 < len(value) <= self.max_length

    def __str__(self) -> str:
        return f"text of 1 to {self.max_length:,} characters"


@dataclass(frozen=True)
class ReferenceList:
    """A list of at most `max_items` reference images."""

    max_items: int

    def accepts(self, value: object) -> bool:
        return isinstance(value, list) and 0 < len(cast("list[Any]", value)) <= self.max_items

    def __str__(self) -> str:
        return f"1 to {self.max_items} keys in the input bucket; together at most 10 MB are sent"


AcceptedValues = IntRange | OneOf | Renamed | SingleItem | AnyValue | Text | ReferenceList


@dataclass(frozen=True)
class ProviderField:
    """A field at a provider: its name there, dotted if nested ("": not sent), and the accepted values."""

    name: str
    accepted: AcceptedValues


@dataclass(frozen=True)
class MutualExclusion:
    """A field that a provider does not accept together with certain others, except with one of the allowed values."""

    field: str
    conflicting_fields: tuple[str, ...]
    allowed_values: tuple[str, ...] = ()

    def find_conflicts(self, provider: str, given: Mapping[str, Any]) -> Iterator[str]:
        """Yields a sentence for each pair of given fields that cannot be combined."""
        value = given.get(self.field)
        if value is None or value in self.allowed_values:
            return
        exception = f" other than {' and '.join(self.allowed_values)}" if self.allowed_values else ""
        for other in self.conflicting_fields:
            if other in given:
                yield f"{provider} does not accept {self.field}{exception} together with {other}"


# Ideogram, Segmind, and 1min.ai publish no limit. A community client of Ideogram's API stops here (ideogram-mcp, 2026).
MAX_PROMPT_LENGTH = 10_000
# 1min.ai's limit, the highest that is published. Runware publishes 4; the limits of Ideogram and Segmind are not known.
MAX_REFERENCES = 5
_PROMPT = Text(MAX_PROMPT_LENGTH)
_RUNWARE_PROMPT = Text(2_000)
_PRESET = AnyValue("one of the 62 presets")
_CODES = AnyValue("8-digit codes")
_FOUR_REFERENCES, _FIVE_REFERENCES = ReferenceList(4), ReferenceList(MAX_REFERENCES)
_SWITCH = OneOf(("AUTO", "ON", "OFF"))
_FOUR_SPEEDS = OneOf(("FLASH", "TURBO", "DEFAULT", "QUALITY"))
_THREE_SPEEDS = OneOf(("TURBO", "DEFAULT", "QUALITY"))
_STYLE_TYPES = OneOf(("AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"))
# Runware's model page lists seven values; its page on Ideogram gives the last two to older models only.
_RUNWARE_STYLE_TYPES = OneOf((*_STYLE_TYPES.values, "RENDER_3D", "ANIME"))
_ANY_SEED = IntRange(0, 2_147_483_647)

# The provider of every cut-out whose instructions name none, until another is the stack's default.
FIRST_REMOVER = "ideogram"
# The models that remove a background, by provider, with the provider's own names ("": it has only this one). The first
# of each is its default and has to stay so, because a job's ID contains no default.
REMOVERS: dict[str, dict[str, str]] = {
    "ideogram": {"ideogram": ""},
    # Runware's model pages of both.
    "runware": {"birefnet-matting": "runware:112@9", "ideogram": "ideogram:remove-background@0"},
}

CAPABILITIES: dict[tuple[str, str], dict[str, ProviderField]] = {
    # Ideogram v1, replace-background and remove-background: the vendor's API reference and OpenAPI, August 2026.
    ("ideogram", "replace"): {
        "prompt": ProviderField("prompt", _PROMPT),
        "magic_prompt": ProviderField("magic_prompt", _SWITCH),
        "num_images": ProviderField("num_images", IntRange(1, 8)),
        "seed": ProviderField("seed", _ANY_SEED),
        "rendering_speed": ProviderField("rendering_speed", _FOUR_SPEEDS),
        "style_preset": ProviderField("style_preset", _PRESET),
        "style_codes": ProviderField("style_codes", _CODES),
        "style_reference_images": ProviderField("style_reference_images", _FOUR_REFERENCES),
        "color_palette": ProviderField("color_palette", AnyValue("a name or members")),
    },
    ("ideogram", "remove"): {"model": ProviderField("", OneOf((*REMOVERS["ideogram"],)))},
    # Segmind, ideogram-3-replace-background: the vendor's model page. It makes one picture per call.
    ("segmind", "replace"): {
        "prompt": ProviderField("prompt", _PROMPT),
        "magic_prompt": ProviderField("magic_prompt", _SWITCH),
        "num_images": ProviderField("", IntRange(1, 1)),
        "seed": ProviderField("seed", IntRange(100, 999_999)),
        "rendering_speed": ProviderField("rendering_speed", _THREE_SPEEDS),
        "style_codes": ProviderField("style_codes", _CODES),
        "style_reference_images": ProviderField("style_reference_images", _FOUR_REFERENCES),
        "color_palette": ProviderField("color_palette", AnyValue("a name or members")),
    },
    # 1min.ai, BACKGROUND_REPLACER with ideogram-3: the vendor's page. It documents a single link of its own; the other
    # pictures are at Ideogram's links, which it passes on.
    ("1min", "replace"): {
        "prompt": ProviderField("promptObject.prompt", _PROMPT),
        "negative_prompt": ProviderField("promptObject.negative_prompt", _PROMPT),
        "magic_prompt": ProviderField("promptObject.magic_prompt", _SWITCH),
        "num_images": ProviderField("promptObject.num_images", IntRange(1, 8)),
        "seed": ProviderField("promptObject.seed", _ANY_SEED),
        "rendering_speed": ProviderField("promptObject.rendering_speed", _FOUR_SPEEDS),
        "style_type": ProviderField("promptObject.style_type", _STYLE_TYPES),
        "style_preset": ProviderField("promptObject.style_preset", _PRESET),
        "style_reference_images": ProviderField("promptObject.style_reference_images", _FIVE_REFERENCES),
    },
    # Runware, imageInference with ideogram:4@5: the vendor's model page and its page on Ideogram's settings.
    ("runware", "replace"): {
        "prompt": ProviderField("positivePrompt", _RUNWARE_PROMPT),
        "magic_prompt": ProviderField("providerSettings.ideogram.magicPrompt", _SWITCH),
        "num_images": ProviderField("numberResults", IntRange(1, 20)),
        "rendering_speed": ProviderField("providerSettings.ideogram.renderingSpeed", _THREE_SPEEDS),
        "style_type": ProviderField("providerSettings.ideogram.styleType", _RUNWARE_STYLE_TYPES),
        "style_preset": ProviderField("providerSettings.ideogram.stylePreset", _PRESET),
        "style_codes": ProviderField("providerSettings.ideogram.styleCode", SingleItem("one 8-digit code")),
        "style_reference_images": ProviderField("providerSettings.ideogram.styleReferenceImages", _FOUR_REFERENCES),
    },
    # Runware, removeBackground: its model page of BiRefNet Matting, and the types of its SDK.
    ("runware", "remove"): {"model": ProviderField("model", Renamed(REMOVERS["runware"]))},
}
# Presets, codes, and references cannot be combined at any provider (instructions/conflicts.py); these are the rest.
MUTUALLY_EXCLUSIVE: dict[tuple[str, str], tuple[MutualExclusion, ...]] = {
    ("1min", "replace"): (
        MutualExclusion("style_type", ("style_preset", "style_reference_images"), ("AUTO", "GENERAL")),
    ),
    ("runware", "replace"): (MutualExclusion("style_type", ("style_codes",)),),
}
SUPPORTED_PROVIDERS = frozenset(provider for provider, _ in CAPABILITIES)
# The fields that reach a provider: those that describe the new background and how to make it, and all others.
REPLACE_FIELDS = (
    "prompt",
    "negative_prompt",
    "num_images",
    "seed",
    "rendering_speed",
    "magic_prompt",
    "style_type",
    "style_preset",
    "style_codes",
    "style_reference_images",
    "color_palette",
)
REMOVE_FIELDS = ("model",)
PROVIDER_FIELDS = (*REPLACE_FIELDS, *REMOVE_FIELDS)


def find_not_expressible(provider: str, instructions: Mapping[str, Any]) -> list[str]:
    """Returns why a provider cannot carry out the instructions, one sentence per field; empty if it can."""
    column = provider, instructions["operation"]
    fields = CAPABILITIES.get(column)
    if fields is None:
        return [f"{provider} cannot {column[1]} a background"]
    given = [name for name in PROVIDER_FIELDS if name in instructions]
    single = [line for name in given for line in _check_field(provider, name, instructions[name], fields.get(name))]
    return single + [
        line
        for exclusion in MUTUALLY_EXCLUSIVE.get(column, ())
        for line in exclusion.find_conflicts(provider, instructions)
    ]


def find_remover(provider: str, fields: Mapping[str, Any]) -> str:
    """Returns the model with which a provider removes the background: the given one, or the provider's default."""
    return fields.get("model") or next(iter(REMOVERS[provider]))


def _check_field(provider: str, name: str, value: object, field: ProviderField | None) -> list[str]:
    if field is None:
        return [f"{provider} does not support {name}"]
    return (
        []
        if field.accepted.accepts(value)
        else [f"{provider} accepts {field.accepted} for {name}, not {_quote(value)}"]
    )


def _quote(value: object) -> str:
    """Returns a value as messages show it: for a long text, only the length."""
    if isinstance(value, str) and len(value) > MAX_QUOTED_LENGTH:
        return f"{len(value):,} characters"
    return repr(value)


def to_provider_fields(provider: str, purchase_spec: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields only the given fields, under the provider's names and in the order of the table. Adds no defaults."""
    for name, field in CAPABILITIES[provider, purchase_spec["operation"]].items():
        if name in purchase_spec and field.name:
            yield field.name, _to_provider_value(field.accepted, purchase_spec[name])


def _to_provider_value(accepted: AcceptedValues, value: Any) -> object:
    match accepted:
        case SingleItem():
            return value[0]
        case Renamed(provider_names):
            return provider_names[value]
        case _:
            return value


def to_provider_json(provider: str, purchase_spec: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the given fields as JSON; dotted names become nested objects."""
    body: dict[str, Any] = {}
    for name, value in to_provider_fields(provider, purchase_spec):
        *path, last = name.split(".")
        target = body
        for step in path:
            target = target.setdefault(step, {})
        target[last] = value
    return body


def list_request_names(provider: str) -> frozenset[str]:
    """Returns the provider's names of all fields; for nested ones, each part of the dotted name."""
    fields = (field for (name, _), column in CAPABILITIES.items() if name == provider for field in column.values())
    return frozenset(part for field in fields if field.name for part in field.name.split("."))
