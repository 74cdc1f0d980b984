"""The transitions around the paid call: claim it, know its id, write its answer down, look for a lost answer."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import BackdropError, ConflictError
from backdrop.model.job import (
    Attempt,
    AttemptOutcome,
    Job,
    JobStatus,
    MoneyStatus,
    Problem,
    Suspicion,
    has_recognized_picture,
)
from backdrop.model.provider_result import NOT_TAKEN_CLASSES, ProviderResult, RetryClass
from backdrop.model.transitions.transition import (
    BudgetChange,
    Transition,
    build_end_fields,
    replace_attempt,
    require_status,
)

MAX_NOT_TAKEN_ATTEMPTS = 10
# Where a usable answer, however late, is still what the job waits for.
LATE_RESULT_STATUSES = frozenset(
    {JobStatus.ACCEPTED, JobStatus.SUBMITTING, JobStatus.UNKNOWN, JobStatus.HELD, JobStatus.DEAD}
)


def claim(
    job: Job,
    *,
    now: datetime,
    lease_until: datetime,
    price: int,
    cap: int,
    provider_id: str | None = None,
    probe: bool = False,
) -> Transition:
    """accepted, unknown → submitting: open the next attempt, reserve its price (`price`, `cap`: micro-dollars)."""
    require_status(job, JobStatus.ACCEPTED, JobStatus.UNKNOWN)
    if job.end_after_call:
        raise ConflictError
    n = job.attempt_no + 1
    day = now.date().isoformat()
    attempt = Attempt(
        n=n,
        provider=job.provider,
        provider_id=provider_id,
        submitted_at=now,
        lease_until=lease_until,
        budget_day=day,
        reserved=price,
        charge_no=job.charge_no,
        is_probe=probe,
    )
    claimed = replace(
        job,
        status=JobStatus.SUBMITTING,
        quoted=price,
        attempt_no=n,
        attempts=(*job.attempts, attempt),
        submitted_at=job.submitted_at or now,
        processing_until=None,
    )
    return Transition(claimed, BudgetChange(day, job.provider, reserved=price, cap=cap))


def acknowledge(job: Job, n: int, provider_id: str) -> Transition:
    """The provider named its work: from now on it can be asked about it, whatever becomes of this worker."""
    attempt = job.find_attempt(n)
    if attempt is None or attempt.outcome not in (AttemptOutcome.IN_FLIGHT, AttemptOutcome.LOST):
        raise ConflictError
    return Transition(replace_attempt(job, replace(attempt, provider_id=provider_id)))


def park(job: Job, now: datetime) -> Transition:
    """submitting → submitting: the provider is still at work when this worker must go; the next one need not wait."""
    require_status(job, JobStatus.SUBMITTING)
    return Transition(_with_lease(job, now, parked=True))


def renew_lease(job: Job, now: datetime, lease_until: datetime) -> Transition:
    """submitting → submitting: another worker takes the same attempt over, since its lease is over."""
    require_status(job, JobStatus.SUBMITTING)
    attempt = job.find_attempt(job.attempt_no)
    if attempt is None or now < attempt.lease_until:
        raise ConflictError
    job = job if attempt.is_parked else _count_crash(job)
    return Transition(_with_lease(job, lease_until, parked=False))


def resend_call(job: Job, lease_until: datetime) -> Transition:
    """unknown → submitting: the same attempt under the same id, which a provider that knows it never charges twice."""
    require_status(job, JobStatus.UNKNOWN)
    attempt = job.find_attempt(job.attempt_no)
    if attempt is None or attempt.provider_id is None or job.end_after_call:
        raise ConflictError
    budget_change = BudgetChange(
        attempt.budget_day, attempt.provider, reserved=attempt.unknown, unknown=-attempt.unknown
    )
    resent = replace(
        attempt,
        outcome=AttemptOutcome.IN_FLIGHT,
        reserved=attempt.unknown,
        unknown=0,
        send_count=attempt.send_count + 1,
    )
    job = replace_attempt(replace(job, status=JobStatus.SUBMITTING), resent)
    return Transition(_with_lease(job, lease_until, parked=False), budget_change)


def _with_lease(job: Job, lease_until: datetime, *, parked: bool) -> Job:
    attempt = job.find_attempt(job.attempt_no)
    if attempt is None:
        raise ConflictError
    return replace_attempt(job, replace(attempt, lease_until=lease_until, is_parked=parked))


def record_result(job: Job, n: int, result: ProviderResult, now: datetime) -> Transition:
    """Write an answer to attempt `n` down: possible in every state, since the money has moved whatever came between."""
    before, result = job.find_attempt(n), result.for_ledger
    if before is None:
        raise ConflictError
    if result.retry_class in NOT_TAKEN_CLASSES:
        return _release_reservation(job, before, result, now)
    if _leaves_cost_unknown(before, result) and before.outcome not in (AttemptOutcome.IN_FLIGHT, AttemptOutcome.LOST):
        return Transition(job)
    after = replace(before, **_build_settled_fields(before, result))
    budget_change = BudgetChange(
        before.budget_day,
        before.provider,
        reserved=-before.reserved,
        confirmed=after.charged - before.charged,
        unknown=after.unknown - before.unknown,
        is_lost=after.outcome is AttemptOutcome.LOST,
    )
    job = replace_attempt(job, after)
    return Transition(_sync_problem_money(replace(job, **_build_job_changes(job, n, result, now))), budget_change)


def _sync_problem_money(job: Job) -> Job:
    """What an ended job's problem says of money is what its attempts say."""
    return replace(job, problem=replace(job.problem, money=job.money)) if job.has_ended and job.problem else job


def _build_settled_fields(attempt: Attempt, result: ProviderResult) -> dict[str, Any]:
    outcomes = {
        RetryClass.OK: AttemptOutcome.ANSWERED,
        RetryClass.PERM: AttemptOutcome.REJECTED,
        RetryClass.AMBIG: AttemptOutcome.LOST,
    }
    lost = _leaves_cost_unknown(attempt, result)
    return {
        "reserved": 0,
        "charged": result.charged if result.money is MoneyStatus.SPENT else attempt.charged,
        "unknown": (attempt.reserved or attempt.unknown) if lost else 0,
        "outcome": AttemptOutcome.LOST if lost else outcomes[result.retry_class],
        "basis": result.basis,
    }


def _leaves_cost_unknown(attempt: Attempt, result: ProviderResult) -> bool:
    """Whether an answer leaves open what a call cost; that it was refused when it went out again does, too."""
    is_denied_resend = (
        result.retry_class is RetryClass.PERM and attempt.send_count > 1 and not result.charged and not result.is_final
    )
    return result.retry_class is RetryClass.AMBIG or is_denied_resend


def _build_job_changes(job: Job, n: int, result: ProviderResult, now: datetime) -> dict[str, Any]:
    """Where an answer moves its job; nowhere when the job has gone on without it."""
    if result.is_usable:
        if job.status in LATE_RESULT_STATUSES or (
            job.status is JobStatus.PAID
            and has_recognized_picture(result.links)
            and not has_recognized_picture(job.links)
        ):
            return {**_build_paid_fields(result, now), "paid_attempt_no": n}
        return {}
    if n != job.attempt_no or job.status not in (JobStatus.SUBMITTING, JobStatus.UNKNOWN):
        return {}
    if result.retry_class is RetryClass.AMBIG and not result.is_final:
        return {"status": JobStatus.UNKNOWN, "problem": _build_problem(job, result, now), "has_report": True}
    code = result.code or Code.UNSAFE_RESULT
    return build_end_fields(JobStatus(ERROR_CATALOG[code].disposition), _build_problem(job, result, now), now)


def _build_paid_fields(result: ProviderResult, now: datetime) -> dict[str, Any]:
    return {
        "status": JobStatus.PAID,
        "links": result.links,
        "paid_at": now,
        "last_sent_at": now,
        "problem": None,
        "ended_at": None,
        "announced": False,
        "processing_until": None,
        "crash_count": 0,
    }


def _build_problem(job: Job, result: ProviderResult, now: datetime) -> Problem:
    error = BackdropError(result.code or Code.UNSAFE_RESULT, result.message)
    return Problem.from_error(error, now, result.money).with_history(job.problem)


def _release_reservation(job: Job, attempt: Attempt, result: ProviderResult, now: datetime) -> Transition:
    """submitting → accepted: the provider provably took nothing, so the reservation goes back."""
    if attempt.outcome not in (AttemptOutcome.IN_FLIGHT, AttemptOutcome.LOST):
        return Transition(job)
    if attempt.send_count > 1 and not result.is_final:
        return _keep_lost(job, attempt)
    attempts = _drop_old_releases(job.attempts, attempt.n)
    if result.retry_class is not RetryClass.QUOTA:
        settled = {"reserved": 0, "unknown": 0, "outcome": AttemptOutcome.NOT_TAKEN, "suspicion": result.suspicion}
        attempts = (*attempts, replace(attempt, **settled))
    changes: dict[str, Any] = {"attempts": attempts}
    if result.is_final and attempt.charge_no == job.charge_no:
        changes["charge_no"] = job.charge_no + 1
    if job.status in (JobStatus.SUBMITTING, JobStatus.UNKNOWN) and job.attempt_no == attempt.n:
        changes |= _build_released_fields(replace(job, **changes), now)
    budget_change = BudgetChange(
        attempt.budget_day, attempt.provider, reserved=-attempt.reserved, unknown=-attempt.unknown
    )
    return Transition(_sync_problem_money(replace(job, **changes)), budget_change)


def _keep_lost(job: Job, attempt: Attempt) -> Transition:
    """That a call was not taken when it went out again says nothing of the first time."""
    budget_change = BudgetChange(
        attempt.budget_day, attempt.provider, reserved=-attempt.reserved, unknown=attempt.reserved
    )
    unknown = attempt.unknown + attempt.reserved
    job = replace_attempt(job, replace(attempt, outcome=AttemptOutcome.LOST, reserved=0, unknown=unknown))
    is_current = job.status is JobStatus.SUBMITTING and job.attempt_no == attempt.n
    return Transition(_sync_problem_money(replace(job, status=JobStatus.UNKNOWN) if is_current else job), budget_change)


def _build_released_fields(job: Job, now: datetime) -> Mapping[str, Any]:
    """Where a job goes whose call was not taken: an earlier answer that is lost still is, else it begins anew."""
    if job.lost_call_count:
        return {"status": JobStatus.UNKNOWN}
    if job.end_after_call:
        return {"status": job.end_after_call, "problem": None, "ended_at": now}
    return {"status": JobStatus.ACCEPTED} | ({"problem": None} if job.status is JobStatus.UNKNOWN else {})


def _drop_old_releases(attempts: Iterable[Attempt], n: int) -> tuple[Attempt, ...]:
    """All but attempt `n` and the oldest of the many that took nothing: a storm must not fill the item.

    Failures that count toward the job's tries stay; there are few of them.
    """
    others = [attempt for attempt in attempts if attempt.n != n]
    droppable = (attempt for attempt in others if attempt.suspicion is not Suspicion.FAILURE)
    released = [attempt.n for attempt in droppable if attempt.outcome is AttemptOutcome.NOT_TAKEN]
    dropped = set(released[: -(MAX_NOT_TAKEN_ATTEMPTS - 1)])
    return tuple(attempt for attempt in others if attempt.n not in dropped)


def expire_lease(job: Job, now: datetime) -> Transition:
    """submitting → unknown: the worker died and its lease is over, so the answer is lost."""
    require_status(job, JobStatus.SUBMITTING)
    attempt = job.find_attempt(job.attempt_no)
    if attempt is None or now < attempt.lease_until:
        raise ConflictError
    lost = ProviderResult.lost("The worker died between the call and the record of its answer.")
    return record_result(_count_crash(job), job.attempt_no, lost, now)


def _count_crash(job: Job) -> Job:
    """Counts the crash once: without its mark, the next delivery does not count it again."""
    return replace(job, processing_until=None, crash_count=job.crash_count + 1)


def hold(job: Job, now: datetime) -> Transition:
    """unknown → held: nobody can be asked, a person must decide about money."""
    require_status(job, JobStatus.UNKNOWN)
    message = job.problem.message if job.problem else "The answer was lost."
    error = BackdropError(Code.CHARGE_UNKNOWN, message)
    return Transition(
        replace(job, **build_end_fields(JobStatus.HELD, Problem.from_error(error, now, MoneyStatus.UNKNOWN), now))
    )
