"""Amounts in dollars on the command line."""

from decimal import Decimal, InvalidOperation

from backdrop.model.pricing import to_micro_usd
from backdrop_cli.errors import UsageError

MAX_USD = Decimal(1_000_000_000)


def parse_usd(text: str) -> int | None:
    """Returns an amount such as `5` or `$0.10` in micro-dollars; None if it is not valid, such as a negative one.

    Amounts of more than MAX_USD are not valid.
    """
    try:
        usd = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        return None
    is_valid = usd.is_finite() and 0 <= usd <= MAX_USD and usd == round(usd, 6)
    return to_micro_usd(usd) if is_valid else None


def parse_usd_option(option: str, text: str | None) -> int | None:
    """Returns the option's amount in micro-dollars; None if it was not given. Raises UsageError if it is not valid."""
    amount = None if text is None else parse_usd(text)
    if text is not None and amount is None:
        raise UsageError(
            f"{option} takes an amount of at most {MAX_USD:,} dollars with at most six decimals, such as 5 or 0.10, "
            f"not {text!r}"
        )
    return amount
