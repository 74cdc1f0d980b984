"""Whether a job itself is the reason that its calls are refused or fail, while its provider serves other jobs.

The job's attempts record each unpaid result that may be due to the job; its provider's lane records when another job
got its picture. Both are in the ledger, so it does not matter which worker receives which result.
"""

from dataclasses import replace
from datetime import datetime

from backdrop.model.circuit import ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.job import Attempt, Job, Suspicion
from backdrop.model.provider_result import ProviderResult, RetryClass

MAX_FAILURES = 3


def is_suspect(job: Job) -> bool:
    """Whether a call of the job was refused without an explanation, so that other jobs probe the lane first."""
    return find_first_refusal_time(job) is not None


def judge_result(result: ProviderResult, job: Job, lane: ProviderHealth | None) -> ProviderResult:
    """Returns the result, as PERM if the ledger shows that the job itself is the reason for it.

    A refusal is the job's fault if another job got its picture after this one had been refused; each such proof rejects
    at most one job (see CircuitBreaker.consume_proof). The third failure is the job's fault. A failure counts only if
    all of the lane's preceding consecutive failures are the job's own; otherwise it loses its suspicion. So an outage
    does not end any photo, but a photo that fails alone, or while others are served, is tried three times.
    """
    if result.suspicion is Suspicion.REFUSAL and _are_others_served(job, lane):
        return _reject(result, "The provider serves other photos, so this photo is the reason.")
    if result.suspicion is Suspicion.FAILURE:
        failures = len(_list_suspicious_attempts(job, Suspicion.FAILURE))
        if lane and lane.failure_streak > failures:
            return replace(result, suspicion=None)
        if failures + 1 >= MAX_FAILURES:
            return _reject(result, f"The provider failed {MAX_FAILURES} times for this photo and did not charge.")
    return result


def find_first_refusal_time(job: Job) -> datetime | None:
    """Returns when the job's first call that was refused without an explanation was sent."""
    refused = _list_suspicious_attempts(job, Suspicion.REFUSAL)
    return refused[0].submitted_at if refused else None


def _are_others_served(job: Job, lane: ProviderHealth | None) -> bool:
    refused_at = find_first_refusal_time(job)
    return bool(refused_at and lane and lane.served_despite_refusal_at and refused_at < lane.served_despite_refusal_at)


def _list_suspicious_attempts(job: Job, suspicion: Suspicion) -> list[Attempt]:
    """Returns the attempts of the current charge at the job's current provider."""
    ours = (one for one in job.attempts if one.provider == job.provider and one.charge_no == job.charge_no)
    return [one for one in ours if one.suspicion is suspicion]


def _reject(result: ProviderResult, reason: str) -> ProviderResult:
    """Keeps the suspicion, so that the lane does not count the result as a success."""
    message = f"{result.message.rstrip('.')}. {reason}"
    return replace(
        result, retry_class=RetryClass.PERM, code=Code.REQUEST_REJECTED, message=message, retry_after_seconds=None
    )
