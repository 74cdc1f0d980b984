"""What people of the simulated world put into the bucket: photos, wishes, and how each is meant."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from proof.world.pictures import photo, photo_on_its_side

OUTPUTS = ({}, {"name": "web", "format": "webp"})
SNOW, BEACH = {"prompt": "in the snow"}, {"prompt": "on the beach"}


@dataclass(frozen=True)
class Wish:
    """What a sidecar, a folder's defaults or a request says. `mistakes`: the codes of what is wrong with it."""

    fields: Mapping[str, Any]
    mistakes: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The text of the file."""
        return json.dumps(self.fields)


def _good(**fields: Any) -> Wish:
    return Wish(fields)


WISHES: Mapping[str, Wish] = {
    "cut": _good(operation="remove"),
    "cut-dear": _good(operation="remove", max_cost_usd=0.5),
    "cut-web": _good(operation="remove", output=[*OUTPUTS]),
    "cut-small": _good(operation="remove", output={"width": 12}),
    "marble": _good(prompt="on a marble table"),
    "marble-web": _good(prompt="on a marble table", output=[*OUTPUTS]),
    "sea": _good(prompt="at sea", num_images=2),
    "snow": _good(prompt="in the snow", num_images=3, rendering_speed="TURBO"),
    "sea-noted": _good(prompt="at sea", num_images=2, metadata={"order": 7}),
    "marble-again": _good(prompt="on a marble table", revision="2"),
    "seasons": _good(variants={"snow": SNOW, "beach": BEACH}),
    "seasons-mild": _good(variants={"snow": {"prompt": "in thawing snow"}, "beach": BEACH}),
    "seasons-web": _good(variants={"snow": SNOW | {"output": [*OUTPUTS]}, "beach": BEACH}),
    "snow-only": _good(variants={"snow": SNOW}),
    "snow-twice": _good(variants={"snow": SNOW, "more-snow": SNOW}),
    "seasons-and-gold": _good(variants={"snow": SNOW, "gold": {"prompt": "in gold", "max_cost_usd": 0.01}}),
    "turbo": _good(rendering_speed="TURBO"),
    "stingy": _good(prompt="in gold", max_cost_usd=0.01),
    "cut-listed": _good(operation="remove", provider=["segmind", "ideogram"]),
    "marble-listed": _good(prompt="on a marble table", provider=["ideogram", "runware", "segmind"]),
    "sea-listed": _good(prompt="at sea", num_images=2, provider=["segmind", "runware", "ideogram"]),
    "snow-listed": _good(prompt="in the snow", num_images=3, rendering_speed="TURBO", provider=["runware", "ideogram"]),
    "marble-runware": _good(prompt="on a marble table", provider="runware"),
    "marble-segmind": _good(prompt="on a marble table", provider="segmind"),
    "sea-runware": _good(prompt="at sea", num_images=2, provider="runware"),
    "typo": Wish({"promt": "at sea"}, frozenset({"unknown_field"})),
    "no-json": Wish({}, frozenset({"sidecar_not_json"})),
}
PLAIN = ("cut", "marble", "sea", "snow")
ELSEWHERE = {
    name: tuple(wish for wish in WISHES if wish.startswith(f"{name}-") and "provider" in WISHES[wish].fields)
    for name in PLAIN
}
"""In seeds with several lanes: the same, and one of the lanes, or a list of providers in order of preference."""
EDITS = (*PLAIN, "cut-dear", "sea-noted", "marble-again", "stingy", "typo", "no-json")
SEASONS = ("seasons", "seasons-mild", "seasons-web", "snow-only", "snow-twice", "seasons-and-gold")
RICH = ("cut-web", "cut-small", "marble-web", *SEASONS)
DEFAULTS = ("cut", "marble", "marble-web", "seasons", "turbo")
BROKEN = ("typo", "no-json")
TAGS: Mapping[str, Mapping[str, str]] = {
    "cut": {"operation": "remove"},
    "marble": {"prompt": "on a marble table"},
    "foreign": {"team": "spring"},
    "": {},
}
PHOTOS = ("a", "b", "c", "d", "e")
ON_THEIR_SIDE = frozenset({"b", "d"})
NO_PHOTO = "text"


def is_said(tags: Mapping[str, str]) -> bool:
    """Whether tags say anything to us."""
    return "operation" in tags or "prompt" in tags


@cache
def photo_bytes(name: str) -> bytes:
    """A photo, or what only bears a photo's name."""
    if name == NO_PHOTO:
        return b"this is no photo"
    return photo_on_its_side(name) if name in ON_THEIR_SIDE else photo(name)


def sidecar_bytes(name: str) -> bytes:
    """The bytes of a sidecar."""
    return b"{not json" if name == "no-json" else WISHES[name].text.encode()


NAMES: Mapping[bytes, str] = {sidecar_bytes(name): name for name in WISHES}
"""The wishes by the bytes of their files."""
