"""What the users of the simulated world upload: photos and instructions, and what these mean."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from simulation.world.sample_images import build_photo, build_rotated_photo

TWO_OUTPUTS = ({}, {"name": "web", "format": "webp"})
SNOW, BEACH = {"prompt": "in the snow"}, {"prompt": "on the beach"}


@dataclass(frozen=True)
class SampleInstructions:
    """Instructions in a sidecar, in folder defaults, or in a request, with the codes of the errors in them."""

    fields: Mapping[str, Any]
    error_codes: frozenset[str] = frozenset()

    @property
    def json_text(self) -> str:
        return json.dumps(self.fields)


def _valid(**fields: Any) -> SampleInstructions:
    return SampleInstructions(fields)


SAMPLES: Mapping[str, SampleInstructions] = {
    "cut": _valid(operation="remove"),
    "cut-dear": _valid(operation="remove", max_cost_usd=0.5),
    "cut-web": _valid(operation="remove", output=[*TWO_OUTPUTS]),
    "cut-small": _valid(operation="remove", output={"width": 12}),
    "marble": _valid(prompt="on a marble table"),
    "marble-web": _valid(prompt="on a marble table", output=[*TWO_OUTPUTS]),
    "sea": _valid(prompt="at sea", num_images=2),
    "snow": _valid(prompt="in the snow", num_images=3, rendering_speed="TURBO"),
    "sea-noted": _valid(prompt="at sea", num_images=2, metadata={"order": 7}),
    "marble-again": _valid(prompt="on a marble table", revision="2"),
    "seasons": _valid(variants={"snow": SNOW, "beach": BEACH}),
    "seasons-mild": _valid(variants={"snow": {"prompt": "in thawing snow"}, "beach": BEACH}),
    "seasons-web": _valid(variants={"snow": SNOW | {"output": [*TWO_OUTPUTS]}, "beach": BEACH}),
    "snow-only": _valid(variants={"snow": SNOW}),
    "snow-twice": _valid(variants={"snow": SNOW, "more-snow": SNOW}),
    "seasons-and-gold": _valid(variants={"snow": SNOW, "gold": {"prompt": "in gold", "max_cost_usd": 0.01}}),
    "turbo": _valid(rendering_speed="TURBO"),
    "stingy": _valid(prompt="in gold", max_cost_usd=0.01),
    "cut-listed": _valid(operation="remove", provider=["segmind", "ideogram"]),
    "marble-listed": _valid(prompt="on a marble table", provider=["ideogram", "runware", "segmind"]),
    "sea-listed": _valid(prompt="at sea", num_images=2, provider=["segmind", "runware", "ideogram"]),
    "snow-listed": _valid(
        prompt="in the snow", num_images=3, rendering_speed="TURBO", provider=["runware", "ideogram"]
    ),
    "marble-runware": _valid(prompt="on a marble table", provider="runware"),
    "marble-segmind": _valid(prompt="on a marble table", provider="segmind"),
    "sea-runware": _valid(prompt="at sea", num_images=2, provider="runware"),
    "typo": SampleInstructions({"promt": "at sea"}, frozenset({"unknown_field"})),
    "no-json": SampleInstructions({}, frozenset({"sidecar_not_json"})),
}
SIMPLE_SAMPLES = ("cut", "marble", "sea", "snow")
PROVIDER_SAMPLES = {
    name: tuple(sample for sample in SAMPLES if sample.startswith(f"{name}-") and "provider" in SAMPLES[sample].fields)
    for name in SIMPLE_SAMPLES
}
"""For seeds with several lanes: the same instructions with one of the lanes, or with several in order of preference."""
EDITED_SAMPLES = (*SIMPLE_SAMPLES, "cut-dear", "sea-noted", "marble-again", "stingy", "typo", "no-json")
SEASON_SAMPLES = ("seasons", "seasons-mild", "seasons-web", "snow-only", "snow-twice", "seasons-and-gold")
COMPLEX_SAMPLES = ("cut-web", "cut-small", "marble-web", *SEASON_SAMPLES)
DEFAULTS_SAMPLES = ("cut", "marble", "marble-web", "seasons", "turbo")
BROKEN_SAMPLES = ("typo", "no-json")
TAG_SAMPLES: Mapping[str, Mapping[str, str]] = {
    "cut": {"operation": "remove"},
    "marble": {"prompt": "on a marble table"},
    "foreign": {"team": "spring"},
    "": {},
}
PHOTO_NAMES = ("a", "b", "c", "d", "e")
ROTATED_PHOTO_NAMES = frozenset({"b", "d"})
TEXT_FILE_NAME = "text"


def has_instructions(tags: Mapping[str, str]) -> bool:
    """Whether tags contain instructions."""
    return "operation" in tags or "prompt" in tags


@cache
def build_photo_file(name: str) -> bytes:
    """Returns the file of a photo, or a text file for `TEXT_FILE_NAME`."""
    if name == TEXT_FILE_NAME:
        return b"this is no photo"
    return build_rotated_photo(name) if name in ROTATED_PHOTO_NAMES else build_photo(name)


def build_sidecar(name: str) -> bytes:
    return b"{not json" if name == "no-json" else SAMPLES[name].json_text.encode()


SAMPLE_NAME_BY_BYTES: Mapping[bytes, str] = {build_sidecar(name): name for name in SAMPLES}
"""The names of the samples, by the bytes of their files."""
