"""Results that arrive late, for an older attempt, or for a job that runs again: whose links and charges count."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop.model.job import Job, JobStatus, PictureLink
from backdrop.model.job_warning import WarningCode
from backdrop.model.provider_result import ProviderResult, RetryClass
from tests.simulated.stage_worlds import (
    BACKOFF,
    LOST,
    NOW,
    OK,
    PRICE,
    UNREACHED,
    build_called_job,
    build_job,
    build_problem,
    claim,
    job_in,
)
from tests.unit.ledger_items import build_warning

S = JobStatus
OTHER = ProviderResult(RetryClass.OK, links=(PictureLink(url="https://results.invalid/2.png", seed=2),), charged=PRICE)
UNRECOGNIZED = ProviderResult(RetryClass.OK, links=(PictureLink(url=None, is_unrecognized=True),), charged=PRICE)
ENDED_UNPAID = [S.SUPERSEDED, S.CANCELLED, S.REFUSED, S.DEAD]


def claim_twice() -> Job:
    """Returns a job whose first call was apparently not accepted. Its second call is in flight."""
    job = claim(build_job()).job
    job = transitions.record_result(job, 1, UNREACHED, NOW).job
    return claim(job).job


def test_first_answer_belongs_to_the_first_attempt() -> None:
    assert job_in(S.SUBMITTING).paid_attempt_no == 0
    assert job_in(S.PAID).paid_attempt_no == 1


@pytest.mark.parametrize("released", [UNREACHED, BACKOFF], ids=["unreached", "backoff"])
def test_picture_arriving_after_its_attempt_was_released_is_used(released: ProviderResult) -> None:
    """The job has been accepted again by then. If the picture were ignored, the job would be bought a second time."""
    waiting = build_called_job(released)
    assert waiting.status is S.ACCEPTED
    step = transitions.record_result(waiting, 1, OK, NOW)
    assert (step.job.status, step.job.paid_attempt_no, step.job.links) == (S.PAID, 1, OK.links)
    assert (step.job.charged, step.job.unknown) == (PRICE, 0)
    assert step.budget_change
    assert (step.budget_change.reserved, step.budget_change.confirmed) == (0, PRICE)


def test_job_uses_the_links_of_the_attempt_that_was_answered_first() -> None:
    """The older attempt's answer arrives while the newer call is in flight. Both are charged, and one is used."""
    late = transitions.record_result(claim_twice(), 1, OK, NOW).job
    assert (late.status, late.attempt_no, late.paid_attempt_no, late.links) == (S.PAID, 2, 1, OK.links)
    both = transitions.record_result(late, 2, OTHER, NOW).job
    assert (both.status, both.paid_attempt_no, both.links) == (S.PAID, 1, OK.links)
    assert both.charged == 2 * PRICE


def test_newer_links_are_used_if_the_older_have_none() -> None:
    job = transitions.record_result(claim_twice(), 2, OTHER, NOW).job
    assert (job.status, job.paid_attempt_no, job.links) == (S.PAID, 2, OTHER.links)


def test_late_picture_replaces_one_that_is_not_recognized() -> None:
    unrecognized = transitions.record_result(claim_twice(), 2, UNRECOGNIZED, NOW).job
    late = transitions.record_result(unrecognized, 1, OK, NOW).job
    assert (late.status, late.paid_attempt_no, late.links) == (S.PAID, 1, OK.links)
    assert late.charged == 2 * PRICE


def test_late_unrecognized_picture_does_not_replace_another() -> None:
    for first in (OTHER, UNRECOGNIZED):
        paid = transitions.record_result(claim_twice(), 2, first, NOW).job
        late = transitions.record_result(paid, 1, UNRECOGNIZED, NOW).job
        assert (late.paid_attempt_no, late.links, late.charged) == (2, first.links, 2 * PRICE)


def test_late_answer_without_pictures_does_not_move_waiting_job() -> None:
    waiting = build_called_job(BACKOFF)
    assert transitions.record_result(waiting, 1, LOST, NOW).job.status is S.ACCEPTED


def test_claim_records_the_price_at_which_it_was_made() -> None:
    """The price list may have changed while the job waited in its lane."""
    step = claim(build_job(quoted=PRICE // 2))
    assert (step.job.quoted, step.job.attempts[0].reserved) == (PRICE, PRICE)


@pytest.mark.parametrize("status", ENDED_UNPAID)
def test_job_that_is_named_again_runs_as_planned_now(status: JobStatus) -> None:
    """By now, another provider may be the first enabled one, and another version of the same bytes may be stored."""
    later = NOW + timedelta(hours=1)
    ended = replace(
        job_in(status),
        provider="segmind",
        version_id="v1",
        warnings=(build_warning("an old one"),),
        announced=True,
    )
    step = transitions.reopen(
        ended, build_job(provider="ideogram", version_id="v2", warnings=(build_warning("a new one"),)), later
    )
    assert step
    job = step.job
    assert (job.status, job.provider, job.version_id) == (S.ACCEPTED, "ideogram", "v2")
    assert job.warnings == (build_warning("a new one"),)
    assert (job.queued_at, job.ended_at, job.problem, job.announced, job.end_after_call) == (
        later,
        None,
        None,
        False,
        None,
    )
    assert job.attempts == ended.attempts


@pytest.mark.parametrize("status", [S.PAID, S.STORED])
def test_paid_job_that_is_named_again_is_delivered_again(status: JobStatus) -> None:
    """The transition is written even if it changes nothing, so that no worker with an older read can write."""
    job = replace(
        job_in(status), warnings=(build_warning("for a while", WarningCode.NOT_CURRENT), build_warning("another"))
    )
    step = transitions.reinstate(job)
    assert step
    assert (step.job.status, step.job.results, step.job.ended_at) == (S.PAID, (), None)
    assert step.job.warnings == (build_warning("another"),)


@pytest.mark.parametrize("status", sorted(set(S) - {S.REJECTED, S.REFUSED, S.DEAD, S.HELD}))
def test_only_a_failure_is_marked_as_announced(status: JobStatus) -> None:
    with pytest.raises(ConflictError):
        transitions.mark_announced(job_in(status))


@pytest.mark.parametrize("status", [S.REJECTED, S.REFUSED, S.DEAD, S.HELD])
def test_announced_failure_keeps_its_status(status: JobStatus) -> None:
    job = transitions.mark_announced(job_in(status)).job
    assert (job.status, job.announced) == (status, True)


def test_problem_counts_its_occurrences() -> None:
    first = build_problem()
    again = build_problem().with_history(first).with_history(None)
    assert (first.occurrences, again.occurrences) == (1, 2)
    assert build_problem().with_history(again).occurrences == 3
    assert build_problem(Code.PROVIDER_OUT_OF_MONEY).with_history(again).occurrences == 1
