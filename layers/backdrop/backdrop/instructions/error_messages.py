"""Pydantic's validation errors as messages for people: the path, the value found, and the values accepted."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from backdrop.instructions.suggest import find_nearest
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError

type JsonPath = tuple[str | int, ...]
type FieldLookup = Callable[[Sequence[str | int]], Sequence[str]]


class _Description(NamedTuple):
    """What is wrong with a value. `subject`: what the reason is about; None for the value's path."""

    code: Code
    reason: str
    subject: str | None = None


# Parts of pydantic's paths that do not occur in the file: the tags of these fields' unions, and its marker for keys.
_UNION_TAGS, _KEY_MARKER = frozenset({"one", "list", "color", "drawn"}), "[key]"
_UNION_FIELDS = frozenset({"output", "provider", "for", "background", "color_palette"})


def build_instruction_error(
    source_name: str, list_known_fields: FieldLookup, detail: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> InstructionError:
    """Converts one of pydantic's errors; `list_known_fields` returns the fields that exist at a path.

    `given` is the source's raw JSON, from which values are quoted as they were written.
    """
    path = format_path(to_json_path(detail["loc"]))
    detail = {**detail, "input": _find_original_text(given, detail)}
    if detail["type"] == "extra_forbidden":
        description = _describe_unknown_field(list_known_fields(detail["loc"]), detail)
    else:
        description = _DESCRIBE_BY_TYPE.get(detail["type"], _describe_other)(detail)
    return InstructionError.at(source_name, path, description.code, description.reason, subject=description.subject)


def to_json_path(loc: Sequence[str | int]) -> JsonPath:
    """Removes path steps that do not occur in the file. A variant may have the name of a field, or be called `one`."""
    return tuple(step for n, step in enumerate(loc) if step != _KEY_MARKER and not _is_union_tag(loc, n))


def _is_union_tag(loc: Sequence[str | int], index: int) -> bool:
    is_variant_name = index == 2 and loc[0] == "variants"
    return index > 0 and loc[index] in _UNION_TAGS and loc[index - 1] in _UNION_FIELDS and not is_variant_name


def format_path(json_path: Sequence[str | int]) -> str:
    """Returns a path in the JSON as people write it: `variants.beach.prompt`, `output[1].width`."""
    path = ""
    for step in json_path:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            name = step[:80].encode(errors="replace").decode()
            path += f".{name}" if path else name
    return path


def _describe_unknown_field(fields: Sequence[str], detail: Mapping[str, Any]) -> _Description:
    name, parent = str(detail["loc"][-1]), _find_parent_path(detail)
    suggestion = find_nearest(name, fields, 0.8)
    hint = f"Did you mean {suggestion!r}?" if suggestion else f"The fields are {', '.join(fields)}."
    return _Description(
        Code.UNKNOWN_FIELD,
        f" is not a field{f' of {parent}' if parent else ''}. {hint}",
        subject=repr(name[:80]),
    )


def _describe_invalid_choice(detail: Mapping[str, Any]) -> _Description:
    choices = [word.strip(" '") for word in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
    *others, last = map(repr, choices)
    expected = f"{', '.join(others)}{',' if len(others) > 1 else ''} or {last}" if others else last
    suggestion = find_nearest(str(detail["input"]), choices) if others else None
    hint = f". Did you mean {suggestion!r}?" if suggestion else ""
    return _Description(Code.INVALID_VALUE, f" is {_format_value(detail['input'])}; it must be {expected}{hint}")


def _describe_empty_text(detail: Mapping[str, Any]) -> _Description:
    code = Code.MISSING_PROMPT if detail["loc"][-1] == "prompt" else Code.INVALID_VALUE
    return _Description(code, " is empty")


def _describe_value_error(detail: Mapping[str, Any]) -> _Description:
    return _Description(Code.INVALID_VALUE, f": {detail['ctx']['error']}")


def _describe_pattern_mismatch(detail: Mapping[str, Any]) -> _Description:
    if detail["loc"][-1] != "[key]":
        return _Description(
            Code.INVALID_VALUE,
            f" is {_format_value(detail['input'])}; it must be a color such as '#b470b3' or '#b7b'",
        )
    rule = "a name has 1 to 40 characters: lowercase letters a to z, digits, and hyphens"
    return _Description(
        Code.INVALID_VALUE,
        f" has the name {_format_value(detail['input'])}; {rule}",
        subject=format_path(detail["loc"][:-2]) or "it",
    )


def _describe_non_object(detail: Mapping[str, Any]) -> _Description:
    # The schema imports pydantic's models, which only an invalid file needs here.
    from backdrop.instructions.schema import find_object_examples

    examples = find_object_examples(to_json_path(detail["loc"]))
    *shorthand, example = (json.dumps(one, ensure_ascii=False) for one in examples)
    text = "".join(f"text such as {one}, or " for one in shorthand)
    return _Description(
        Code.INVALID_VALUE,
        f" is {_format_value(detail['input'])}; it must be {text}an object in braces such as {example}",
    )


def _describe_other(detail: Mapping[str, Any]) -> _Description:
    message = (detail["msg"][:1].lower() + detail["msg"][1:]).replace(" after validation", "")
    return _Description(Code.INVALID_VALUE, f" is {_format_value(detail['input'])}; {message}")


def _find_parent_path(detail: Mapping[str, Any]) -> str:
    return format_path(to_json_path(detail["loc"])).rpartition(".")[0]


def _find_original_text(given: Mapping[str, Any] | None, detail: Mapping[str, Any]) -> object:
    """Returns the value as it was written; pydantic reports it in its normalized spelling."""
    value: Any = given
    for step in to_json_path(detail["loc"]):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return detail["input"]
    same = isinstance(value, str) and value.strip().casefold() == str(detail["input"]).casefold()
    return value if same else detail["input"]


def _describe_too_long(detail: Mapping[str, Any]) -> _Description:
    context = detail["ctx"]
    units = {"string_too_long": "characters", "Dictionary": "names"}
    unit = units.get(detail["type"]) or units.get(context.get("field_type", ""), "entries")
    count = len(detail["input"]) if unit == "characters" else context.get("actual_length") or len(detail["input"])
    return _Description(
        Code.INVALID_VALUE, f" has {count:,} {unit}; it can have at most {context['max_length']:,} {unit}"
    )


def _describe_out_of_range(detail: Mapping[str, Any]) -> _Description:
    bounds = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    bound = " and ".join(
        f"{bounds[name]} {limit:g}" if isinstance(limit, float) else f"{bounds[name]} {limit}"
        for name, limit in detail["ctx"].items()
        if name in bounds
    )
    return _Description(Code.INVALID_VALUE, f" is {_format_value(detail['input'])}; it must be {bound}")


def _describe_non_number(detail: Mapping[str, Any]) -> _Description:
    value, expected = detail["input"], "a number" if detail["type"].startswith("float") else "a whole number"
    is_quoted = isinstance(value, str) and detail["type"].endswith("_type") and any(sign.isdigit() for sign in value)
    return _Description(
        Code.INVALID_VALUE,
        f" is {_format_value(value)}; it must be {expected}{', without quotes' if is_quoted else ''}",
    )


def _describe_wrong_type(detail: Mapping[str, Any]) -> _Description:
    return _Description(
        Code.INVALID_VALUE,
        f" is {_format_value(detail['input'])}; it must be {_EXPECTED_TYPES[detail['type']]}",
    )


def _describe_too_short(detail: Mapping[str, Any]) -> _Description:
    minimum = detail["ctx"]["min_length"]
    entries = "entry" if minimum == 1 else "entries"
    return _Description(
        Code.INVALID_VALUE, f" is {_format_value(detail['input'])}; it must have at least {minimum} {entries}"
    )


def _describe_missing(detail: Mapping[str, Any]) -> _Description:
    return _Description(Code.INVALID_VALUE, f" needs {detail['loc'][-1]!r}", subject=_find_parent_path(detail))


def _describe_invalid_text(detail: Mapping[str, Any]) -> _Description:
    subject = f"a name in {_find_parent_path(detail) or 'it'}" if detail["loc"][-1:] in ((), ("[key]",)) else None
    return _Description(
        Code.INVALID_VALUE,
        f" contains {_format_value(detail['input'])}: half of a surrogate pair is not text",
        subject=subject,
    )


def _format_value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    length = len(value) if isinstance(value, str) else len(text)
    return text if len(text) <= 60 else f"{text[:57]}... ({length:,} characters)"


_EXPECTED_TYPES = {
    "string_type": "text in quotes",
    "list_type": "a list in brackets",
    "bool_type": "true or false, without quotes",
    "bool_parsing": "true or false",
    "finite_number": "a finite number",
}
_DESCRIBE_BY_TYPE: dict[str, Callable[[Mapping[str, Any]], _Description]] = {
    "literal_error": _describe_invalid_choice,
    "value_error": _describe_value_error,
    "string_too_short": _describe_empty_text,
    "string_pattern_mismatch": _describe_pattern_mismatch,
    "string_too_long": _describe_too_long,
    "too_long": _describe_too_long,
    "greater_than_equal": _describe_out_of_range,
    "greater_than": _describe_out_of_range,
    "less_than_equal": _describe_out_of_range,
    "less_than": _describe_out_of_range,
    "int_type": _describe_non_number,
    "int_from_float": _describe_non_number,
    "int_parsing": _describe_non_number,
    "float_type": _describe_non_number,
    "float_parsing": _describe_non_number,
    "too_short": _describe_too_short,
    "missing": _describe_missing,
    **dict.fromkeys(_EXPECTED_TYPES, _describe_wrong_type),
    "string_unicode": _describe_invalid_text,
    "model_type": _describe_non_object,
    "dict_type": _describe_non_object,
}
