"""The providers that a local cloud enables, and whether the stand-in or the real API answers."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from backdrop_local.errors import LocalCloudError

STANDIN_KEY = "standin-key"


@dataclass(frozen=True)
class ProviderSetup:
    """One provider's names: stack parameters, environment, secret, and the stand-in's path.

    `standin_only_parameters` apply only where nothing costs money.
    """

    parameter: str
    environment: str
    secret: str
    standin_path: str
    max_in_flight: int
    standin_only_parameters: Mapping[str, str] = field(default_factory=dict[str, str])

    def read_key(self) -> str:
        """Returns the key for the functions: the user's own, or else the stand-in's."""
        return os.environ.get(f"{self.environment}_API_KEY") or STANDIN_KEY

    def build_parameters(self, standin_url: str) -> dict[str, str]:
        """Returns the stack parameters that point to the stand-in, or to the address that the user set.

        A key without an address means the real API, which the template names.

        Raises:
            LocalCloudError: an address that costs money is set without its key.
        """
        address = os.environ.get(f"{self.environment}_BASE_URL")
        has_key = bool(os.environ.get(f"{self.environment}_API_KEY"))
        if address and not is_loopback(address) and not has_key:
            raise LocalCloudError(
                f"{self.environment}_BASE_URL is {address}, but {self.environment}_API_KEY is"
                " not set. Set the key, or unset both to use the stand-in."
            )
        chosen = {f"{self.parameter}MaxInFlight": str(self.max_in_flight)}
        if address or not has_key:
            chosen[f"{self.parameter}BaseUrl"] = address or f"{standin_url}{self.standin_path}"
        if not has_key or (address and is_loopback(address)):
            chosen |= self.standin_only_parameters
        return chosen


# The price of a 1min.ai image depends on the account. The stand-in's price is invented.
PROVIDERS = (
    ProviderSetup("Ideogram", "IDEOGRAM", "ideogram", "/ideogram", 10),
    ProviderSetup("Segmind", "SEGMIND", "segmind", "/segmind", 4),
    ProviderSetup("OneMin", "ONEMIN", "1min", "/onemin", 4, {"OneMinUsdPerImage": "0.05"}),
    ProviderSetup("Runware", "RUNWARE", "runware", "/runware", 4),
)


def is_loopback(address: str) -> bool:
    """Returns whether an address can only be this machine, where nothing costs money."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def find_standin_providers(parameters: Mapping[str, str], standin_url: str) -> frozenset[str]:
    """Returns the providers that the stand-in at this address replaces."""
    addresses = {one.secret: parameters.get(f"{one.parameter}BaseUrl", "") for one in PROVIDERS}
    return frozenset(name for name, address in addresses.items() if standin_url and address.startswith(standin_url))


def find_paid_addresses(parameters: Mapping[str, str]) -> dict[str, str]:
    """Returns the addresses, by parameter, of active providers that are not on this machine."""
    suffix = "BaseUrl"
    return {
        name: address
        for name, address in parameters.items()
        if name.endswith(suffix)
        and parameters.get(f"{name.removesuffix(suffix)}MaxInFlight", "0") != "0"
        and not is_loopback(address)
    }


def confirm_spending(addresses: Mapping[str, str], daily_budget_usd: str) -> None:
    """Returns if nothing costs money or the user agrees to spend it.

    Raises:
        LocalCloudError: the user declined, or there is no terminal and YES=1 is not set.
    """
    if not addresses or os.environ.get("YES") == "1":
        return
    addresses_text = ", ".join(f"{name}={address}" for name, address in addresses.items())
    verb = "is" if len(addresses) == 1 else "are"
    warning = (
        f"{addresses_text} {verb} not on this machine. You pay for each photo that you drop, up to"
        f" ${daily_budget_usd} a day (DailyBudgetUSD)."
    )
    if not sys.stdin.isatty():
        raise LocalCloudError(f"{warning} There is no terminal for the question. Set YES=1 to agree.")
    if input(f"{warning} Continue? [y/N] ").strip().lower() not in ("y", "yes"):
        raise LocalCloudError("nothing was started, and nothing was charged.")
