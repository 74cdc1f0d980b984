"""The transitions back into work: redrive, pay-again, reinstatement, and reuse of another job's file."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, ResultError
from backdrop.model.job import Job, JobStatus, MoneyStatus, PictureLink
from backdrop.model.provider_result import ProviderResult
from tests.simulated.stage_worlds import (
    BACKOFF,
    LOST,
    NOW,
    OK,
    PRICE,
    REFUSED,
    REJECTED,
    THROTTLED,
    UNSAFE,
    build_called_job,
    build_dead_paid_job,
    build_job,
    claim,
    job_in,
)

S = JobStatus
LATER = NOW + timedelta(days=1)
OTHER = build_job(job_id="o" * 64, source_id="b" * 64, key="hats/blue.jpg")
OWNER = transitions.build_content_owner(OTHER)
Leave = Callable[[Job, datetime], transitions.Transition | None]


def build_owner(status: JobStatus) -> Job:
    """Returns the other job, which owns the same content, in this status."""
    return replace(job_in(status), job_id=OTHER.job_id, source_id=OTHER.source_id, key=OTHER.key)


def reinstate_job(job: Job) -> Job:
    """Returns a job after its photo names it again."""
    step = transitions.reopen(job, build_job(), LATER)
    assert step
    return step.job


# -- redrive ------------------------------------------------------------------------------------------------------


def test_paid_pictures_are_delivered_later_without_a_charge() -> None:
    step = transitions.retry_delivery(replace(build_dead_paid_job(), announced=True, crash_count=5), LATER)
    job = step.job
    assert (job.status, job.links, job.charged, step.budget_change, step.content_owner) == (
        S.PAID,
        OK.links,
        PRICE,
        None,
        None,
    )
    assert (job.problem, job.ended_at, job.announced, job.crash_count, job.last_sent_at) == (
        None,
        None,
        False,
        0,
        LATER,
    )


@pytest.mark.parametrize("answer", [REJECTED, UNSAFE], ids=["rejected", "withheld"])
def test_delivery_cannot_be_retried_without_pictures(answer: ProviderResult) -> None:
    dead = build_called_job(answer)
    with pytest.raises(ConflictError):
        transitions.retry_delivery(dead, LATER)


@pytest.mark.parametrize("job", [build_dead_paid_job(), job_in(S.HELD)], ids=["dead", "held"])
def test_pay_again_starts_a_new_charge(job: Job) -> None:
    """The old charge stays recorded, its links are not used for the new charge, and its answer may still arrive."""
    step = transitions.pay_again(replace(job, announced=True), LATER)
    again = step.job
    assert (again.status, again.charge_no, again.queued_at, again.last_sent_at) == (S.ACCEPTED, 1, LATER, LATER)
    assert (again.links, again.paid_attempt_no, again.problem, again.announced, again.ended_at) == (
        (),
        0,
        None,
        False,
        None,
    )
    assert (again.attempts, again.charged, again.unknown) == (job.attempts, job.charged, job.unknown)
    assert (step.budget_change, step.content_owner) == (None, transitions.build_content_owner(job))


def test_old_answer_is_used_by_a_job_paid_again() -> None:
    again = transitions.pay_again(job_in(S.HELD), LATER).job
    found = transitions.record_result(again, 1, OK, LATER).job
    assert (found.status, found.paid_attempt_no, found.charged, found.unknown) == (S.PAID, 1, PRICE, 0)


# -- the next charge, or the same one ----------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [REJECTED, REFUSED], ids=["rejected", "refused"])
def test_rejected_call_makes_the_next_one_a_new_charge(answer: ProviderResult) -> None:
    job = build_called_job(answer)
    assert reinstate_job(job).charge_no == 1
    second = transitions.record_result(claim(reinstate_job(job)).job, 2, answer, NOW).job
    assert reinstate_job(second).charge_no == 2


@pytest.mark.parametrize("leave", [transitions.supersede, transitions.cancel])
@pytest.mark.parametrize("answer", [BACKOFF, THROTTLED], ids=["busy", "throttled"])
def test_call_that_was_not_accepted_keeps_its_charge_number(leave: Leave, answer: ProviderResult) -> None:
    waiting = build_called_job(answer)
    left = leave(waiting, NOW)
    assert left
    assert reinstate_job(left.job).charge_no == 0


@pytest.mark.parametrize("leave", [transitions.supersede, transitions.cancel])
@pytest.mark.parametrize("job", [build_dead_paid_job(), job_in(S.HELD)], ids=["dead", "held"])
def test_superseded_job_after_pay_again_runs_when_named_again(job: Job, leave: Leave) -> None:
    """The earlier cost belongs to another charge, and a person has already agreed to a second one."""
    left = leave(transitions.pay_again(job, NOW).job, NOW)
    assert left
    assert reinstate_job(left.job).status is S.ACCEPTED


def test_late_charge_of_a_superseded_job_prevents_another_purchase() -> None:
    waiting = build_called_job(BACKOFF)
    left = transitions.supersede(waiting, NOW)
    assert left
    charged = transitions.record_result(left.job, 1, OK, NOW).job
    assert (charged.status, charged.charged) == (S.SUPERSEDED, PRICE)
    assert transitions.reopen(charged, build_job(), LATER) is None


def test_unknown_charge_resolved_as_unpaid_allows_a_restart() -> None:
    cleared = transitions.record_result(job_in(S.HELD), 1, BACKOFF, NOW).job
    assert (cleared.status, cleared.money) == (S.HELD, MoneyStatus.NOT_SPENT)
    assert reinstate_job(cleared).status is S.ACCEPTED


# -- shared content -----------------------------------------------------------------------------------------------


def test_accepted_or_restarted_job_owns_its_content() -> None:
    own_claim = transitions.build_content_owner(build_job())
    assert (own_claim.content_id, own_claim.source_id, own_claim.job_id) == ("c" * 64, "s" * 64, "j" * 64)
    for step in (transitions.accept(build_job()), transitions.reopen(job_in(S.REFUSED), build_job(), LATER)):
        assert step
        assert (step.content_owner, step.expected_owner) == (own_claim, None)


EFFECT_OF_OWNER: dict[JobStatus | None, str] = {
    **dict.fromkeys((S.ACCEPTED, S.SUBMITTING, S.UNKNOWN, S.PAID), "waits_for"),
    **dict.fromkeys((S.REVIEW, S.STORED, S.REJECTED), "is served"),
    **dict.fromkeys((S.REFUSED, S.DEAD, S.HELD, S.SUPERSEDED, S.CANCELLED, None), "buys"),
}


@pytest.mark.parametrize("status", [*S, None], ids=str)
def test_job_waits_reuses_or_buys_depending_on_the_owner(status: JobStatus | None) -> None:
    step = transitions.join_existing(build_job(), OWNER, build_owner(status) if status else None, LATER)
    job = step.job
    ways = {
        "waits_for": (job.status, job.waits_for, step.content_owner) == (S.ACCEPTED, OWNER, None),
        "is served": (job.status, job.waits_for, step.content_owner) == (S.PAID, None, None),
        "buys": (job.status, job.waits_for, step.content_owner)
        == (S.ACCEPTED, None, transitions.build_content_owner(job)),
    }
    assert [way for way, taken in ways.items() if taken] == [EFFECT_OF_OWNER[status]]
    assert step.expected_owner == (OWNER if EFFECT_OF_OWNER[status] == "buys" else None)


def test_reused_file_costs_nothing() -> None:
    waiting = transitions.wait_for_owner(build_job(), OWNER).job
    step = transitions.reuse(waiting, build_owner(S.STORED), LATER)
    job = step.job
    assert (job.reused_from, job.links, job.paid_attempt_no) == (OTHER.job_id, OK.links, 1)
    assert (job.attempts, job.charged, job.unknown, step.budget_change) == ((), 0, 0, None)
    assert (job.paid_at, job.last_sent_at, job.waits_for) == (LATER, LATER, None)


def test_reused_file_leads_to_the_job_that_paid() -> None:
    served = replace(build_owner(S.STORED), reused_from="p" * 64)
    assert transitions.reuse(build_job(), served, LATER).job.reused_from == "p" * 64


def test_restarted_job_waits_for_no_owner_and_reuses_nothing() -> None:
    gone = ResultError(Code.PAID_FILE_GONE, "the file is gone")
    served = transitions.reuse(transitions.wait_for_owner(build_job(), OWNER).job, build_owner(S.STORED), NOW).job
    dead = transitions.fail(served, gone, NOW).job
    assert (dead.status, dead.money) == (S.DEAD, MoneyStatus.NOT_SPENT)
    assert (reinstate_job(dead).waits_for, reinstate_job(dead).reused_from) == (None, None)


def test_withheld_links_do_not_count_as_pictures() -> None:
    withheld = replace(build_dead_paid_job(), links=(PictureLink(url=None),))
    with pytest.raises(ConflictError):
        transitions.retry_delivery(withheld, LATER)


def test_lost_result_of_a_superseded_job_stays_recorded() -> None:
    left = transitions.supersede(job_in(S.SUBMITTING), NOW)
    assert left
    lost = transitions.record_result(left.job, 1, LOST, NOW).job
    assert (lost.status, lost.end_after_call, lost.unknown) == (S.UNKNOWN, S.SUPERSEDED, PRICE)
    assert transitions.record_result(lost, 1, BACKOFF, NOW).job.status is S.SUPERSEDED


# -- time waited for a rate limit --------------------------------------------------------------------------------


def test_throttled_time_is_reset_when_the_job_changes_provider() -> None:
    moved = transitions.change_provider(
        replace(job_in(S.ACCEPTED), throttled_ms=900), "runware", PRICE, "ideogram is throttled", NOW
    ).job
    assert (moved.throttled_ms, moved.wait_reason) == (0, None)


@pytest.mark.parametrize("status", [S.SUPERSEDED, S.CANCELLED])
def test_throttled_time_is_reset_when_the_job_restarts(status: JobStatus) -> None:
    restarted = reinstate_job(replace(job_in(status), throttled_ms=900))
    assert (restarted.throttled_ms, restarted.wait_reason) == (0, None)
