"""Instruction sources: parses a file, object tags, or a request into its fields, or lists every error in it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from backdrop.instructions.conflicts import find_conflicts
from backdrop.instructions.error_messages import JsonPath, build_instruction_error, format_path, to_json_path
from backdrop.instructions.field_errors import split_by_field
from backdrop.instructions.json_text import describe_not_an_object, parse_instruction_json
from backdrop.instructions.suggest import count_edits, find_nearest
from backdrop.model.capabilities import REMOVERS
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG, FIX_INSTRUCTIONS
from backdrop.model.errors import InstructionError
from backdrop.model.job import REQUEST

if TYPE_CHECKING:
    from backdrop.instructions.schema import InstructionsModel

TAG_PREFIX = "backdrop:"
TAGS = "tags"
_FOREIGN_TAG_ADVICE = (
    f"If another tool set the tag, add the prefix {TAG_PREFIX} to your tags, as in {TAG_PREFIX}operation. "
    "Backdrop then reads only tags with the prefix."
)
MAX_REPORTED_ERRORS = 50
# `variants.beach.output[0].background.gradient[0]` is the deepest field.
MAX_PATH_DEPTH = 7
# These cannot be expressed in one line of text, which is all that a tag can hold.
SIDECAR_ONLY_FIELDS = frozenset({"metadata", "variants"})
# Tools of photographers have tags of this name too, as for a camera. They are theirs unless the value is, or nearly is,
# one of ours.
AMBIGUOUS_TAG = "model"
_REMOVER_NAMES = {name for models in REMOVERS.values() for name in models}
# A tag, or the column of a manifest, that stands for a field of `output`.
MARKETPLACE_TAG = "for"


@cache
def _load_model() -> "type[InstructionsModel]":
    """Loads the model when the first sidecar is parsed, because that adds about 20 ms to a cold start."""
    from backdrop.instructions.schema import InstructionsModel

    return InstructionsModel


@dataclass(frozen=True)
class InstructionSource:
    """The content of one source; `name` is its name in receipts.

    `variants` is None if the source names none. A source with errors has no fields. `written_at`: when the file was
    written, if the source is a file.
    """

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    variants: Mapping[str, Mapping[str, Any]] | None = None
    errors: tuple[InstructionError, ...] = ()
    warnings: tuple[str, ...] = ()
    written_at: datetime | None = None

    def select_fields(self, variant: str) -> list[Mapping[str, Any]]:
        """Returns the fields that apply to one variant, nearest first."""
        variant_fields = (self.variants or {}).get(variant)
        return [self.fields] if variant_fields is None else [variant_fields, self.fields]


def parse_file(name: str, data: bytes) -> InstructionSource:
    """Parses the bytes of a sidecar or of folder defaults. Never raises; the errors are in the result."""
    try:
        given, json_errors = parse_instruction_json(name, data)
    except InstructionError as error:
        return InstructionSource(name, errors=(error,))
    source = _parse_fields(name, given, strict=True)
    errors = (*json_errors, *source.errors)
    return InstructionSource(name, errors=_limit_errors(name, errors, len(errors))) if json_errors else source


def parse_request(instructions: object) -> InstructionSource:
    """Parses the instructions of a request, which may be any JSON value. Never raises; the errors are in the result."""
    if not isinstance(instructions, dict):
        reason = f"the instructions are {describe_not_an_object(instructions)}"
        return InstructionSource(REQUEST, errors=(InstructionError.at(REQUEST, "", Code.INVALID_VALUE, reason),))
    return _parse_fields(REQUEST, cast("dict[str, Any]", instructions), strict=True)


def select_backdrop_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Returns Backdrop's tags, including misspelled ones. Other tools' tags may change and have no effect."""
    prefixed_tags = {name.removeprefix(TAG_PREFIX): text for name, text in tags.items() if name.startswith(TAG_PREFIX)}
    known_names = {*_load_model().model_fields, MARKETPLACE_TAG}
    return {name: text for name, text in (prefixed_tags or tags).items() if name in known_names or _suggest_field(name)}


def parse_tags(tags: Mapping[str, str]) -> InstructionSource:
    """Parses a photo's object tags. Other tools' tags are ignored; near misses become warnings."""
    selected = select_backdrop_tags(tags)
    readable_names = _list_readable_names()
    suggestions = tuple(
        f"the tag {name!r} is not a field. Did you mean {_suggest_field(name)!r}?"
        for name in selected
        if name not in readable_names | SIDECAR_ONLY_FIELDS
    )
    sidecar_only = tuple(
        f"the tag {name!r} is ignored: {name} needs a sidecar" for name in sorted(SIDECAR_ONLY_FIELDS & selected.keys())
    )
    has_prefix = any(name.startswith(TAG_PREFIX) for name in tags)
    model = selected.get(AMBIGUOUS_TAG)
    is_foreign = model is not None and not has_prefix and find_nearest(model, _REMOVER_NAMES) is None
    foreign = (f"the tag {AMBIGUOUS_TAG!r} is ignored: its value is not a model of Backdrop",) if is_foreign else ()
    readable_names -= {AMBIGUOUS_TAG} if is_foreign else set()
    given = {name: parse_text_value(name, text) for name, text in selected.items() if name in readable_names}
    source = _parse_fields(TAGS, nest_marketplaces(given), strict=False)
    errors = tuple(_suggest_marketplace_tag(one, selected.get("output", "")) for one in source.errors)
    for one in errors:
        notes = [f"{text[:1].upper()}{text[1:]}" for text in suggestions]
        advice = one.advice or ERROR_CATALOG[one.code].advice
        one.advice = advice.with_note(" ".join([*notes, _FOREIGN_TAG_ADVICE]))
    return replace(source, errors=errors, warnings=suggestions + sidecar_only + foreign)


def nest_marketplaces(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Moves `for`, which tags and the rows of a manifest may have next to `output`, into the object `output`."""
    output = fields.get("output", {})
    if MARKETPLACE_TAG not in fields or not isinstance(output, dict):
        return fields
    others = {name: value for name, value in fields.items() if name != MARKETPLACE_TAG}
    return {**others, "output": {**cast("dict[str, Any]", output), MARKETPLACE_TAG: fields[MARKETPLACE_TAG]}}


def _suggest_marketplace_tag(error: InstructionError, output_tag: str) -> InstructionError:
    """Returns an error that names the tag `for` if the error is that the tag `output` names marketplaces."""
    if error.path != "output.format":
        return error
    # Few tags have errors, and this module adds to a cold start.
    from backdrop.model.marketplaces import list_marketplaces

    nearest = [find_nearest(word, list_marketplaces()) for word in output_tag.replace(",", " ").split()]
    if not nearest or not all(nearest):
        return error
    reason = f"{error.reason}. For a marketplace, use the tag {MARKETPLACE_TAG}={' '.join(filter(None, nearest))}"
    return InstructionError.at(TAGS, error.path, error.code, reason, error.advice)


def parse_text_value(name: str, text: str) -> object:
    """Converts the text of a tag or a CSV cell to the value of a field. Numbers and booleans stay text."""
    if name in ("provider", MARKETPLACE_TAG) and len(text.split()) > 1:
        return text.split()
    return {"format": text.strip().lower()} if name == "output" else text


def _list_readable_names() -> frozenset[str]:
    """Returns the names of the tags that are read."""
    return frozenset({*_load_model().model_fields, MARKETPLACE_TAG}) - SIDECAR_ONLY_FIELDS


def _suggest_field(name: str) -> str | None:
    """Returns the first field whose name is similar to the tag's, or differs from it only in case."""
    return next((known for known in sorted(_list_readable_names()) if _is_near_miss(name.lower(), known)), None)


def _is_near_miss(name: str, known: str) -> bool:
    """Whether a tag's name is probably a misspelled field.

    The shorter the name, the more likely it is another tool's tag: `need` and `feed` are one edit from `seed`, and
    `stage` and `type` are two from `style`.
    """
    length = min(len(name), len(known))
    max_edits = 0 if length <= 4 else 1 if length == 5 else 2
    return count_edits(name, known) <= max_edits


def _parse_fields(source_name: str, given: Mapping[str, Any], *, strict: bool) -> InstructionSource:
    """Validates a source's fields. `$schema`, which is for editors, is ignored."""
    given = {name: value for name, value in given.items() if name != "$schema"}
    conflicts, nulls = find_conflicts(given), list(_find_nulls(given, ()))
    from backdrop.instructions.schema import list_known_fields

    try:
        model, details = _load_model().model_validate(given, strict=strict), []
    except ValidationError as error:
        model, details = None, list(split_by_field(error.errors(include_url=False)))
    reported_paths = {to_json_path(one["loc"]) for one in details}
    null_paths = [steps for steps in nulls if steps not in reported_paths]
    if model and not conflicts and not null_paths:
        variants = None if model.variants is None else {name: one.to_fields() for name, one in model.variants.items()}
        return InstructionSource(source_name, model.to_fields(), variants)
    errors = chain(
        (build_instruction_error(source_name, list_known_fields, one, given) for one in details),
        (InstructionError.at(source_name, path, Code.CONFLICTING_FIELDS, reason) for path, reason in conflicts),
        (_build_null_error(source_name, format_path(steps)) for steps in null_paths),
    )
    count = len(details) + len(conflicts) + len(null_paths)
    return InstructionSource(source_name, errors=_limit_errors(source_name, errors, count))


def _limit_errors(source_name: str, found: Iterable[InstructionError], count: int) -> tuple[InstructionError, ...]:
    """Keeps as many of `count` errors as fit into a ledger item; the last entry counts the others.

    `found` builds an error when it is asked for the next one. The others are never built, because there may be many.
    """
    errors = tuple(islice(found, MAX_REPORTED_ERRORS + 1))
    reported, omitted_count = errors[:MAX_REPORTED_ERRORS], count - MAX_REPORTED_ERRORS
    if omitted_count <= 0:
        return errors
    omitted = "is 1 more error" if omitted_count == 1 else f"are {omitted_count:,} more errors"
    message = f"there {omitted}; correct these first"
    return (
        *reported,
        InstructionError.at(source_name, "", errors[MAX_REPORTED_ERRORS].code, message, FIX_INSTRUCTIONS),
    )


def _build_null_error(source_name: str, path: str) -> InstructionError:
    """Null might be meant as "inherit nothing", which cannot be expressed."""
    return InstructionError.at(source_name, path, Code.INVALID_VALUE, " is null, which has no meaning; remove it")


def _find_nulls(value: object, path: JsonPath) -> Iterator[JsonPath]:
    """Yields the paths of all nulls except those inside `metadata`."""
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
