"""What a job costs: one dated price list and the one quote that every place uses.

Amounts are integer micro-dollars (1,000,000 = 1 USD).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError

MICRO_PER_USD = 1_000_000
# Below this a sum has more zeros than anybody reads.
MIN_PLAIN_USD = Decimal("1e-12")
PRICE_LIST_DATE = "2026-11-16"
# What an amount that a provider tells may be at the most; whatever is dearer is a slip, and the list holds.
MAX_REPORTED_USD = 1_000

REPLACE_PER_IMAGE = {
    "ideogram": {"FLASH": 30_000, "TURBO": 30_000, "DEFAULT": 60_000, "QUALITY": 90_000},
    "segmind": {"TURBO": 37_500, "DEFAULT": 75_000, "QUALITY": 112_500},
    "runware": {"TURBO": 30_000, "DEFAULT": 60_000, "QUALITY": 90_000},
}
REMOVE_PER_INPUT = {"ideogram": 10_000}
# Where the list has its prices from, as they stood on its date.
PRICE_SOURCES = {
    "ideogram": "Ideogram's API price catalogue",
    "segmind": "Segmind's model page: $0.037 to $0.113 a call, which is Ideogram's price and a quarter",
    "runware": "Runware's model page for `DEFAULT` and `QUALITY`; `TURBO` as at Ideogram",
}
# Sells credits: its price in dollars is what the stack's operator says it is.
CREDIT_PROVIDER = "1min"

# The price of one image in micro-dollars, by provider, where the stack's operator says it.
type ConfiguredPrices = Mapping[str, int]
NO_CONFIGURED_PRICES: ConfiguredPrices = {}


def look_up_image_price(
    provider: str, instructions: Mapping[str, Any], configured: ConfiguredPrices = NO_CONFIGURED_PRICES
) -> int:
    """The list price of one output image of a job at a provider, in micro-dollars.

    Raises InstructionError (price_unknown) where the provider sells credits and nobody said what they cost, and where
    the list has no price for what it does not do.
    """
    if provider == CREDIT_PROVIDER:
        price = configured.get(provider)
    elif instructions["operation"] == "remove":
        price = REMOVE_PER_INPUT.get(provider)
    else:
        price = REPLACE_PER_IMAGE[provider].get(instructions.get("rendering_speed", "DEFAULT"))
    if price is None:
        raise InstructionError(Code.PRICE_UNKNOWN, f"What an image costs at {provider} is not known in this stack.")
    return price


def quote(provider: str, instructions: Mapping[str, Any], configured: ConfiguredPrices = NO_CONFIGURED_PRICES) -> int:
    """The highest possible price of a job at a provider, in micro-dollars; raises as price_per_image does."""
    return look_up_image_price(provider, instructions, configured) * int(instructions.get("num_images", 1))


def parse_reported_price(value: object) -> int | None:
    """An amount of dollars that a provider tells, in micro-dollars; None where it is no price: null, 0, text, NaN."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    usd = Decimal(value)
    return to_micro_usd(usd) or None if usd.is_finite() and 0 < usd <= MAX_REPORTED_USD else None


def to_micro_usd(usd: Decimal | str | int) -> int:
    """Dollars as integer micro-dollars, cut below a millionth."""
    return int(Decimal(usd) * MICRO_PER_USD)


def to_usd(micro_usd: int) -> float:
    """Micro-dollars as the JSON number of dollars that receipts show."""
    return micro_usd / MICRO_PER_USD


def format_usd(micro_usd: int) -> str:
    """Micro-dollars as people read them: `$0.06`, and as many digits as the amount needs."""
    amount = Decimal(micro_usd) / MICRO_PER_USD
    return f"${amount:.2f}" if micro_usd % 10_000 == 0 else f"${amount.normalize():f}"


def format_limit_usd(usd: float) -> str:
    """A person's limit in dollars as a price; where it is finer than money is counted here, as it was written."""
    exact = Decimal(str(usd))
    micro_usd = to_micro_usd(exact)
    if exact * MICRO_PER_USD == micro_usd:
        return format_usd(micro_usd)
    return f"${exact:f}" if exact > MIN_PLAIN_USD else f"${usd}"
