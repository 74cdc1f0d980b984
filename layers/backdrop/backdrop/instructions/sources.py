"""What one place says, read from a file's bytes, from object tags or from a request: its fields, or every mistake."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from backdrop.instructions.conflicts import find_conflicts
from backdrop.instructions.error_messages import JsonPath, build_instruction_error, format_path, to_json_path
from backdrop.instructions.json_text import parse_instruction_json
from backdrop.instructions.suggest import count_edits
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG, FIX_INSTRUCTIONS
from backdrop.model.errors import InstructionError

if TYPE_CHECKING:
    from backdrop.instructions.schema import InstructionsModel

TAG_PREFIX = "backdrop:"
TAGS, REQUEST = "tags", "request"
_FOREIGN_TAG_ADVICE = (
    f"If another tool set the tag, write ours as {TAG_PREFIX}operation and so on: then only those are read."
)
MAX_TAG_EDITS = 2
MAX_REPORTED_ERRORS = 50
# `variants.beach.color_palette.members[0].color_hex`; nothing that means something lies deeper.
MAX_PATH_DEPTH = 6
# What a tag's one line of text cannot say.
SIDECAR_ONLY_FIELDS = frozenset({"metadata", "variants"})


@cache
def _load_model() -> "type[InstructionsModel]":
    """The model of the fields, built with the first sidecar: it costs a cold start some 20 ms."""
    from backdrop.instructions.schema import InstructionsModel

    return InstructionsModel


@dataclass(frozen=True)
class InstructionSource:
    """What one place gives: its name for receipts, its fields, those of its variants (None: it names none), mistakes.

    A place with mistakes gives no fields. `written_at`: when the file was, where it is one.
    """

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    variants: Mapping[str, Mapping[str, Any]] | None = None
    errors: tuple[InstructionError, ...] = ()
    warnings: tuple[str, ...] = ()
    written_at: datetime | None = None

    def select_fields(self, variant: str) -> list[Mapping[str, Any]]:
        """What the place says of one variant, the nearest first."""
        variant_fields = (self.variants or {}).get(variant)
        return [self.fields] if variant_fields is None else [variant_fields, self.fields]


def parse_file(name: str, data: bytes) -> InstructionSource:
    """A sidecar's, or a folder default's, bytes as a place; never raises, whatever the bytes are."""
    try:
        given, json_errors = parse_instruction_json(name, data)
    except InstructionError as error:
        return InstructionSource(name, errors=(error,))
    source = _parse_fields(name, given, strict=True)
    return (
        InstructionSource(name, errors=_limit_errors(name, (*json_errors, *source.errors))) if json_errors else source
    )


def parse_request(instructions: Mapping[str, Any]) -> InstructionSource:
    """A request's own instructions as a place."""
    return _parse_fields(REQUEST, instructions, strict=True)


def select_backdrop_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that are meant for us, right or nearly so; foreign ones come and go, and nothing hangs on them."""
    prefixed_tags = {name.removeprefix(TAG_PREFIX): text for name, text in tags.items() if name.startswith(TAG_PREFIX)}
    known_names = frozenset(_load_model().model_fields)
    return {name: text for name, text in (prefixed_tags or tags).items() if name in known_names or _suggest_field(name)}


def parse_tags(tags: Mapping[str, str]) -> InstructionSource:
    """A photo's object tags as a place: foreign tags are ignored, near misses are warnings."""
    selected = select_backdrop_tags(tags)
    readable_names = frozenset(_load_model().model_fields) - SIDECAR_ONLY_FIELDS
    suggestions = tuple(
        f"tag {name!r} is not one of ours; did you mean {_suggest_field(name)!r}?"
        for name in selected
        if name not in readable_names | SIDECAR_ONLY_FIELDS
    )
    sidecar_only = tuple(
        f"tag {name!r} is not read: {name} needs a sidecar" for name in sorted(SIDECAR_ONLY_FIELDS & selected.keys())
    )
    source = _parse_fields(
        TAGS,
        {name: _parse_tag_value(name, text) for name, text in selected.items() if name in readable_names},
        strict=False,
    )
    extra_advice = " ".join([*(f"{miss[:1].upper()}{miss[1:]}" for miss in suggestions), _FOREIGN_TAG_ADVICE])
    for one in source.errors:
        one.advice = (one.advice or ERROR_CATALOG[one.code].advice).with_note(extra_advice)
    return replace(source, warnings=suggestions + sidecar_only)


def _parse_tag_value(name: str, text: str) -> object:
    """A tag's text as the JSON value that it stands for."""
    if name == "provider" and len(text.split()) > 1:
        return text.split()
    return {"format": text.strip().lower()} if name == "output" else text


def _suggest_field(name: str) -> str | None:
    """The field within two letters of a tag's name."""
    readable_names = frozenset(_load_model().model_fields) - SIDECAR_ONLY_FIELDS
    return next((word for word in sorted(readable_names) if count_edits(name.lower(), word) <= MAX_TAG_EDITS), None)


def _parse_fields(source_name: str, given: Mapping[str, Any], *, strict: bool) -> InstructionSource:
    """A place's fields, or every mistake in them; a note for editors (`$schema`) is passed over."""
    given = {name: value for name, value in given.items() if name != "$schema"}
    conflicts, nulls = find_conflicts(given), list(_find_nulls(given, ()))
    from backdrop.instructions.schema import list_known_fields

    try:
        model, details = _load_model().model_validate(given, strict=strict), []
    except ValidationError as error:
        model, details = None, error.errors(include_url=False)
    reported_paths = {to_json_path(one["loc"]) for one in details}
    null_paths = [steps for steps in nulls if steps not in reported_paths]
    if model and not conflicts and not null_paths:
        variants = None if model.variants is None else {name: one.to_fields() for name, one in model.variants.items()}
        return InstructionSource(source_name, model.to_fields(), variants)
    errors = (
        *(build_instruction_error(source_name, list_known_fields, one, given) for one in details),
        *(InstructionError.at(source_name, path, Code.CONFLICTING_FIELDS, words) for path, words in conflicts),
        *(_build_null_error(source_name, format_path(steps)) for steps in null_paths),
    )
    return InstructionSource(source_name, errors=_limit_errors(source_name, errors))


def _limit_errors(source_name: str, errors: Sequence[InstructionError]) -> tuple[InstructionError, ...]:
    """As many mistakes as anybody reads and an item of the ledger holds; of the others, how many there are."""
    reported, omitted_count = errors[:MAX_REPORTED_ERRORS], len(errors) - MAX_REPORTED_ERRORS
    if omitted_count <= 0:
        return tuple(errors)
    message = (
        f"there {'is one more mistake' if omitted_count == 1 else f'are {omitted_count:,} more mistakes'}; "
        f"mend these first"
    )
    return (
        *reported,
        InstructionError.at(source_name, "", errors[MAX_REPORTED_ERRORS].code, message, FIX_INSTRUCTIONS),
    )


def _build_null_error(source_name: str, path: str) -> InstructionError:
    """Somebody may mean `inherit nothing`, which no word says."""
    return InstructionError.at(
        source_name, path, Code.INVALID_VALUE, f"{path} is null, which says nothing; leave it out"
    )


def _find_nulls(value: object, path: JsonPath) -> Iterator[JsonPath]:
    """The paths of all nulls, but those that people write into their own metadata."""
    if value is None:
        yield path
    if len(path) > MAX_PATH_DEPTH or (path[-1:] == ("metadata",) and path != ("variants", "metadata")):
        return
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _find_nulls(inner, (*path, name))
    elif isinstance(value, list):
        for n, inner in enumerate(cast("list[Any]", value)):
            yield from _find_nulls(inner, (*path, n))
