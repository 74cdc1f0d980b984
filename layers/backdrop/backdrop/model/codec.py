"""Records as JSON and back, checked by pydantic against their own types."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import InitErrorDetails


@cache
def _adapter[T](kind: type[T]) -> "TypeAdapter[T]":
    """Made with the first record of its kind, since pydantic's machinery would cost every cold start some 20 ms."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


@contextmanager
def _hide_input() -> Generator[None]:
    """A record's errors do not show what it holds, since they end in logs: links and task tokens are in it."""
    from pydantic import ValidationError

    try:
        yield
    except ValidationError as error:
        lines = cast("list[InitErrorDetails]", error.errors(include_url=False))
        raise ValidationError.from_exception_data(error.title, lines, hide_input=True) from None


def to_json(record: object) -> str:
    """A record as JSON."""
    return _adapter(type(record)).dump_json(record).decode()


def from_json[T](kind: type[T], text: str) -> T:
    """The record that a JSON text holds; pydantic's ValidationError where it holds none."""
    with _hide_input():
        return _adapter(kind).validate_json(text)


def validate[T](kind: type[T], values: object) -> T:
    """A record from plain values; pydantic's ValidationError where they do not fit."""
    with _hide_input():
        return _adapter(kind).validate_python(values)
