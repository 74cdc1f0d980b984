"""A settlement moves money from unknown to charged, or to nothing, on the day of the claim."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop.model.job import AttemptOutcome, Job, JobStatus, MoneyStatus, PictureLink, Settlement, SettlementResult
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.transitions import ClaimLimits
from tests.unit.ledger_items import NOW, build_job

PRICE = 60_000
TOMORROW = NOW + timedelta(days=1)
OK = ProviderResult(RetryClass.OK, links=(PictureLink(url="https://results.invalid/1.png"),), charged=PRICE)


def settlement(result: SettlementResult, amount: int = PRICE) -> Settlement:
    return Settlement(
        result=result,
        settled_at=TOMORROW,
        amount=amount,
        hours=(NOW.replace(minute=0, second=0, microsecond=0),),
        billed=1,
        certain=0,
        charged_count=1,
        unknown_count=1,
        records_read_at=TOMORROW,
    )


def held_job() -> Job:
    """A job that is held, because its only call's answer was lost."""
    job = transitions.claim(build_job(), now=NOW, lease_until=NOW, price=PRICE, limits=ClaimLimits(10 * PRICE)).job
    job = transitions.record_result(job, 1, ProviderResult.lost("no answer"), NOW).job
    return transitions.hold(job, NOW).job


CHARGED, NOT_CHARGED = settlement(SettlementResult.CHARGED), settlement(SettlementResult.NOT_CHARGED)


def test_charged_call_becomes_certain_on_the_day_of_its_claim() -> None:
    step = transitions.settle(held_job(), 1, CHARGED)
    change = step.budget_change
    assert change
    assert (change.day, change.confirmed, change.unknown) == (NOW.date().isoformat(), PRICE, -PRICE)
    assert not change.is_overcharged
    assert (step.job.status, step.job.money, step.job.charged) == (JobStatus.HELD, MoneyStatus.SPENT, PRICE)
    assert step.job.problem
    assert step.job.problem.money is MoneyStatus.SPENT
    assert step.job.may_be_charged
    assert transitions.restart(step.job, step.job, TOMORROW) is None


def test_call_that_was_not_charged_releases_its_money_and_may_be_bought_once() -> None:
    step = transitions.settle(held_job(), 1, NOT_CHARGED)
    assert step.budget_change
    assert (step.budget_change.confirmed, step.budget_change.unknown) == (0, -PRICE)
    assert (step.job.status, step.job.money, step.job.possible_charge_count) == (
        JobStatus.HELD,
        MoneyStatus.NOT_SPENT,
        0,
    )
    again = transitions.restart(step.job, step.job, TOMORROW)
    assert again
    assert again.job.status is JobStatus.ACCEPTED


def test_undecided_call_keeps_its_money() -> None:
    step = transitions.settle(held_job(), 1, settlement(SettlementResult.UNDECIDED))
    assert step.budget_change is None
    assert (step.job.unknown, step.job.money, step.job.possible_charge_count) == (PRICE, MoneyStatus.UNKNOWN, 1)


@pytest.mark.parametrize("first", [CHARGED, NOT_CHARGED])
def test_correction_makes_the_charge_unknown_again(first: Settlement) -> None:
    job = held_job()
    settled = transitions.settle(job, 1, first)
    reopened = transitions.reopen_settlement(settled.job, 1, TOMORROW)
    assert settled.budget_change
    assert reopened.budget_change
    assert settled.budget_change.total + reopened.budget_change.total == 0
    assert settled.budget_change.unknown + reopened.budget_change.unknown == 0
    attempt, before = reopened.job.find_attempt(1), job.find_attempt(1)
    assert attempt
    assert attempt.settlement
    assert attempt.settlement.result is SettlementResult.REOPENED
    assert replace(attempt, settlement=None) == before
    assert reopened.job.problem
    assert reopened.job.problem.money is MoneyStatus.UNKNOWN
    again = transitions.settle(reopened.job, 1, CHARGED)
    assert again.job.charged == PRICE


@pytest.mark.parametrize(("first", "confirmed"), [(CHARGED, 0), (NOT_CHARGED, PRICE)])
def test_late_answer_overrules_a_settlement(first: Settlement, confirmed: int) -> None:
    step = transitions.record_result(transitions.settle(held_job(), 1, first).job, 1, OK, TOMORROW)
    assert step.budget_change
    assert (step.budget_change.confirmed, step.budget_change.unknown) == (confirmed, 0)
    assert not step.budget_change.is_overcharged
    assert (step.job.status, step.job.charged) == (JobStatus.PAID, PRICE)
    attempt = step.job.find_attempt(1)
    assert attempt
    assert attempt.settlement == (first if first is CHARGED else None)


def test_late_refusal_does_not_undo_a_settlement() -> None:
    settled = transitions.settle(held_job(), 1, CHARGED).job
    late = ProviderResult(RetryClass.BACKOFF, None, "busy")
    assert transitions.record_result(settled, 1, late, TOMORROW).job == settled


def test_only_a_lost_call_with_this_amount_can_be_settled() -> None:
    with pytest.raises(ConflictError):
        transitions.settle(held_job(), 1, settlement(SettlementResult.CHARGED, 2 * PRICE))
    with pytest.raises(ConflictError):
        transitions.settle(transitions.settle(held_job(), 1, CHARGED).job, 1, NOT_CHARGED)
    with pytest.raises(ConflictError):
        transitions.settle(held_job(), 2, CHARGED)
    with pytest.raises(ConflictError):
        transitions.reopen_settlement(held_job(), 1, TOMORROW)


def test_billed_failure_is_charged_and_no_longer_refused() -> None:
    job = transitions.claim(build_job(), now=NOW, lease_until=NOW, price=PRICE, limits=ClaimLimits(10 * PRICE)).job
    rejection = ProviderResult(RetryClass.PERM, Code.UNSAFE_REQUEST, "not safe")
    job = transitions.record_result(job, 1, rejection, NOW).job
    assert job.status is JobStatus.REFUSED
    step = transitions.settle(job, 1, CHARGED)
    assert (step.job.status, step.job.money) == (JobStatus.DEAD, MoneyStatus.SPENT)
    assert step.budget_change
    assert (step.budget_change.confirmed, step.budget_change.is_overcharged) == (PRICE, False)
    attempt = step.job.find_attempt(1)
    assert attempt
    assert attempt.outcome is AttemptOutcome.REJECTED
