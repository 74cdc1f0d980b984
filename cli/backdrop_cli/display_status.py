"""A photo's progress as people see it."""

from collections.abc import Sequence
from enum import StrEnum

from backdrop.model.job import Job, JobStatus, Origin, Problem, Source


class DisplayStatus(StrEnum):
    """A photo's progress, in the order of the pipeline. People read the value, and `--json` has the name."""

    DROPPED = "uploaded"
    QUEUED = "in the queue"
    WAITING = "waits"
    RENDERING = "at the provider"
    DELIVERING = "being delivered"
    STORED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"


FINAL_STATUSES = frozenset({DisplayStatus.STORED, DisplayStatus.REFUSED, DisplayStatus.FAILED})
_JOB_DISPLAY_STATUS = {
    JobStatus.ACCEPTED: DisplayStatus.QUEUED,
    JobStatus.SUBMITTING: DisplayStatus.RENDERING,
    JobStatus.UNKNOWN: DisplayStatus.RENDERING,
    JobStatus.PAID: DisplayStatus.DELIVERING,
    JobStatus.STORED: DisplayStatus.STORED,
    JobStatus.REFUSED: DisplayStatus.REFUSED,
}


def summarize_photo_status(source: Source, jobs: Sequence[Job]) -> tuple[DisplayStatus, str]:
    """Returns the progress of a photo, which is that of its slowest current job, and what holds it up.

    A photo is delivered when all its current jobs are stored, and neither it nor a job waits or is refused.
    """
    current_jobs = [job for job in jobs if job.job_id in source.jobs.values()]
    problems = [*source.problems, *(job.problem for job in current_jobs if job.problem)]
    note = str(problems[0].message) if problems else ""
    if source.settling_since:
        return DisplayStatus.DROPPED, note
    if source.blocked_by_defaults and not current_jobs:
        return (
            DisplayStatus.REFUSED,
            f"{source.blocked_by_defaults} has errors; correct it, and the photo is processed",
        )
    photo_problems = _list_photo_problems(source, current_jobs)
    statuses = sorted(
        [*map(_job_display_status, current_jobs), *map(_problem_display_status, photo_problems)],
        key=list(DisplayStatus).index,
    )
    if not statuses:
        return DisplayStatus.DROPPED, note
    return (statuses[-1] if statuses[0] in FINAL_STATUSES else statuses[0]), note


def list_variant_statuses(source: Source, current_jobs: Sequence[Job]) -> dict[str, DisplayStatus]:
    """Returns the progress of each variant: that of its job; without one, that of its problem."""
    return {
        **{one.variant: _problem_display_status(one) for one in _list_photo_problems(source, current_jobs)},
        **{job.variant: _job_display_status(job) for job in current_jobs},
    }


def _list_photo_problems(source: Source, current_jobs: Sequence[Job]) -> list[Problem]:
    """Returns the problems of the photo itself. Those of a request do not matter to a photo that has jobs."""
    return [one for one in source.problems if not (current_jobs and one.origin is Origin.REQUEST)]


def _job_display_status(job: Job) -> DisplayStatus:
    if job.status is JobStatus.ACCEPTED and job.problem:
        return DisplayStatus.WAITING
    return _JOB_DISPLAY_STATUS.get(job.status, DisplayStatus.FAILED)


def _problem_display_status(problem: Problem) -> DisplayStatus:
    return DisplayStatus.WAITING if problem.retryable else DisplayStatus.REFUSED
