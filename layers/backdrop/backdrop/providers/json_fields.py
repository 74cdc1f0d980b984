"""What is read out of a provider's answer: JSON or none, amounts that never were floats, words for people."""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

MAX_MESSAGE_CHARACTERS = 300


def parse_json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object of an answer, or None when it is anything else; fractions are Decimals."""
    try:
        value: Any = json.loads(body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def list_objects(value: object) -> list[dict[str, Any]]:
    """The objects of a list; one object alone is a list of it, and anything else an empty one."""
    return [cast("dict[str, Any]", one) for one in as_list(value) if isinstance(one, dict)]


def as_list(value: object) -> list[Any]:
    """The entries of a list; anything else is a list of itself."""
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def find_value(value: object, *path: str) -> Any:
    """What lies behind these names, one in the other; None where the way ends before."""
    for name in path:
        value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    return value


def find_first_text(values: Iterable[object]) -> str | None:
    """The first text that is not empty, fit to be kept."""
    return next((to_printable(value) for value in values if isinstance(value, str) and value), None)


def as_integer(value: object) -> int | None:
    """A whole number, such as a seed; true and false are none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def as_failure_status(value: object) -> int | None:
    """The HTTP status of a failure that a body tells under a 200; None where it is no such number."""
    return value if isinstance(value, int) and 300 <= value < 600 else None


def split_url(url: str) -> SplitResult:
    """A link's parts; those of an empty one where it is no address."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def to_printable(text: str) -> str:
    """A provider's text without what JSON, SQS or a terminal cannot hold."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def join_messages(body: Mapping[str, Any] | None, fields: Sequence[str]) -> str:
    """All that a body says under these names, as one text; what holds more than texts stands there as JSON."""
    values = [body[name] for name in fields if body.get(name)] if body else []
    texts = (one for value in values for one in _list_texts(value))
    return to_printable(" ".join(dict.fromkeys(texts)))


def _list_texts(value: object) -> list[str]:
    """A text, or the texts of an object that holds nothing else; any other value as JSON."""
    values = [*cast("dict[str, Any]", value).values()] if isinstance(value, dict) else [value]
    texts = [one for one in values if isinstance(one, str)]
    return texts if len(texts) == len(values) else [json.dumps(value, default=str)]


def describe_response(provider_name: str, status: int, text: str) -> str:
    """A provider's answer in a sentence for people; it decides nothing."""
    return f"{provider_name} answered {status}" + (f": {text[:MAX_MESSAGE_CHARACTERS]}" if text else "")
