"""Why a photo waits, at any stage between its upload and its delivery, and what to do."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from backdrop.deliver.fidelity_checks import find_cut_out, find_mask_wait_end, waits_for_mask
from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.ids import derive_source_id
from backdrop.model.job import IN_FLIGHT_STATUSES, Job, JobStatus, Problem, Source
from backdrop.model.receipt import UNKNOWN_CHARGE_HINT
from backdrop.model.schedule import LEASE_CHECK_DELAY, SETTLE_CHECK_DELAY
from backdrop.pipeline.crash_guard import MAX_CRASHES
from backdrop.ports import StoredObject
from backdrop_cli.formatting import format_count, format_utc, quote_for_shell
from backdrop_cli.operate.queue_waits import Wait, list_lane_waits
from backdrop_cli.stack import Stack

# The codes of waits that are not problems.
SETTLING, IN_INTAKE, QUEUED, IN_FLIGHT, DELIVERING = "settling", "in_intake", "queued", "in_flight", "delivering"
# Intake and deliver usually take seconds. A wait that is longer than this needs an explanation.
USUAL_DURATION = timedelta(minutes=1)
DOCTOR_FOR_INTAKE = "`backdrop doctor`, which checks the bucket's notifications and intake's trigger and queue"
NOTHING_TO_DO_HINT = "This usually takes seconds. You do not need to do anything."


def list_photo_waits(stack: Stack, source: Source, jobs: Sequence[Job], unprocessed: StoredObject | None) -> list[Wait]:
    """Returns why the whole photo waits.

    `unprocessed`: the object in the bucket, if the ledger has recorded none, or recorded that it is gone.
    """
    now = stack.clock.now()
    waits = [*_list_crash_waits(stack, source, "intake", None, now)]
    if source.settling_since:
        waits.append(_describe_settling(stack, source, source.settling_since, now))
    elif unprocessed and not waits and not any(map(is_wait, source.problems)):
        waits.append(_describe_unprocessed(source, unprocessed, now))
    if source.blocked_by_defaults and not list_current_jobs(source, jobs):
        waits.append(_describe_broken_defaults(stack, source))
    waits += [_describe_problem(problem, None) for problem in source.problems if is_wait(problem)]
    return waits


def is_wait(problem: Problem) -> bool:
    """Whether the photo continues automatically when the problem is fixed."""
    return problem.retryable or problem.code is Code.NO_INSTRUCTIONS


def list_job_waits(
    stack: Stack, source: Source, jobs: Sequence[Job], owner_names: Mapping[str, str]
) -> dict[str, list[Wait]]:
    """Returns why the current jobs wait, by job ID. `owner_names` has the photo whose picture a job will reuse."""
    open_jobs = [job for job in list_current_jobs(source, jobs) if not job.needs_no_worker]
    if not open_jobs:
        return {}
    day, cap = stack.read_budget(stack.clock.now())
    lanes = {name: stack.circuit_breaker.ledger.read_health(name) for name in {job.provider for job in open_jobs}}
    waits: dict[str, list[Wait]] = {}
    for job in open_jobs:
        found = [*_list_crash_waits(stack, job, _name_stage(job), job.job_id, stack.clock.now())]
        if job.wait_reason is Code.OWNER_AT_WORK:
            found.append(_describe_copy(job, owner_names.get(job.job_id)))
        elif job.status is JobStatus.ACCEPTED:
            found += list_lane_waits(job, lanes[job.provider], day, cap)
        if job.status in IN_FLIGHT_STATUSES:
            found.append(_describe_call(stack, job, stack.clock.now()))
        elif job.problem and job.problem.code.value not in {one.code for one in found}:
            found.append(_describe_problem(job.problem, job.job_id))
        cut_out = _find_pending_cut_out(source, job, jobs, stack.clock.now())
        if not found and cut_out:
            found.append(_describe_pending_mask(job, cut_out))
        waits[job.job_id] = found or [_describe_turn(stack, job, stack.clock.now())]
    return waits


def describe_unrecorded_photo(modified_at: datetime, now: datetime, *, has_events: bool) -> str:
    """Returns why a photo in the bucket is not in the ledger, and what to do.

    `has_events`: whether an upload to the bucket starts anything.
    """
    if not has_events:
        return (
            "nothing has requested it yet, and an upload to this bucket starts nothing; "
            "send a request, or run a campaign"
        )
    if now - modified_at < USUAL_DURATION:
        return "intake has not processed it yet, which usually takes seconds; try again in a moment"
    return (
        "the ledger has no record of it, because its event has not reached intake, or intake crashed on it; "
        f"run {DOCTOR_FOR_INTAKE}"
    )


# -- the whole photo -----------------------------------------------------------------------------------------------


def _list_crash_waits(
    stack: Stack, item: Source | Job, stage: str, job_id: str | None, now: datetime
) -> Iterator[Wait]:
    """Yields a wait if a worker left its crash mark. Each further crash is counted when the mark is found."""
    if item.processing_until is None or now < item.processing_until:
        return
    crashes = min(item.crash_count + 1, MAX_CRASHES)
    message = (
        f"{stage.capitalize()} has crashed on it {format_count(crashes, 'time')} in a row, most recently before "
        f"{format_utc(item.processing_until)} ({Code.CRASHED.value})."
    )
    hint = (
        f"Search for it in the log of the function {stack.name}-{stage}. Its message is delivered again automatically. "
        f"After {MAX_CRASHES} crashes, the photo is reported as failed."
    )
    yield Wait(Code.CRASHED.value, message, hint, item.processing_until, job_id)


def _describe_settling(stack: Stack, source: Source, since: datetime, now: datetime) -> Wait:
    until = since + timedelta(seconds=stack.settle_seconds)
    if now < until + USUAL_DURATION:
        message = f"It has waited for its instructions since {format_utc(since)}, and waits until {format_utc(until)}."
        hint = (
            "Upload its sidecar, or set its tags. Otherwise, the folder defaults apply when the time is over; without "
            f"any, the photo is reported ({Code.NO_INSTRUCTIONS.value})."
        )
        return Wait(SETTLING, message, hint, since)
    checked_at = max(since, source.last_sent_at or since) + SETTLE_CHECK_DELAY
    message = (
        f"It has waited for its instructions since {format_utc(since)}. That time ended at {format_utc(until)}, but "
        "intake has not decided about it since."
    )
    hint = f"Run {DOCTOR_FOR_INTAKE}. Reconcile sends it to intake again after {format_utc(checked_at)}."
    return Wait(SETTLING, message, hint, since)


def _describe_unprocessed(source: Source, stored: StoredObject, now: datetime) -> Wait:
    message = f"It has been in the bucket since {format_utc(stored.modified_at)}. Intake has not decided about it yet."
    is_being_processed = source.processing_until is not None and now < source.processing_until
    if is_being_processed or now - stored.modified_at < USUAL_DURATION:
        hint = NOTHING_TO_DO_HINT
    else:
        hint = f"Run {DOCTOR_FOR_INTAKE}."
    return Wait(IN_INTAKE, message, hint, stored.modified_at)


def _describe_broken_defaults(stack: Stack, source: Source) -> Wait:
    defaults_key = source.blocked_by_defaults
    defaults, _ = stack.redrive_service.ledger.read_photo(derive_source_id(source.bucket, defaults_key))
    problems = defaults.problems if defaults else ()
    times = [problem.first_seen for problem in problems] + ([source.photo.uploaded_at] if source.photo else [])
    since = max(times, default=None)
    since_text = f" since {format_utc(since)}" if since else ""
    reasons = " ".join(f"{problem.message} ({problem.code.value})" for problem in problems)
    message = (
        f"It has waited{since_text} for its folder defaults, which have errors ({Code.FOLDER_DEFAULTS_BROKEN.value})"
        f"{f': {reasons}' if reasons else '.'}"
    )
    hint = f"Correct {defaults_key} and upload it again. The photo then continues automatically."
    return Wait(Code.FOLDER_DEFAULTS_BROKEN.value, message, hint, since)


def _describe_problem(problem: Problem, job_id: str | None) -> Wait:
    message = f"{problem.message} ({problem.code.value}, since {format_utc(problem.first_seen)})"
    return Wait(problem.code.value, message, str(problem.operator_hint), problem.first_seen, job_id)


# -- one job -------------------------------------------------------------------------------------------------------


def _name_stage(job: Job) -> str:
    return "deliver" if job.status is JobStatus.PAID else "render"


def _describe_copy(job: Job, photo: str | None) -> Wait:
    message = f"It waits for {photo or 'another photo'}, which has the same content and is being bought for both."
    hint = (
        f"To see why that one waits, run `backdrop show {quote_for_shell(photo)}`."
        if photo
        else str(ERROR_CATALOG[Code.OWNER_AT_WORK].operator_hint)
    )
    return Wait(Code.OWNER_AT_WORK.value, message, hint, job.queued_at, job.job_id)


def _describe_call(stack: Stack, job: Job, now: datetime) -> Wait:
    attempt = job.find_attempt(job.attempt_no)
    verb = "was" if attempt and attempt.lease_until < now else "will be"
    end = f" The call {verb} over by {format_utc(attempt.lease_until)}." if attempt else ""
    since = attempt.submitted_at if attempt else job.submitted_at
    if job.status is JobStatus.UNKNOWN:
        reason = f"{job.problem.message} ({job.problem.code.value})" if job.problem else "A call lost its answer."
        if job.bill_wait_until and job.problem:
            hint = str(job.problem.operator_hint)
            if not stack.circuit_breaker.ledger.read_bill_state().settles_calls(now):
                hint = (
                    "It waits for Ideogram's usage records, but they settle nothing now; `backdrop doctor` says why. "
                    f"If that stays so, the job is held at {format_utc(job.bill_wait_until)}."
                )
            return Wait(Code.CHARGE_UNKNOWN.value, reason, hint, since, job.job_id)
        return Wait(Code.CHARGE_UNKNOWN.value, f"{reason}{end}", UNKNOWN_CHARGE_HINT, since, job.job_id)
    if attempt and attempt.lease_until + LEASE_CHECK_DELAY + USUAL_DURATION < now:
        message = (
            f"The worker that called {job.provider} has crashed, and reconcile has not settled the call since.{end}"
        )
        return Wait(IN_FLIGHT, message, "Run `backdrop doctor`, which checks reconcile.", since, job.job_id)
    hint = "You do not need to do anything. If its worker crashed, reconcile settles the call after that time."
    return Wait(IN_FLIGHT, f"A call to {job.provider} is in flight.{end}", hint, since, job.job_id)


def _find_pending_cut_out(source: Source, job: Job, jobs: Sequence[Job], now: datetime) -> Job | None:
    """Returns the photo's cut-out if deliver waits for it before it compares the job's picture with the photo."""
    if job.status is not JobStatus.PAID or job.operation != "replace":
        return None
    cut_out = find_cut_out(source, job, jobs, now)
    return cut_out if cut_out and waits_for_mask(job, cut_out, now) else None


def _describe_pending_mask(job: Job, cut_out: Job) -> Wait:
    paid_at, wait_end = job.paid_at or job.queued_at, find_mask_wait_end(job, cut_out)
    message = (
        f"The picture has been paid since {format_utc(paid_at)}. It waits for the photo's cut-out, which shows where "
        f"the product is, until {format_utc(wait_end)} at the latest ({Code.MASK_PENDING.value})."
    )
    hint = "You do not need to do anything. Without the cut-out, the picture is delivered without a comparison."
    return Wait(Code.MASK_PENDING.value, message, hint, paid_at, job.job_id)


def _describe_turn(stack: Stack, job: Job, now: datetime) -> Wait:
    if job.status is JobStatus.PAID:
        paid_at = job.paid_at or job.queued_at
        message = f"It has been paid since {format_utc(paid_at)}, and is not delivered yet."
        hint = (
            NOTHING_TO_DO_HINT
            if now - paid_at < USUAL_DURATION
            else "Run `backdrop doctor`, which checks deliver's trigger and queue. The log of the function "
            f"{stack.name}-deliver has the errors."
        )
        return Wait(DELIVERING, message, hint, paid_at, job.job_id)
    message = f"It has waited in {job.provider}'s queue for its turn since {format_utc(job.queued_at)}."
    hint = (
        "`backdrop status` shows how many calls are at the provider. If there are none although jobs wait, run "
        "`backdrop doctor`, which checks the lane and Lambda's concurrency."
    )
    return Wait(QUEUED, message, hint, job.queued_at, job.job_id)
