"""What one place says, read from a file's bytes, from object tags or from a request: its fields, or every mistake."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from backdrop.instructions.conflicts import Steps, all_conflicts
from backdrop.instructions.error_messages import explained, path_of, visible
from backdrop.instructions.json_text import json_object
from backdrop.model.codes import Code
from backdrop.model.error_catalog import CODES, MEND
from backdrop.model.errors import InstructionError
from backdrop.model.spelling import edits

if TYPE_CHECKING:
    from backdrop.instructions.schema import Wish

TAG_PREFIX = "backdrop:"
TAGS, REQUEST = "tags", "request"
_FOREIGN = f"If another tool set the tag, write ours as {TAG_PREFIX}operation and so on: then only those are read."
MOST_EDITS = 2
MOST_TOLD = 50
# `variants.beach.color_palette.members[0].color_hex`; nothing that means something lies deeper.
DEEPEST = 6
# What a tag's one line of text cannot say.
NOT_IN_TAGS = frozenset({"metadata", "variants"})


@cache
def _wish() -> "type[Wish]":
    """The model of the fields, built with the first sidecar: it costs a cold start some 20 ms."""
    from backdrop.instructions.schema import Wish

    return Wish


@dataclass(frozen=True)
class Place:
    """What one place gives: its name for receipts, its fields, those of its variants (None: it names none), mistakes.

    A place with mistakes gives no fields. `written_at`: when the file was, where it is one.
    """

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    variants: Mapping[str, Mapping[str, Any]] | None = None
    errors: tuple[InstructionError, ...] = ()
    warnings: tuple[str, ...] = ()
    written_at: datetime | None = None

    def of(self, variant: str) -> list[Mapping[str, Any]]:
        """What the place says of one variant, the nearest first."""
        own = (self.variants or {}).get(variant)
        return [self.fields] if own is None else [own, self.fields]


def read_file(name: str, data: bytes) -> Place:
    """A sidecar's, or a folder default's, bytes as a place; never raises, whatever the bytes are."""
    try:
        given, slips = json_object(name, data)
    except InstructionError as error:
        return Place(name, errors=(error,))
    place = _checked(name, given, strict=True)
    return Place(name, errors=_told(name, (*slips, *place.errors))) if slips else place


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
    also = " ".join([*(f"{miss[:1].upper()}{miss[1:]}" for miss in misses), _FOREIGN])
    for one in place.errors:
        one.advice = (one.advice or CODES[one.code].advice).adding(also)
    return replace(place, warnings=misses + unsaid)


def _tag_value(name: str, text: str) -> object:
    """A tag's text as the JSON value that it stands for."""
    if name == "provider" and len(text.split()) > 1:
        return text.split()
    return {"format": text.strip().lower()} if name == "output" else text


def _nearest_field(name: str) -> str | None:
    """The field within two letters of a tag's name."""
    known = frozenset(_wish().model_fields) - NOT_IN_TAGS
    return next((word for word in sorted(known) if edits(name.lower(), word) <= MOST_EDITS), None)


def _checked(place: str, given: Mapping[str, Any], *, strict: bool) -> Place:
    """A place's fields, or every mistake in them; a note for editors (`$schema`) is passed over."""
    given = {name: value for name, value in given.items() if name != "$schema"}
    conflicts, nulls = all_conflicts(given), list(_nulls(given, ()))
    from backdrop.instructions.schema import known_at

    try:
        wish, details = _wish().model_validate(given, strict=strict), []
    except ValidationError as error:
        wish, details = None, error.errors(include_url=False)
    told = {visible(one["loc"]) for one in details}
    nothing = [steps for steps in nulls if steps not in told]
    if wish and not conflicts and not nothing:
        variants = None if wish.variants is None else {name: one.fields() for name, one in wish.variants.items()}
        return Place(place, wish.fields(), variants)
    mistakes = (
        *(explained(place, known_at, one, given) for one in details),
        *(InstructionError.at(place, path, Code.CONFLICTING_FIELDS, words) for path, words in conflicts),
        *(_nothing(place, path_of(steps)) for steps in nothing),
    )
    return Place(place, errors=_told(place, mistakes))


def _told(place: str, errors: Sequence[InstructionError]) -> tuple[InstructionError, ...]:
    """As many mistakes as anybody reads and an item of the ledger holds; of the others, how many there are."""
    told, more = errors[:MOST_TOLD], len(errors) - MOST_TOLD
    if more <= 0:
        return tuple(errors)
    words = f"there {'is one more mistake' if more == 1 else f'are {more:,} more mistakes'}; mend these first"
    return (*told, InstructionError.at(place, "", errors[MOST_TOLD].code, words, MEND))


def _nothing(place: str, path: str) -> InstructionError:
    """Somebody may mean `inherit nothing`, which no word says."""
    return InstructionError.at(place, path, Code.INVALID_VALUE, f"{path} is null, which says nothing; leave it out")


def _nulls(value: object, steps: Steps) -> Iterator[Steps]:
    """The paths of all nulls, but those that people write into their own metadata."""
    if value is None:
        yield steps
    if len(steps) > DEEPEST or (steps[-1:] == ("metadata",) and steps != ("variants", "metadata")):
        return
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _nulls(inner, (*steps, name))
    elif isinstance(value, list):
        for n, inner in enumerate(cast("list[Any]", value)):
            yield from _nulls(inner, (*steps, n))
