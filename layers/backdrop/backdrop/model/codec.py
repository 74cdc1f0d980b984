"""Converts records to JSON and back; pydantic validates them against their types."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic.main import IncEx
    from pydantic_core import InitErrorDetails


@cache
def _adapter[T](kind: type[T]) -> "TypeAdapter[T]":
    """Built with the first record of its type, because importing pydantic adds about 20 ms to every cold start."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


@contextmanager
def _hide_input() -> Generator[None]:
    """Hides the record's values in logged validation errors, because they may contain links and task tokens."""
    from pydantic import ValidationError

    try:
        yield
    except ValidationError as error:
        lines = cast("list[InitErrorDetails]", error.errors(include_url=False))
        raise ValidationError.from_exception_data(error.title, lines, hide_input=True) from None


def to_json(record: object, *, omit: "IncEx | None" = None) -> str:
    """`omit`: fields to leave out, as pydantic's `exclude`; they must have their default values."""
    return _adapter(type(record)).dump_json(record, exclude=omit).decode()


def from_json[T](kind: type[T], text: str) -> T:
    """Raises pydantic's ValidationError if the text is not such a record."""
    with _hide_input():
        return _adapter(kind).validate_json(text)


def validate[T](kind: type[T], values: object) -> T:
    """Builds a record from plain values; raises pydantic's ValidationError if they do not match its types."""
    with _hide_input():
        return _adapter(kind).validate_python(values)
