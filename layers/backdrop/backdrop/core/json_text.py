"""A file's bytes as a JSON object, or why they are none, in words that lead to the place."""

import json
import re
from typing import Any

from backdrop.core.codes import Code
from backdrop.core.errors import InstructionError
from backdrop.core.meanings import MEND

MAX_SIDECAR_BYTES = 65_536
_WIDE = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_RAW = "a raw line break, tab or other control character stands in a text; write \\n or \\t"
_TYPOGRAPHIC = re.compile("[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]")


def json_object(name: str, data: bytes) -> dict[str, Any]:
    """The object that a file holds; `name` is the file's, for the error.

    Raises InstructionError (sidecar_too_large, sidecar_not_json), whatever the bytes are.
    """
    if len(data) > MAX_SIDECAR_BYTES:
        raise too_large(name, len(data))
    try:
        value = json.loads(_text(data), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        if not error.doc.strip():
            raise _unreadable(name, "it is empty", MEND) from error
        why = _RAW if error.msg == "Invalid control character at" else f"{error.msg}{_advice(error.doc, error.pos)}"
        raise _unreadable(name, f"line {error.lineno}, column {error.colno}: {why}") from error
    except RecursionError as error:
        raise _unreadable(name, "it is nested too deeply", MEND) from error
    except _SlipError as error:
        raise _unreadable(name, str(error), MEND) from error
    except ValueError as error:
        raise _unreadable(name, "a number in it is too long", MEND) from error
    if not isinstance(value, dict):
        raise _unreadable(name, f"it holds {_kind_of(value)}, not an object in braces", MEND)
    return value  # pyright: ignore[reportUnknownVariableType]


def too_large(name: str, size: int) -> InstructionError:
    """The file has more bytes than are read."""
    words = f"{name} has {size:,} bytes; a sidecar has at most {MAX_SIDECAR_BYTES:,}."
    return InstructionError(Code.SIDECAR_TOO_LARGE, words)


def _text(data: bytes) -> str:
    for mark, encoding in _WIDE:
        if data.startswith(mark):
            raise _SlipError(f"it is {encoding}; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _SlipError(f"byte {error.start} is not UTF-8") from error


def _advice(text: str, position: int) -> str:
    """What is probably meant by the sign that JSON does not know."""
    here, before = text[position : position + 2], text[:position].rstrip()
    if here in ("//", "/*") or here.startswith("#"):
        return "; JSON has no comments"
    if _TYPOGRAPHIC.match(here):
        return '; that is a typographic quote, JSON takes " alone'
    if here.startswith("'"):
        return "; JSON takes double quotes alone"
    if before.endswith(",") and here[:1] in ("}", "]"):
        return "; there is a comma too many before it"
    return ""


class _SlipError(ValueError):
    """Something that Python reads and JSON does not allow, or bytes that are no text."""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _SlipError(f"the key {name[:80]!r} stands there twice")
        found[name] = value
    return found


def _no_constant(word: str) -> object:
    raise _SlipError(f"{word} is no JSON number")


def _unreadable(name: str, why: str, hint: str | None = None) -> InstructionError:
    return InstructionError(Code.SIDECAR_NOT_JSON, f"{name} cannot be read as JSON: {why}.", hint)


def _kind_of(value: object) -> str:
    if value is None:
        return "null"
    kinds = {"list": "a list", "str": "a text", "bool": "true or false"}
    return kinds.get(type(value).__name__, "a number")
