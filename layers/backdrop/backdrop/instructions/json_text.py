"""A file's bytes as a JSON object, or why they are none, in words that lead to the place."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from backdrop.instructions.error_messages import JsonPath, format_path
from backdrop.model.advice import Advice
from backdrop.model.codes import Code
from backdrop.model.error_catalog import FIX_INSTRUCTIONS
from backdrop.model.errors import InstructionError

MAX_SIDECAR_BYTES = 65_536
# Python takes no longer text for a number.
MAX_NUMBER_DIGITS = 4_300
_ENCODING_PREFIXES = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"{\0\0\0", "UTF-32"),
    (b"\0\0\0{", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"{\0", "UTF-16"),
    (b"\0{", "UTF-16"),
)
_CONTROL_CHARACTER_MESSAGE = "a raw line break, tab or other control character stands in a text; write \\n or \\t"
_TYPOGRAPHIC_QUOTE = re.compile("[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]")


def parse_instruction_json(name: str, data: bytes) -> tuple[dict[str, Any], list[InstructionError]]:
    """The object that a file holds, and what is wrong in it that JSON does not allow and that can be read past.

    `name` is the file's, for the errors. What is read past is not in the object.

    Raises InstructionError (sidecar_too_large, sidecar_not_json) where there is no object, whatever the bytes are.
    """
    if len(data) > MAX_SIDECAR_BYTES:
        raise build_too_large_error(name, len(data))
    text = _decode_text(name, data)
    try:
        value, invalid = _parse_leniently(text)
    except json.JSONDecodeError as error:
        if not error.doc.strip():
            raise _build_not_json_error(name, "it is empty", FIX_INSTRUCTIONS) from error
        why = (
            _CONTROL_CHARACTER_MESSAGE
            if error.msg == "Invalid control character at"
            else f"{error.msg}{_suggest_fix(error.doc, error.pos)}"
        )
        raise _build_not_json_error(name, f"line {error.lineno}, column {error.colno}: {why}") from error
    except RecursionError as error:
        raise _build_not_json_error(name, "it is nested too deeply", FIX_INSTRUCTIONS) from error
    if not isinstance(value, dict):
        raise _build_not_json_error(
            name, f"it holds {_describe_type(value)}, not an object in braces", FIX_INSTRUCTIONS
        )
    return cast("dict[str, Any]", value), [
        _build_not_json_error(name, f"{path}: {why}", FIX_INSTRUCTIONS, path=path) for path, why in invalid
    ]


def build_too_large_error(name: str, size: int) -> InstructionError:
    """The file has more bytes than are read."""
    message = f"{name} has {size:,} bytes; a sidecar has at most {MAX_SIDECAR_BYTES:,}."
    return InstructionError(Code.SIDECAR_TOO_LARGE, message, instruction_source=name)


def _decode_text(name: str, data: bytes) -> str:
    for prefix, encoding in _ENCODING_PREFIXES:
        if data.startswith(prefix):
            raise _build_not_json_error(name, f"it is {encoding}; save it as UTF-8", FIX_INSTRUCTIONS)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _build_not_json_error(name, f"byte {error.start} is not UTF-8", FIX_INSTRUCTIONS) from error


def _suggest_fix(text: str, position: int) -> str:
    """What is probably meant by the sign that JSON does not know."""
    following, before = text[position : position + 2], text[:position].rstrip()
    if following in ("//", "/*") or following.startswith("#"):
        return "; JSON has no comments"
    if _TYPOGRAPHIC_QUOTE.match(following):
        return '; that is a typographic quote, JSON takes " alone'
    if following.startswith("'"):
        return "; JSON takes double quotes alone"
    if before.endswith(",") and following[:1] in ("}", "]"):
        return "; there is a comma too many before it"
    return ""


@dataclass(frozen=True)
class _InvalidValue:
    """What stands in a value's place that Python reads and JSON does not allow; what is wrong with it."""

    reason: str


def _parse_leniently(text: str) -> tuple[object, list[tuple[str, str]]]:
    """A text's value without the slips in it, and those with their places."""
    invalid_values: list[_InvalidValue] = []

    def mark_invalid(reason: str) -> _InvalidValue:
        invalid_values.append(_InvalidValue(reason))
        return invalid_values[-1]

    def parse_integer(digits: str) -> object:
        return int(digits) if len(digits) <= MAX_NUMBER_DIGITS else mark_invalid("a number in it is too long")

    def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            seen = set[str]()
            duplicates = [name for name, _ in pairs if name in seen or seen.add(name)]
            fields |= {name: mark_invalid(f"the key {name[:80]!r} stands there twice") for name in duplicates}
        return fields

    value = json.loads(
        text,
        object_pairs_hook=build_object,
        parse_int=parse_integer,
        parse_constant=lambda word: mark_invalid(f"{word} is no JSON number"),
    )
    if not invalid_values:
        return value, []
    return _remove_invalid_values(value), [
        (format_path(steps), one.reason) for steps, one in _find_invalid_values(value, ())
    ]


def _find_invalid_values(value: object, path: JsonPath) -> Iterator[tuple[JsonPath, _InvalidValue]]:
    """All slips with their places."""
    if isinstance(value, _InvalidValue):
        yield path, value
    children = cast("dict[str, Any]", value).items() if isinstance(value, dict) else ()
    children = enumerate(cast("list[Any]", value)) if isinstance(value, list) else children
    for step, one in children:
        yield from _find_invalid_values(one, (*path, step))


def _remove_invalid_values(value: Any) -> Any:
    """A value without the fields in which there are slips."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: _remove_invalid_values(one) for name, one in fields.items() if not _is_invalid(one)}
    return value


def _is_invalid(value: object) -> bool:
    """A slip, or a list in which there is one: an object loses the field alone."""
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return isinstance(value, _InvalidValue) or any(next(_find_invalid_values(one, ()), None) for one in items)


def _build_not_json_error(name: str, reason: str, advice: Advice | None = None, *, path: str = "") -> InstructionError:
    message = f"{name} cannot be read as JSON: {reason}."
    return InstructionError(Code.SIDECAR_NOT_JSON, message, advice, instruction_source=name, path=path)


def _describe_type(value: object) -> str:
    if value is None:
        return "null"
    kinds = {"list": "a list", "str": "a text", "bool": "true or false"}
    return kinds.get(type(value).__name__, "a number")
