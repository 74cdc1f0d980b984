"""Work that a provider ended under our ID: its cost is known, and the next charge has another ID."""

from dataclasses import replace

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, Job, JobStatus, MoneyStatus
from backdrop.model.provider_result import ProviderResult
from backdrop.model.transitions import ClaimLimits
from tests.simulated.stage_worlds import BACKOFF, FAILED, LEASE, LOST, NOW, OK, PRICE, REFUSED, THROTTLED, build_job

OUR_ID = "our-id"


def build_lost_job(job: Job | None = None) -> Job:
    """Returns a job whose call was sent with our ID. Its answer was lost."""
    job = job or build_job()
    step = transitions.claim(
        job, now=NOW, lease_until=LEASE, price=PRICE, limits=ClaimLimits(PRICE), provider_id=OUR_ID
    )
    return transitions.record_result(step.job, step.job.attempt_no, LOST, NOW).job


def build_resent_job() -> Job:
    """Returns the same job after its call was sent again with the same ID."""
    return transitions.resend_call(build_lost_job(), LEASE).job


def build_final_result(answer: ProviderResult) -> ProviderResult:
    """Returns a result that says that the work itself has ended."""
    return ProviderResult(answer.retry_class, answer.code, answer.message, is_final=True)


@pytest.mark.parametrize("job", [build_lost_job(), build_resent_job()], ids=["lost", "sent again"])
@pytest.mark.parametrize("answer", [BACKOFF, THROTTLED], ids=["busy", "throttled"])
def test_abandoned_work_costs_nothing_and_gets_another_id(job: Job, answer: ProviderResult) -> None:
    after = transitions.record_result(job, 1, build_final_result(answer), NOW).job
    assert (after.status, after.charge_no, after.money, after.possible_charge_count) == (
        JobStatus.ACCEPTED,
        1,
        MoneyStatus.NOT_SPENT,
        0,
    )


def test_repeated_final_result_is_recorded_once() -> None:
    once = transitions.record_result(build_lost_job(), 1, build_final_result(BACKOFF), NOW).job
    assert transitions.record_result(once, 1, build_final_result(BACKOFF), NOW).job == once


def test_call_that_was_only_rejected_keeps_its_id() -> None:
    after = transitions.record_result(build_lost_job(), 1, BACKOFF, NOW).job
    assert (after.status, after.charge_no) == (JobStatus.ACCEPTED, 0)


def test_rejected_resend_leaves_the_first_charge_unknown() -> None:
    after = transitions.record_result(build_resent_job(), 1, BACKOFF, NOW).job
    assert (after.status, after.charge_no, after.unknown) == (JobStatus.UNKNOWN, 0, PRICE)


def test_refusal_of_the_work_settles_all_its_sends() -> None:
    after = transitions.record_result(build_resent_job(), 1, build_final_result(REFUSED), NOW).job
    assert (after.status, after.money, after.unknown) == (JobStatus.REFUSED, MoneyStatus.NOT_SPENT, 0)
    doubtful = transitions.record_result(build_resent_job(), 1, REFUSED, NOW).job
    assert (doubtful.money, doubtful.attempts[0].outcome) == (MoneyStatus.UNKNOWN, AttemptOutcome.LOST)


def test_result_of_an_older_charge_does_not_end_the_current_one() -> None:
    newer = replace(build_lost_job(), charge_no=3)
    assert transitions.record_result(newer, 1, build_final_result(BACKOFF), NOW).job.charge_no == 3


def test_pictures_count_even_in_a_final_result() -> None:
    after = transitions.record_result(
        build_resent_job(), 1, ProviderResult(OK.retry_class, links=OK.links, charged=PRICE, is_final=True), NOW
    ).job
    assert (after.status, after.charged, after.unknown, after.charge_no) == (JobStatus.PAID, PRICE, 0, 0)


# -- work that ended with an error, at a cost that the provider does not state -------------------------------------


@pytest.mark.parametrize("job", [build_lost_job(), build_resent_job()], ids=["lost", "sent again"])
def test_failed_work_of_unknown_cost_is_dead_and_unresolved(job: Job) -> None:
    step = transitions.record_result(job, 1, FAILED, NOW)
    assert (step.job.status, step.job.money, step.job.unknown) == (JobStatus.DEAD, MoneyStatus.UNKNOWN, PRICE)
    assert step.job.problem
    assert (step.job.problem.code, step.job.problem.money) == (Code.PROVIDER_FAILED, MoneyStatus.UNKNOWN)
    assert step.budget_change
    assert step.budget_change.total == 0


def test_failed_work_of_unknown_cost_needs_pay_again() -> None:
    dead = transitions.record_result(build_lost_job(), 1, FAILED, NOW).job
    assert transitions.reopen(dead, dead, NOW) is None
    bought = transitions.pay_again(dead, NOW).job
    assert (bought.status, bought.charge_no, bought.unknown) == (JobStatus.ACCEPTED, 1, PRICE)


def test_picture_that_arrives_after_the_failure_is_used() -> None:
    dead = transitions.record_result(build_lost_job(), 1, FAILED, NOW).job
    after = transitions.record_result(dead, 1, OK, NOW).job
    assert (after.status, after.charged, after.unknown) == (JobStatus.PAID, PRICE, 0)
