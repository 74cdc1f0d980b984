"""The transitions to a job's ends, and how a delivery leaves its mark."""

from collections.abc import Iterable
from datetime import datetime

from backdrop.model.cancel_marks import CallOff
from backdrop.model.codes import Code
from backdrop.model.error_catalog import CODES
from backdrop.model.errors import BackdropError
from backdrop.model.job import FAILED, Job, Problem, Status
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.stored_picture import Result
from backdrop.model.transitions.transition import Step, ended, only

# What each delivery says for itself.
SAID_ANEW = frozenset({WarningCode.ENLARGED, WarningCode.SMALLER_RESULT, Code.OUTPUT_NOT_MADE})


def begin(job: Job, now: datetime, until: datetime) -> Step:
    """A delivery that came again begins; one that finds the mark of a delivery that must be over counts a crash."""
    only(job, Status.ACCEPTED, Status.UNKNOWN, Status.PAID)
    died = job.begun_until is not None and now >= job.begun_until
    mark = until if job.begun_until is None or died else job.begun_until
    return Step(job.but(begun_until=mark, crashes=job.crashes + died))


def leave(job: Job) -> Step:
    """The delivery goes in good order, and its message comes again: whatever it met kills nobody."""
    return Step(job.but(begun_until=None, crashes=0))


def put_back(job: Job, now: datetime) -> Step:
    """A new message carries the job, since its last one may be gone."""
    return Step(job.but(put_at=now))


def note(job: Job, problem: Problem) -> Step:
    """A waiting job says why it waits."""
    only(job, Status.ACCEPTED, Status.PAID)
    return Step(job.but(problem=problem, reported=True, begun_until=None))


def mark_told(job: Job) -> Step:
    """A failure is counted, and becomes a dead letter, once, however often its message comes."""
    only(job, *FAILED)
    return Step(job.but(told=True))


def throttled(job: Job, waited_ms: int) -> Job:
    """Add to the milliseconds that the job has waited for a rate limit; written with its next transition."""
    return job.but(throttled_ms=job.throttled_ms + waited_ms)


def store(job: Job, results: tuple[Result, ...], warnings: Iterable[JobWarning], now: datetime) -> Step:
    """paid → stored: the pictures are handed over; those of an earlier delivery that were not made anew stay."""
    only(job, Status.PAID)
    made = {result.key for result in results}
    staying = [_stays(result.key) for result in job.results if result.key not in made]
    before = [one for one in job.warnings if one.code not in SAID_ANEW and one.picture not in made]
    stored = {
        "status": Status.STORED,
        "results": results,
        "warnings": _each_once((*before, *warnings, *staying)),
        "problem": None,
        "stored_at": job.stored_at or now,
        "ended_at": now,
        "begun_until": None,
    }
    return Step(job.but(**stored))


def _stays(key: str) -> JobWarning:
    words = f"{key} was not made anew; the earlier one stays there until somebody deletes it"
    return JobWarning.coded(WarningCode.OLD_PICTURE, words, picture=key)


def _each_once(warnings: Iterable[JobWarning]) -> tuple[JobWarning, ...]:
    once: list[JobWarning] = []
    for one in warnings:
        once += [] if one in once else [one]
    return tuple(once)


def fail(job: Job, error: BackdropError, now: datetime) -> Step:
    """accepted → refused or dead, unpaid; paid → dead, spent: what was bought cannot be handed over."""
    only(job, Status.ACCEPTED, Status.PAID)
    end = Status.DEAD if job.status is Status.PAID else Status(CODES[error.code].end)
    problem = Problem.of(error, now, job.money)
    return Step(job.but(**ended(end, problem, now)))


def supersede(job: Job, now: datetime) -> Step | None:
    """The photo names the job no more; None where that changes nothing."""
    return _leave(job, Status.SUPERSEDED, now)


def set_aside(job: Job) -> Step | None:
    """stored: the photo has the variant no more, and its pictures stay; None where there are none, or it says so."""
    told = any(one.code is WarningCode.NOT_CURRENT for one in job.warnings)
    if job.status is not Status.STORED or not job.results or told:
        return None
    words = f"the photo asks for {job.variant or 'this picture'} no more; its pictures stay"
    return Step(job.but(warnings=(*job.warnings, JobWarning.coded(WarningCode.NOT_CURRENT, words))))


def cancel(job: Job, now: datetime) -> Step | None:
    """The photo was deleted, or a person wants it no more; None where that changes nothing."""
    return _leave(job, Status.CANCELLED, now)


def call_off(job: Job, marks: Iterable[CallOff], now: datetime) -> Step | None:
    """The same where a person called off what the job answers to; None where nobody did, or that changes nothing."""
    return cancel(job, now) if any(mark.means(job) for mark in marks) else None


def _leave(job: Job, end: Status, now: datetime) -> Step | None:
    """accepted → superseded or cancelled, unpaid; a job whose call is out goes there if it comes back unpaid."""
    if job.status is Status.ACCEPTED:
        return Step(job.but(status=end, problem=None, ended_at=now, begun_until=None))
    if job.status in (Status.SUBMITTING, Status.UNKNOWN) and job.unwanted is not end:
        return Step(job.but(unwanted=end))
    return None
