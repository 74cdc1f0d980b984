"""Checks that charges whose answer was lost are settled by Ideogram's usage records, if that is set up."""

from collections.abc import Iterator
from datetime import timedelta

from backdrop.reconcile.bill_report import describe_finding
from backdrop_cli.formatting import format_utc
from backdrop_cli.operate.checks import CheckResult, CheckState
from backdrop_cli.stack import Stack

NAME = "usage records"
# The comparison runs every hour.
MAX_SILENCE = timedelta(hours=3)
_SET_UP = "docs/bill.md shows how to set it up"


def check_bill(stack: Stack) -> Iterator[CheckResult]:
    """Only the function reconcile-bill may read the admin key, so its last run shows whether there is one."""
    if not stack.parameters.get("IdeogramKeyIds"):
        yield CheckResult(NAME, CheckState.UNKNOWN, "are not compared with the ledger (optional)", f"{_SET_UP}.")
        return
    state = stack.circuit_breaker.ledger.read_bill_state()
    if state.failure is not None:
        yield CheckResult(NAME, CheckState.WRONG, f"nothing is settled: {state.failure}", f"{_SET_UP}.")
    elif state.read_at is None or stack.clock.now() - state.read_at > MAX_SILENCE:
        last = f"were last read at {format_utc(state.read_at)}" if state.read_at else "have not been read yet"
        fix = "If there is an admin key, run `backdrop reconcile-bill` to see why."
        yield CheckResult(NAME, CheckState.WRONG if state.read_at else CheckState.UNKNOWN, last, fix)
    elif state.stopped_hour:
        finding = next((one for one in state.findings if one.first_hour == state.stopped_hour), None)
        text = f"nothing later than {format_utc(state.stopped_hour)} is settled"
        yield CheckResult(NAME, CheckState.WRONG, text, str(describe_finding(finding)) if finding else f"{_SET_UP}.")
    else:
        yield CheckResult(NAME, CheckState.GOOD, f"were last read at {format_utc(state.read_at)}")
    if state.corrections:
        last_correction = state.corrections[-1]
        yield CheckResult(
            NAME,
            CheckState.WRONG,
            f"were corrected after calls had been settled, last at {format_utc(last_correction.found_at)}",
            "`backdrop reconcile-bill` lists the calls. More: docs/runbooks/bill-corrected.md",
        )
