"""The providers that this release speaks to, each with its address and its key."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from backdrop.core.api_key import ApiKey
from backdrop.ports import Provider
from backdrop.providers.ideogram import Ideogram


class Address(Protocol):
    """Where a provider is, and its longest call in seconds."""

    @property
    def base_url(self) -> str: ...
    @property
    def timeout_seconds(self) -> float: ...


def roster(on: Mapping[str, Address], key: Callable[[str, bool], ApiKey]) -> dict[str, Provider]:
    """The adapters of those that are on; `key(provider, fresh)` looks a key up."""
    ideogram = on.get("ideogram")
    if ideogram is None:
        return {}
    return {"ideogram": Ideogram(ideogram.base_url, ideogram.timeout_seconds, partial(key, "ideogram"))}
