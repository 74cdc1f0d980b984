"""Which provider can express which field, and in which range: the one table that validation and requests share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROVIDERS = ("ideogram", "segmind", "1min", "runware")
# Ideogram's "10MB", read the smaller way (API reference of replace-background, v1).
MAX_PHOTO_BYTES = 10_000_000
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


@dataclass(frozen=True)
class Range:
    """A whole number between two bounds, both included."""

    low: int
    high: int

    def admits(self, value: object) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


@dataclass(frozen=True)
class Words:
    """One of a closed list of words."""

    words: tuple[str, ...]

    def admits(self, value: object) -> bool:
        return value in self.words

    def __str__(self) -> str:
        return ", ".join(self.words)


@dataclass(frozen=True)
class Free:
    """Whatever the instructions' own model lets through."""

    meaning: str

    def admits(self, value: object) -> bool:
        return value is not None

    def __str__(self) -> str:
        return self.meaning


Limit = Range | Words | Free

# Ideogram v1, replace-background and remove-background: the vendor's API reference and OpenAPI, August 2026.
CAPABILITIES: dict[tuple[str, str], dict[str, Limit]] = {
    ("ideogram", "replace"): {
        "prompt": Free("text, 1 to 2,000 characters"),
        "style_preset": Free("one of the 62 presets"),
        "style_codes": Free("8-digit codes"),
        "magic_prompt": Words(("AUTO", "ON", "OFF")),
        "rendering_speed": Words(("FLASH", "TURBO", "DEFAULT", "QUALITY")),
        "num_images": Range(1, 8),
        "seed": Range(0, 2_147_483_647),
        "style_reference_images": Free("one to four keys in the input bucket, 10 MB together"),
        "color_palette": Free("a name or members"),
    },
    ("ideogram", "remove"): {},
}
SPOKEN = frozenset(provider for provider, _ in CAPABILITIES)
# The field whose values are hashed into a job by their bytes.
REFERENCES = "style_reference_images"
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
    fields = CAPABILITIES[provider, instructions["operation"]]
    return [
        sentence
        for name in ADDRESSED
        if name in instructions
        for sentence in _objection(provider, name, instructions[name], fields.get(name))
    ]


def _objection(provider: str, name: str, value: object, limit: Limit | None) -> list[str]:
    if limit is None:
        return [f"{provider} has no {name}"]
    return [] if limit.admits(value) else [f"{provider} takes {name} {limit}, not {value!r}"]
