"""Parses a file's bytes as a JSON object, with error messages that name the line or path."""

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
# For a file or a request that has another JSON value in place of instructions.
INSTRUCTIONS_EXAMPLE = '{"prompt": "on a marble table"}'
# Python refuses to convert more digits than this to an integer.
MAX_NUMBER_DIGITS = 4_300
_GOOGLE_PHOTOS_FIELD = "photoTakenTime"
"""Google Takeout writes a file with this field next to each photo of Google Photos, named like a sidecar."""
_REMOVE_TAKEOUT_FILE = Advice.from_text("Remove the file, or replace its content by instructions.")
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
_CONTROL_CHARACTER_MESSAGE = "a string contains a raw line break, tab, or other control character; write \\n or \\t"
_TYPOGRAPHIC_QUOTE = re.compile("[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]")


def parse_instruction_json(name: str, data: bytes) -> tuple[dict[str, Any], list[InstructionError]]:
    """Returns the object in a file, and the errors that do not prevent reading the rest of it.

    Such errors are repeated keys and values that JSON does not allow, such as NaN; the object does not contain them.
    `name` is the file's name, for the messages.

    Raises InstructionError (sidecar_too_large, sidecar_not_json) if the bytes contain no JSON object, and
    (unknown_field) if Google Takeout wrote it.
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
        raise _build_not_json_error(name, f"it contains {describe_not_an_object(value)}", FIX_INSTRUCTIONS)
    if _GOOGLE_PHOTOS_FIELD in value:
        reason = " is a field of Google Takeout, whose files describe photos and contain no instructions."
        raise InstructionError.at(name, _GOOGLE_PHOTOS_FIELD, Code.UNKNOWN_FIELD, reason, _REMOVE_TAKEOUT_FILE)
    return cast("dict[str, Any]", value), [
        _build_not_json_error(name, f"{path}: {why}", FIX_INSTRUCTIONS, path=path) for path, why in invalid
    ]


def is_takeout_file(data: bytes) -> bool:
    """Whether Google Takeout wrote a JSON file."""
    if _GOOGLE_PHOTOS_FIELD.encode() not in data:
        return False
    try:
        parse_instruction_json("", data)
    except InstructionError as error:
        return error.path == _GOOGLE_PHOTOS_FIELD
    return False


def build_too_large_error(name: str, size: int) -> InstructionError:
    message = f"{name} is {size:,} bytes; at most {MAX_SIDECAR_BYTES:,} are allowed."
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
    following, before = text[position : position + 2], text[:position].rstrip()
    if following in ("//", "/*") or following.startswith("#"):
        return "; JSON has no comments"
    if _TYPOGRAPHIC_QUOTE.match(following):
        return '; this is a typographic quote, and JSON accepts only "'
    if following.startswith("'"):
        return "; JSON accepts only double quotes"
    if before.endswith(",") and following[:1] in ("}", "]"):
        return "; remove the comma before it"
    return ""


@dataclass(frozen=True)
class _InvalidValue:
    """A placeholder for a value that Python accepts and JSON does not allow."""

    reason: str


def _parse_leniently(text: str) -> tuple[object, list[tuple[str, str]]]:
    """Returns the value without its invalid parts, and the path and reason of each invalid part."""
    invalid_values: list[_InvalidValue] = []

    def mark_invalid(reason: str) -> _InvalidValue:
        invalid_values.append(_InvalidValue(reason))
        return invalid_values[-1]

    def parse_integer(digits: str) -> object:
        return (
            int(digits)
            if len(digits) <= MAX_NUMBER_DIGITS
            else mark_invalid(f"a number may have at most {MAX_NUMBER_DIGITS:,} digits")
        )

    def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            seen = set[str]()
            duplicates = [name for name, _ in pairs if name in seen or seen.add(name)]
            fields |= {name: mark_invalid(f"the key {name[:80]!r} is repeated") for name in duplicates}
        return fields

    value = json.loads(
        text,
        object_pairs_hook=build_object,
        parse_int=parse_integer,
        parse_constant=lambda word: mark_invalid(f"{word} is not a JSON number"),
    )
    if not invalid_values:
        return value, []
    return _remove_invalid_values(value), [
        (format_path(steps), one.reason) for steps, one in _find_invalid_values(value, ())
    ]


def _find_invalid_values(value: object, path: JsonPath) -> Iterator[tuple[JsonPath, _InvalidValue]]:
    if isinstance(value, _InvalidValue):
        yield path, value
    children = cast("dict[str, Any]", value).items() if isinstance(value, dict) else ()
    children = enumerate(cast("list[Any]", value)) if isinstance(value, list) else children
    for step, one in children:
        yield from _find_invalid_values(one, (*path, step))


def _remove_invalid_values(value: Any) -> Any:
    """Returns a value without the fields that contain an invalid value."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: _remove_invalid_values(one) for name, one in fields.items() if not _is_invalid(one)}
    return value


def _is_invalid(value: object) -> bool:
    """True for an invalid value and for a list that contains one. An object only loses the invalid field."""
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return isinstance(value, _InvalidValue) or any(next(_find_invalid_values(one, ()), None) for one in items)


def _build_not_json_error(name: str, reason: str, advice: Advice | None = None, *, path: str = "") -> InstructionError:
    message = f"{name} cannot be read as JSON: {reason}."
    return InstructionError(Code.SIDECAR_NOT_JSON, message, advice, instruction_source=name, path=path)


def describe_not_an_object(value: object) -> str:
    """Describes a JSON value that should be an object, and gives an example: `a list, not an object …`."""
    kinds = {"NoneType": "null", "list": "a list", "str": "a string", "bool": "true or false"}
    kind = kinds.get(type(value).__name__, "a number")
    return f"{kind}, not an object in braces such as {INSTRUCTIONS_EXAMPLE}"
