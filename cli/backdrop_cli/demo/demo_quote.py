"""The maximum price of a demo, and the confirmation before anything is bought."""

import os
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

from backdrop.instructions.merge import list_variants, resolve
from backdrop.instructions.sources import InstructionSource, parse_file, parse_tags
from backdrop.model.errors import InstructionError
from backdrop.model.pricing import CREDIT_PROVIDER, format_usd, to_micro_usd
from backdrop.model.routing import Offers, find_max_quote
from backdrop_cli.formatting import count_images, format_count
from backdrop_cli.screen import ask
from backdrop_local import parameters, providers
from backdrop_local.demo_orders import DemoOrder
from backdrop_local.errors import LocalCloudError


def read_instructions(order: DemoOrder) -> InstructionSource:
    """Returns an order's instructions as intake will read them."""
    return parse_tags(order.tags) if order.sidecar is None else parse_file(order.sidecar_name, order.sidecar)


def quote_order(order: DemoOrder, provider: str, offers: Offers) -> tuple[int, int]:
    """Returns how many images an order can buy, and their maximum price in micro-dollars.

    `provider` is the default.
    """
    instruction_source = read_instructions(order)
    if instruction_source.errors or order.expects_refusal:
        return 0, 0
    try:
        resolved = [resolve([instruction_source], variant) for variant in list_variants([instruction_source])]
    except InstructionError:
        return 0, 0
    prices = [(one, find_max_quote(one.fields, one.list_providers(provider), offers)) for one in resolved]
    images = sum(count_images(one.fields) for one, price in prices if price is not None)
    return images, sum(price or 0 for _, price in prices)


def build_offers(stack_parameters: Mapping[str, str]) -> Offers:
    """Returns the paid providers under these stack parameters, and the price of 1min.ai's credits."""
    paid_addresses = providers.find_paid_addresses(stack_parameters)
    enabled_providers = [one.secret for one in providers.PROVIDERS if f"{one.parameter}BaseUrl" in paid_addresses]
    credit_price = stack_parameters.get("OneMinUsdPerImage", "")
    return Offers(enabled_providers, {CREDIT_PROVIDER: to_micro_usd(credit_price)} if credit_price else {})


def confirm_cost(orders: Sequence[DemoOrder], requested_parameters: Mapping[str, str], console: Console) -> None:
    """Returns if the stand-in makes the images, or the user agrees to pay for them.

    Raises:
        LocalCloudError: the user declined, or there is no terminal and YES=1 is not set.
    """
    stack_parameters = parameters.resolve_parameters("http://127.0.0.1", requested_parameters)
    addresses = providers.find_paid_addresses(stack_parameters)
    if not addresses:
        return
    prices = [
        quote_order(order, stack_parameters["DefaultProvider"], build_offers(stack_parameters)) for order in orders
    ]
    images, max_price = sum(count for count, _ in prices), format_usd(sum(micro for _, micro in prices))
    files = format_count(len(orders), "file")
    console.print(
        f"The images are made by {', '.join(addresses.values())}: {images} from {files}, for at most {max_price} at"
        f" list prices. The budget is ${stack_parameters['DailyBudgetUSD']} per day (DailyBudgetUSD).",
        soft_wrap=True,
        markup=False,
    )
    if "SegmindBaseUrl" in addresses:
        note = "Segmind cannot open links to this machine, so photos are sent inside the request."
        console.print(note, soft_wrap=True, markup=False)
    if os.environ.get("YES") == "1":
        return
    if not sys.stdin.isatty():
        raise LocalCloudError("nothing was bought; there is no terminal to ask on, so set YES=1 to agree")
    if ask(f"Spend up to {max_price}? [y/N]") not in ("y", "yes"):
        raise LocalCloudError("nothing was started, and nothing was charged")
