"""The ways back into work: redriven, paid once more by a person's word, named again, or served by another's file."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, StaleError
from backdrop.model.job import Job, Link, Money, Status
from backdrop.model.provider_result import Answer
from tests.simulated.simulation import (
    BACKOFF,
    LOST,
    NOW,
    OK,
    PRICE,
    REFUSED,
    REJECTED,
    THROTTLED,
    UNSAFE,
    a_job,
    called,
    claim,
    job_in,
    spent_and_dead,
)

S = Status
LATER = NOW + timedelta(days=1)
OTHER = a_job(job_id="o" * 64, source_id="b" * 64, key="hats/blue.jpg")
OWNER = transitions.owner_of(OTHER)
Leave = Callable[[Job, datetime], transitions.Step | None]


def owning(status: Status) -> Job:
    """The other job, which owns the same content, in a state."""
    return job_in(status).but(job_id=OTHER.job_id, source_id=OTHER.source_id, key=OTHER.key)


def reopened(job: Job) -> Job:
    """A job that its photo names again."""
    step = transitions.reopen(job, a_job(), LATER)
    assert step
    return step.job


# -- a redrive ---------------------------------------------------------------------------------------------------


def test_what_was_paid_is_handed_over_after_all_for_nothing() -> None:
    step = transitions.deliver_again(spent_and_dead().but(told=True, crashes=5), LATER)
    job = step.job
    assert (job.status, job.links, job.charged, step.booking, step.owner) == (S.PAID, OK.links, PRICE, None, None)
    assert (job.problem, job.ended_at, job.told, job.crashes, job.put_at) == (None, None, False, 0, LATER)


@pytest.mark.parametrize("answer", [REJECTED, UNSAFE], ids=["rejected", "withheld"])
def test_where_no_picture_came_there_is_none_to_hand_over(answer: Answer) -> None:
    dead = called(answer)
    with pytest.raises(StaleError):
        transitions.deliver_again(dead, LATER)


@pytest.mark.parametrize("job", [spent_and_dead(), job_in(S.HELD)], ids=["dead", "held"])
def test_a_person_who_pays_again_begins_a_charge_of_its_own(job: Job) -> None:
    """The old charge stands in the books, its links are not the new one's, and its answer may still come."""
    step = transitions.pay_again(job.but(told=True), LATER)
    again = step.job
    assert (again.status, again.generation, again.queued_at, again.put_at) == (S.ACCEPTED, 1, LATER, LATER)
    assert (again.links, again.answered, again.problem, again.told, again.ended_at) == ((), 0, None, False, None)
    assert (again.attempts, again.charged, again.unknown) == (job.attempts, job.charged, job.unknown)
    assert (step.booking, step.owner) == (None, transitions.owner_of(job))


def test_the_old_answer_serves_a_job_that_was_to_be_paid_again() -> None:
    again = transitions.pay_again(job_in(S.HELD), LATER).job
    found = transitions.record(again, 1, OK, LATER).job
    assert (found.status, found.answered, found.charged, found.unknown) == (S.PAID, 1, PRICE, 0)


# -- the next charge, or the same one ----------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [REJECTED, REFUSED], ids=["rejected", "refused"])
def test_what_the_provider_itself_gave_up_is_another_charge_the_next_time(answer: Answer) -> None:
    job = called(answer)
    assert reopened(job).generation == 1
    second = transitions.record(claim(reopened(job)).job, 2, answer, NOW).job
    assert reopened(second).generation == 2


@pytest.mark.parametrize("leave", [transitions.supersede, transitions.cancel])
@pytest.mark.parametrize("answer", [BACKOFF, THROTTLED], ids=["busy", "throttled"])
def test_what_was_never_taken_is_still_the_same_charge(leave: Leave, answer: Answer) -> None:
    waiting = called(answer)
    left = leave(waiting, NOW)
    assert left
    assert reopened(left.job).generation == 0


@pytest.mark.parametrize("leave", [transitions.supersede, transitions.cancel])
@pytest.mark.parametrize("job", [spent_and_dead(), job_in(S.HELD)], ids=["dead", "held"])
def test_a_job_that_was_to_be_paid_again_and_was_named_no_more_runs_on_when_it_is_named_again(
    job: Job, leave: Leave
) -> None:
    """What it cost before is another charge: a person has said that there shall be a second one."""
    left = leave(transitions.pay_again(job, NOW).job, NOW)
    assert left
    assert reopened(left.job).status is S.ACCEPTED


def test_a_late_charge_of_a_job_that_is_named_no_more_keeps_it_from_being_bought_again() -> None:
    waiting = called(BACKOFF)
    left = transitions.supersede(waiting, NOW)
    assert left
    charged = transitions.record(left.job, 1, OK, NOW).job
    assert (charged.status, charged.charged) == (S.SUPERSEDED, PRICE)
    assert transitions.reopen(charged, a_job(), LATER) is None


def test_a_doubt_that_was_cleared_up_as_unpaid_holds_no_job_back() -> None:
    cleared = transitions.record(job_in(S.HELD), 1, BACKOFF, NOW).job
    assert (cleared.status, cleared.money) == (S.HELD, Money.NOT_SPENT)
    assert reopened(cleared).status is S.ACCEPTED


# -- one pays for all --------------------------------------------------------------------------------------------


def test_a_job_that_is_accepted_or_opened_again_owns_what_it_is_to_buy() -> None:
    ours = transitions.owner_of(a_job())
    assert (ours.content_key, ours.source_id, ours.job_id) == ("c" * 64, "s" * 64, "j" * 64)
    for step in (transitions.accept(a_job()), transitions.reopen(job_in(S.REFUSED), a_job(), LATER)):
        assert step
        assert (step.owner, step.instead_of) == (ours, None)


BESIDE: dict[Status | None, str] = {
    **dict.fromkeys((S.ACCEPTED, S.SUBMITTING, S.UNKNOWN, S.PAID), "follows"),
    S.STORED: "is served",
    **dict.fromkeys((S.REFUSED, S.DEAD, S.HELD, S.SUPERSEDED, S.CANCELLED, None), "buys"),
}


@pytest.mark.parametrize("status", [*S, None], ids=str)
def test_who_asks_the_same_waits_is_served_or_buys_as_the_owner_fares(status: Status | None) -> None:
    step = transitions.beside(a_job(), OWNER, owning(status) if status else None, LATER)
    job = step.job
    ways = {
        "follows": (job.status, job.follows, step.owner) == (S.ACCEPTED, OWNER, None),
        "is served": (job.status, job.follows, step.owner) == (S.PAID, None, None),
        "buys": (job.status, job.follows, step.owner) == (S.ACCEPTED, None, transitions.owner_of(job)),
    }
    assert [way for way, taken in ways.items() if taken] == [BESIDE[status]]
    assert step.instead_of == (OWNER if BESIDE[status] == "buys" else None)


def test_a_file_that_another_paid_for_costs_nothing() -> None:
    waiting = transitions.follow(a_job(), OWNER).job
    step = transitions.reuse(waiting, owning(S.STORED), LATER)
    job = step.job
    assert (job.reused_from, job.links, job.answered) == (OTHER.job_id, OK.links, 1)
    assert (job.attempts, job.charged, job.unknown, step.booking) == ((), 0, 0, None)
    assert (job.paid_at, job.put_at, job.follows) == (LATER, LATER, None)


def test_a_file_that_was_reused_leads_to_the_one_that_paid_for_it() -> None:
    served = owning(S.STORED).but(reused_from="p" * 64)
    assert transitions.reuse(a_job(), served, LATER).job.reused_from == "p" * 64


def test_a_job_that_is_opened_again_follows_nobody_and_was_served_by_nobody() -> None:
    gone = ResultError(Code.PAID_FILE_GONE, "the file is gone")
    served = transitions.reuse(transitions.follow(a_job(), OWNER).job, owning(S.STORED), NOW).job
    dead = transitions.fail(served, gone, NOW).job
    assert (dead.status, dead.money) == (S.DEAD, Money.NOT_SPENT)
    assert (reopened(dead).follows, reopened(dead).reused_from) == (None, None)


def test_links_that_were_withheld_are_no_pictures() -> None:
    withheld = spent_and_dead().but(links=(Link(url=None),))
    with pytest.raises(StaleError):
        transitions.deliver_again(withheld, LATER)


def test_a_lost_answer_of_a_job_that_is_named_no_more_is_neither_bought_nor_forgotten() -> None:
    left = transitions.supersede(job_in(S.SUBMITTING), NOW)
    assert left
    lost = transitions.record(left.job, 1, LOST, NOW).job
    assert (lost.status, lost.unwanted, lost.unknown) == (S.UNKNOWN, S.SUPERSEDED, PRICE)
    assert transitions.record(lost, 1, BACKOFF, NOW).job.status is S.SUPERSEDED
