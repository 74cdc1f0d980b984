"""The `check-prices` command: compares Ideogram's prices with the price list, and explains the result."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from backdrop.model.price_check import LEASE
from backdrop_cli.errors import CommandError
from backdrop_cli.formatting import format_count, format_receipt_usd
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack


def check_prices(stack: Stack, screen: Screen, *, resume: bool) -> None:
    """Raises CommandError if no check runs, or if it could not compare every price."""
    if not stack.checks_prices:
        raise CommandError(
            "prices are only checked while Ideogram is on and IdeogramEndpoint is v2: v1 has no quotes; nothing was "
            "requested"
        )
    with screen.spinner("asking Ideogram for its prices"):
        report = stack.run_price_check({"resume": resume})
    screen.print_json({"stack": stack.name, **report})
    if report["is_busy"]:
        wait = format_count(LEASE // timedelta(minutes=1), "minute")
        raise CommandError(f"another check is running, or was interrupted; run this command again in {wait}")
    screen.print(f"Ideogram's prices and the price list, stack {stack.name}", "bold")
    heads = {"Operation": "left", "Speed": "left", "Price list": "right", "Quoted": "right", "On": "left"}
    screen.print_table(heads, (_format_price(price) for price in report["prices"]))
    for difference in report["differences"]:
        screen.print_bullet("!", difference["text"], "yellow")
    if report["stop"]:
        raise CommandError(report["stop"])
    if report["problems"]:
        raise CommandError(" ".join(report["problems"]))
    if not report["differences"]:
        screen.print("✓ Ideogram's prices are those of the price list.", "green")


def _format_price(price: Mapping[str, Any]) -> tuple[str, ...]:
    quoted = price["quoted_usd"]
    return (
        price["operation"],
        price["rendering_speed"] or "",
        format_receipt_usd(price["listed_usd"]),
        "" if quoted is None else format_receipt_usd(quoted),
        (price["quoted_at"] or "")[:10],
    )
