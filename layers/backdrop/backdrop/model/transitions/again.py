"""The transitions back into work: named again, redriven, bought once more by a person's word, served by another."""

from dataclasses import replace
from datetime import datetime

from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop.model.job import FAILED_STATUSES, AttemptOutcome, ContentOwner, Job, JobStatus
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.output_spec import parse_outputs
from backdrop.model.sentence import Sentence
from backdrop.model.transitions.transition import Transition, require_status

MAX_FAILOVER_WARNINGS = 5
# Ends at which the owner of some content has no file to share.
ENDS_WITHOUT_FILE = FAILED_STATUSES | {JobStatus.SUPERSEDED, JobStatus.CANCELLED}


def accept(job: Job) -> Transition:
    """A new job, which owns the content that it is to buy."""
    return Transition(job, content_owner=build_content_owner(job))


def build_content_owner(job: Job) -> ContentOwner:
    """The job, once it is written, as the one that pays for its content."""
    return ContentOwner(
        content_id=job.content_id, source_id=job.source_id, job_id=job.job_id, lock_version=job.lock_version + 1
    )


def reopen(job: Job, planned: Job, now: datetime) -> Transition | None:
    """The photo names the job again: what ended unpaid runs again, as it is wanted now; None where nothing changes."""
    if transition := restart(job, planned, now):
        return transition
    return (
        Transition(replace(job, end_after_call=None, requested_at=planned.requested_at)) if job.end_after_call else None
    )


def restart(job: Job, planned: Job, now: datetime) -> Transition | None:
    """superseded, cancelled, or failed (not spent) → accepted; None for a job with a file, and for money at stake."""
    if job.status not in ENDS_WITHOUT_FILE or job.may_be_charged:
        return None
    provider_fields = {"provider": planned.provider, "version_id": planned.version_id, "warnings": planned.warnings}
    request_fields = {
        "is_execution_scoped": planned.is_execution_scoped,
        "charge_no": _next_charge_no(job),
        "requested_at": planned.requested_at,
    }
    return _reset_to_accepted(replace(job, **provider_fields, **request_fields), now)


def pay_again(job: Job, now: datetime) -> Transition:
    """held, dead, refused (spent, or in doubt) → accepted: a person says that it may be bought once more."""
    require_status(job, *FAILED_STATUSES)
    fresh = replace(
        job, charge_no=job.charge_no + 1, links=(), paid_attempt_no=0, is_execution_scoped=False, requested_at=now
    )
    return _reset_to_accepted(fresh, now)


def _reset_to_accepted(job: Job, now: datetime) -> Transition:
    reset = {"status": JobStatus.ACCEPTED, "problem": None, "queued_at": now, "last_sent_at": now, "ended_at": None}
    cleared = {
        "announced": False,
        "end_after_call": None,
        "processing_until": None,
        "crash_count": 0,
        "waits_for": None,
        "reused_from": None,
    }
    return accept(replace(job, **reset, **cleared))


def _next_charge_no(job: Job) -> int:
    """A call that the provider itself gave up was charged or not for good: the next one is another charge."""
    last = job.find_attempt(job.attempt_no)
    return job.charge_no + 1 if last and last.outcome is AttemptOutcome.REJECTED else job.charge_no


def retry_delivery(job: Job, now: datetime) -> Transition:
    """dead (spent) → paid: what was bought is handed over after all, for nothing."""
    require_status(job, JobStatus.DEAD)
    if not any(link.is_usable for link in job.links):
        raise ConflictError
    fresh = {
        "status": JobStatus.PAID,
        "problem": None,
        "ended_at": None,
        "announced": False,
        "last_sent_at": now,
        "crash_count": 0,
    }
    return Transition(replace(job, **fresh))


def reinstate(job: Job) -> Transition | None:
    """stored → paid: others' pictures may lie where this one's were; paid: who delivers it looks anew. Else None."""
    if job.status not in (JobStatus.PAID, JobStatus.STORED):
        return None
    warnings = tuple(one for one in job.warnings if one.code is not WarningCode.NOT_CURRENT)
    return Transition(replace(job, status=JobStatus.PAID, results=(), warnings=warnings, ended_at=None))


def change_provider(job: Job, provider: str, price: int, reason: str, last_sent_at: datetime) -> Transition:
    """accepted: another provider of the job's list is to do it, since nothing was paid and nothing is in doubt.

    `last_sent_at`: when the message that carries it counts as sent.
    """
    require_status(job, JobStatus.ACCEPTED)
    if job.may_be_charged or provider == job.provider:
        raise ConflictError
    warning = JobWarning(code=WarningCode.MOVED, text=Sentence(f"moved from {job.provider} to {provider}: {reason}"))
    moves = [one for one in job.warnings if one.code is WarningCode.MOVED and one != warning]
    others = [one for one in job.warnings if one.code is not WarningCode.MOVED]
    fresh = {"problem": None, "last_sent_at": last_sent_at, "processing_until": None, "crash_count": 0}
    warnings = (*others, *moves[-(MAX_FAILOVER_WARNINGS - 1) :], warning)
    return Transition(replace(job, provider=provider, quoted=price, warnings=warnings, **fresh))


def update_instructions(job: Job, planned: Job) -> Transition | None:
    """What is said of a job beside what is bought (metadata, a price limit, origins, who wants it); None where known.

    stored → paid where it wants other outputs of it, and so for one that is dead since none could be made: they are
    made from the paid file, for nothing.
    """
    is_execution_scoped = job.is_execution_scoped and (planned.is_execution_scoped or job.has_ended)
    details = {"instructions": planned.instructions, "provenance": planned.provenance}
    updated = replace(
        job, **details, is_execution_scoped=is_execution_scoped, requested_at=_latest_requested_at(job, planned)
    )
    has_other_outputs = parse_outputs(job.instructions) != parse_outputs(planned.instructions)
    if has_other_outputs and job.status is JobStatus.STORED:
        return Transition(replace(updated, status=JobStatus.PAID, ended_at=None))
    if has_other_outputs and job.status is JobStatus.DEAD and job.problem and job.problem.code is Code.OUTPUT_NOT_MADE:
        return retry_delivery(updated, planned.queued_at)
    return Transition(updated) if updated != job else None


def _latest_requested_at(job: Job, planned: Job) -> datetime | None:
    """Word that comes again keeps a job from being called off; of one that costs nothing more it changes nothing."""
    times = [one for one in (job.requested_at, planned.requested_at) if one]
    return job.requested_at if job.needs_no_purchase or not times else max(times)


def wait_for_owner(job: Job, owner: ContentOwner) -> Transition:
    """accepted: another job pays for the same bytes asked the same thing, and this one waits for its file."""
    require_status(job, JobStatus.ACCEPTED)
    return Transition(replace(job, waits_for=owner), waits_for=owner)


def take_over(job: Job, owner: ContentOwner) -> Transition:
    """accepted: what the job that was to pay came to serves nobody, so this one buys."""
    require_status(job, JobStatus.ACCEPTED)
    return Transition(replace(job, waits_for=None), content_owner=build_content_owner(job), expected_owner=owner)


def join_existing(job: Job, owner: ContentOwner, owner_job: Job | None, now: datetime) -> Transition:
    """accepted, where another job (`owner_job`.

    None: gone) was to pay: wait for it, get its file, or buy in its place.
    """
    if owner_job is None or owner_job.status in ENDS_WITHOUT_FILE:
        return take_over(job, owner)
    if owner_job.status is JobStatus.STORED:
        return reuse(job, owner_job, now)
    return wait_for_owner(job, owner)


def reuse(job: Job, owner_job: Job, now: datetime) -> Transition:
    """accepted → paid, for nothing: the file that another job bought serves this one too."""
    require_status(job, JobStatus.ACCEPTED)
    if owner_job.status is not JobStatus.STORED:
        raise ConflictError
    reused_fields = {
        "reused_from": owner_job.reused_from or owner_job.job_id,
        "paid_attempt_no": owner_job.paid_attempt_no,
        "links": owner_job.links,
    }
    fresh = {
        "status": JobStatus.PAID,
        "paid_at": now,
        "last_sent_at": now,
        "problem": None,
        "waits_for": None,
        "processing_until": None,
    }
    return Transition(replace(job, **reused_fields, **fresh))
