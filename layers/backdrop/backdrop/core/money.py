"""What a job costs: one dated price list and the one quote that every place uses.

Amounts are integer micro-dollars (1,000,000 = 1 USD).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MICRO = 1_000_000
# Below this a sum has more zeros than anybody reads.
TINY = Decimal("1e-12")
PRICE_LIST_DATE = "2026-11-16"

REPLACE_PER_IMAGE = {
    # Ideogram's catalogue of 16 November 2026, per output image
    "ideogram": {"FLASH": 30_000, "TURBO": 30_000, "DEFAULT": 60_000, "QUALITY": 90_000},
}
REMOVE_PER_INPUT = {"ideogram": 10_000}


def price_per_image(provider: str, instructions: Mapping[str, Any]) -> int:
    """The list price of one output image of a job at a provider, in micro-dollars."""
    if instructions["operation"] == "remove":
        return REMOVE_PER_INPUT[provider]
    return REPLACE_PER_IMAGE[provider][instructions.get("rendering_speed", "DEFAULT")]


def quote(provider: str, instructions: Mapping[str, Any]) -> int:
    """The highest possible price of a job at a provider, in micro-dollars."""
    return price_per_image(provider, instructions) * int(instructions.get("num_images", 1))


def micro_of(usd: Decimal | str | int) -> int:
    """Dollars as integer micro-dollars, cut below a millionth."""
    return int(Decimal(usd) * MICRO)


def usd_of(micro: int) -> float:
    """Micro-dollars as the JSON number of dollars that receipts show."""
    return micro / MICRO


def usd_text(micro: int) -> str:
    """Micro-dollars as people read them: `$0.06`, and as many digits as the amount needs."""
    amount = Decimal(micro) / MICRO
    return f"${amount:.2f}" if micro % 10_000 == 0 else f"${amount.normalize():f}"


def limit_text(usd: float) -> str:
    """A person's limit in dollars as a price; where it is finer than money is counted here, as it was written."""
    exact = Decimal(str(usd))
    micro = micro_of(exact)
    if exact * MICRO == micro:
        return usd_text(micro)
    return f"${exact:f}" if exact > TINY else f"${usd}"
