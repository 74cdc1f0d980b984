"""Records as JSON and back, checked by pydantic against their own types."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@cache
def _adapter[T](kind: type[T]) -> "TypeAdapter[T]":
    """Made with the first record of its kind, since pydantic's machinery would cost every cold start some 20 ms."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def to_json(record: object, without: frozenset[str] = frozenset()) -> str:
    """A record as JSON, `without` some of its fields."""
    return _adapter(type(record)).dump_json(record, exclude=set(without)).decode()


def from_json[T](kind: type[T], text: str) -> T:
    """The record that a JSON text holds; pydantic's ValidationError where it holds none."""
    return _adapter(kind).validate_json(text)


def checked[T](kind: type[T], values: object) -> T:
    """A record from plain values; pydantic's ValidationError where they do not fit."""
    return _adapter(kind).validate_python(values)
