"""What the check of Ideogram's prices found, as data and as sentences."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from backdrop.model.price_check import (
    PRICED_PRODUCTS,
    CheckedPrice,
    PriceCheck,
    PriceDifference,
    list_differences,
)
from backdrop.model.pricing import PRICE_LIST_DATE, format_usd, to_usd
from backdrop.model.sentence import Sentence


def describe_difference(difference: PriceDifference) -> Sentence:
    return Sentence(
        f"Ideogram quotes {format_usd(difference.quoted)} an image for {difference.product.label}, but the price list "
        f"of {PRICE_LIST_DATE} has {format_usd(difference.listed)}."
    )


def describe_stop(check: PriceCheck) -> Sentence | None:
    """Explains why the check sends nothing anymore, what that cost, and what to do; None if it goes on."""
    if check.stopped_at is None:
        return None
    last = check.calls[-1]
    found = f"the generation {last.attempt.provider_id}" if last.attempt.provider_id else "something else"
    return Sentence(
        f"The price check has stopped, because Ideogram answered its request for a quote with {found}. "
        f"It is unknown whether {format_usd(last.attempt.unknown)} was charged. Look at Ideogram's usage, and ask "
        "Ideogram why. Then run `backdrop check-prices --resume`."
    )


def list_problems(check: PriceCheck) -> Iterator[Sentence]:
    """Yields why prices could not be checked in the last run."""
    if check.problem is not None:
        yield check.problem
    for price in check.prices:
        if price.problem is not None:
            yield Sentence(f"The price of {price.product.label} could not be checked: {price.problem}")


def sum_unknown(check: PriceCheck) -> int:
    """Returns what requests of the check may have cost, in micro-dollars."""
    return sum(call.attempt.unknown for call in check.calls)


def build_price_check_report(check: PriceCheck) -> dict[str, Any]:
    """Returns the state of the check as JSON, for the commands."""
    differences, stop = list_differences(check), describe_stop(check)
    return {
        "run_at": _format_time(check.run_at),
        "stopped_at": _format_time(check.stopped_at),
        "stop": None if stop is None else str(stop),
        "problem_code": check.problem_code.value if check.problem_code else None,
        "problems": [str(problem) for problem in list_problems(check)],
        "prices": [_build_price(check.find_price(product)) for product in PRICED_PRODUCTS],
        "differences": [build_difference(one) for one in differences],
        "unknown_usd": to_usd(sum_unknown(check)),
    }


def build_difference(difference: PriceDifference) -> dict[str, Any]:
    return {
        "operation": difference.product.operation,
        "rendering_speed": difference.product.rendering_speed or None,
        "quoted_usd": to_usd(difference.quoted),
        "listed_usd": to_usd(difference.listed),
        "text": str(describe_difference(difference)),
    }


def _build_price(price: CheckedPrice) -> dict[str, Any]:
    return {
        "operation": price.product.operation,
        "rendering_speed": price.product.rendering_speed or None,
        "listed_usd": to_usd(price.product.list_price),
        "quoted_usd": None if price.quoted is None else to_usd(price.quoted),
        "quoted_at": _format_time(price.quoted_at),
        "code": price.problem_code.value if price.problem_code else None,
    }


def _format_time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
