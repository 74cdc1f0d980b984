"""Checks that charges whose answer was lost are settled by Ideogram's usage records, if that is set up."""

from collections.abc import Iterator
from typing import NamedTuple

from backdrop.model.bill_records import MAX_RUN_DISTANCE, BillState
from backdrop.model.provider_result import OnLostAnswer
from backdrop.reconcile.bill_report import describe_finding
from backdrop_cli.formatting import format_count, format_utc
from backdrop_cli.operate.checks import CheckResult, CheckState
from backdrop_cli.stack import Stack

NAME = "usage records"
_SET_UP = "docs/bill.md shows how to set it up"


class BillProblem(NamedTuple):
    """What prevents settlements, or contradicts one. `text` continues a sentence about the usage records."""

    text: str
    fix: str


def check_bill(stack: Stack) -> Iterator[CheckResult]:
    """Only the function reconcile-bill may read the admin key, so its last run shows whether there is one."""
    if not _is_set_up(stack):
        yield CheckResult(NAME, CheckState.UNKNOWN, "are not compared with the ledger (optional)", f"{_SET_UP}.")
    else:
        state = stack.circuit_breaker.ledger.read_bill_state()
        problems = list_bill_problems(stack)
        for problem in problems:
            yield CheckResult(NAME, CheckState.WRONG, *problem)
        if state.read_at is None and not problems:
            fix = "If there is an admin key, run `backdrop reconcile-bill` to see why."
            yield CheckResult(NAME, CheckState.UNKNOWN, "have not been read yet", fix)
        elif state.read_at and not problems:
            yield CheckResult(NAME, CheckState.GOOD, f"were last read at {format_utc(state.read_at)}")
    yield from _check_policy(stack)


def _is_set_up(stack: Stack) -> bool:
    return bool(stack.parameters.get("IdeogramKeyIds"))


def _check_policy(stack: Stack) -> Iterator[CheckResult]:
    """`ask_the_bill` needs the comparison; without it, lost calls are held."""
    if stack.parameters.get("OnLostAnswer") != OnLostAnswer.ASK_THE_BILL.value:
        return
    state = stack.circuit_breaker.ledger.read_bill_state() if _is_set_up(stack) else BillState()
    if not state.settles_calls(stack.clock.now()):
        text = "settle nothing now, so `OnLostAnswer=ask_the_bill` acts as `hold`"
        fix = f"It needs an admin key and IdeogramKeyIds: {_SET_UP}."
        yield CheckResult(NAME, CheckState.WRONG, text, fix)


def list_bill_problems(stack: Stack) -> list[BillProblem]:
    """Returns what a person must look at. Reads nothing if the comparison is not set up."""
    if not _is_set_up(stack):
        return []
    state, now = stack.circuit_breaker.ledger.read_bill_state(), stack.clock.now()
    problems: list[BillProblem] = []
    if state.failure is not None:
        problems.append(BillProblem(f"nothing is settled: {str(state.failure).rstrip('.')}", f"{_SET_UP}."))
    elif state.read_at and now - state.read_at > MAX_RUN_DISTANCE:
        fix = "Run `backdrop reconcile-bill` to see why."
        problems.append(BillProblem(f"were last read at {format_utc(state.read_at)}", fix))
    if state.stopped_hour:
        finding = next((one for one in state.findings if one.first_hour == state.stopped_hour), None)
        text = f"nothing from {format_utc(state.stopped_hour)} on is settled, because a certain charge is missing"
        fix = str(describe_finding(finding)) if finding else "`backdrop reconcile-bill` lists the hours."
        problems.append(BillProblem(text, fix))
    if recent := state.list_recent_corrections(now):
        text = (
            f"were corrected after {format_count(len(recent), 'call')} had been settled, last at "
            f"{format_utc(recent[-1].found_at)}"
        )
        fix = "`backdrop reconcile-bill` lists the calls. More: docs/runbooks/bill-corrected.md"
        problems.append(BillProblem(text, fix))
    return problems
