"""What a demo may cost, said and asked before anything is bought."""

import os
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

from backdrop.instructions.merge import resolve, variants_of
from backdrop.instructions.sources import Place, read_file, read_tags
from backdrop.model.errors import InstructionError
from backdrop.model.pricing import SELLS_CREDITS, micro_of, usd_text
from backdrop.model.routing import Market, at_most
from backdrop_cli.words import image_count
from backdrop_local import parameters, providers
from backdrop_local.demo_orders import Order
from backdrop_local.errors import LocalCloudError


def place_of(order: Order) -> Place:
    """What an order asks for, as intake will read it."""
    return read_tags(order.tags) if order.sidecar is None else read_file(order.sidecar_name, order.sidecar)


def price_of(order: Order, provider: str, market: Market) -> tuple[int, int]:
    """How many images an order may buy in a market, and their highest price in micro-dollars.

    `provider` makes those that name none.
    """
    place = place_of(order)
    if place.errors or order.must_be_refused:
        return 0, 0
    try:
        resolved = [resolve([place], variant) for variant in variants_of([place])]
    except InstructionError:
        return 0, 0
    prices = [(one, at_most(one.fields, one.providers(provider), market)) for one in resolved]
    images = sum(image_count(one.fields) for one, price in prices if price is not None)
    return images, sum(price or 0 for _, price in prices)


def market_of(settled: Mapping[str, str]) -> Market:
    """Who is paid under these stack parameters, and what 1min.ai's credits cost."""
    paid = providers.paid_addresses(settled)
    on = [one.secret for one in providers.PROVIDERS if f"{one.parameter}BaseUrl" in paid]
    credit = settled.get("OneMinUsdPerImage", "")
    return Market(on, {SELLS_CREDITS: micro_of(credit)} if credit else {})


def agree(orders: Sequence[Order], asked: Mapping[str, str], console: Console) -> None:
    """Returns when the stand-in makes the images or the user agrees to pay for them.

    Raises:
        LocalCloudError: the user said no, or there is no terminal and YES=1 is not set.
    """
    settled = parameters.settle("http://127.0.0.1", asked)
    addresses = providers.paid_addresses(settled)
    if not addresses:
        return
    prices = [price_of(order, settled["DefaultProvider"], market_of(settled)) for order in orders]
    images, most = sum(count for count, _ in prices), usd_text(sum(micro for _, micro in prices))
    console.print(
        f"{', '.join(addresses.values())} makes the images: {images} from {len(orders)} files, at most {most}"
        f" by the list price. No day costs more than ${settled['DailyBudgetUSD']} (DailyBudgetUSD).",
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
    if input(f"Spend up to {most}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise LocalCloudError("nothing was started and nothing was spent")
