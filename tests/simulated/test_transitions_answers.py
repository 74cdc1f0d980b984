"""Answers that come late, to an older attempt, or to a job that runs again: whose links are used and what is booked."""

from datetime import timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import StaleError
from backdrop.model.job import Job, Link, Status
from backdrop.model.job_warning import WarningCode
from backdrop.model.provider_result import Answer, Class
from tests.simulated.simulation import BACKOFF, LOST, NOW, OK, PRICE, UNREACHED, a_job, a_note, called, claim, job_in
from tests.unit.core_items import a_warning

S = Status
OTHER = Answer(Class.OK, links=(Link(url="https://results.invalid/2.png", seed=2),), charged=PRICE)
UNRECOGNIZED = Answer(Class.OK, links=(Link(url=None, unrecognized=True),), charged=PRICE)
ENDED_UNPAID = [S.SUPERSEDED, S.CANCELLED, S.REFUSED, S.DEAD]


def claimed_twice() -> Job:
    """A job whose first call was not taken, as far as one knows, and whose second is out."""
    job = claim(a_job()).job
    job = transitions.record(job, 1, UNREACHED, NOW).job
    return claim(job).job


def test_the_first_answer_is_of_the_first_attempt() -> None:
    assert job_in(S.SUBMITTING).answered == 0
    assert job_in(S.PAID).answered == 1


@pytest.mark.parametrize("released", [UNREACHED, BACKOFF], ids=["unreached", "backoff"])
def test_a_picture_that_comes_after_its_attempt_was_released_is_used_at_once(released: Answer) -> None:
    """The job is accepted again by then; without this it would be bought a second time."""
    waiting = called(released)
    assert waiting.status is S.ACCEPTED
    step = transitions.record(waiting, 1, OK, NOW)
    assert (step.job.status, step.job.answered, step.job.links) == (S.PAID, 1, OK.links)
    assert (step.job.charged, step.job.unknown) == (PRICE, 0)
    assert step.booking
    assert (step.booking.reserved, step.booking.certain) == (0, PRICE)


def test_the_links_are_those_of_the_attempt_that_brought_them() -> None:
    """The older attempt's answer comes while the newer call is out; both were charged, one is used."""
    late = transitions.record(claimed_twice(), 1, OK, NOW).job
    assert (late.status, late.attempt, late.answered, late.links) == (S.PAID, 2, 1, OK.links)
    both = transitions.record(late, 2, OTHER, NOW).job
    assert (both.status, both.answered, both.links) == (S.PAID, 1, OK.links)
    assert both.charged == 2 * PRICE


def test_the_newer_attempts_links_are_used_where_the_older_brought_none() -> None:
    job = transitions.record(claimed_twice(), 2, OTHER, NOW).job
    assert (job.status, job.answered, job.links) == (S.PAID, 2, OTHER.links)


def test_a_late_picture_wins_over_one_that_is_not_recognized() -> None:
    unrecognized = transitions.record(claimed_twice(), 2, UNRECOGNIZED, NOW).job
    late = transitions.record(unrecognized, 1, OK, NOW).job
    assert (late.status, late.answered, late.links) == (S.PAID, 1, OK.links)
    assert late.charged == 2 * PRICE


def test_a_late_answer_without_a_recognized_picture_does_not_replace_one() -> None:
    for first in (OTHER, UNRECOGNIZED):
        paid = transitions.record(claimed_twice(), 2, first, NOW).job
        late = transitions.record(paid, 1, UNRECOGNIZED, NOW).job
        assert (late.answered, late.links, late.charged) == (2, first.links, 2 * PRICE)


def test_a_late_answer_that_brings_nothing_does_not_move_a_waiting_job() -> None:
    waiting = called(BACKOFF)
    assert transitions.record(waiting, 1, LOST, NOW).job.status is S.ACCEPTED


def test_a_claim_writes_down_the_price_at_which_it_was_made() -> None:
    """The price list may have changed while the job waited in its lane."""
    step = claim(a_job(quoted=PRICE // 2))
    assert (step.job.quoted, step.job.attempts[0].reserved) == (PRICE, PRICE)


@pytest.mark.parametrize("status", ENDED_UNPAID)
def test_a_job_that_is_named_again_runs_as_it_is_wanted_now(status: Status) -> None:
    """Another provider may be the first that is on by now, and another version of the same bytes lie there."""
    later = NOW + timedelta(hours=1)
    ended = job_in(status).but(provider="segmind", version_id="v1", warnings=(a_warning("an old one"),), told=True)
    step = transitions.reopen(
        ended, a_job(provider="ideogram", version_id="v2", warnings=(a_warning("a new one"),)), later
    )
    assert step
    job = step.job
    assert (job.status, job.provider, job.version_id) == (S.ACCEPTED, "ideogram", "v2")
    assert job.warnings == (a_warning("a new one"),)
    assert (job.queued_at, job.ended_at, job.problem, job.told, job.unwanted) == (later, None, None, False, None)
    assert job.attempts == ended.attempts


@pytest.mark.parametrize("status", [S.PAID, S.STORED])
def test_a_paid_job_that_is_named_again_is_looked_at_anew(status: Status) -> None:
    """The step is written even where it changes nothing, so that whoever read the job before cannot write it."""
    job = job_in(status).but(warnings=(a_warning("for a while", WarningCode.NOT_CURRENT), a_warning("another")))
    step = transitions.name_again(job)
    assert step
    assert (step.job.status, step.job.results, step.job.ended_at) == (S.PAID, (), None)
    assert step.job.warnings == (a_warning("another"),)


@pytest.mark.parametrize("status", sorted(set(S) - {S.REFUSED, S.DEAD, S.HELD}))
def test_only_a_failure_is_marked_as_told(status: Status) -> None:
    with pytest.raises(StaleError):
        transitions.mark_told(job_in(status))


@pytest.mark.parametrize("status", [S.REFUSED, S.DEAD, S.HELD])
def test_a_failure_is_marked_as_told_and_stays_what_it_is(status: Status) -> None:
    job = transitions.mark_told(job_in(status)).job
    assert (job.status, job.told) == (status, True)


def test_a_problem_counts_how_often_it_was_met() -> None:
    first = a_note()
    again = a_note().since(first).since(None)
    assert (first.times, again.times) == (1, 2)
    assert a_note().since(again).times == 3
    assert a_note(Code.PROVIDER_OUT_OF_MONEY).since(again).times == 1
