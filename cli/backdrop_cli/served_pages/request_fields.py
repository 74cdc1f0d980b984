"""Reads the fields of a page's requests, as strictly as if they came from elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from backdrop_cli.errors import UsageError

type PageRequest = Mapping[str, Any]
type PageResponse = Mapping[str, Any]
PROTOCOL_ERROR_TEXT = "the page sent a request that this command cannot read; reload the page"


def read_text(request: PageRequest, name: str) -> str:
    """Returns a string, "" if it is missing. Raises UsageError if it is not valid Unicode."""
    value = request.get(name, "")
    try:
        value.encode()
    except (AttributeError, UnicodeEncodeError):
        raise UsageError(PROTOCOL_ERROR_TEXT) from None
    return value


def read_count(request: PageRequest, name: str) -> int:
    value = request.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(PROTOCOL_ERROR_TEXT)
    return value


def read_rows(request: PageRequest, name: str) -> Sequence[PageRequest]:
    value = request.get(name)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in cast("list[Any]", value)):
        raise UsageError(PROTOCOL_ERROR_TEXT)
    return cast("list[PageRequest]", value)
