"""The providers that this release speaks to, each with its address, its key and what else it needs."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from backdrop.model.api_key import ApiKey
from backdrop.model.pricing import NOT_CONFIGURED, SELLS_CREDITS, Configured
from backdrop.model.provider_options import Options
from backdrop.ports import Provider, Work
from backdrop.providers.ideogram import Ideogram
from backdrop.providers.onemin import OneMin
from backdrop.providers.runware import Runware
from backdrop.providers.segmind import Segmind


class Address(Protocol):
    """Where a provider is, and its longest call in seconds."""

    @property
    def base_url(self) -> str: ...
    @property
    def timeout_seconds(self) -> float: ...


def roster(
    on: Mapping[str, Address],
    key: Callable[[str, bool], ApiKey],
    work: Work,
    prices: Configured = NOT_CONFIGURED,
    options: Options | None = None,
) -> dict[str, Provider]:
    """The adapters of those that are on; `key(provider, fresh)` looks a key up.

    One that sells credits at a price nobody told is left out: its jobs go back to intake, which refuses them.
    """
    chosen = options or Options()
    made: dict[str, Provider] = {}
    for name, at in on.items():
        reached = at.base_url, at.timeout_seconds, partial(key, name)
        if name == "ideogram":
            made[name] = Ideogram(*reached)
        elif name == "segmind":
            made[name] = Segmind(*reached, work, chosen.segmind_endpoint)
        elif name == "runware":
            made[name] = Runware(*reached, work, chosen.runware_uploads, chosen.runware_checks_content)
        elif name == SELLS_CREDITS and name in prices:
            made[name] = OneMin(*reached, prices[name])
    return made
