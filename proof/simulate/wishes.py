"""What people of the simulated world put into the bucket: photos, wishes, and how each is meant."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from proof.world.pictures import photo


@dataclass(frozen=True)
class Wish:
    """The fields of a sidecar; `codes`: with which of these it may be refused."""

    fields: Mapping[str, Any]
    codes: frozenset[str] = frozenset()
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def text(self) -> str:
        """The sidecar's text."""
        return json.dumps(self.fields)


def _good(**fields: Any) -> Wish:
    """A wish that can be bought."""
    free = ("metadata", "max_cost_usd", "revision")
    asked = {name: value for name, value in fields.items() if name not in free}
    return Wish(fields, asked={"operation": "replace", **asked})


def _bad(code: str, **fields: Any) -> Wish:
    """A wish that is refused with this code."""
    return Wish(fields, frozenset({code}))


WISHES: Mapping[str, Wish] = {
    "cut": _good(operation="remove"),
    "cut-dear": _good(operation="remove", max_cost_usd=0.5),
    "marble": _good(prompt="on a marble table"),
    "sea": _good(prompt="at sea", num_images=2),
    "snow": _good(prompt="in the snow", num_images=3, rendering_speed="TURBO"),
    "sea-noted": _good(prompt="at sea", num_images=2, metadata={"order": 7}),
    "marble-again": _good(prompt="on a marble table", revision="2"),
    "stingy": _bad("max_cost_exceeded", prompt="in gold", max_cost_usd=0.01),
    "typo": _bad("unknown_field", promt="at sea"),
    "no-json": _bad("sidecar_not_json"),
}
PLAIN = ("cut", "marble", "sea", "snow")
EDITS = (*PLAIN, "cut-dear", "sea-noted", "marble-again", "stingy", "typo", "no-json")
TAGS: Mapping[str, Mapping[str, str]] = {
    "cut": {"operation": "remove"},
    "marble": {"prompt": "on a marble table"},
    "foreign": {"team": "spring"},
    "": {},
}
PHOTOS = ("a", "b", "c", "d", "e")
NO_PHOTO = "text"


@cache
def photo_bytes(name: str) -> bytes:
    """A photo, or what only bears a photo's name."""
    return b"this is no photo" if name == NO_PHOTO else photo(name)


def sidecar_bytes(name: str) -> bytes:
    """The bytes of a sidecar."""
    return b"{not json" if name == "no-json" else WISHES[name].text.encode()
