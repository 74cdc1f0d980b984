"""A settlement moves money from unknown to charged, or to nothing, on the day of the claim."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop.model.job import (
    AttemptOutcome,
    Job,
    JobStatus,
    MoneyStatus,
    PictureLink,
    Settlement,
    SettlementResult,
    Suspicion,
)
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
    assert reopened.budget_change.is_overcharged == (first is NOT_CHARGED)
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
    assert step.budget_change.is_overcharged == (first is NOT_CHARGED)
    assert (step.job.status, step.job.charged) == (JobStatus.PAID, PRICE)
    attempt = step.job.find_attempt(1)
    assert attempt
    assert attempt.settlement is None


def test_late_answer_at_another_cost_is_not_undone_by_a_correction() -> None:
    settled = transitions.settle(held_job(), 1, CHARGED).job
    step = transitions.record_result(settled, 1, replace(OK, charged=PRICE // 2), TOMORROW)
    assert (step.job.charged, step.job.unknown) == (PRICE // 2, 0)
    with pytest.raises(ConflictError):
        transitions.reopen_settlement(step.job, 1, TOMORROW)


def twice_lost_job() -> Job:
    """A job that is held, because the answers of both calls were lost."""
    job = build_job()
    for n in (1, 2):
        job = transitions.claim(job, now=NOW, lease_until=NOW, price=PRICE, limits=ClaimLimits(10 * PRICE)).job
        job = transitions.record_result(job, n, ProviderResult.lost("no answer"), NOW).job
    return transitions.hold(job, NOW).job


def read_problem(job: Job) -> str:
    assert job.problem
    return f"{job.problem.message} {job.problem.advice or ''}".strip()


@pytest.mark.parametrize(
    ("first", "second", "text", "advice"),
    [
        (SettlementResult.CHARGED, SettlementResult.NOT_CHARGED, "show that the call was charged", "--pay-again"),
        (SettlementResult.NOT_CHARGED, SettlementResult.CHARGED, "show that the call was charged", "--pay-again"),
        (SettlementResult.NOT_CHARGED, SettlementResult.NOT_CHARGED, "was not charged", "`backdrop redrive`;"),
        (SettlementResult.NOT_CHARGED, SettlementResult.UNDECIDED, "whether this one was", "it may be charged"),
        (SettlementResult.NOT_CHARGED, None, "it is unknown whether", "."),
    ],
)
def test_held_job_says_what_is_known_about_all_of_its_calls(
    first: SettlementResult, second: SettlementResult | None, text: str, advice: str
) -> None:
    job = transitions.settle(twice_lost_job(), 1, settlement(first)).job
    if second:
        job = transitions.settle(job, 2, settlement(second)).job
    assert text in read_problem(job)
    assert advice in read_problem(job)


def test_count_is_withdrawn_with_its_text() -> None:
    job = transitions.settle(held_job(), 1, settlement(SettlementResult.UNDECIDED)).job
    step = transitions.withdraw_count(job, 1)
    assert step.budget_change is None
    attempt = step.job.find_attempt(1)
    assert attempt
    assert attempt.settlement is None
    assert "whether this one was" not in read_problem(step.job)
    with pytest.raises(ConflictError):
        transitions.withdraw_count(step.job, 1)


def test_withdrawn_count_does_not_hide_an_earlier_correction() -> None:
    job = transitions.reopen_settlement(transitions.settle(held_job(), 1, CHARGED).job, 1, TOMORROW).job
    undecided = replace(settlement(SettlementResult.UNDECIDED), reopened_count=1)
    job = transitions.withdraw_count(transitions.settle(job, 1, undecided).job, 1).job
    attempt = job.find_attempt(1)
    assert attempt
    assert attempt.settlement
    assert (attempt.settlement.result, attempt.settlement.reopened_count) == (SettlementResult.REOPENED, 1)


def test_second_lost_call_does_not_wait_even_if_the_first_was_corrected() -> None:
    job = transitions.claim(build_job(), now=NOW, lease_until=NOW, price=PRICE, limits=ClaimLimits(10 * PRICE)).job
    job = transitions.record_result(job, 1, ProviderResult.lost("no answer"), NOW).job
    assert transitions.can_wait_for_bill(job)
    job = transitions.settle(transitions.wait_for_bill(job, NOW).job, 1, NOT_CHARGED).job
    job = transitions.claim(job, now=NOW, lease_until=NOW, price=PRICE, limits=ClaimLimits(10 * PRICE)).job
    job = transitions.reopen_settlement(job, 1, TOMORROW).job
    job = transitions.record_result(job, 2, ProviderResult.lost("no answer"), TOMORROW).job
    assert [call.unknown for call in job.lost_calls] == [PRICE, PRICE]
    assert not transitions.can_wait_for_bill(job)


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
    assert (step.budget_change.confirmed, step.budget_change.is_overcharged) == (PRICE, True)
    attempt = step.job.find_attempt(1)
    assert attempt
    assert attempt.outcome is AttemptOutcome.REJECTED


def test_correction_of_a_billed_failure_holds_no_job() -> None:
    job = failed_job()
    reopened = transitions.reopen_settlement(transitions.settle(job, 1, CHARGED).job, 1, TOMORROW)
    assert (reopened.job.status, reopened.job.charged, reopened.job.unknown) == (JobStatus.ACCEPTED, 0, 0)
    assert transitions.settle(reopened.job, 1, CHARGED).job.charged == PRICE


def test_late_refusal_does_not_make_a_proven_charge_a_listed_one() -> None:
    settled = transitions.settle(held_job(), 1, CHARGED).job
    refusal = ProviderResult(RetryClass.PERM, Code.REQUEST_REJECTED, "no")
    attempt = transitions.record_result(settled, 1, refusal, TOMORROW).job.find_attempt(1)
    assert attempt
    assert (attempt.charged, attempt.basis) == (PRICE, "bill")


def test_records_that_changed_can_confirm_a_settlement() -> None:
    settled = transitions.settle(held_job(), 1, CHARGED).job
    evidence = replace(CHARGED, settled_at=TOMORROW + timedelta(hours=1), records_read_at=TOMORROW + timedelta(hours=1))
    step = transitions.confirm_settlement(settled, 1, evidence)
    assert step.budget_change is None
    attempt = step.job.find_attempt(1)
    assert attempt
    assert attempt.settlement == replace(evidence, settled_at=TOMORROW)
    with pytest.raises(ConflictError):
        transitions.confirm_settlement(settled, 1, NOT_CHARGED)


def failed_job() -> Job:
    """A job in its lane, whose first call was accepted and failed."""
    job = transitions.claim(build_job(), now=NOW, lease_until=NOW, price=PRICE, limits=ClaimLimits(10 * PRICE)).job
    failure = ProviderResult(RetryClass.NOW, Code.PROVIDER_FAILED, "failed", suspicion=Suspicion.FAILURE)
    return transitions.record_result(job, 1, failure, NOW).job


def waiting_job() -> Job:
    """A job that waits for the records because of its second call; its first one was accepted and failed."""
    job = transitions.claim(failed_job(), now=NOW, lease_until=NOW, price=PRICE, limits=ClaimLimits(10 * PRICE)).job
    job = transitions.record_result(job, 2, ProviderResult.lost("no answer"), NOW).job
    return transitions.wait_for_bill(job, NOW).job


def test_billed_failure_does_not_end_the_wait_for_a_lost_call() -> None:
    job = transitions.settle(waiting_job(), 1, CHARGED).job
    assert (job.waits_for_bill, job.money, job.charged) == (True, MoneyStatus.UNKNOWN, PRICE)
    assert transitions.settle(job, 2, NOT_CHARGED).job.status is JobStatus.ACCEPTED


def test_call_that_was_not_taken_after_all_has_no_settlement() -> None:
    job = transitions.settle(held_job(), 1, settlement(SettlementResult.UNDECIDED)).job
    job = transitions.record_result(job, 1, ProviderResult(RetryClass.BACKOFF, None, "busy"), TOMORROW).job
    attempt = job.find_attempt(1)
    assert attempt
    assert (attempt.outcome, attempt.unknown, attempt.settlement) == (AttemptOutcome.NOT_TAKEN, 0, None)
