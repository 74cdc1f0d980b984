"""A model's complaints about what one place says, in words: where it stands, what is there, what may be there."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.spelling import nearest

type KnownAt = Callable[[Sequence[str | int]], Sequence[str]]

# Steps of pydantic's paths that stand in no file: the arms of these fields' unions, the key of a pair.
_ARMS, _UNIONS, _KEY = frozenset({"one", "list"}), frozenset({"output", "provider"}), "[key]"


def explained(
    place: str, known_at: KnownAt, detail: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> InstructionError:
    """One mistake, of those that pydantic lists; `known_at` gives the fields that may stand at a path.

    `given`: what the place says, for words as they were written.
    """
    where = path_of(visible(detail["loc"]))
    detail = {**detail, "input": _written(given, detail)}
    if detail["type"] == "extra_forbidden":
        code, words = _unknown_field(where, known_at(detail["loc"]), detail)
    else:
        code, words = _EXPLAIN.get(detail["type"], _other)(where, detail)
    return InstructionError.at(place, where, code, words)


def visible(loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """The steps of one of pydantic's paths that stand in the file; a variant may be called as a field, or `one`."""
    return tuple(step for n, step in enumerate(loc) if step != _KEY and not _is_arm(loc, n))


def _is_arm(loc: Sequence[str | int], n: int) -> bool:
    names_a_variant = n == 2 and loc[0] == "variants"
    return n > 0 and loc[n] in _ARMS and loc[n - 1] in _UNIONS and not names_a_variant


def path_of(steps: Sequence[str | int]) -> str:
    """A place in the JSON as people write it: `variants.beach.prompt`, `output[1].width`."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            name = step[:80].encode(errors="replace").decode()
            path += f".{name}" if path else name
    return path


def _unknown_field(where: str, fields: Sequence[str], detail: Mapping[str, Any]) -> tuple[Code, str]:
    name, inside = str(detail["loc"][-1]), where.rpartition(".")[0]
    near = nearest(name, fields, 0.8)
    guess = f"did you mean {near!r}?" if near else f"known fields: {', '.join(fields)}."
    return Code.UNKNOWN_FIELD, f"there is no field {name[:80]!r}{f' in {inside}' if inside else ''}; {guess}"


def _not_a_word(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    expected = detail["ctx"]["expected"]
    words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
    near = nearest(str(detail["input"]), words)
    guess = f"; did you mean {near!r}?" if near else ""
    return Code.INVALID_VALUE, f"{where} is {_shown(detail['input'])}; it can be {expected}{guess}"


def _too_short(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    code = Code.MISSING_PROMPT if detail["loc"][-1] == "prompt" else Code.INVALID_VALUE
    return code, f"{where} is empty"


def _own_words(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    return Code.INVALID_VALUE, f"{where}: {detail['ctx']['error']}"


def _not_a_name(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    if detail["loc"][-1] != "[key]":
        return (
            Code.INVALID_VALUE,
            f"{where} is {_shown(detail['input'])}; it can be a color such as '#b470b3' or '#b7b'",
        )
    words = "a name has 1 to 40 of the letters a-z, digits and hyphens"
    return Code.INVALID_VALUE, f"{path_of(detail['loc'][:-2]) or 'it'} has the name {_shown(detail['input'])}; {words}"


def _no_object(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    return Code.INVALID_VALUE, f"{where} is {_shown(detail['input'])}; it can be an object in braces"


def _other(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    message = (detail["msg"][:1].lower() + detail["msg"][1:]).replace(" after validation", "")
    return Code.INVALID_VALUE, f"{where} is {_shown(detail['input'])}; {message}"


def _written(given: Mapping[str, Any] | None, detail: Mapping[str, Any]) -> object:
    """A word as it stands in the file; it is read in one spelling."""
    found: Any = given
    for step in visible(detail["loc"]):
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return detail["input"]
    same = isinstance(found, str) and found.strip().casefold() == str(detail["input"]).casefold()
    return found if same else detail["input"]


def _too_long(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    context = detail["ctx"]
    kinds = {"string_too_long": "characters", "Dictionary": "names"}
    kind = kinds.get(detail["type"]) or kinds.get(context.get("field_type", ""), "entries")
    has = len(detail["input"]) if kind == "characters" else context.get("actual_length") or len(detail["input"])
    return Code.INVALID_VALUE, f"{where} has {has:,} {kind}; it can have at most {context['max_length']:,} {kind}"


def _out_of_range(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    bounds = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    bound = " and ".join(
        f"{bounds[name]} {limit:g}" if isinstance(limit, float) else f"{bounds[name]} {limit}"
        for name, limit in detail["ctx"].items()
        if name in bounds
    )
    return Code.INVALID_VALUE, f"{where} is {_shown(detail['input'])}; it can be {bound}"


def _no_number(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    said, kind = detail["input"], "a number" if detail["type"].startswith("float") else "a whole number"
    quoted = isinstance(said, str) and detail["type"].endswith("_type") and any(sign.isdigit() for sign in said)
    return Code.INVALID_VALUE, f"{where} is {_shown(said)}; it can be {kind}{', without quotes' if quoted else ''}"


def _other_kind(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    return Code.INVALID_VALUE, f"{where} is {_shown(detail['input'])}; it can be {_KINDS[detail['type']]}"


def _no_entries(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    return Code.INVALID_VALUE, f"{where} is []; it can have at least 1 entry"


def _no_text(where: str, detail: Mapping[str, Any]) -> tuple[Code, str]:
    at = f"a name in {where.rpartition('.')[0] or 'it'}" if detail["loc"][-1:] in ((), ("[key]",)) else where
    return Code.INVALID_VALUE, f"{at} holds {_shown(detail['input'])}: half of a surrogate pair is no text"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    length = len(value) if isinstance(value, str) else len(text)
    return text if len(text) <= 60 else f"{text[:57]}... ({length:,} characters)"


_KINDS = {
    "string_type": "a text, in quotes",
    "list_type": "a list, in brackets",
    "bool_type": "true or false, without quotes",
    "bool_parsing": "true or false",
}
_EXPLAIN: dict[str, Callable[[str, Mapping[str, Any]], tuple[Code, str]]] = {
    "literal_error": _not_a_word,
    "value_error": _own_words,
    "string_too_short": _too_short,
    "string_pattern_mismatch": _not_a_name,
    "string_too_long": _too_long,
    "too_long": _too_long,
    "greater_than_equal": _out_of_range,
    "greater_than": _out_of_range,
    "less_than_equal": _out_of_range,
    "less_than": _out_of_range,
    "int_type": _no_number,
    "int_from_float": _no_number,
    "int_parsing": _no_number,
    "float_type": _no_number,
    "float_parsing": _no_number,
    "too_short": _no_entries,
    **dict.fromkeys(_KINDS, _other_kind),
    "string_unicode": _no_text,
    "model_type": _no_object,
    "dict_type": _no_object,
}
