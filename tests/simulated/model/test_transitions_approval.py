"""A person decides about each picture once, and only about the file that was seen."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, ConflictError, DecisionRefusedError, ResultError
from backdrop.model.fidelity import Fidelity, FidelityVerdict
from backdrop.model.job import Job, JobStatus, MoneyStatus, PictureLink
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.output_spec import parse_outputs
from backdrop.model.review import DecisionChannel, ReviewDecision, may_need_review, needs_review
from backdrop.model.sentence import Sentence
from tests.simulated.stage_worlds import NOW, OK, PRICE, build_job_in_review, build_review, decide, job_in

APPROVED, REJECTED = ReviewDecision.APPROVED, ReviewDecision.REJECTED
LINKS = tuple(PictureLink(url=f"https://results.invalid/{n}.png") for n in (1, 2))


def require(transition: transitions.Transition | None) -> Job:
    """Returns the job after a transition that must apply."""
    assert transition
    return transition.job


def build_job_with_two_pictures(*reviewed: int) -> Job:
    """Returns a job of two pictures; those with these numbers wait for a decision."""
    paid = replace(job_in(JobStatus.PAID), links=LINKS)
    return transitions.await_approval(paid, tuple(build_review(n) for n in reviewed or (1, 2))).job


def refuse(job: Job, decision: ReviewDecision = APPROVED, **fields: Any) -> DecisionRefusedError:
    """Returns the error with which a decision is refused."""
    with pytest.raises(DecisionRefusedError) as refusal:
        decide(job, decision, **fields)
    return refusal.value


# -- one decision ----------------------------------------------------------------------------------------------------


def test_decision_records_who_decided_how_and_when() -> None:
    later = NOW + timedelta(minutes=5)
    job = require(
        decide(
            build_job_in_review(), APPROVED, by="ann", via=DecisionChannel.EVENT, event_source="shop.review", now=later
        )
    )
    (review,) = job.reviews
    assert (review.decision, review.decided_by, review.decided_via, review.event_source, review.decided_at) == (
        APPROVED,
        "ann",
        DecisionChannel.EVENT,
        "shop.review",
        later,
    )
    assert (job.status, job.last_sent_at) == (JobStatus.PAID, later)


def test_rejection_ends_the_job_with_its_money_spent_and_is_announced_once() -> None:
    job = require(decide(build_job_in_review(), REJECTED))
    assert job.problem
    assert (job.problem.code, job.problem.money, job.problem.retryable) == (Code.REJECTED, MoneyStatus.SPENT, False)
    assert str(job.problem.message) == "The picture was rejected by ann on 2026-11-20 09:00 UTC."
    assert (job.charged, job.has_report, job.announced) == (PRICE, True, False)
    assert transitions.mark_announced(job).job.announced


def test_picture_that_is_not_decided_keeps_the_job_in_review() -> None:
    for first in ReviewDecision:
        job = require(decide(build_job_with_two_pictures(), first))
        assert job.status is JobStatus.REVIEW


@pytest.mark.parametrize(
    ("first", "second", "end"),
    [
        (APPROVED, APPROVED, JobStatus.PAID),
        (APPROVED, REJECTED, JobStatus.PAID),
        (REJECTED, APPROVED, JobStatus.PAID),
        (REJECTED, REJECTED, JobStatus.REJECTED),
    ],
)
def test_last_decision_ends_the_review(first: ReviewDecision, second: ReviewDecision, end: JobStatus) -> None:
    for order in ((1, 2), (2, 1)):
        job = build_job_with_two_pictures()
        for n, decision in zip(order, (first, second), strict=True):
            job = require(decide(job, decision, n))
        assert job.status is end


def test_all_rejections_are_counted_in_the_message() -> None:
    job = require(decide(require(decide(build_job_with_two_pictures(), REJECTED)), REJECTED, 2, by="bob"))
    assert job.problem
    assert str(job.problem.message) == (
        "All 2 pictures were rejected; the last was rejected by bob on 2026-11-20 09:00 UTC."
    )


def test_picture_that_needs_no_decision_is_delivered_although_the_other_is_rejected() -> None:
    assert require(decide(build_job_with_two_pictures(2), REJECTED, 2)).status is JobStatus.PAID


def test_withheld_picture_does_not_keep_a_rejected_job_from_ending() -> None:
    job = build_job_with_two_pictures(1)
    job = replace(job, links=(job.links[0], PictureLink(url=None)))
    assert require(decide(job, REJECTED)).status is JobStatus.REJECTED


def test_decisions_never_change_what_was_paid() -> None:
    for decision in ReviewDecision:
        transition = decide(build_job_in_review(), decision)
        assert transition
        assert transition.budget_change is None
        assert transition.job.attempts == build_job_in_review().attempts


# -- refusals --------------------------------------------------------------------------------------------------------


def test_same_decision_by_the_same_person_changes_nothing() -> None:
    for decision in ReviewDecision:
        job = require(decide(build_job_with_two_pictures(), decision))
        assert decide(job, decision) is None
        ended = require(decide(build_job_in_review(), decision))
        assert decide(ended, decision) is None


def test_second_reviewer_sees_the_first_decision() -> None:
    for job in (
        require(decide(build_job_with_two_pictures(), APPROVED)),
        require(decide(build_job_in_review(), APPROVED)),
        transitions.store(require(decide(build_job_in_review(), APPROVED)), (), (), NOW).job,
    ):
        for second in ReviewDecision:
            error = refuse(job, second, by="bob")
            assert (error.code, error.earlier_decision) == (Code.PICTURE_DECIDED, APPROVED)
            assert str(error.message) == "picture 1 of shoes/red.jpg was approved by ann on 2026-11-20 09:00 UTC."


def test_same_person_cannot_change_a_decision() -> None:
    job = require(decide(build_job_with_two_pictures(), APPROVED))
    assert refuse(job, REJECTED).code is Code.PICTURE_DECIDED


def test_unknown_picture_is_refused() -> None:
    assert refuse(build_job_in_review(), n=2).code is Code.PICTURE_UNKNOWN
    for status in JobStatus:
        if status not in (JobStatus.REVIEW, JobStatus.REJECTED):
            assert refuse(job_in(status)).code is Code.PICTURE_UNKNOWN


def test_superseded_picture_is_refused() -> None:
    superseded = require(transitions.supersede(build_job_in_review(), NOW))
    error = refuse(superseded)
    assert (error.code, error.earlier_decision) == (Code.PICTURE_SUPERSEDED, None)


def test_picture_of_a_job_that_ended_otherwise_is_refused() -> None:
    paid = replace(job_in(JobStatus.PAID), reviews=(build_review(),))
    dead = transitions.fail(paid, ResultError(Code.OUTPUT_NOT_MADE, "cannot be encoded"), NOW).job
    assert refuse(dead).code is Code.REVIEW_ENDED


def test_decision_waits_while_the_review_starts_over() -> None:
    paid = replace(job_in(JobStatus.PAID), reviews=(build_review(),))
    with pytest.raises(ConflictError):
        decide(paid, APPROVED)


def test_decision_about_another_file_is_refused() -> None:
    job = build_job_in_review()
    assert refuse(job, sha256="f" * 64).code is Code.PICTURE_SUPERSEDED
    assert require(decide(job, APPROVED, sha256=job.reviews[0].sha256)).status is JobStatus.PAID


@pytest.mark.parametrize(("seconds", "is_refused"), [(-1, True), (0, False), (1, False)])
def test_decision_without_a_hash_is_not_older_than_the_review(seconds: int, is_refused: bool) -> None:
    job = build_job_in_review(build_review(waiting_since=NOW + timedelta(seconds=0.9)))
    seen_at = NOW + timedelta(seconds=seconds)
    if is_refused:
        assert refuse(job, seen_at=seen_at).code is Code.PICTURE_SUPERSEDED
    else:
        assert require(decide(job, APPROVED, seen_at=seen_at)).status is JobStatus.PAID
    assert require(decide(job, APPROVED, seen_at=seen_at, sha256=job.reviews[0].sha256)).status is JobStatus.PAID


def test_review_needs_a_picture_without_a_decision() -> None:
    with pytest.raises(ValueError, match="no picture waits"):
        transitions.await_approval(job_in(JobStatus.PAID), (build_review(decision=APPROVED),))


def test_job_without_a_rejection_is_not_rejected() -> None:
    with pytest.raises(ConflictError):
        transitions.reject(replace(job_in(JobStatus.PAID), reviews=(build_review(),)), (), NOW)


def test_rejection_at_the_delivery_keeps_its_warnings() -> None:
    paid = replace(job_in(JobStatus.PAID), reviews=job_in(JobStatus.REJECTED).reviews)
    warning = JobWarning(code=WarningCode.PICTURE_REJECTED, text=Sentence("picture 1 is not delivered"))
    assert transitions.reject(paid, [warning], NOW).job.warnings == (warning,)


# -- the photo or its instructions change ----------------------------------------------------------------------------


def test_superseded_review_continues_when_its_photo_names_the_job_again() -> None:
    decided = require(decide(build_job_with_two_pictures(), APPROVED))
    superseded = require(transitions.supersede(decided, NOW))
    assert (superseded.money, superseded.ended_at, superseded.needs_no_purchase) == (MoneyStatus.SPENT, NOW, True)
    assert transitions.restart(superseded, superseded, NOW) is None
    again = require(transitions.reinstate(superseded))
    assert (again.status, again.reviews, again.ended_at) == (JobStatus.PAID, decided.reviews, None)


def test_superseded_job_that_was_never_bought_is_not_reinstated() -> None:
    assert transitions.reinstate(job_in(JobStatus.SUPERSEDED)) is None


def test_deletion_and_cancel_marks_leave_a_review_alone() -> None:
    assert transitions.cancel(build_job_in_review(), NOW) is None


def test_other_outputs_leave_the_review_as_it_is() -> None:
    job = build_job_in_review()
    planned = replace(job, instructions={"operation": "remove", "output": {"format": "jpg"}})
    updated = require(transitions.update_instructions(job, planned))
    assert (updated.status, updated.reviews) == (JobStatus.REVIEW, job.reviews)
    assert parse_outputs(updated.instructions)[0].format == "jpg"


def test_other_picture_starts_the_review_over() -> None:
    instructions = {"operation": "replace", "prompt": "on grass", "approval": "required"}
    own = {**instructions, "subject": {"pixels": "own"}}
    for status in (JobStatus.REVIEW, JobStatus.REJECTED):
        job = replace(job_in(status), instructions=instructions)
        updated = require(transitions.update_instructions(job, replace(job, instructions=own)))
        assert (updated.status, updated.reviews, updated.problem) == (JobStatus.PAID, (), None)
        assert (updated.ended_at, updated.announced) == (None, False)


def test_other_required_score_keeps_the_decisions_and_changes_the_verdicts() -> None:
    fidelity = Fidelity.from_score(0.92)
    job = build_job_in_review(
        build_review(1, fidelity=fidelity, decision=APPROVED), build_review(2, fidelity=fidelity), build_review(3)
    )
    updated = require(
        transitions.update_instructions(job, replace(job, instructions={**job.instructions, "subject": {"min": 0.95}}))
    )
    assert updated.status is JobStatus.PAID
    assert [review.decision for review in updated.reviews] == [APPROVED, None, None]
    verdicts = [review.fidelity and review.fidelity.verdict for review in updated.reviews]
    assert verdicts == [FidelityVerdict.CHANGED, FidelityVerdict.CHANGED, None]


def test_rejected_job_stays_rejected_if_people_would_see_the_same_picture() -> None:
    job = job_in(JobStatus.REJECTED)
    for changes in ({"approval": "none"}, {"subject": {"min": 0.5}}, {"output": {"format": "jpg"}}):
        updated = require(transitions.update_instructions(job, replace(job, instructions=job.instructions | changes)))
        assert updated.status is JobStatus.REJECTED


def test_delivered_pictures_need_no_approval_afterwards() -> None:
    job = job_in(JobStatus.STORED)
    planned = replace(job, instructions={**job.instructions, "approval": "required"})
    assert require(transitions.update_instructions(job, planned)).status is JobStatus.STORED


def test_late_picture_does_not_replace_the_one_in_review() -> None:
    job = build_job_in_review()
    assert transitions.record_result(job, 1, OK, NOW).job.reviews == job.reviews


def test_job_that_is_bought_again_has_no_decisions() -> None:
    paid = replace(job_in(JobStatus.PAID), reviews=(build_review(decision=APPROVED),))
    dead = transitions.fail(paid, ResultError(Code.PAID_FILE_GONE, "gone"), NOW).job
    assert transitions.pay_again(dead, NOW).job.reviews == ()


@pytest.mark.parametrize(("code", "is_kept"), [(Code.OUTPUT_NOT_MADE, True), (Code.REVIEW_FILE_GONE, False)])
def test_redrive_keeps_the_decisions_unless_their_file_is_gone(code: Code, is_kept: bool) -> None:
    paid = replace(job_in(JobStatus.PAID), reviews=(build_review(decision=APPROVED),))
    dead = transitions.fail(paid, BackdropError(code, "cannot be delivered"), NOW).job
    assert bool(transitions.retry_delivery(dead, NOW).job.reviews) is is_kept


def test_job_with_the_same_content_reuses_the_file_that_was_bought() -> None:
    owner = transitions.build_content_owner(job_in(JobStatus.REVIEW))
    waiting = job_in(JobStatus.ACCEPTED)
    reviewed = build_job_in_review()
    for owner_job in (
        reviewed,
        job_in(JobStatus.REJECTED),
        require(transitions.supersede(reviewed, NOW)),
        require(decide(reviewed, APPROVED)),
    ):
        joined = transitions.join_existing(waiting, owner, owner_job, NOW).job
        assert (joined.status, joined.reused_from) == (JobStatus.PAID, owner_job.job_id)


# -- which pictures need a decision ----------------------------------------------------------------------------------

SAME, CHANGED = Fidelity.from_score(0.95), Fidelity.from_score(0.5)


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        ({}, (False, False, False)),
        ({"approval": "none"}, (False, False, False)),
        ({"approval": "required"}, (True, True, True)),
        ({"subject": {"min": 0.9}}, (False, False, False)),
        ({"subject": {"otherwise": "review"}}, (False, True, False)),
        ({"approval": "required", "subject": {"otherwise": "review"}}, (True, True, True)),
    ],
)
def test_pictures_need_a_decision_always_or_by_verdict(
    instructions: dict[str, Any], expected: tuple[bool, ...]
) -> None:
    assert tuple(needs_review(instructions, one) for one in (SAME, CHANGED, None)) == expected
    assert may_need_review(instructions) is any(expected)
