"""A file's bytes as a JSON object, or why they are none, in words that lead to the place."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from backdrop.instructions.error_messages import path_of
from backdrop.model.advice import Advice
from backdrop.model.codes import Code
from backdrop.model.error_catalog import MEND
from backdrop.model.errors import InstructionError

MAX_SIDECAR_BYTES = 65_536
# Python takes no longer text for a number.
LONGEST_NUMBER = 4_300
_WIDE = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"{\0\0\0", "UTF-32"),
    (b"\0\0\0{", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"{\0", "UTF-16"),
    (b"\0{", "UTF-16"),
)
_RAW = "a raw line break, tab or other control character stands in a text; write \\n or \\t"
_TYPOGRAPHIC = re.compile("[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]")


def json_object(name: str, data: bytes) -> tuple[dict[str, Any], list[InstructionError]]:
    """The object that a file holds, and what is wrong in it that JSON does not allow and that can be read past.

    `name` is the file's, for the errors. What is read past is not in the object.

    Raises InstructionError (sidecar_too_large, sidecar_not_json) where there is no object, whatever the bytes are.
    """
    if len(data) > MAX_SIDECAR_BYTES:
        raise too_large(name, len(data))
    try:
        value, slips = _parsed(_text(data))
    except json.JSONDecodeError as error:
        if not error.doc.strip():
            raise _unreadable(name, "it is empty", MEND) from error
        why = _RAW if error.msg == "Invalid control character at" else f"{error.msg}{_advice(error.doc, error.pos)}"
        raise _unreadable(name, f"line {error.lineno}, column {error.colno}: {why}") from error
    except RecursionError as error:
        raise _unreadable(name, "it is nested too deeply", MEND) from error
    except _SlipError as error:
        raise _unreadable(name, str(error), MEND) from error
    if not isinstance(value, dict):
        raise _unreadable(name, f"it holds {_kind_of(value)}, not an object in braces", MEND)
    return cast("dict[str, Any]", value), [_unreadable(name, f"{path}: {why}", MEND, path=path) for path, why in slips]


def too_large(name: str, size: int) -> InstructionError:
    """The file has more bytes than are read."""
    words = f"{name} has {size:,} bytes; a sidecar has at most {MAX_SIDECAR_BYTES:,}."
    return InstructionError(Code.SIDECAR_TOO_LARGE, words, place=name)


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
    """Bytes that are no text."""


@dataclass(frozen=True)
class _Slip:
    """What stands in a value's place that Python reads and JSON does not allow; what is wrong with it."""

    words: str


def _parsed(text: str) -> tuple[object, list[tuple[str, str]]]:
    """A text's value without the slips in it, and those with their places."""
    met: list[_Slip] = []

    def slip(words: str) -> _Slip:
        met.append(_Slip(words))
        return met[-1]

    def whole(digits: str) -> object:
        return int(digits) if len(digits) <= LONGEST_NUMBER else slip("a number in it is too long")

    def named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen = set[str]()
            twice = [name for name, _ in pairs if name in seen or seen.add(name)]
            found |= {name: slip(f"the key {name[:80]!r} stands there twice") for name in twice}
        return found

    value = json.loads(
        text, object_pairs_hook=named, parse_int=whole, parse_constant=lambda word: slip(f"{word} is no JSON number")
    )
    if not met:
        return value, []
    return _without(value), [(path_of(steps), one.words) for steps, one in _slips(value, ())]


def _slips(value: object, steps: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], _Slip]]:
    """All slips with their places."""
    if isinstance(value, _Slip):
        yield steps, value
    inner = cast("dict[str, Any]", value).items() if isinstance(value, dict) else ()
    inner = enumerate(cast("list[Any]", value)) if isinstance(value, list) else inner
    for step, one in inner:
        yield from _slips(one, (*steps, step))


def _without(value: Any) -> Any:
    """A value without the fields in which there are slips."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: _without(one) for name, one in fields.items() if not _is_spoilt(one)}
    return value


def _is_spoilt(value: object) -> bool:
    """A slip, or a list in which there is one: an object loses the field alone."""
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return isinstance(value, _Slip) or any(next(_slips(one, ()), None) for one in listed)


def _unreadable(name: str, why: str, advice: Advice | None = None, *, path: str = "") -> InstructionError:
    message = f"{name} cannot be read as JSON: {why}."
    return InstructionError(Code.SIDECAR_NOT_JSON, message, advice, place=name, path=path)


def _kind_of(value: object) -> str:
    if value is None:
        return "null"
    kinds = {"list": "a list", "str": "a text", "bool": "true or false"}
    return kinds.get(type(value).__name__, "a number")
