"""Checks of JSON bodies that do not depend on the provider: strings, choices, numbers, and lists."""

import re
from collections.abc import Iterable
from typing import Literal, cast

from pydantic import JsonValue

from backdrop_local.standin.multipart_form import InvalidInputError

type ViolationKind = Literal["missing", "unknown", "invalid", "too_long", "incompatible", "mismatch"]


class InvalidFieldError(InvalidInputError):
    """A field violates a rule. `name` is the field, `kind` the kind of violation."""

    def __init__(self, name: str, kind: ViolationKind, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.kind: ViolationKind = kind


class JsonBody:
    """The fields of one JSON object. Every check raises InvalidFieldError. `null` can mean that a field is absent."""

    def __init__(self, content: dict[str, JsonValue], *, null_is_absent: bool = False) -> None:
        self._fields = {name: value for name, value in content.items() if not (null_is_absent and value is None)}

    @property
    def fields(self) -> dict[str, JsonValue]:
        """All fields that were sent."""
        return self._fields

    def reject_unknown(self, known: Iterable[str]) -> None:
        """Rejects every field that is not known."""
        for name in self._fields.keys() - set(known):
            raise InvalidFieldError(name, "unknown", f"unknown parameter {name!r}")

    def require(self, *names: str) -> None:
        """Rejects a body in which one of these fields is missing."""
        for name in names:
            if name not in self._fields:
                raise InvalidFieldError(name, "missing", f"{name} is missing")

    def reject_pair(self, first: str, second: str) -> None:
        """Rejects a body that has both fields."""
        if first in self._fields and second in self._fields:
            raise InvalidFieldError(first, "incompatible", f"{first} and {second} exclude each other")

    def read_text(self, name: str, *, max_length: int | None = None) -> str | None:
        """Returns a non-empty string."""
        value = self._fields.get(name)
        if name not in self._fields:
            return None
        if not isinstance(value, str) or not value.strip():
            raise InvalidFieldError(name, "invalid", f"{name} must be a non-empty string")
        if max_length is not None and len(value) > max_length:
            raise InvalidFieldError(name, "too_long", f"{name} must have at most {max_length} characters")
        return value

    def read_choice(self, name: str, choices: Iterable[str]) -> str | None:
        """Returns a string, which must be exactly one of the choices."""
        value = self.read_text(name)
        if value is not None and value not in choices:
            raise InvalidFieldError(name, "invalid", f"{name} cannot be {value!r}")
        return value

    def read_match(self, name: str, pattern: re.Pattern[str]) -> str | None:
        """Returns a string, which must match the pattern."""
        value = self.read_text(name)
        if value is not None and pattern.fullmatch(value) is None:
            raise InvalidFieldError(name, "invalid", f"{name} cannot be {value!r}")
        return value

    def read_number(self, name: str, low: int, high: int | None = None) -> int | None:
        """Returns a whole number, which must be within the range."""
        value = self._fields.get(name)
        if name not in self._fields:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
            raise InvalidFieldError(name, "invalid", f"{name} must be a whole number from {low} to {high or 'any'}")
        return value

    def read_flag(self, name: str) -> bool | None:
        """Returns a boolean."""
        value = self._fields.get(name)
        if name in self._fields and not isinstance(value, bool):
            raise InvalidFieldError(name, "invalid", f"{name} must be true or false")
        return cast("bool | None", value)

    def read_texts(self, name: str, *, max_count: int | None = None) -> list[str]:
        """Returns a list of strings."""
        value = self._fields.get(name, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) and entry for entry in value):
            raise InvalidFieldError(name, "invalid", f"{name} must be a list of strings")
        if max_count is not None and len(value) > max_count:
            raise InvalidFieldError(name, "invalid", f"{name} takes at most {max_count}")
        return cast("list[str]", value)

    def read_object(self, name: str) -> "JsonBody":
        """Returns a nested object, which is empty if it was not sent."""
        value = self._fields.get(name, {})
        if not isinstance(value, dict):
            raise InvalidFieldError(name, "invalid", f"{name} must be an object")
        return JsonBody(value)
