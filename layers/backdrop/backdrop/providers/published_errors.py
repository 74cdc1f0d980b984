"""Finds the proof in an error response.

Proof is an error code, a complete message that the provider publishes, or a field that names a parameter. A part of a
message proves nothing, because a provider may repeat the prompt in it.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from backdrop.providers.json_fields import as_list, parse_json_object

NUMBER_PATTERN = re.compile(r"\d+(?:[.,]\d+)*")
# Fields in which errors name their parameter, and fields that list errors by parameter.
PARAMETER_FIELDS = ("parameter", "param", "field", "loc")
ERROR_LIST_FIELDS = ("errors", "detail", "details", "error")


def find_proof(body: bytes, fields: Sequence[str], proofs_by_message: Mapping[str, str]) -> str:
    """Returns the proof of a response's first published message, or "" if it has none.

    `proofs_by_message` maps published messages, normalized by `normalize_message`, to their proofs. In a JSON object,
    the texts in `fields` are messages. Any other response is one message.
    """
    return next(
        (
            proofs_by_message[text]
            for text in map(normalize_message, _iter_messages(body, fields))
            if text in proofs_by_message
        ),
        "",
    )


def normalize_message(message: str) -> str:
    """Removes irrelevant differences between messages: numbers, case, spacing, and surrounding punctuation."""
    return " ".join(NUMBER_PATTERN.sub("#", message).casefold().split()).strip(" .!\"'")


def names_parameter(body: bytes, parameters: Collection[str]) -> bool:
    """True if a field of an error response names one of these parameters of the request."""
    response = parse_json_object(body)
    return response is not None and any(_names_any(entry, parameters) for entry in _iter_errors(response))


def _iter_messages(body: bytes, fields: Sequence[str]) -> Iterator[str]:
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        value = body.decode(errors="replace")
    if isinstance(value, dict):
        response = cast("dict[str, Any]", value)
        inner = (response[name] for name in fields if isinstance(response.get(name), dict))
        for level in (response, *(cast("dict[str, Any]", value) for value in inner)):
            yield from (level[name] for name in fields if isinstance(level.get(name), str))
    elif isinstance(value, str):
        yield value


def _iter_errors(response: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the response itself, and the errors that it lists."""
    yield response
    for name in ERROR_LIST_FIELDS:
        for entry in as_list(response.get(name)):
            if isinstance(entry, dict):
                yield cast("dict[str, Any]", entry)


def _names_any(entry: Mapping[str, Any], parameters: Collection[str]) -> bool:
    values = [part for name in PARAMETER_FIELDS for part in as_list(entry.get(name))]
    return any(isinstance(part, str) and part in parameters for part in values)
