"""The providers that this release supports, each built with its address, its key, and its options."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from backdrop.model.pricing import CREDIT_PROVIDER, NO_CONFIGURED_PRICES, ConfiguredPrices
from backdrop.ports import ApiKey, Provider, ProviderOptions, WorkStorage
from backdrop.providers.ideogram import Ideogram
from backdrop.providers.onemin import OneMin
from backdrop.providers.runware import Runware
from backdrop.providers.segmind import Segmind


class ProviderAddress(Protocol):
    """A provider's address and the maximum duration of a call to it."""

    @property
    def base_url(self) -> str: ...
    @property
    def timeout_seconds(self) -> float: ...


def build_providers(
    addresses: Mapping[str, ProviderAddress],
    load_key: Callable[[str, bool], ApiKey],
    work: WorkStorage,
    prices: ConfiguredPrices = NO_CONFIGURED_PRICES,
    options: ProviderOptions | None = None,
    read_pixel_size: Callable[[bytes], tuple[int, int] | None] = lambda _: None,
) -> dict[str, Provider]:
    """Builds the adapters of the providers in `addresses`. `load_key(provider, True)` bypasses any cache.

    `read_pixel_size`: see Ideogram.

    A provider that bills credits is omitted if no price is configured: its jobs return to intake, which refuses them.
    """
    provider_options = options or ProviderOptions()
    providers: dict[str, Provider] = {}
    for name, address in addresses.items():
        connection = address.base_url, address.timeout_seconds, partial(load_key, name)
        if name == "ideogram":
            providers[name] = Ideogram(*connection, provider_options.ideogram_endpoint, read_pixel_size, work)
        elif name == "segmind":
            providers[name] = Segmind(*connection, work, provider_options.segmind_endpoint)
        elif name == "runware":
            providers[name] = Runware(
                *connection, work, provider_options.runware_uploads, provider_options.runware_checks_content
            )
        elif name == CREDIT_PROVIDER and name in prices:
            providers[name] = OneMin(*connection, prices[name], work)
    return providers
