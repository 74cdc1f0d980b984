"""A job that is bought again because its product differs: wherever that ends, an earlier picture can be delivered."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backdrop.model import transitions
from backdrop.model.circuit import CancelMark
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, ResultError
from backdrop.model.fidelity import Fidelity
from backdrop.model.job import Job, JobStatus, PictureLink
from backdrop.model.job_warning import WarningCode
from backdrop.model.provider_result import ProviderResult, RetryClass
from tests.simulated.stage_worlds import (
    FAILED,
    LOST,
    NOW,
    OK,
    PRICE,
    REFUSED,
    REJECTED,
    THROTTLED,
    UNSAFE,
    build_job,
    claim,
)

S = JobStatus
LATER = NOW + timedelta(hours=1)
CHANGED, WORSE, SAME = (Fidelity.from_score(score) for score in (0.6, 0.3, 0.95))
SECOND_OK = replace(OK, links=(PictureLink(url="https://results.invalid/2.png", seed=2),))
TWO_PICTURES = ProviderResult(
    RetryClass.OK, links=tuple(PictureLink(url=f"https://results.invalid/{n}") for n in range(4)), charged=PRICE
)


def build_paid_job(result: ProviderResult = OK, **subject: Any) -> Job:
    """Returns a job with retries whose first picture is paid."""
    instructions = {"operation": "replace", "subject": {"otherwise": "retry"} | subject}
    job = build_job(operation="replace", instructions=instructions, requested_at=NOW)
    return transitions.record_result(claim(job).job, 1, result, NOW).job


def build_retry(fidelity: Fidelity = CHANGED) -> Job:
    """Returns a job that waits for its second call."""
    return transitions.retry_picture(build_paid_job(), (fidelity,), LATER).job


def build_second_call(fidelity: Fidelity = CHANGED) -> Job:
    """Returns a job whose second call is in flight."""
    return claim(build_retry(fidelity), LATER).job


def record(job: Job, answer: ProviderResult) -> Job:
    return transitions.record_result(job, job.attempt_no, answer, LATER).job


def leave(job: Job) -> Job:
    """Returns the job after its photo no longer names it."""
    transition = transitions.supersede(job, LATER)
    assert transition
    return transition.job


def test_retry_is_another_charge_of_the_same_content_at_the_same_provider() -> None:
    paid = replace(build_paid_job(), problem=None, crash_count=2, throttled_ms=5, processing_until=NOW)
    transition = transitions.retry_picture(paid, (CHANGED,), LATER)
    job = transition.job
    assert transition.content_owner == transitions.build_content_owner(paid)
    assert transition.budget_change is None
    assert (job.status, job.charge_no, job.provider, job.job_id) == (S.ACCEPTED, 1, paid.provider, paid.job_id)
    assert (job.links, job.paid_attempt_no, job.attempts) == ((), 0, paid.attempts)
    assert (job.last_sent_at, job.queued_at, job.requested_at) == (LATER, paid.queued_at, paid.requested_at)
    assert (job.crash_count, job.throttled_ms, job.processing_until) == (0, 0, None)
    (judged,) = job.judged_attempts
    assert (judged.attempt_no, judged.links, judged.fidelities) == (1, paid.links, (CHANGED,))
    assert job.is_retrying


def test_cancel_mark_from_before_the_verdict_applies_to_the_retry() -> None:
    assert CancelMark(prefix="", until=NOW).applies_to(build_retry())


ENDS: dict[str, Callable[[], Job]] = {
    "refused": lambda: record(build_second_call(), REFUSED),
    "rejected": lambda: record(build_second_call(), REJECTED),
    "withheld": lambda: record(build_second_call(), UNSAFE),
    "failed": lambda: record(build_second_call(), FAILED),
    "lost and held": lambda: transitions.hold(record(build_second_call(), LOST), LATER).job,
    "crashed before the call": lambda: transitions.fail(build_retry(), ResultError(Code.CRASHED, "x"), LATER).job,
    "crashed on the file": lambda: (
        transitions.fail(record(build_second_call(), SECOND_OK), ResultError(Code.CRASHED, "x"), LATER).job
    ),
    "superseded": lambda: leave(build_retry()),
    "superseded in flight": lambda: record(leave(build_second_call()), THROTTLED),
    "lost while superseded": lambda: transitions.hold(record(leave(build_second_call()), LOST), LATER).job,
}


@pytest.mark.parametrize("name", ENDS)
def test_every_end_without_a_picture_returns_to_the_first_one(name: str) -> None:
    job = ENDS[name]()
    assert (job.status, job.paid_attempt_no, job.links) == (S.PAID, 1, OK.links)
    assert (job.problem, job.ended_at, job.end_after_call, job.last_sent_at) == (None, None, None, LATER)
    assert (job.is_retrying, job.processing_until, job.crash_count) == (False, None, 0)
    (warning,) = [one for one in job.warnings if one.code is WarningCode.RETRIED]
    assert "brought no picture" in str(warning.text)
    assert job.charged >= PRICE


def test_job_without_retries_ends_as_before() -> None:
    job = build_paid_job()
    assert transitions.fail(job, ResultError(Code.LINK_EXPIRED, "expired"), LATER).job.status is S.DEAD


def test_chosen_attempt_that_cannot_be_delivered_ends_dead() -> None:
    chosen = ENDS["refused"]()
    dead = transitions.fail(chosen, ResultError(Code.PAID_FILE_GONE, "gone"), LATER).job
    assert (dead.status, dead.may_be_charged) == (S.DEAD, True)
    assert transitions.restart(dead, dead, LATER) is None
    again = transitions.pay_again(dead, LATER).job
    assert (again.status, again.judged_attempts, again.charge_no) == (S.ACCEPTED, (), 2)


@pytest.mark.parametrize(
    ("first", "second", "best"), [(CHANGED, SAME, 2), (CHANGED, WORSE, 1), (CHANGED, CHANGED, 1), (WORSE, CHANGED, 2)]
)
def test_attempt_with_the_best_score_is_chosen(first: Fidelity, second: Fidelity, best: int) -> None:
    paid = record(build_second_call(first), SECOND_OK)
    assert paid.is_retrying
    chosen = transitions.choose_attempt(paid, (second,)).job
    assert (chosen.status, chosen.paid_attempt_no, chosen.is_retrying) == (S.PAID, best, False)
    assert chosen.links == (OK if best == 1 else SECOND_OK).links
    assert [judged.attempt_no for judged in chosen.judged_attempts] == [1, 2]


def test_judged_attempt_has_at_most_the_requested_pictures() -> None:
    job = transitions.retry_picture(build_paid_job(TWO_PICTURES), (CHANGED,) * 4, LATER).job
    assert [(len(one.links), len(one.fidelities)) for one in job.judged_attempts] == [(1, 1)]


def test_late_picture_of_an_earlier_call_is_judged_like_a_retry() -> None:
    lost = record(claim(build_job(operation="replace")).job, LOST)
    paid = record(claim(lost).job, SECOND_OK)
    waiting = transitions.retry_picture(paid, (CHANGED,), LATER).job
    late = transitions.record_result(waiting, 1, OK, LATER).job
    assert (late.status, late.paid_attempt_no, late.is_retrying) == (S.PAID, 1, True)


def test_answer_that_arrives_after_another_attempt_was_chosen_is_booked_and_not_used() -> None:
    chosen = transitions.hold(record(build_second_call(), LOST), LATER).job
    assert (chosen.status, chosen.paid_attempt_no, chosen.unknown) == (S.PAID, 1, PRICE)
    stored = transitions.store(chosen, (), (), LATER).job
    for job in (chosen, stored):
        late = transitions.record_result(job, 2, SECOND_OK, LATER)
        assert late.budget_change
        assert (late.budget_change.confirmed, late.budget_change.unknown) == (PRICE, -PRICE)
        assert (late.job.charged, late.job.unknown) == (2 * PRICE, 0)
        assert (late.job.status, late.job.links, late.job.judged_attempts) == (
            job.status,
            job.links,
            job.judged_attempts,
        )


def test_retry_keeps_its_provider() -> None:
    with pytest.raises(ConflictError):
        transitions.change_provider(build_retry(), "runware", PRICE, "ideogram is paused", NOW)


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        ({"otherwise": "deliver"}, S.PAID),
        ({"otherwise": "retry", "min": 0.6}, S.PAID),
        ({"otherwise": "retry", "min": 0.61}, S.ACCEPTED),
        ({"otherwise": "retry", "retries": 3}, S.ACCEPTED),
    ],
)
def test_unsent_retry_ends_if_the_instructions_no_longer_ask_for_it(subject: Any, status: JobStatus) -> None:
    waiting = build_retry()
    planned = replace(waiting, instructions={"operation": "replace", "subject": subject}, queued_at=LATER)
    transition = transitions.update_instructions(waiting, planned)
    assert transition
    assert transition.job.status is status


@pytest.mark.parametrize("is_requested", [True, False])
def test_call_that_was_not_accepted_is_sent_again_only_if_the_instructions_still_ask_for_it(
    *, is_requested: bool
) -> None:
    calling = build_second_call()
    instructions = calling.instructions if is_requested else calling.instructions | {"subject": {}}
    update = transitions.update_instructions(calling, replace(calling, instructions=instructions))
    released = record(update.job if update else calling, THROTTLED)
    assert (released.status, released.paid_attempt_no) == ((S.ACCEPTED, 0) if is_requested else (S.PAID, 1))


def test_call_in_flight_continues_whatever_the_instructions_say() -> None:
    sent = build_second_call()
    transition = transitions.update_instructions(sent, replace(sent, instructions={"operation": "replace"}))
    assert transition
    assert transition.job.status is S.SUBMITTING
