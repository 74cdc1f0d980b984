"""Whether a job itself is the reason why its calls are refused or fail, while its provider serves other jobs.

The job's attempts remember each unpaid answer that may be due to it; its provider's lane remembers when another job got
its picture. Both are in the ledger, so that it does not matter which worker gets which answer.
"""

from dataclasses import replace
from datetime import datetime

from backdrop.model.circuit import ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.job import Attempt, Job, Suspicion
from backdrop.model.provider_result import ProviderResult, RetryClass

MAX_FAILURES = 3


def is_suspect(job: Job) -> bool:
    """Whether a call of the job was refused without an explanation, so that others are the lane's probe before it."""
    return find_first_refusal_time(job) is not None


def judge_result(result: ProviderResult, job: Job, lane: ProviderHealth | None) -> ProviderResult:
    """The answer, or PERM where the ledger shows that the job itself is the reason for it.

    A refusal: another job got its picture after this one was refused before; each such proof rejects one job at most
    (see CircuitBreaker.take_proof). A failure: it is the third. A failure counts only where the bad answers in a row
    that the lane had before it are all the job's own, else it loses its suspicion. So an outage ends no photo, while a
    photo that fails alone, or among others that are served, is tried three times.
    """
    if result.suspicion is Suspicion.REFUSAL and _are_others_served(job, lane):
        return _reject(result, "Other photos are not refused, so this one is the reason.")
    if result.suspicion is Suspicion.FAILURE:
        failures = len(_list_suspicious_attempts(job, Suspicion.FAILURE))
        if lane and lane.failure_streak > failures:
            return replace(result, suspicion=None)
        if failures + 1 >= MAX_FAILURES:
            return _reject(result, f"It failed {MAX_FAILURES} times for this photo and was not billed.")
    return result


def find_first_refusal_time(job: Job) -> datetime | None:
    """When the first call of the job went out that was refused without an explanation."""
    refused = _list_suspicious_attempts(job, Suspicion.REFUSAL)
    return refused[0].submitted_at if refused else None


def _are_others_served(job: Job, lane: ProviderHealth | None) -> bool:
    refused_at = find_first_refusal_time(job)
    return bool(refused_at and lane and lane.served_despite_refusal_at and refused_at < lane.served_despite_refusal_at)


def _list_suspicious_attempts(job: Job, suspicion: Suspicion) -> list[Attempt]:
    """The attempts of the charge that is meant, at the provider to which the job goes now."""
    ours = (one for one in job.attempts if one.provider == job.provider and one.charge_no == job.charge_no)
    return [one for one in ours if one.suspicion is suspicion]


def _reject(result: ProviderResult, reason: str) -> ProviderResult:
    """PERM; its suspicion stays, since the lane does not count it as a good answer."""
    message = f"{result.message.rstrip('.')}. {reason}"
    return replace(
        result, retry_class=RetryClass.PERM, code=Code.REQUEST_REJECTED, message=message, retry_after_seconds=None
    )
