"""What a demo may cost, said and asked before anything is bought."""

import os
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

from backdrop.instructions.merge import list_variants, resolve
from backdrop.instructions.sources import InstructionSource, parse_file, parse_tags
from backdrop.model.errors import InstructionError
from backdrop.model.pricing import CREDIT_PROVIDER, format_usd, to_micro_usd
from backdrop.model.routing import Offers, find_max_quote
from backdrop_cli.formatting import count_images
from backdrop_local import parameters, providers
from backdrop_local.demo_orders import DemoOrder
from backdrop_local.errors import LocalCloudError


def read_instructions(order: DemoOrder) -> InstructionSource:
    """What an order asks for, as intake will read it."""
    return parse_tags(order.tags) if order.sidecar is None else parse_file(order.sidecar_name, order.sidecar)


def quote_order(order: DemoOrder, provider: str, offers: Offers) -> tuple[int, int]:
    """How many images an order may buy in a market, and their highest price in micro-dollars.

    `provider` makes those that name none.
    """
    source = read_instructions(order)
    if source.errors or order.expects_refusal:
        return 0, 0
    try:
        resolved = [resolve([source], variant) for variant in list_variants([source])]
    except InstructionError:
        return 0, 0
    prices = [(one, find_max_quote(one.fields, one.list_providers(provider), offers)) for one in resolved]
    images = sum(count_images(one.fields) for one, price in prices if price is not None)
    return images, sum(price or 0 for _, price in prices)


def build_offers(stack_parameters: Mapping[str, str]) -> Offers:
    """Who is paid under these stack parameters, and what 1min.ai's credits cost."""
    paid_addresses = providers.find_paid_addresses(stack_parameters)
    enabled_providers = [one.secret for one in providers.PROVIDERS if f"{one.parameter}BaseUrl" in paid_addresses]
    credit_price = stack_parameters.get("OneMinUsdPerImage", "")
    return Offers(enabled_providers, {CREDIT_PROVIDER: to_micro_usd(credit_price)} if credit_price else {})


def confirm_cost(orders: Sequence[DemoOrder], requested_parameters: Mapping[str, str], console: Console) -> None:
    """Returns when the stand-in makes the images or the user agrees to pay for them.

    Raises:
        LocalCloudError: the user said no, or there is no terminal and YES=1 is not set.
    """
    stack_parameters = parameters.resolve_parameters("http://127.0.0.1", requested_parameters)
    addresses = providers.find_paid_addresses(stack_parameters)
    if not addresses:
        return
    prices = [
        quote_order(order, stack_parameters["DefaultProvider"], build_offers(stack_parameters)) for order in orders
    ]
    images, max_price = sum(count for count, _ in prices), format_usd(sum(micro for _, micro in prices))
    console.print(
        f"{', '.join(addresses.values())} makes the images: {images} from {len(orders)} files, at most {max_price}"
        f" by the list price. No day costs more than ${stack_parameters['DailyBudgetUSD']} (DailyBudgetUSD).",
        soft_wrap=True,
        markup=False,
    )
    if "SegmindBaseUrl" in addresses:
        words = "Segmind cannot read links into this machine: photos travel to it inside the request."
        console.print(words, soft_wrap=True, markup=False)
    if os.environ.get("YES") == "1":
        return
    if not sys.stdin.isatty():
        raise LocalCloudError("nothing was bought; there is no terminal to ask at, so say YES=1 to agree")
    if input(f"Spend up to {max_price}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise LocalCloudError("nothing was started and nothing was spent")
