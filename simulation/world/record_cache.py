"""Parses equal records only once: between two writes of an item, workers read it many times.

Parsing takes a seventh of a seed's time. Records are frozen, so workers may share them. A worker that changed one in
place would be noticed, because all others would see that change.
"""

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from backdrop.model import codec

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_CACHED_RECORDS = 4096


class CachingAdapter[T]:
    """A type's adapter that keeps what it has parsed. Errors are not kept."""

    def __init__(self, adapter: "TypeAdapter[T]") -> None:
        self.dump_json, self.validate_python = adapter.dump_json, adapter.validate_python
        self.validate_json = lru_cache(MAX_CACHED_RECORDS)(adapter.validate_json)


def parse_equal_records_once() -> None:
    """Lets the product's codec share equal records."""
    # All records of the product pass through these adapters.
    plain: Any = codec._adapter  # noqa: SLF001

    @cache
    def share(kind: type[Any]) -> Any:
        return CachingAdapter(plain(kind))

    codec._adapter = share  # noqa: SLF001
