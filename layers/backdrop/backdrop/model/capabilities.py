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
REFERENCES = "style_reference_images"
# What intake and deliver open: decoded in their memory beside a picture of MaxImageMegapixels.
MAX_FILE_BYTES = 128_000_000


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What a provider takes as a photo: bytes, file formats, and pixels of the longest side (None: no limit known)."""

    bytes: int
    formats: tuple[str, ...]
    longest_side: int | None = None


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
class Range:
    """A whole number between two bounds, both included."""

    low: int
    high: int

    def admits(self, value: object) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


@dataclass(frozen=True)
class Words:
    """One of a closed list of words."""

    words: tuple[str, ...]

    def admits(self, value: object) -> bool:
        return value in self.words

    def __str__(self) -> str:
        return ", ".join(self.words)


@dataclass(frozen=True)
class Single:
    """A list of exactly one, which the provider takes without the list."""

    meaning: str

    def admits(self, value: object) -> bool:
        return isinstance(value, list) and len(cast("list[Any]", value)) == 1

    def __str__(self) -> str:
        return self.meaning


@dataclass(frozen=True)
class Free:
    """Whatever the instructions' own model lets through."""

    meaning: str

    def admits(self, value: object) -> bool:
        return value is not None

    def __str__(self) -> str:
        return self.meaning


Limit = Range | Words | Single | Free


@dataclass(frozen=True)
class Field:
    """How a provider takes a field: its own name, dotted where it lies deeper ("": it is not sent), and the range."""

    name: str
    takes: Limit


@dataclass(frozen=True)
class Apart:
    """A field that a provider does not take beside certain others, unless it has one of the harmless values."""

    field: str
    others: tuple[str, ...]
    harmless: tuple[str, ...] = ()

    def objections(self, provider: str, given: Mapping[str, Any]) -> Iterator[str]:
        """What of the given fields cannot stand together, in a sentence each."""
        value = given.get(self.field)
        if value is None or value in self.harmless:
            return
        only = f" other than {' and '.join(self.harmless)}" if self.harmless else ""
        for other in self.others:
            if other in given:
                yield f"{provider} takes no {self.field}{only} beside {other}"


_PROMPT = Free("text, 1 to 2,000 characters")
_PRESET = Free("one of the 62 presets")
_CODES = Free("8-digit codes")
_REFERENCES = Free("one to four keys in the input bucket, sent as 10 MB together at most")
_SWITCH = Words(("AUTO", "ON", "OFF"))
_FOUR_SPEEDS = Words(("FLASH", "TURBO", "DEFAULT", "QUALITY"))
_THREE_SPEEDS = Words(("TURBO", "DEFAULT", "QUALITY"))
_TYPES = Words(("AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"))
_ANY_SEED = Range(0, 2_147_483_647)

CAPABILITIES: dict[tuple[str, str], dict[str, Field]] = {
    # Ideogram v1, replace-background and remove-background: the vendor's API reference and OpenAPI, August 2026.
    ("ideogram", "replace"): {
        "prompt": Field("prompt", _PROMPT),
        "magic_prompt": Field("magic_prompt", _SWITCH),
        "num_images": Field("num_images", Range(1, 8)),
        "seed": Field("seed", _ANY_SEED),
        "rendering_speed": Field("rendering_speed", _FOUR_SPEEDS),
        "style_preset": Field("style_preset", _PRESET),
        "style_codes": Field("style_codes", _CODES),
        "style_reference_images": Field("style_reference_images", _REFERENCES),
        "color_palette": Field("color_palette", Free("a name or members")),
    },
    ("ideogram", "remove"): {},
    # Segmind, ideogram-3-replace-background: the vendor's model page. It makes one picture a call.
    ("segmind", "replace"): {
        "prompt": Field("prompt", _PROMPT),
        "magic_prompt": Field("magic_prompt", _SWITCH),
        "num_images": Field("", Range(1, 1)),
        "seed": Field("seed", Range(100, 999_999)),
        "rendering_speed": Field("rendering_speed", _THREE_SPEEDS),
        "style_codes": Field("style_codes", _CODES),
        "style_reference_images": Field("style_reference_images", _REFERENCES),
        "color_palette": Field("color_palette", Free("a name or members")),
    },
    # 1min.ai, BACKGROUND_REPLACER with ideogram-3: the vendor's page. It takes eight pictures and links to one.
    ("1min", "replace"): {
        "prompt": Field("promptObject.prompt", _PROMPT),
        "negative_prompt": Field("promptObject.negative_prompt", _PROMPT),
        "magic_prompt": Field("promptObject.magic_prompt", _SWITCH),
        "num_images": Field("promptObject.num_images", Range(1, 1)),
        "seed": Field("promptObject.seed", _ANY_SEED),
        "rendering_speed": Field("promptObject.rendering_speed", _FOUR_SPEEDS),
        "style_type": Field("promptObject.style_type", _TYPES),
        "style_preset": Field("promptObject.style_preset", _PRESET),
        "style_reference_images": Field("promptObject.style_reference_images", _REFERENCES),
    },
    # Runware, imageInference with ideogram:4@5: the vendor's model page and its page on Ideogram's settings.
    ("runware", "replace"): {
        "prompt": Field("positivePrompt", _PROMPT),
        "magic_prompt": Field("providerSettings.ideogram.magicPrompt", _SWITCH),
        "num_images": Field("numberResults", Range(1, 20)),
        "rendering_speed": Field("providerSettings.ideogram.renderingSpeed", _THREE_SPEEDS),
        "style_type": Field("providerSettings.ideogram.styleType", _TYPES),
        "style_preset": Field("providerSettings.ideogram.stylePreset", _PRESET),
        "style_codes": Field("providerSettings.ideogram.styleCode", Single("one 8-digit code")),
        "style_reference_images": Field("providerSettings.ideogram.styleReferenceImages", _REFERENCES),
    },
}
# Presets, codes and references exclude one another everywhere (instructions/conflicts.py); these are the rest.
APART: dict[tuple[str, str], tuple[Apart, ...]] = {
    ("1min", "replace"): (Apart("style_type", ("style_preset", "style_reference_images"), ("AUTO", "GENERAL")),),
    ("runware", "replace"): (Apart("style_type", ("style_codes",)),),
}
SPOKEN = frozenset(provider for provider, _ in CAPABILITIES)
# What is said to a provider: a new background, and how it shall be made.
ADDRESSED = (
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


def not_expressible(provider: str, instructions: Mapping[str, Any]) -> list[str]:
    """Why a provider cannot do what the instructions ask, one sentence a field; empty when it can."""
    column = provider, instructions["operation"]
    fields = CAPABILITIES.get(column)
    if fields is None:
        return [f"{provider} cannot {column[1]} a background"]
    given = [name for name in ADDRESSED if name in instructions]
    single = [line for name in given for line in _objection(provider, name, instructions[name], fields.get(name))]
    return single + [line for apart in APART.get(column, ()) for line in apart.objections(provider, instructions)]


def _objection(provider: str, name: str, value: object, field: Field | None) -> list[str]:
    if field is None:
        return [f"{provider} has no {name}"]
    return [] if field.takes.admits(value) else [f"{provider} takes {name} {field.takes}, not {value!r}"]


def own_words(provider: str, asked: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is asked, under the provider's own names and in the order of the table; never a default."""
    for name, field in CAPABILITIES[provider, asked["operation"]].items():
        if name in asked and field.name:
            yield field.name, asked[name][0] if isinstance(field.takes, Single) else asked[name]


def own_body(provider: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON: a dotted name lies in objects within objects."""
    body: dict[str, Any] = {}
    for name, value in own_words(provider, asked):
        *path, last = name.split(".")
        place = body
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return body
