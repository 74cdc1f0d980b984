"""How far a photo is on its way, in the words that screens show."""

from collections.abc import Sequence
from enum import StrEnum

from backdrop.core.job import Job, Source, Status


class Stage(StrEnum):
    """How far a file is, in the words shown on the screen."""

    DROPPED = "uploaded"
    QUEUED = "in the queue"
    WAITING = "waits"
    RENDERING = "at the provider"
    DELIVERING = "being delivered"
    STORED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"


ENDED = frozenset({Stage.STORED, Stage.REFUSED, Stage.FAILED})
_STAGES = {
    Status.ACCEPTED: Stage.QUEUED,
    Status.SUBMITTING: Stage.RENDERING,
    Status.UNKNOWN: Stage.RENDERING,
    Status.PAID: Stage.DELIVERING,
    Status.STORED: Stage.STORED,
    Status.REFUSED: Stage.REFUSED,
}


def stage_of(source: Source, jobs: Sequence[Job]) -> tuple[Stage, str]:
    """How far a photo is: as far as the slowest of its current jobs, and what holds it up."""
    current = [job for job in jobs if job.job_id in source.jobs.values()]
    problems = [*source.problems, *(job.problem for job in current if job.problem)]
    note = problems[0].message if problems else ""
    stages = sorted((_STAGES.get(job.status, Stage.FAILED) for job in current), key=list(Stage).index)
    if not stages:
        return _without_job(source), note
    if stages[0] is Stage.QUEUED and note:
        return Stage.WAITING, note
    return (stages[-1] if stages[0] in ENDED else stages[0]), note


def _without_job(source: Source) -> Stage:
    if not source.problems:
        return Stage.DROPPED
    return Stage.WAITING if any(problem.retryable for problem in source.problems) else Stage.REFUSED
