"""Whether a job itself is the reason why its calls are refused or fail, while its provider serves other jobs.

The job's attempts remember each unpaid answer that may be due to it; its provider's lane remembers when another job got
its picture. Both are in the ledger, so that it does not matter which worker gets which answer.
"""

from dataclasses import replace
from datetime import datetime

from backdrop.model.circuit import Lane
from backdrop.model.codes import Code
from backdrop.model.job import Attempt, Job, Suspicion
from backdrop.model.provider_result import Answer, Class

MAX_FAILURES = 3


def is_suspect(job: Job) -> bool:
    """Whether a call of the job was refused without an explanation, so that others are the lane's probe before it."""
    return first_refusal(job) is not None


def judge(answer: Answer, job: Job, lane: Lane | None) -> Answer:
    """The answer, or PERM where the ledger shows that the job itself is the reason for it.

    A refusal: another job got its picture after this one was refused before; each such proof rejects one job at most
    (see LaneKeeper.take_proof). A failure: it is the third. A failure counts only where the bad answers in a row that
    the lane had before it are all the job's own, else it loses its suspicion. So an outage ends no photo, while a photo
    that fails alone, or among others that are served, is tried three times.
    """
    if answer.suspicion is Suspicion.REFUSAL and _others_are_served(job, lane):
        return _rejected(answer, "Other photos are not refused, so this one is the reason.")
    if answer.suspicion is Suspicion.FAILURE:
        failures = len(_attempts(job, Suspicion.FAILURE))
        if lane and lane.streak > failures:
            return replace(answer, suspicion=None)
        if failures + 1 >= MAX_FAILURES:
            return _rejected(answer, f"It failed {MAX_FAILURES} times for this photo and was not billed.")
    return answer


def first_refusal(job: Job) -> datetime | None:
    """When the first call of the job went out that was refused without an explanation."""
    refused = _attempts(job, Suspicion.REFUSAL)
    return refused[0].submitted_at if refused else None


def _others_are_served(job: Job, lane: Lane | None) -> bool:
    refused_at = first_refusal(job)
    return bool(refused_at and lane and lane.proved_at and refused_at < lane.proved_at)


def _attempts(job: Job, suspicion: Suspicion) -> list[Attempt]:
    """The attempts of the charge that is meant, at the provider to which the job goes now."""
    ours = (one for one in job.attempts if one.provider == job.provider and one.generation == job.generation)
    return [one for one in ours if one.suspicion is suspicion]


def _rejected(answer: Answer, why: str) -> Answer:
    """PERM; its suspicion stays, since the lane does not count it as a good answer."""
    message = f"{answer.message.rstrip('.')}. {why}"
    return replace(answer, kind=Class.PERM, code=Code.REQUEST_REJECTED, message=message, retry_after=None)
