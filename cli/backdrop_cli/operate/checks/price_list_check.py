"""Checks that Ideogram's prices are those of the price list, where the daily price check runs."""

from collections.abc import Iterator
from datetime import timedelta

from backdrop.model.price_check import list_differences
from backdrop.reconcile.price_check_report import describe_difference, describe_stop, list_problems
from backdrop_cli.formatting import format_utc
from backdrop_cli.operate.checks import CheckResult, CheckState
from backdrop_cli.stack import Stack

NAME = "Ideogram's prices"
# The check runs every day.
MAX_SILENCE = timedelta(hours=49)
_RUN_IT = "To check them now, run `backdrop check-prices`."
_MORE = "More: docs/alarms.md#ideogram-prices"


def check_prices(stack: Stack) -> Iterator[CheckResult]:
    """Yields nothing with Ideogram v1, which has no quotes."""
    if not stack.checks_prices:
        return
    check = stack.circuit_breaker.ledger.read_price_check()
    stop = describe_stop(check)
    if stop is not None:
        yield CheckResult(NAME, CheckState.WRONG, str(stop), _MORE)
        return
    differences, problems = list_differences(check), [*list_problems(check)]
    for difference in differences:
        yield CheckResult(NAME, CheckState.WRONG, str(describe_difference(difference)), _MORE)
    for problem in problems:
        yield CheckResult(NAME, CheckState.WRONG, str(problem), _RUN_IT)
    if differences or problems:
        return
    if check.run_at is None:
        yield CheckResult(NAME, CheckState.UNKNOWN, "have not been checked yet", _RUN_IT)
    elif stack.clock.now() - check.run_at > MAX_SILENCE:
        yield CheckResult(NAME, CheckState.WRONG, f"were last checked at {format_utc(check.run_at)}", _RUN_IT)
    else:
        yield CheckResult(NAME, CheckState.GOOD, f"are those of the price list, at {format_utc(check.run_at)}")
