"""What one place says, read from a file's bytes, from object tags or from a request: its fields, or every mistake."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from backdrop.core.capability import ADDRESSED
from backdrop.core.codes import Code
from backdrop.core.errors import InstructionError
from backdrop.core.json_text import json_object
from backdrop.core.mistakes import explained, path_of

if TYPE_CHECKING:
    from backdrop.core.wish import Wish

TAG_PREFIX = "backdrop:"
TAGS, REQUEST = "tags", "request"
_FOREIGN = f" If another tool set the tag, write ours as {TAG_PREFIX}operation and so on: then only those are read."
# What a tag's one line of text cannot say.
MOST_EDITS = 2
# `variants.beach.color_palette.members[0].color_hex`; nothing that means something lies deeper.
DEEPEST = 6
NOT_IN_TAGS = frozenset({"metadata", "variants"})
STYLE_FIELDS = ("style", "style_preset", "style_codes", "style_reference_images")


@cache
def _wish() -> "type[Wish]":
    """The model of the fields, built with the first sidecar: it costs a cold start some 20 ms."""
    from backdrop.core.wish import Wish

    return Wish


@dataclass(frozen=True)
class Place:
    """What one place gives: its name for receipts, its fields, those of its variants (None: it names none), mistakes.

    `found`: whether there is such a place at all, however little it says.
    """

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    variants: Mapping[str, Mapping[str, Any]] | None = None
    errors: tuple[InstructionError, ...] = ()
    warnings: tuple[str, ...] = ()

    def of(self, variant: str) -> list[Mapping[str, Any]]:
        """What the place says of one variant, the nearest first."""
        own = (self.variants or {}).get(variant)
        return [self.fields] if own is None else [own, self.fields]


def read_file(name: str, data: bytes) -> Place:
    """A sidecar's, or a folder default's, bytes as a place; never raises, whatever the bytes are."""
    try:
        return _checked(name, json_object(name, data), strict=True)
    except InstructionError as error:
        return Place(name, errors=(error,))


def read_request(instructions: Mapping[str, Any]) -> Place:
    """A request's own instructions as a place."""
    return _checked(REQUEST, instructions, strict=True)


def our_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that are meant for us, right or nearly so; foreign ones come and go, and nothing hangs on them."""
    marked = {name.removeprefix(TAG_PREFIX): text for name, text in tags.items() if name.startswith(TAG_PREFIX)}
    every = frozenset(_wish().model_fields)
    return {name: text for name, text in (marked or tags).items() if name in every or _nearest_field(name)}


def read_tags(tags: Mapping[str, str]) -> Place:
    """A photo's object tags as a place: foreign tags are ignored, near misses are warnings."""
    read = our_tags(tags)
    known = frozenset(_wish().model_fields) - NOT_IN_TAGS
    misses = tuple(
        f"tag {name!r} is not one of ours; did you mean {_nearest_field(name)!r}?"
        for name in read
        if name not in known | NOT_IN_TAGS
    )
    unsaid = tuple(f"tag {name!r} is not read: {name} needs a sidecar" for name in sorted(NOT_IN_TAGS & read.keys()))
    place = _checked(TAGS, {name: _tag_value(name, text) for name, text in read.items() if name in known}, strict=False)
    errors = tuple(InstructionError(one.code, one.message, one.hint + _FOREIGN) for one in place.errors)
    return Place(TAGS, place.fields, errors=errors, warnings=misses + unsaid)


def _tag_value(name: str, text: str) -> object:
    """A tag's text as the JSON value that it stands for."""
    if name == "provider" and len(text.split()) > 1:
        return text.split()
    return {"format": text.strip().lower()} if name == "output" else text


def _nearest_field(name: str) -> str | None:
    """The field within two letters of a tag's name."""
    known = frozenset(_wish().model_fields) - NOT_IN_TAGS
    return next((word for word in sorted(known) if distance(name.lower(), word) <= MOST_EDITS), None)


def distance(one: str, other: str) -> int:
    """The number of single-letter edits between two words (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, opposite in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != opposite))
    return row[-1]


def _checked(place: str, given: Mapping[str, Any], *, strict: bool) -> Place:
    """A place's fields, or every mistake in them; a note for editors (`$schema`) is passed over."""
    given = {name: value for name, value in given.items() if name != "$schema"}
    errors = [InstructionError(Code.CONFLICTING_FIELDS, f"{place}: {words}") for words in _all_conflicts(given)]
    nulls = list(_nulls(given, ()))
    from backdrop.core.wish import known_at

    try:
        wish = _wish().model_validate(given, strict=strict)
    except ValidationError as error:
        details = error.errors(include_url=False)
        told = {path_of(one["loc"]) for one in details}
        errors += [_nothing(place, path) for path in nulls if path not in told]
        return Place(place, errors=(*(explained(place, known_at, one, given) for one in details), *errors))
    errors += [_nothing(place, path) for path in nulls]
    variants = None if wish.variants is None else {name: one.fields() for name, one in wish.variants.items()}
    return Place(place, errors=tuple(errors)) if errors else Place(place, wish.fields(), variants)


def _nothing(place: str, path: str) -> InstructionError:
    """Somebody may mean `inherit nothing`, which no word says."""
    return InstructionError(Code.INVALID_VALUE, f"{place}: {path} is null, which says nothing; leave it out")


def _nulls(value: object, steps: tuple[str | int, ...]) -> Iterator[str]:
    """The paths of all nulls, but those that people write into their own metadata."""
    if value is None:
        yield path_of(steps)
    if len(steps) > DEEPEST or (steps[-1:] == ("metadata",) and steps != ("variants", "metadata")):
        return
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _nulls(inner, (*steps, name))
    elif isinstance(value, list):
        for n, inner in enumerate(cast("list[Any]", value)):
            yield from _nulls(inner, (*steps, n))


def _all_conflicts(given: Mapping[str, Any]) -> list[str]:
    """Fields that the place, or one of its variants, cannot give together."""
    variants = given.get("variants")
    named = cast("dict[str, Any]", variants) if isinstance(variants, dict) else {}
    objects = [(name, cast("dict[str, Any]", one)) for name, one in named.items() if isinstance(one, dict)]
    inside = [f"{path_of(['variants', name])}: {words}" for name, one in objects for words in _conflicts(one)]
    return [*_conflicts(given), *inside]


def _conflicts(given: Mapping[str, Any]) -> list[str]:
    conflicts: list[str] = []
    styles = [name for name in STYLE_FIELDS if given.get(name) is not None]
    if len(styles) > 1:
        conflicts.append(f"{' and '.join(styles)} exclude one another; keep one of them")
    senseless = [name for name in ("style", *ADDRESSED) if given.get(name) is not None]
    if senseless and str(given.get("operation")).strip().lower() == "remove":
        conflicts.append(f"operation remove makes no new background, so {', '.join(senseless)} cannot stand beside it")
    return conflicts
