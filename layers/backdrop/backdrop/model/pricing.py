"""The price of a job: a dated price list, and the only function that quotes.

Amounts are integer micro-dollars (1,000,000 = 1 USD).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from backdrop.model.capabilities import find_remover
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError

MICRO_PER_USD = 1_000_000
# Smaller amounts are shown in scientific notation.
MIN_PLAIN_USD = Decimal("1e-12")
PRICE_LIST_DATE = "2026-11-16"
# A higher price in a provider's response counts as an error, and the price list applies.
MAX_REPORTED_USD = 1_000

REPLACE_PER_IMAGE = {
    "ideogram": {"FLASH": 30_000, "TURBO": 30_000, "DEFAULT": 60_000, "QUALITY": 90_000},
    "segmind": {"TURBO": 37_500, "DEFAULT": 75_000, "QUALITY": 112_500},
    "runware": {"TURBO": 30_000, "DEFAULT": 60_000, "QUALITY": 90_000},
}
REMOVE_PER_INPUT = {
    "ideogram": {"ideogram": 10_000},
    "runware": {"birefnet-matting": 600, "ideogram": 10_000},
}
# The source of each provider's prices, as of PRICE_LIST_DATE.
PRICE_SOURCES = {
    "ideogram": "Ideogram's API price list",
    "segmind": "Segmind's model page: $0.037 to $0.113 per call, which is Ideogram's price plus 25%",
    "runware": "Runware's model page for `DEFAULT` and `QUALITY`, and its playground, read on 2026-11-30, for "
    "`birefnet-matting`; Ideogram's price for `TURBO` and `ideogram`",
}
# Sells credits: the operator configures its price in dollars.
CREDIT_PROVIDER = "1min"
# The only provider that says what it charges, apart from its answers: in usage records, and in free quotes.
BILL_PROVIDER = "ideogram"

# The price of one image in micro-dollars, by provider, as configured by the operator.
type ConfiguredPrices = Mapping[str, int]
NO_CONFIGURED_PRICES: ConfiguredPrices = {}


def look_up_image_price(
    provider: str, instructions: Mapping[str, Any], configured: ConfiguredPrices = NO_CONFIGURED_PRICES
) -> int:
    """Returns the price of one output image at a provider, in micro-dollars.

    Raises InstructionError (price_unknown) if the provider sells credits whose price is not configured, or if the
    provider does not support the operation, the rendering speed, or the model.
    """
    if provider == CREDIT_PROVIDER:
        price = configured.get(provider)
    elif instructions["operation"] == "remove":
        models = REMOVE_PER_INPUT.get(provider)
        price = models.get(find_remover(provider, instructions)) if models else None
    else:
        price = REPLACE_PER_IMAGE[provider].get(instructions.get("rendering_speed", "DEFAULT"))
    if price is None:
        raise InstructionError(Code.PRICE_UNKNOWN, f"The price of an image at {provider} is not known in this stack.")
    return price


def quote(provider: str, instructions: Mapping[str, Any], configured: ConfiguredPrices = NO_CONFIGURED_PRICES) -> int:
    """Returns the highest possible price of a job, in micro-dollars; raises as look_up_image_price does."""
    return look_up_image_price(provider, instructions, configured) * int(instructions.get("num_images", 1))


def parse_reported_price(value: object) -> int | None:
    """Converts dollars in a provider's response to micro-dollars; None if it is not a price: null, 0, text, NaN."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    usd = Decimal(value)
    return to_micro_usd(usd) or None if usd.is_finite() and 0 < usd <= MAX_REPORTED_USD else None


def to_micro_usd(usd: Decimal | str | int) -> int:
    """Converts dollars to micro-dollars, rounding down."""
    return int(Decimal(usd) * MICRO_PER_USD)


def to_usd(micro_usd: int) -> float:
    """Converts micro-dollars to the dollars that receipts show."""
    return micro_usd / MICRO_PER_USD


def format_usd(micro_usd: int) -> str:
    """Formats micro-dollars as `$0.06`, with as many digits as the amount needs."""
    amount = Decimal(micro_usd) / MICRO_PER_USD
    return f"${amount:.2f}" if micro_usd % 10_000 == 0 else f"${amount.normalize():f}"


def format_limit_usd(usd: float) -> str:
    """Formats a limit in dollars; one with fractions of a micro-dollar is shown as written."""
    exact = Decimal(str(usd))
    micro_usd = to_micro_usd(exact)
    if exact * MICRO_PER_USD == micro_usd:
        return format_usd(micro_usd)
    return f"${exact:f}" if exact > MIN_PLAIN_USD else f"${usd}"
