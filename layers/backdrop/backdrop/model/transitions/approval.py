"""The transitions of an approval: pictures wait for a person's decision, and each is approved or rejected once."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, ConflictError, DecisionRefusedError
from backdrop.model.job import Job, JobStatus, Problem
from backdrop.model.job_warning import JobWarning
from backdrop.model.review import DecisionChannel, PictureReview, ReviewDecision
from backdrop.model.transitions.lifecycle import Transition, end_job, require_status


def await_approval(job: Job, reviews: tuple[PictureReview, ...]) -> Transition:
    """paid → review: the files that people see are written. Raises ValueError if no picture waits for a decision."""
    require_status(job, JobStatus.PAID)
    if all(review.decision for review in reviews):
        raise ValueError("no picture waits for a decision")
    return Transition(
        replace(
            job,
            status=JobStatus.REVIEW,
            reviews=reviews,
            image_steps=(),
            problem=None,
            processing_until=None,
            crash_count=0,
        )
    )


def decide(
    job: Job,
    n: int,
    decision: ReviewDecision,
    *,
    by: str,
    via: DecisionChannel,
    now: datetime,
    event_source: str = "",
    sha256: str = "",
    seen_at: datetime | None = None,
) -> Transition | None:
    """review → review, paid, or rejected: a person decides about picture `n`, given as in the picture's review.

    The last decision ends the review: the job is `paid` again if there is a picture to deliver, else `rejected`.
    Returns None if the same person made the same decision before, so that a repeated message changes nothing.

    `sha256`: the file that the person saw, or "". Without it, `seen_at` is when the person decided; a picture that has
    waited only since then is another one.

    Raises DecisionRefusedError if there is no such picture, or it is decided, or is no longer requested. Raises
    ConflictError while the review starts over, because the decision may apply to it.
    """
    review = job.find_review(n)
    if review is None:
        raise DecisionRefusedError(Code.PICTURE_UNKNOWN, _explain_missing_picture(job, n))
    name, is_other_file = _describe_picture(job, n), sha256 not in ("", review.sha256)
    if review.decision:
        if (review.decision, review.decided_by, is_other_file) == (decision, by, False):
            return None
        message = f"{name} was {describe_decision(review)}."
        raise DecisionRefusedError(Code.PICTURE_DECIDED, message, review.decision)
    if job.status is JobStatus.SUPERSEDED:
        raise DecisionRefusedError(
            Code.PICTURE_SUPERSEDED, f"The photo or its instructions changed, so {name} is no longer requested."
        )
    if job.has_ended:
        raise DecisionRefusedError(Code.REVIEW_ENDED, f"The review of {name} has ended: the job is {job.status}.")
    require_status(job, JobStatus.REVIEW)
    if is_other_file:
        raise DecisionRefusedError(Code.PICTURE_SUPERSEDED, f"{name} is another file now: its SHA-256 is not {sha256}.")
    # An event's time has whole seconds.
    if not sha256 and seen_at and seen_at < review.waiting_since.replace(microsecond=0):
        raise DecisionRefusedError(
            Code.PICTURE_SUPERSEDED, f"{name} has waited only since after this decision was made."
        )
    decided = replace(
        review, decision=decision, decided_by=by, decided_via=via, event_source=event_source, decided_at=now
    )
    reviews = tuple(decided if one.n == n else one for one in job.reviews)
    return _continue_review(replace(job, reviews=reviews), now)


def _continue_review(job: Job, now: datetime) -> Transition:
    """Ends the review if every picture is decided. Pictures without a review are delivered like approved ones."""
    if not all(review.decision for review in job.reviews):
        return Transition(job)
    usable_count = sum(link.is_usable for link in job.links)
    if any(review.is_approved for review in job.reviews) or len(job.reviews) < usable_count:
        return Transition(replace(job, status=JobStatus.PAID, last_sent_at=now))
    return Transition(_end_rejected(job, now))


def reject(job: Job, warnings: Iterable[JobWarning], now: datetime) -> Transition:
    """paid → rejected: of the pictures that can be delivered, people rejected each one."""
    require_status(job, JobStatus.PAID)
    if not any(review.is_rejected for review in job.reviews):
        raise ConflictError
    return Transition(_end_rejected(replace(job, warnings=(*job.warnings, *warnings)), now))


def _end_rejected(job: Job, now: datetime) -> Job:
    rejections = [describe_decision(review) for review in job.reviews if review.is_rejected]
    message = f"The picture was {rejections[0]}."
    if len(rejections) > 1:
        message = f"All {len(rejections)} pictures were rejected; the last was {rejections[-1]}."
    problem = Problem.from_error(BackdropError(Code.REJECTED, message), now, job.money)
    return replace(end_job(job, JobStatus.REJECTED, problem, now), announced=False)


def _explain_missing_picture(job: Job, n: int) -> str:
    if job.reviews:
        numbers = ", ".join(str(review.n) for review in job.reviews)
        return f"Job {job.job_id} has no picture {n} that needs approval, only {numbers}."
    return f"No picture of job {job.job_id} needs approval: the job is {job.status}."


def _describe_picture(job: Job, n: int) -> str:
    name = f"{job.key}, variant {job.variant}" if job.variant else job.key
    return f"picture {n} of {name}"


def describe_decision(review: PictureReview) -> str:
    """Returns what was decided, by whom, and when: `approved by Ann on 2026-03-01 12:00 UTC`."""
    when = review.decided_at.strftime("%Y-%m-%d %H:%M UTC") if review.decided_at else "an unknown date"
    return f"{review.decision} by {review.decider} on {when}"
