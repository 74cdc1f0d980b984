"""Checks that charges whose answer was lost are settled by Ideogram's usage records, if that is set up."""

from collections.abc import Iterator
from typing import NamedTuple

from backdrop.model.bill_records import MAX_RUN_DISTANCE, BillState, FindingKind
from backdrop.model.pricing import BILL_PROVIDER
from backdrop.model.provider_result import OnLostAnswer
from backdrop.model.usage_records import SET_UP_ADVICE
from backdrop.reconcile.bill_report import describe_finding
from backdrop_cli.formatting import format_count, format_utc
from backdrop_cli.operate.checks import CheckResult, CheckState
from backdrop_cli.stack import Stack

NAME = "usage records"
_SHOW_WHY = "`backdrop reconcile-bill` says why."


class BillProblem(NamedTuple):
    """What prevents settlements, or contradicts one. `text` continues a sentence about the usage records."""

    text: str
    fix: str


def check_bill(stack: Stack) -> Iterator[CheckResult]:
    """Only the function reconcile-bill may read the admin key, so its last run shows whether there is one."""
    state = stack.circuit_breaker.ledger.read_bill_state()
    if not _has_key_ids(stack):
        # Other providers have no usage records, so a stack without Ideogram lacks nothing.
        if BILL_PROVIDER in stack.providers:
            yield _describe_missing_key_ids(state)
    else:
        problems = list_bill_problems(stack)
        for problem in problems:
            yield CheckResult(NAME, CheckState.WRONG, *problem)
        if state.read_at is None and not problems:
            text = "have not been read yet: IdeogramKeyIds is set, but perhaps there is no admin key"
            yield CheckResult(NAME, CheckState.UNKNOWN, text, _SHOW_WHY)
        elif state.read_at and not problems:
            yield CheckResult(NAME, CheckState.GOOD, f"were last read at {format_utc(state.read_at)}")
    yield from _check_policy(stack, state)


def _describe_missing_key_ids(state: BillState) -> CheckResult:
    """Without IdeogramKeyIds, a stack with an admin key reads the records, but cannot tell which usage is its own."""
    if state.read_at is None and state.failure is None:
        text = "are not compared with the ledger (optional): IdeogramKeyIds is not set"
        return CheckResult(NAME, CheckState.UNKNOWN, text, SET_UP_ADVICE)
    if state.failure is not None:
        text = "cannot be used, and are not compared with the ledger: IdeogramKeyIds is not set"
        return CheckResult(NAME, CheckState.UNKNOWN, text, str(state.failure))
    text = "are read, but not compared with the ledger: there is an admin key, but IdeogramKeyIds is not set"
    fix = "`backdrop reconcile-bill` lists the IDs of the keys. Deploy the stack with that of its own key."
    return CheckResult(NAME, CheckState.UNKNOWN, text, fix)


def _has_key_ids(stack: Stack) -> bool:
    return bool(stack.parameters.get("IdeogramKeyIds"))


def _check_policy(stack: Stack, state: BillState) -> Iterator[CheckResult]:
    """`ask_the_bill` needs the comparison; without it, lost calls are held."""
    if stack.parameters.get("OnLostAnswer") != OnLostAnswer.ASK_THE_BILL.value:
        return
    if not _has_key_ids(stack) or not state.settles_calls(stack.clock.now()):
        text = "settle nothing now, so `OnLostAnswer=ask_the_bill` acts as `hold`"
        fix = _SHOW_WHY if _has_key_ids(stack) else f"IdeogramKeyIds is not set. {SET_UP_ADVICE}"
        yield CheckResult(NAME, CheckState.WRONG, text, fix)


def list_bill_problems(stack: Stack) -> list[BillProblem]:
    """Returns what a person must look at. Reads nothing if the comparison is not set up."""
    if not _has_key_ids(stack):
        return []
    state, now = stack.circuit_breaker.ledger.read_bill_state(), stack.clock.now()
    problems: list[BillProblem] = []
    if state.failure is not None:
        problems.append(BillProblem("cannot be used now, so nothing is settled", str(state.failure)))
    elif state.read_at and now - state.read_at > MAX_RUN_DISTANCE:
        text = f"were last read at {format_utc(state.read_at)}, so nothing is settled"
        problems.append(BillProblem(text, _SHOW_WHY))
    if state.stopped_hour:
        is_missing = (one for one in state.findings if one.kind is FindingKind.MISSING_CHARGE)
        finding = next((one for one in is_missing if one.first_hour == state.stopped_hour), None)
        text = f"settle nothing from {format_utc(state.stopped_hour)} on, because a certain charge is missing"
        fix = str(describe_finding(finding)) if finding else "`backdrop reconcile-bill` lists the hours."
        problems.append(BillProblem(text, fix))
    problems += [
        BillProblem("show charges for calls that failed", str(describe_finding(one)))
        for one in state.findings
        if one.kind is FindingKind.BILLED_FAILURE
    ]
    if recent := state.list_recent_corrections(now):
        text = (
            f"were corrected after {format_count(len(recent), 'call')} had been settled, last at "
            f"{format_utc(recent[-1].found_at)}"
        )
        fix = "`backdrop reconcile-bill` lists the calls. More: docs/runbooks/bill-corrected.md"
        problems.append(BillProblem(text, fix))
    return problems
