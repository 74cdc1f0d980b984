"""Whether a job itself is the reason why its calls are refused or fail, while its provider serves other jobs.

The job's attempts remember each unpaid answer that may be due to it; its provider's lane remembers when another job got
its picture. Both are in the ledger, so that it does not matter which worker gets which answer.
"""

from dataclasses import replace

from backdrop.core.answer import Answer, Class
from backdrop.core.codes import Code
from backdrop.core.job import Attempt, Job, Suspicion
from backdrop.core.lane import Lane

MAX_FAILURES = 3


def is_suspect(job: Job) -> bool:
    """Whether a call of the job was refused without an explanation, so that others are the lane's probe before it."""
    return bool(_attempts(job, Suspicion.REFUSAL))


def judge(answer: Answer, job: Job, lane: Lane | None) -> Answer:
    """The answer, or PERM where the ledger shows that the job itself is the reason for it.

    A refusal: another job got its picture after this one was refused before. A failure: it is the third.
    """
    if answer.suspicion is Suspicion.REFUSAL and _others_are_served(job, lane):
        return _rejected(answer, "Other photos are not refused, so this one is the reason.")
    if answer.suspicion is Suspicion.FAILURE and len(_attempts(job, Suspicion.FAILURE)) + 1 >= MAX_FAILURES:
        return _rejected(answer, f"It failed {MAX_FAILURES} times for this photo and was not billed.")
    return answer


def _others_are_served(job: Job, lane: Lane | None) -> bool:
    refused = _attempts(job, Suspicion.REFUSAL)
    return bool(refused and lane and lane.proved_at and refused[0].submitted_at < lane.proved_at)


def _attempts(job: Job, suspicion: Suspicion) -> list[Attempt]:
    """The attempts of the charge that is meant, at the provider to which the job goes now."""
    ours = (one for one in job.attempts if one.provider == job.provider and one.generation == job.generation)
    return [one for one in ours if one.suspicion is suspicion]


def _rejected(answer: Answer, why: str) -> Answer:
    message = f"{answer.message.rstrip('.')}. {why}"
    rejected = replace(answer, kind=Class.PERM, code=Code.REQUEST_REJECTED, message=message)
    return replace(rejected, retry_after=None, suspicion=None)
