"""What all that is said of one photo means, found out once more and by other code than the product's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from proof.checker.instructed import Said
from proof.simulate.wishes import WISHES, Wish

WITH_ONE_ANOTHER = frozenset({"operation", "prompt"})
OF_A_NEW_BACKGROUND = frozenset({"prompt", "num_images", "rendering_speed"})
# From the providers' own pages, not from the product's table of capabilities.
REMOVES_BACKGROUNDS = frozenset({"ideogram"})
MAKES_ONE_PICTURE_PER_CALL = frozenset({"segmind"})
DEFAULT_PROVIDER = "ideogram"
# Less than any new background costs, and as much as a removed one.
TOO_LITTLE_USD = 0.01


@dataclass(frozen=True)
class Words:
    """What speaks for a photo, by the names of wishes; an empty name: nothing.

    `tags` is a wish's name too. `defaults`: those of the photo's folder first. `is_photo`: whether the file is one.
    """

    request: str = ""
    sidecar: str = ""
    tags: str = ""
    defaults: tuple[str, ...] = ()
    is_photo: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether the photo need not wait for more."""
        return bool(self.request or self.sidecar or self.tags)


@cache
def said_by(words: Words, *, paid: bool = False) -> Said:
    """By variant what is asked, and with which codes what cannot be done is refused.

    `paid`: whether all of it is paid already, which no limit touches.
    """
    own = [WISHES[name] for name in (words.request, words.sidecar, words.tags) if name]
    inherited = [WISHES[name] for name in words.defaults if name]
    mistakes = {code for wish in own for code in wish.mistakes}
    if not words.is_photo:
        mistakes.add("not_a_photo")
    is_held = words.is_photo and any(wish.mistakes for wish in inherited)
    if mistakes or is_held:
        return Said({}, frozenset(("", code) for code in mistakes), is_held)
    return _merged([*own, *inherited], paid=paid)


def _merged(places: Sequence[Wish], *, paid: bool) -> Said:
    jobs: dict[str, Mapping[str, Any]] = {}
    codes: set[tuple[str, str]] = set()
    named: list[str] = next((list(one.fields["variants"]) for one in places if "variants" in one.fields), [""])
    for variant in named:
        fields = _of_variant(places, variant)
        refusals = _refusals(fields, paid=paid)
        codes |= {(variant, code) for code in refusals}
        if not refusals:
            jobs[variant] = fields
    return Said(jobs, frozenset(codes))


def _of_variant(places: Sequence[Wish], variant: str) -> dict[str, Any]:
    """Field by field the first that says something; an operation goes with its prompt."""
    found: dict[str, Any] = {}
    for layer in _layers(places, variant):
        decided = bool(WITH_ONE_ANOTHER & found.keys())
        news = {name: value for name, value in layer.items() if not (decided and name in WITH_ONE_ANOTHER)}
        found = news | found
    if found.get("operation") == "remove":
        found = {name: value for name, value in found.items() if name not in OF_A_NEW_BACKGROUND}
    return found


def _layers(places: Sequence[Wish], variant: str) -> Iterator[dict[str, Any]]:
    for place in places:
        top = {name: value for name, value in place.fields.items() if name != "variants"}
        inside = place.fields.get("variants", {}).get(variant)
        for layer in ([] if inside is None else [inside]) + [top]:
            yield layer | ({"operation": "replace"} if "prompt" in layer else {})


def _refusals(fields: Mapping[str, Any], *, paid: bool) -> set[str]:
    """The codes of everything that prevents the purchase."""
    if "operation" not in fields:
        return {"no_instructions"}
    is_replacement = fields["operation"] == "replace"
    too_dear = is_replacement and fields.get("max_cost_usd") == TOO_LITTLE_USD and not paid
    named = fields.get("provider", DEFAULT_PROVIDER)
    is_expressible = any(_can_express(one, fields) for one in ([named] if isinstance(named, str) else named))
    return ({"max_cost_exceeded"} if too_dear else set()) | (set() if is_expressible else {"not_expressible"})


def _can_express(provider: str, fields: Mapping[str, Any]) -> bool:
    if fields["operation"] == "remove":
        return provider in REMOVES_BACKGROUNDS
    return fields.get("num_images", 1) == 1 or provider not in MAKES_ONE_PICTURE_PER_CALL
