"""Checks that reconcile runs, because without it an interrupted job is never completed."""

from collections.abc import Iterator
from datetime import timedelta

from backdrop_cli.formatting import format_utc
from backdrop_cli.operate.checks import CheckResult, CheckState
from backdrop_cli.stack import Stack

# A schedule starts a run every five minutes, and a run takes less than that.
MAX_SILENCE = timedelta(minutes=15)


def check_reconcile(stack: Stack) -> Iterator[CheckResult]:
    function = f"{stack.name}-reconcile"
    finished_at = stack.circuit_breaker.ledger.read_reconcile_state().finished_at
    advice = f"Check the rule of {function} in EventBridge and its log. More: docs/alarms.md#reconcile-silent"
    if finished_at is None:
        fix = f"A new stack's first run ends within ten minutes. After that: {advice[:1].lower()}{advice[1:]}"
        yield CheckResult("reconcile", CheckState.UNKNOWN, "has not completed a run yet", fix)
        return
    message = f"last completed a run at {format_utc(finished_at)}"
    if stack.clock.now() - finished_at <= MAX_SILENCE:
        yield CheckResult("reconcile", CheckState.GOOD, message)
    else:
        yield CheckResult("reconcile", CheckState.WRONG, f"{message}, and is due every five minutes", advice)
