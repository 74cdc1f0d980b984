"""Errors in single fields that only a check of the whole object finds, in a form that pydantic passes on."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


class FieldCombinationError(ValueError):
    """Errors of an object's fields. `messages_by_field`: the messages by field; "" is the object itself."""

    def __init__(self, errors: Iterable[tuple[str, str]]) -> None:
        messages: dict[str, dict[str, None]] = {}
        for name, message in errors:
            messages.setdefault(name, {})[message] = None
        self.messages_by_field = {name: "; ".join(one) for name, one in messages.items()}
        super().__init__("; ".join(self.messages_by_field.values()))


def split_by_field(details: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yields pydantic's errors; replaces each that carries a FieldCombinationError with one error per field."""
    for detail in details:
        error = detail.get("ctx", {}).get("error")
        if isinstance(error, FieldCombinationError):
            for name, message in error.messages_by_field.items():
                path = (*detail["loc"], name) if name else detail["loc"]
                yield {**detail, "loc": path, "ctx": {"error": message}}
        else:
            yield detail
