"""The transitions to a job's ends, and how a delivery leaves its mark."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from backdrop.model.cancel_marks import CancelMark
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import BackdropError
from backdrop.model.job import FAILED_STATUSES, Job, JobStatus, Problem
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.stored_picture import StoredPicture
from backdrop.model.transitions.transition import Transition, build_end_fields, require_status

# What each delivery says for itself.
DELIVERY_WARNINGS = frozenset({WarningCode.ENLARGED, WarningCode.SMALLER_RESULT, Code.OUTPUT_NOT_MADE})


def begin_processing(job: Job, now: datetime, until: datetime) -> Transition:
    """A delivery that came again begins; one that finds the mark of a delivery that must be over counts a crash."""
    require_status(job, JobStatus.ACCEPTED, JobStatus.UNKNOWN, JobStatus.PAID)
    has_crashed = job.processing_until is not None and now >= job.processing_until
    processing_until = until if job.processing_until is None or has_crashed else job.processing_until
    return Transition(replace(job, processing_until=processing_until, crash_count=job.crash_count + has_crashed))


def end_processing(job: Job) -> Transition:
    """The delivery goes in good order, and its message comes again: whatever it met kills nobody."""
    return Transition(replace(job, processing_until=None, crash_count=0))


def mark_resent(job: Job, now: datetime) -> Transition:
    """A new message carries the job, since its last one may be gone."""
    return Transition(replace(job, last_sent_at=now))


def record_wait_reason(job: Job, problem: Problem) -> Transition:
    """A waiting job says why it waits."""
    require_status(job, JobStatus.ACCEPTED, JobStatus.PAID)
    return Transition(replace(job, problem=problem, has_report=True, processing_until=None))


def mark_announced(job: Job) -> Transition:
    """A failure is counted, and becomes a dead letter, once, however often its message comes."""
    require_status(job, *FAILED_STATUSES)
    return Transition(replace(job, announced=True))


def add_throttled_time(job: Job, waited_ms: int) -> Job:
    """Add to the milliseconds that the job has waited for a rate limit; written with its next transition."""
    return replace(job, throttled_ms=job.throttled_ms + waited_ms)


def store(job: Job, results: tuple[StoredPicture, ...], warnings: Iterable[JobWarning], now: datetime) -> Transition:
    """paid → stored: the pictures are handed over; those of an earlier delivery that were not made anew stay."""
    require_status(job, JobStatus.PAID)
    made = {result.key for result in results}
    old_pictures = [_build_old_picture_warning(result.key) for result in job.results if result.key not in made]
    before = [one for one in job.warnings if one.code not in DELIVERY_WARNINGS and one.picture_key not in made]
    stored = {
        "status": JobStatus.STORED,
        "results": results,
        "warnings": _deduplicate((*before, *warnings, *old_pictures)),
        "problem": None,
        "stored_at": job.stored_at or now,
        "ended_at": now,
        "processing_until": None,
    }
    return Transition(replace(job, **stored))


def _build_old_picture_warning(key: str) -> JobWarning:
    message = f"{key} was not made anew; the earlier one stays there until somebody deletes it"
    return JobWarning.from_code(WarningCode.OLD_PICTURE, message, picture_key=key)


def _deduplicate(warnings: Iterable[JobWarning]) -> tuple[JobWarning, ...]:
    unique: list[JobWarning] = []
    for one in warnings:
        unique += [] if one in unique else [one]
    return tuple(unique)


def fail(job: Job, error: BackdropError, now: datetime) -> Transition:
    """accepted → refused or dead, unpaid; paid → dead, spent: what was bought cannot be handed over."""
    require_status(job, JobStatus.ACCEPTED, JobStatus.PAID)
    end = JobStatus.DEAD if job.status is JobStatus.PAID else JobStatus(ERROR_CATALOG[error.code].disposition)
    problem = Problem.from_error(error, now, job.money)
    return Transition(replace(job, **build_end_fields(end, problem, now)))


def supersede(job: Job, now: datetime) -> Transition | None:
    """The photo names the job no more; None where that changes nothing."""
    return _end_unpaid(job, JobStatus.SUPERSEDED, now)


def mark_not_current(job: Job) -> Transition | None:
    """stored: the photo has the variant no more, and its pictures stay; None where there are none, or it says so."""
    is_marked = any(one.code is WarningCode.NOT_CURRENT for one in job.warnings)
    if job.status is not JobStatus.STORED or not job.results or is_marked:
        return None
    message = f"the photo asks for {job.variant or 'this picture'} no more; its pictures stay"
    return Transition(replace(job, warnings=(*job.warnings, JobWarning.from_code(WarningCode.NOT_CURRENT, message))))


def cancel(job: Job, now: datetime) -> Transition | None:
    """The photo was deleted, or a person wants it no more; None where that changes nothing."""
    return _end_unpaid(job, JobStatus.CANCELLED, now)


def apply_cancel_marks(job: Job, marks: Iterable[CancelMark], now: datetime) -> Transition | None:
    """The same where a person called off what the job answers to; None where nobody did, or that changes nothing."""
    return cancel(job, now) if any(mark.applies_to(job) for mark in marks) else None


def _end_unpaid(job: Job, end: JobStatus, now: datetime) -> Transition | None:
    """accepted → superseded or cancelled, unpaid; a job whose call is out goes there if it comes back unpaid."""
    if job.status is JobStatus.ACCEPTED:
        return Transition(replace(job, status=end, problem=None, ended_at=now, processing_until=None))
    if job.status in (JobStatus.SUBMITTING, JobStatus.UNKNOWN) and job.end_after_call is not end:
        return Transition(replace(job, end_after_call=end))
    return None
