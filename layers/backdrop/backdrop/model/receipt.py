"""Receipt, error report and events: views, built whole from the ledger's items and nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from backdrop.model.circuit import Lane, Pause, Reason
from backdrop.model.error_catalog import CODES
from backdrop.model.ids import event_id
from backdrop.model.job import FAILED, Attempt, Job, Money, Problem, Source, Status
from backdrop.model.pricing import usd_of

STILL_ASKED = (
    "Nothing to do yet: as soon as the call must be over, the provider is asked where it can be asked, and the call is "
    "sent once more, or left to a person, where it cannot."
)

CALLED_OFF = {
    Status.SUPERSEDED: {
        "message": "Somebody asked for something else for this photo before it was bought.",
        "hint": "Nothing to do; send the request again if it is still wanted.",
    },
    Status.CANCELLED: {
        "message": "The photo was deleted, or whoever wanted the picture called it off before it was bought.",
        "hint": "Nothing to do; send the request again if it is still wanted.",
    },
}


def receipt(source: Source, jobs: Iterable[Job]) -> dict[str, Any]:
    """All jobs that a photo's place ever had, current ones first, and what they cost."""
    ordered = sorted(jobs, key=lambda job: (job.job_id not in source.jobs.values(), job.queued_at, job.job_id))
    return {
        "source": _source(source),
        "jobs": [_job(job, current=job.job_id in source.jobs.values()) for job in ordered],
        "total_usd": usd_of(sum(job.charged for job in ordered)),
    }


def _source(source: Source) -> dict[str, Any]:
    photo = source.photo
    return {
        "bucket": source.bucket,
        "key": source.key,
        "version_id": photo.version_id if photo else None,
        "sha256": photo.sha256 if photo else None,
        "width": photo.width if photo else None,
        "height": photo.height if photo else None,
        "changes": [str(one) for one in photo.changes] if photo else [],
    }


def _job(job: Job, *, current: bool) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "variant": job.variant or None,
        "current": current,
        "status": job.status.value,
        "operation": job.operation,
        "provider": job.provider,
        "instructions": job.instructions,
        "provenance": job.provenance,
        "results": [asdict(result) for result in job.results],
        "cost": {
            "usd": usd_of(job.charged),
            "basis": _basis(job),
            "unknown_usd": usd_of(job.unknown),
        },
        "attempts": [_attempt(attempt) for attempt in job.attempts],
        "reused_from": job.reused_from,
        "queued_at": _time(job.queued_at),
        "submitted_at": _time(job.submitted_at),
        "paid_at": _time(job.paid_at),
        "stored_at": _time(job.stored_at),
        "throttled_seconds": job.throttled_ms / 1000,
        "warnings": [str(one.text) for one in job.warnings],
    }


def _basis(job: Job) -> str:
    charged = [attempt.basis for attempt in job.attempts if attempt.charged]
    return charged[-1] if charged else "price_list"


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "n": attempt.n,
        "provider": attempt.provider,
        "provider_id": attempt.provider_id,
        "submitted_at": _time(attempt.submitted_at),
        "outcome": attempt.outcome.value,
        "money": attempt.money.value,
    }


def error_report(source: Source, jobs: Iterable[Job]) -> dict[str, Any] | None:
    """Everything that is wrong with a photo now, or None when it is right."""
    current = [job for job in jobs if job.job_id in source.jobs.values() and job.problem]
    errors = [_error(problem, None, problem.variant or None, _standing(problem)) for problem in source.problems]
    errors += [_error(job.problem, job.job_id, job.variant or None, job.status.value) for job in current if job.problem]
    return {"source": _source(source), "errors": errors} if errors else None


def _standing(problem: Problem) -> str:
    """What becomes of a photo that has no job: it is refused, or waits as an accepted one does."""
    return (Status.ACCEPTED if problem.retryable else Status.REFUSED).value


def _error(problem: Problem, job_id: str | None, variant: str | None, status: str) -> dict[str, Any]:
    asked = status == Status.UNKNOWN.value
    return {
        "job_id": job_id,
        "variant": variant,
        "status": status,
        "code": problem.code.value,
        "message": str(problem.message),
        "hint": STILL_ASKED if asked else str(problem.hint),
        "retryable": problem.retryable or asked,
        "money": problem.money.value,
        "first_seen": _time(problem.first_seen),
        "last_seen": _time(problem.last_seen),
    }


def request_errors(source: Source, problems: Iterable[Problem], jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """What kept a request from what it asked for: what was refused of it, and each job's end that is no good one."""
    errors = [_error(one, None, one.variant or None, _standing(one)) for one in problems]
    return errors + [_end(job) for job in jobs if job.status is not Status.STORED]


def _end(job: Job) -> dict[str, Any]:
    """One job's error; a job that was called off has none of its own, and its end says why."""
    if job.problem:
        return _error(job.problem, job.job_id, job.variant or None, job.status.value)
    ended, told = job.ended_at or job.queued_at, CALLED_OFF[job.status]
    seen = {"first_seen": _time(ended), "last_seen": _time(ended)}
    plain = {"job_id": job.job_id, "variant": job.variant or None, "status": job.status.value, "code": job.status.value}
    return {**plain, **told, "retryable": False, "money": job.money.value, **seen}


def announcement(source: Source, job: Job) -> tuple[str, dict[str, Any]] | None:
    """The event that tells of a job's end: its detail type and detail; None where nobody is told."""
    if job.ended_at is None or not (job.status is Status.STORED or job.status in FAILED):
        return None
    detail: dict[str, Any] = {
        "event_id": event_id(job.job_id, job.status.value, job.ended_at.isoformat()),
        "source": _source(source),
        "job": _job(job, current=job.job_id in source.jobs.values()),
    }
    if job.status is Status.STORED:
        return "Image Completed", detail
    errors: Sequence[Problem] = (job.problem,) if job.problem else ()
    detail["errors"] = [_error(one, job.job_id, job.variant or None, job.status.value) for one in errors]
    return "Image Failed", detail


def lane_report(lane: Lane) -> dict[str, Any] | None:
    """Why a provider is paused, or None when it is not: one report in place of one for each photo that waits."""
    if not lane.pauses:
        return None
    return {"source": None, "provider": lane.provider, "errors": [_pause(one) for one in lane.pauses]}


def _pause(pause: Pause) -> dict[str, Any]:
    return {
        "job_id": None,
        "variant": None,
        "status": "paused",
        "code": pause.code.value,
        "message": str(pause.message),
        "hint": str(CODES[pause.code].hint),
        "retryable": True,
        "money": Money.NOT_SPENT.value,
        "first_seen": _time(pause.since),
        "last_seen": _time(pause.last_seen),
    }


def lane_events(lane: Lane) -> list[tuple[str, dict[str, Any]]]:
    """The events that tell how a provider is: each pause under the same id when it is repeated, and that it goes on.

    A pause that ended before anybody was told of it is among them, so that no end is heard of without its beginning.
    """
    pauses = (*lane.ended, *lane.pauses)
    told = [("Provider Paused", one) for one in pauses]
    told += [("Budget Reached", one) for one in pauses if one.reason is Reason.BUDGET]
    events = [(kind, _paused_detail(lane, kind, one)) for kind, one in told]
    if lane.paused or lane.resumed_at is None:
        return events
    return [*events, ("Provider Resumed", _lane_detail(lane, "Provider Resumed", lane.resumed_at))]


def untold(lane: Lane) -> list[tuple[str, dict[str, Any]]]:
    """The events of a lane that nobody was told yet."""
    return [event for event in lane_events(lane) if event[1]["event_id"] not in lane.told]


def _paused_detail(lane: Lane, kind: str, pause: Pause) -> dict[str, Any]:
    return _lane_detail(lane, f"{kind}/{pause.reason}", pause.since) | {"errors": [_pause(pause)]}


def _lane_detail(lane: Lane, kind: str, since: datetime) -> dict[str, Any]:
    ident = event_id(lane.provider, kind, since.isoformat())
    return {"event_id": ident, "provider": lane.provider, "since": _time(since)}


def dead_letter(job: Job) -> dict[str, str]:
    """The message attributes by which a dead letter explains itself; `rev` tells this death from later ones."""
    problem = job.problem
    return {
        "code": problem.code.value if problem else "",
        "reason": str(problem.message.cut(1000)) if problem else "",
        "money": problem.money.value if problem else Money.UNKNOWN.value,
        "job_id": job.job_id,
        "rev": str(job.rev),
        "provider": job.provider,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
