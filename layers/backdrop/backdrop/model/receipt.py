"""Receipts, error reports, and events: views that are built completely from ledger items."""

from collections.abc import Container, Iterable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from backdrop.model.capabilities import REMOVERS, find_remover
from backdrop.model.certificate import Certificate
from backdrop.model.circuit import Pause, PauseReason, ProviderHealth
from backdrop.model.composition import PictureTexts
from backdrop.model.error_catalog import CODES_WITH_PROVIDER_WORDS, ERROR_CATALOG
from backdrop.model.frame import FRAME_FIELD
from backdrop.model.ids import derive_event_id
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import ANNOUNCED_STATUSES, Attempt, Job, JobStatus, MoneyStatus, Problem, Source
from backdrop.model.job_warning import WarningCode
from backdrop.model.output_spec import parse_outputs
from backdrop.model.pricing import to_usd
from backdrop.model.review import PictureReview

UNKNOWN_CHARGE_HINT = (
    "Do nothing yet. Once the call can no longer be running, Backdrop looks it up if the provider supports that. "
    "Otherwise, Backdrop sends the call again, or holds the job for an operator."
)

AWAITING_APPROVAL = "Image Awaiting Approval"
WITHDRAWN_END_TEXTS = {
    JobStatus.SUPERSEDED: {
        "message": "New instructions replaced this job before its pictures were delivered.",
        "hint": "If you still need the picture, send the request again.",
    },
    JobStatus.CANCELLED: {
        "message": "The photo was deleted, or the job was canceled, before it was bought.",
        "hint": "If you still need the picture, send the request again.",
    },
}


def build_receipt(source: Source, jobs: Iterable[Job]) -> dict[str, Any]:
    """Lists all jobs that the source ever had, current ones first, and their costs."""
    ordered = sorted(jobs, key=lambda job: (job.job_id not in source.jobs.values(), job.queued_at, job.job_id))
    picture_keys = {result.key for job in ordered for result in job.results}
    shown = [_omit_replaced_pictures(job, picture_keys) for job in ordered]
    return {
        "source": _build_source(source),
        "jobs": [_build_job(job, current=job.job_id in source.jobs.values()) for job in shown],
        "total_usd": to_usd(sum(job.charged for job in ordered)),
    }


def _omit_replaced_pictures(job: Job, picture_keys: Container[str]) -> Job:
    """Omits the warning that an earlier picture stays if another job's picture has its key."""
    kept = (
        one for one in job.warnings if one.code is not WarningCode.OLD_PICTURE or one.picture_key not in picture_keys
    )
    return replace(job, warnings=tuple(kept))


def _build_source(source: Source) -> dict[str, Any]:
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


def _build_job(job: Job, *, current: bool) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "variant": job.variant or None,
        "current": current,
        "status": job.status.value,
        "operation": job.operation,
        "provider": job.provider,
        "mandate": job.mandate,
        "instructions": job.instructions,
        "provenance": job.provenance,
        "frame": _build_frame(job),
        "reviews": [_build_review(review) for review in job.reviews],
        "results": _build_results(job),
        "cost": {
            "usd": to_usd(job.charged),
            "basis": _find_basis(job),
            "unknown_usd": to_usd(job.unknown),
        },
        "attempts": [_build_attempt(job, attempt) for attempt in job.attempts],
        "reused_from": job.reused_from,
        "queued_at": _format_time(job.queued_at),
        "submitted_at": _format_time(job.submitted_at),
        "paid_at": _format_time(job.paid_at),
        "stored_at": _format_time(job.stored_at),
        "throttled_seconds": job.throttled_ms / 1000,
        "warnings": [one.text_with_code for one in job.warnings],
    }


def _build_results(job: Job) -> list[dict[str, Any]]:
    """Lists the pictures, each with the texts of its output. A picture whose output was removed has none."""
    texts_by_output = {output.name: output.texts for output in parse_outputs(job.instructions)}
    texts = [texts_by_output.get(result.output, PictureTexts()) for result in job.results]
    return [
        asdict(result)
        | {name: text or None for name, text in asdict(one).items()}
        | {
            "certificate": result.certificate and _build_certificate(result.certificate),
            "fidelity": result.fidelity and asdict(result.fidelity),
        }
        for result, one in zip(job.results, texts, strict=True)
    ]


def _build_review(review: PictureReview) -> dict[str, Any]:
    """Returns a picture that needs, or needed, a person's approval. Without a decision, its fields are null."""
    return {
        "n": review.n,
        "key": review.key,
        "sha256": review.sha256,
        "fidelity": review.fidelity and asdict(review.fidelity),
        "warnings": [one.text_with_code for one in review.warnings],
        "waiting_since": _format_time(review.waiting_since),
        "decision": review.decision and review.decision.value,
        "by": review.decider or None,
        "via": review.decided_via and review.decided_via.value,
        "event_source": review.event_source or None,
        "decided_at": _format_time(review.decided_at),
    }


def _build_certificate(certificate: Certificate) -> dict[str, Any]:
    return {**asdict(certificate), "checks": [asdict(check) for check in certificate.checks]}


def _build_frame(job: Job) -> dict[str, Any] | None:
    """Returns the shape that was bought, and where the photo is on the canvas that was sent, in pixels."""
    canvas = job.canvas
    if canvas is None:
        return None
    return {
        "ratio": job.purchase_spec[FRAME_FIELD],
        "canvas": {"width": canvas.width, "height": canvas.height},
        "photo": {
            "left": canvas.photo_left,
            "top": canvas.photo_top,
            "width": canvas.photo_width,
            "height": canvas.photo_height,
        },
    }


def _find_basis(job: Job) -> str:
    charged = [attempt.basis for attempt in job.attempts if attempt.charged]
    return charged[-1] if charged else "price_list"


def _build_attempt(job: Job, attempt: Attempt) -> dict[str, Any]:
    is_removal = job.operation == "remove" and attempt.provider in REMOVERS
    return {
        "n": attempt.n,
        "provider": attempt.provider,
        "model": find_remover(attempt.provider, job.instructions) if is_removal else None,
        "endpoint": attempt.endpoint,
        "provider_id": attempt.provider_id,
        "submitted_at": _format_time(attempt.submitted_at),
        "outcome": attempt.outcome.value,
        "money": attempt.money.value,
        "settlement": attempt.settlement.result.value if attempt.settlement else None,
    }


def build_error_report(source: Source, jobs: Iterable[Job]) -> dict[str, Any] | None:
    """Lists all current problems of a photo; None if there are none."""
    current = [job for job in jobs if job.job_id in source.jobs.values()]
    errors = [_build_photo_error(problem) for problem in source.problems]
    errors += [_build_job_error(job, problem) for job in current if (problem := job.reported_problem)]
    return {"source": _build_source(source), "errors": errors} if errors else None


def _build_photo_error(problem: Problem) -> dict[str, Any]:
    """Returns the status that a problem without a job is listed with: refused, or accepted while the photo waits."""
    status = JobStatus.ACCEPTED if problem.retryable else JobStatus.REFUSED
    return _build_error(problem, None, problem.variant, status)


def _build_job_error(job: Job, problem: Problem) -> dict[str, Any]:
    return _build_error(problem, job.job_id, job.variant, job.status)


def _build_error(problem: Problem, job_id: str | None, variant: str, status: JobStatus) -> dict[str, Any]:
    is_unknown, is_quoted = status is JobStatus.UNKNOWN, problem.code in CODES_WITH_PROVIDER_WORDS
    return {
        "job_id": job_id,
        "variant": variant or None,
        "status": status.value,
        "code": problem.code.value,
        "message": str(ERROR_CATALOG[problem.code].meaning if is_quoted else problem.message),
        "hint": UNKNOWN_CHARGE_HINT if is_unknown and problem.advice is None else str(problem.hint),
        "retryable": problem.retryable or is_unknown,
        "money": problem.money.value,
        "first_seen": _format_time(problem.first_seen),
        "last_seen": _format_time(problem.last_seen),
    }


def list_request_errors(request: ImageRequest, jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Lists why a request failed: its refused parts, and every job that neither ended stored nor waits for approval.

    Without its mask, a picture is delivered with a warning.
    """
    errors = [_build_photo_error(problem) for problem in request.problems]
    pictures = request.select_pictures(jobs)
    failed = (job for job in pictures if job.status not in (JobStatus.STORED, JobStatus.REVIEW))
    return [*errors, *map(_build_end_error, failed)]


def _build_end_error(job: Job) -> dict[str, Any]:
    """A superseded or canceled job has no problem of its own, so its status is the explanation."""
    if problem := job.reported_problem:
        return _build_job_error(job, problem)
    ended_at, texts = job.ended_at or job.queued_at, WITHDRAWN_END_TEXTS[job.status]
    seen = {"first_seen": _format_time(ended_at), "last_seen": _format_time(ended_at)}
    fields = {
        "job_id": job.job_id,
        "variant": job.variant or None,
        "status": job.status.value,
        "code": job.status.value,
    }
    return {**fields, **texts, "retryable": False, "money": job.money.value, **seen}


def build_job_event(source: Source, job: Job) -> tuple[str, dict[str, Any]] | None:
    """Returns the detail type and detail of the event for a job's end; None if the end has no event, as a mask's."""
    if job.is_mask or job.ended_at is None or not (job.status is JobStatus.STORED or job.status in ANNOUNCED_STATUSES):
        return None
    detail: dict[str, Any] = {
        "event_id": derive_event_id(job.job_id, job.status.value, job.ended_at.isoformat()),
        "source": _build_source(source),
        "job": _build_job(job, current=job.job_id in source.jobs.values()),
    }
    if job.status is JobStatus.STORED:
        return "Image Completed", detail
    problem = job.reported_problem
    detail["errors"] = [_build_job_error(job, problem)] if problem else []
    return "Image Failed", detail


def list_approval_events(source: Source, job: Job) -> list[tuple[str, dict[str, Any]]]:
    """Returns the detail type and detail of an event for each picture that waits for a person's decision."""
    if job.status is not JobStatus.REVIEW:
        return []
    document = {"source": _build_source(source), "job": _build_job(job, current=job.job_id in source.jobs.values())}
    return [
        (
            AWAITING_APPROVAL,
            {"event_id": _derive_review_id(job, review), **document, "picture": _build_review(review)},
        )
        for review in job.reviews
        if review.decision is None
    ]


def _derive_review_id(job: Job, review: PictureReview) -> str:
    return derive_event_id(job.job_id, f"review/{review.n}/{review.sha256}", review.waiting_since.isoformat())


def build_provider_report(lane: ProviderHealth) -> dict[str, Any] | None:
    """Explains why a provider is paused, in one report for all waiting photos; None if it is not paused."""
    if not lane.pauses:
        return None
    return {"source": None, "provider": lane.provider, "errors": [_build_pause_error(one) for one in lane.pauses]}


def _build_pause_error(pause: Pause) -> dict[str, Any]:
    """Returns what everyone who waits for the provider may read: its own words may quote a photo of one of them."""
    return {
        "job_id": None,
        "variant": None,
        "status": "paused",
        "code": pause.code.value,
        "message": str(ERROR_CATALOG[pause.code].meaning),
        "hint": str(ERROR_CATALOG[pause.code].hint),
        "retryable": True,
        "money": MoneyStatus.NOT_SPENT.value,
        "first_seen": _format_time(pause.since),
        "last_seen": _format_time(pause.last_seen),
    }


def list_provider_events(lane: ProviderHealth) -> list[tuple[str, dict[str, Any]]]:
    """Returns the events of a provider's pauses, and of its resumption; a repeated event has the same ID.

    They include pauses that ended before they were announced, so that no resumption is published without its pause.
    """
    pauses = (*lane.past_pauses, *lane.pauses)
    announcements = [("Provider Paused", one) for one in pauses]
    announcements += [("Budget Reached", one) for one in pauses if one.reason is PauseReason.BUDGET]
    events = [(kind, _build_pause_detail(lane, kind, one)) for kind, one in announcements]
    if lane.is_paused or lane.resumed_at is None:
        return events
    return [*events, ("Provider Resumed", _build_provider_detail(lane, "Provider Resumed", lane.resumed_at))]


def list_pending_events(lane: ProviderHealth) -> list[tuple[str, dict[str, Any]]]:
    """Returns the events of a lane that have not been announced yet."""
    return [event for event in list_provider_events(lane) if event[1]["event_id"] not in lane.announced_event_ids]


def _build_pause_detail(lane: ProviderHealth, kind: str, pause: Pause) -> dict[str, Any]:
    return _build_provider_detail(lane, f"{kind}/{pause.reason}", pause.since) | {"errors": [_build_pause_error(pause)]}


def _build_provider_detail(lane: ProviderHealth, kind: str, since: datetime) -> dict[str, Any]:
    identifier = derive_event_id(lane.provider, kind, since.isoformat())
    return {"event_id": identifier, "provider": lane.provider, "since": _format_time(since)}


def build_dead_letter_attributes(job: Job) -> dict[str, str]:
    """Returns the message attributes of a dead letter; `lock_version` distinguishes this failure from later ones."""
    problem = job.problem
    return {
        "code": problem.code.value if problem else "",
        "reason": str(problem.message.truncate(1000)) if problem else "",
        "money": problem.money.value if problem else MoneyStatus.UNKNOWN.value,
        "job_id": job.job_id,
        "lock_version": str(job.lock_version),
        "provider": job.provider,
    }


def _format_time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
