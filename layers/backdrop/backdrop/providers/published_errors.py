"""What an error response proves: a whole message that a provider publishes, an error code, or a field for a parameter.

A part of a message proves nothing, since a provider may repeat a prompt in it.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from backdrop.providers.json_fields import json_object, listed

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# Names under which errors state the parameter that they are about, and under which they list errors by parameter.
PARAMETER_FIELDS = ("parameter", "param", "field", "loc")
LISTS_OF_ERRORS = ("errors", "detail", "details", "error")


def published(body: bytes, names: Sequence[str], messages: Mapping[str, str]) -> str:
    """The value in `messages` for the first whole message of a response, or "" where none is in there.

    `messages` maps published messages, as `normalized` returns them, to what they prove. A response that is no JSON is
    one message; of a JSON object, the texts under `names` are messages.
    """
    return next((messages[text] for text in map(normalized, _texts(body, names)) if text in messages), "")


def normalized(message: str) -> str:
    """A message as messages are compared: numbers, case, blanks, and the marks around it do not matter."""
    return " ".join(NUMBER.sub("#", message).casefold().split()).strip(" .!\"'")


def names_parameter(body: bytes, parameters: Collection[str]) -> bool:
    """Whether a field of an error response names one of these parameters of the request."""
    found = json_object(body)
    return found is not None and any(_names_one(entry, parameters) for entry in _errors(found))


def _texts(body: bytes, names: Sequence[str]) -> Iterator[str]:
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        value = body.decode(errors="replace")
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        inner = (found[name] for name in names if isinstance(found.get(name), dict))
        for level in (found, *(cast("dict[str, Any]", one) for one in inner)):
            yield from (level[name] for name in names if isinstance(level.get(name), str))
    elif isinstance(value, str):
        yield value


def _errors(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The response itself, and the errors that it lists."""
    yield found
    for name in LISTS_OF_ERRORS:
        for entry in listed(found.get(name)):
            if isinstance(entry, dict):
                yield cast("dict[str, Any]", entry)


def _names_one(entry: Mapping[str, Any], parameters: Collection[str]) -> bool:
    named = [part for name in PARAMETER_FIELDS for part in listed(entry.get(name))]
    return any(isinstance(part, str) and part in parameters for part in named)
