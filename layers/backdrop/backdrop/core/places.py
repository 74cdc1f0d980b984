"""What one place says, read from a sidecar's bytes or from object tags: its fields, or every mistake in words."""

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from backdrop.core.capability import ADDRESSED
from backdrop.core.codes import Code
from backdrop.core.errors import InstructionError

if TYPE_CHECKING:
    from backdrop.core.wish import Wish

MAX_SIDECAR_BYTES = 65_536
TAG_PREFIX = "backdrop:"
STYLE_FIELDS = ("style", "style_preset", "style_codes")


@cache
def _wish() -> "type[Wish]":
    """The model of the fields, built with the first sidecar: it costs a cold start some 20 ms."""
    from backdrop.core.wish import Wish

    return Wish


@dataclass(frozen=True)
class Place:
    """What one place gives: its name for receipts, its fields, its mistakes, its warnings."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    errors: tuple[InstructionError, ...] = ()
    warnings: tuple[str, ...] = ()


def read_sidecar(name: str, data: bytes) -> Place:
    """A sidecar's bytes as a place; never raises, whatever the bytes are."""
    try:
        return _checked(name, _json_object(name, data), strict=True)
    except InstructionError as error:
        return Place(name, errors=(error,))


def read_tags(tags: Mapping[str, str]) -> Place:
    """A photo's object tags as a place: foreign tags are ignored, near misses are warnings."""
    known = frozenset(_wish().model_fields) - {"metadata"}
    marked = {name.removeprefix(TAG_PREFIX): text for name, text in tags.items() if name.startswith(TAG_PREFIX)}
    read = marked or tags
    warnings = tuple(
        f"tag {name!r} is not one of ours; did you mean {near!r}?"
        for name in read
        if name not in known and (near := _within_two_letters(name, known))
    )
    fields: dict[str, Any] = {name: _tag_value(name, text) for name, text in read.items() if name in known}
    place = _checked("tags", fields, strict=False)
    return Place("tags", place.fields, place.errors, warnings)


def _tag_value(name: str, text: str) -> object:
    """A tag's text as the JSON value that it stands for."""
    return text.split() if name == "provider" and len(text.split()) > 1 else text


def _within_two_letters(name: str, known: frozenset[str]) -> str | None:
    return next((word for word in sorted(known) if _distance(name.lower(), word) <= 2), None)


def _distance(one: str, other: str) -> int:
    """The number of single-letter edits between two words (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, opposite in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != opposite))
    return row[-1]


def _json_object(name: str, data: bytes) -> dict[str, Any]:
    if len(data) > MAX_SIDECAR_BYTES:
        raise InstructionError(Code.SIDECAR_TOO_LARGE, f"{name} has {len(data):,} bytes; a sidecar has at most 65,536.")
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise _unreadable(name, f"byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _unreadable(name, f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise _unreadable(name, "it is nested too deeply") from error
    except _SlipError as error:
        raise _unreadable(name, str(error)) from error
    except ValueError as error:
        raise _unreadable(name, "a number in it is too long") from error
    if not isinstance(value, dict):
        raise _unreadable(name, f"it holds {_kind_of(value)}, not an object in braces")
    return value  # pyright: ignore[reportUnknownVariableType]


def _unreadable(name: str, why: str) -> InstructionError:
    return InstructionError(Code.SIDECAR_NOT_JSON, f"{name} cannot be read as JSON: {why}.")


class _SlipError(ValueError):
    """Something that Python reads and JSON does not allow."""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _SlipError(f"the key {name[:80]!r} stands there twice")
        found[name] = value
    return found


def _no_constant(word: str) -> object:
    raise _SlipError(f"{word} is no JSON number")


def _kind_of(value: object) -> str:
    if value is None:
        return "null"
    kinds = {"list": "a list", "str": "a text", "bool": "true or false"}
    return kinds.get(type(value).__name__, "a number")


def _checked(place: str, given: dict[str, Any], *, strict: bool) -> Place:
    """A place's fields, or every mistake in them; a note for editors (`$schema`) is passed over."""
    given = {name: value for name, value in given.items() if name != "$schema"}
    errors = [InstructionError(Code.CONFLICTING_FIELDS, f"{place}: {words}") for words in _conflicts(given)]
    try:
        fields = _wish().model_validate(given, strict=strict).fields()
    except ValidationError as error:
        details = error.errors(include_url=False)
        return Place(place, errors=(*(_explained(place, dict(detail)) for detail in details), *errors))
    return Place(place, errors=tuple(errors)) if errors else Place(place, fields)


def _conflicts(given: Mapping[str, Any]) -> list[str]:
    """Fields that one place cannot give together."""
    conflicts: list[str] = []
    styles = [name for name in STYLE_FIELDS if name in given]
    if len(styles) > 1:
        conflicts.append(f"{' and '.join(styles)} say the same thing twice; keep one of them")
    senseless = [name for name in ("style", *ADDRESSED) if name in given]
    if senseless and str(given.get("operation")).strip().lower() == "remove":
        conflicts.append(f"operation remove makes no new background, so {', '.join(senseless)} cannot stand beside it")
    return conflicts


def _explained(place: str, detail: dict[str, Any]) -> InstructionError:
    """One mistake in words: where it stands, what is there, what may be there."""
    where = str(detail["loc"][0]) if detail["loc"] else ""
    code, words = _EXPLAIN.get(detail["type"], _other)(where, detail)
    return InstructionError(code, f"{place}: {words}")


def _unknown_field(where: str, _: dict[str, Any]) -> tuple[Code, str]:
    known = list(_wish().model_fields)
    near = difflib.get_close_matches(where.lower(), known, n=1, cutoff=0.8)
    guess = f"did you mean {near[0]!r}?" if near else f"known fields: {', '.join(known)}."
    return Code.UNKNOWN_FIELD, f"there is no field {where[:80]!r}; {guess}"


def _not_a_word(where: str, detail: dict[str, Any]) -> tuple[Code, str]:
    expected = detail["ctx"]["expected"]
    words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
    near = difflib.get_close_matches(str(detail["input"]), words, n=1)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    return Code.INVALID_VALUE, f"{where} is {_shown(detail['input'])}; it can be {expected}{guess}"


def _too_short(where: str, _: dict[str, Any]) -> tuple[Code, str]:
    return (Code.MISSING_PROMPT if where == "prompt" else Code.INVALID_VALUE), f"{where} is empty"


def _own_words(where: str, detail: dict[str, Any]) -> tuple[Code, str]:
    return Code.INVALID_VALUE, f"{where}: {detail['ctx']['error']}"


def _other(where: str, detail: dict[str, Any]) -> tuple[Code, str]:
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    return Code.INVALID_VALUE, f"{where} is {_shown(detail['input'])}; {message}"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    length = len(value) if isinstance(value, str) else len(text)
    return text if len(text) <= 60 else f"{text[:57]}... ({length:,} characters)"


_EXPLAIN: dict[str, Callable[[str, dict[str, Any]], tuple[Code, str]]] = {
    "extra_forbidden": _unknown_field,
    "literal_error": _not_a_word,
    "value_error": _own_words,
    "string_too_short": _too_short,
}
