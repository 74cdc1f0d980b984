"""How far a photo is on its way, in the words that screens show."""

from collections.abc import Sequence
from enum import StrEnum

from backdrop.model.job import Job, Origin, Problem, Source, Status


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
    """How far a photo is: as far as the slowest of its current jobs, and what holds it up.

    It is delivered where all that is wanted of it is stored, not while it waits for its word or something is refused.
    """
    current = [job for job in jobs if job.job_id in source.jobs.values()]
    problems = [*source.problems, *(job.problem for job in current if job.problem)]
    note = str(problems[0].message) if problems else ""
    if source.waiting_since:
        return Stage.DROPPED, note
    if source.held_by and not current:
        return Stage.REFUSED, f"{source.held_by} has mistakes; mend it, and the photo runs by itself"
    own = [one for one in source.problems if not (current and one.origin is Origin.REQUEST)]
    stages = sorted([*map(_of_job, current), *map(_of_problem, own)], key=list(Stage).index)
    if not stages:
        return Stage.DROPPED, note
    return (stages[-1] if stages[0] in ENDED else stages[0]), note


def _of_job(job: Job) -> Stage:
    if job.status is Status.ACCEPTED and job.problem:
        return Stage.WAITING
    return _STAGES.get(job.status, Stage.FAILED)


def _of_problem(problem: Problem) -> Stage:
    return Stage.WAITING if problem.retryable else Stage.REFUSED
