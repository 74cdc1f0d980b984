"""Reads values from a provider's JSON defensively, and formats its messages for people."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from backdrop.model.provider_result import MAX_LINK_LENGTH
from backdrop.providers.http import is_picture
from backdrop.providers.inline_pictures import describe_value, load_json
from backdrop.providers.redaction import quote_provider, to_printable

MAX_ID_LENGTH = 200
URL_SCHEMES = ("http://", "https://")


def parse_json_object(body: bytes) -> dict[str, Any] | None:
    """Parses a JSON object, see `load_json`. None if the body is anything else."""
    if is_picture(body):  # the decoder's error would contain a copy
        return None
    try:
        value: Any = load_json(body)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_json(body: bytes) -> bool:
    """True if a body is JSON of any kind."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def list_objects(value: object) -> list[dict[str, Any]]:
    """Returns the objects in a list; a single object as a list; anything else as an empty list."""
    return [cast("dict[str, Any]", entry) for entry in as_list(value) if isinstance(entry, dict)]


def as_list(value: object) -> list[Any]:
    """Returns a list unchanged, and any other value as a list of one."""
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def find_value(value: object, *path: str) -> Any:
    """Follows these names through nested objects. None if one of them is missing."""
    for name in path:
        value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    return value


def find_first_text(values: Iterable[object]) -> str | None:
    """Returns the first non-empty text, without unprintable characters."""
    return next((to_printable(value) for value in values if isinstance(value, str) and value), None)


def find_first_link(values: Iterable[object]) -> str | None:
    """Returns the first non-empty text if it is a link that the ledger can hold."""
    text = find_first_text(values) or ""
    return text if text.lower().startswith(URL_SCHEMES) and len(text) <= MAX_LINK_LENGTH else None


def as_integer(value: object) -> int | None:
    """Returns a whole number of up to 64 bits, such as a seed, or None. Booleans do not count."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def as_provider_id(value: object) -> str | None:
    """Returns an id that a provider gave to work, if the ledger can hold it and a path can name it."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= MAX_ID_LENGTH else None


def as_failure_status(value: object) -> int | None:
    """Returns the status of a failure inside a successful response; None if the value is no such status."""
    return value if isinstance(value, int) and 300 <= value < 600 else None


def join_messages(body: Mapping[str, Any] | None, fields: Sequence[str]) -> str:
    """Joins the messages in these fields of a body, each once. Values other than strings are written as JSON."""
    values = [body[name] for name in fields if body.get(name)] if body else []
    texts = (text for value in values for text in _list_texts(value))
    return " ".join(dict.fromkeys(texts))


def _list_texts(value: object) -> list[str]:
    """Returns a text, or the texts of an object that has no other values; any other value as JSON."""
    values = [*cast("dict[str, Any]", value).values()] if isinstance(value, dict) else [value]
    texts = [text for text in values if isinstance(text, str)]
    return texts if len(texts) == len(values) else [json.dumps(value, default=describe_value)]


def describe_response(provider_name: str, status: int, text: str) -> str:
    """Describes a provider's response for people. No code decides by this text."""
    return f"{provider_name} answered {status}" + (f": {quote_provider(text)}" if text else "")
