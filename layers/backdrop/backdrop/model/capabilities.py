"""Which provider can express which field, in which range and under which name: the one table of all who need it.

Validation, the requests, the notes in the schemas and the reference page are all made from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

PROVIDERS = ("ideogram", "segmind", "1min", "runware")
# Ideogram's "10MB", read the smaller way (API reference of replace-background, v1); 1min.ai says the same, and the
# others publish nothing.
MAX_PHOTO_BYTES = 10_000_000
# The field whose values are hashed into a job by their bytes.
REFERENCES_FIELD = "style_reference_images"
# What intake and deliver open: decoded in their memory beside a picture of MaxImageMegapixels.
MAX_FILE_BYTES = 128_000_000
# The largest provider's file that is downloaded, extracted from a response, or read from the output bucket.
MAX_RESULT_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What a provider takes as a photo: bytes, file formats, and pixels of the longest side (None: no limit known)."""

    max_bytes: int
    formats: tuple[str, ...]
    max_side_pixels: int | None = None


_WEB_FORMATS = ("jpeg", "png", "webp")
PHOTO_LIMITS: dict[str, PhotoLimits] = {
    # API reference of replace-background and remove-background, v1: JPEG, PNG, WebP of at most 10 MB; no side is named.
    "ideogram": PhotoLimits(MAX_PHOTO_BYTES, _WEB_FORMATS),
    # Its model page names no limit. The model is Ideogram's, so its limit holds.
    "segmind": PhotoLimits(MAX_PHOTO_BYTES, _WEB_FORMATS),
    # Background replacer, API reference: 10 MB for each image.
    "1min": PhotoLimits(MAX_PHOTO_BYTES, _WEB_FORMATS),
    # Names no limit for pictures that come within the request; Ideogram's holds.
    "runware": PhotoLimits(MAX_PHOTO_BYTES, _WEB_FORMATS),
}


# What Ideogram takes as a style's references: 10 MB for all of a call (API reference of replace-background, v1).
REFERENCE_LIMITS = PhotoLimits(MAX_PHOTO_BYTES, _WEB_FORMATS)


@dataclass(frozen=True)
class IntRange:
    """A whole number between two bounds, both included."""

    low: int
    high: int

    def accepts(self, value: object) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


@dataclass(frozen=True)
class OneOf:
    """One of a closed list of words."""

    values: tuple[str, ...]

    def accepts(self, value: object) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return ", ".join(self.values)


@dataclass(frozen=True)
class SingleItem:
    """A list of exactly one, which the provider takes without the list."""

    description: str

    def accepts(self, value: object) -> bool:
        return isinstance(value, list) and len(cast("list[Any]", value)) == 1

    def __str__(self) -> str:
        return self.description


@dataclass(frozen=True)
class AnyValue:
    """Whatever the instructions' own model lets through."""

    description: str

    def accepts(self, value: object) -> bool:
        return value is not None

    def __str__(self) -> str:
        return self.description


AcceptedValues = IntRange | OneOf | SingleItem | AnyValue


@dataclass(frozen=True)
class ProviderField:
    """How a provider takes a field: its own name, dotted where it lies deeper ("": it is not sent), and the range."""

    name: str
    accepted: AcceptedValues


@dataclass(frozen=True)
class MutualExclusion:
    """A field that a provider does not take beside certain others, unless it has one of the harmless values."""

    field: str
    conflicting_fields: tuple[str, ...]
    allowed_values: tuple[str, ...] = ()

    def find_conflicts(self, provider: str, given: Mapping[str, Any]) -> Iterator[str]:
        """What of the given fields cannot stand together, in a sentence each."""
        value = given.get(self.field)
        if value is None or value in self.allowed_values:
            return
        exception = f" other than {' and '.join(self.allowed_values)}" if self.allowed_values else ""
        for other in self.conflicting_fields:
            if other in given:
                yield f"{provider} takes no {self.field}{exception} beside {other}"


_PROMPT = AnyValue("text, 1 to 2,000 characters")
_PRESET = AnyValue("one of the 62 presets")
_CODES = AnyValue("8-digit codes")
_REFERENCES = AnyValue("one to four keys in the input bucket, sent as 10 MB together at most")
_SWITCH = OneOf(("AUTO", "ON", "OFF"))
_FOUR_SPEEDS = OneOf(("FLASH", "TURBO", "DEFAULT", "QUALITY"))
_THREE_SPEEDS = OneOf(("TURBO", "DEFAULT", "QUALITY"))
_STYLE_TYPES = OneOf(("AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"))
_ANY_SEED = IntRange(0, 2_147_483_647)

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
        "style_reference_images": ProviderField("style_reference_images", _REFERENCES),
        "color_palette": ProviderField("color_palette", AnyValue("a name or members")),
    },
    ("ideogram", "remove"): {},
    # Segmind, ideogram-3-replace-background: the vendor's model page. It makes one picture a call.
    ("segmind", "replace"): {
        "prompt": ProviderField("prompt", _PROMPT),
        "magic_prompt": ProviderField("magic_prompt", _SWITCH),
        "num_images": ProviderField("", IntRange(1, 1)),
        "seed": ProviderField("seed", IntRange(100, 999_999)),
        "rendering_speed": ProviderField("rendering_speed", _THREE_SPEEDS),
        "style_codes": ProviderField("style_codes", _CODES),
        "style_reference_images": ProviderField("style_reference_images", _REFERENCES),
        "color_palette": ProviderField("color_palette", AnyValue("a name or members")),
    },
    # 1min.ai, BACKGROUND_REPLACER with ideogram-3: the vendor's page. It takes eight pictures and links to one.
    ("1min", "replace"): {
        "prompt": ProviderField("promptObject.prompt", _PROMPT),
        "negative_prompt": ProviderField("promptObject.negative_prompt", _PROMPT),
        "magic_prompt": ProviderField("promptObject.magic_prompt", _SWITCH),
        "num_images": ProviderField("promptObject.num_images", IntRange(1, 1)),
        "seed": ProviderField("promptObject.seed", _ANY_SEED),
        "rendering_speed": ProviderField("promptObject.rendering_speed", _FOUR_SPEEDS),
        "style_type": ProviderField("promptObject.style_type", _STYLE_TYPES),
        "style_preset": ProviderField("promptObject.style_preset", _PRESET),
        "style_reference_images": ProviderField("promptObject.style_reference_images", _REFERENCES),
    },
    # Runware, imageInference with ideogram:4@5: the vendor's model page and its page on Ideogram's settings.
    ("runware", "replace"): {
        "prompt": ProviderField("positivePrompt", _PROMPT),
        "magic_prompt": ProviderField("providerSettings.ideogram.magicPrompt", _SWITCH),
        "num_images": ProviderField("numberResults", IntRange(1, 20)),
        "rendering_speed": ProviderField("providerSettings.ideogram.renderingSpeed", _THREE_SPEEDS),
        "style_type": ProviderField("providerSettings.ideogram.styleType", _STYLE_TYPES),
        "style_preset": ProviderField("providerSettings.ideogram.stylePreset", _PRESET),
        "style_codes": ProviderField("providerSettings.ideogram.styleCode", SingleItem("one 8-digit code")),
        "style_reference_images": ProviderField("providerSettings.ideogram.styleReferenceImages", _REFERENCES),
    },
}
# Presets, codes and references exclude one another everywhere (instructions/conflicts.py); these are the rest.
MUTUALLY_EXCLUSIVE: dict[tuple[str, str], tuple[MutualExclusion, ...]] = {
    ("1min", "replace"): (
        MutualExclusion("style_type", ("style_preset", "style_reference_images"), ("AUTO", "GENERAL")),
    ),
    ("runware", "replace"): (MutualExclusion("style_type", ("style_codes",)),),
}
SUPPORTED_PROVIDERS = frozenset(provider for provider, _ in CAPABILITIES)
# What is said to a provider: a new background, and how it shall be made.
PROVIDER_FIELDS = (
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


def find_not_expressible(provider: str, instructions: Mapping[str, Any]) -> list[str]:
    """Why a provider cannot do what the instructions ask, one sentence a field; empty when it can."""
    column = provider, instructions["operation"]
    fields = CAPABILITIES.get(column)
    if fields is None:
        return [f"{provider} cannot {column[1]} a background"]
    given = [name for name in PROVIDER_FIELDS if name in instructions]
    single = [line for name in given for line in _check_field(provider, name, instructions[name], fields.get(name))]
    return single + [
        line for apart in MUTUALLY_EXCLUSIVE.get(column, ()) for line in apart.find_conflicts(provider, instructions)
    ]


def _check_field(provider: str, name: str, value: object, field: ProviderField | None) -> list[str]:
    if field is None:
        return [f"{provider} has no {name}"]
    return [] if field.accepted.accepts(value) else [f"{provider} takes {name} {field.accepted}, not {value!r}"]


def to_provider_fields(provider: str, purchase_spec: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is asked, under the provider's own names and in the order of the table; never a default."""
    for name, field in CAPABILITIES[provider, purchase_spec["operation"]].items():
        if name in purchase_spec and field.name:
            yield field.name, purchase_spec[name][0] if isinstance(field.accepted, SingleItem) else purchase_spec[name]


def to_provider_json(provider: str, purchase_spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON: a dotted name lies in objects within objects."""
    body: dict[str, Any] = {}
    for name, value in to_provider_fields(provider, purchase_spec):
        *path, last = name.split(".")
        target = body
        for step in path:
            target = target.setdefault(step, {})
        target[last] = value
    return body
