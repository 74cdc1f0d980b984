"""A photo's progress as people see it."""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum

from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.job import Job, JobStatus, Origin, Problem, Source


class DisplayStatus(StrEnum):
    """A photo's progress, in the order of the pipeline. People read the value, and `--json` has the name.

    `REPLACED`: only an upload ends so, because the photo itself goes on with the later upload's instructions.
    """

    DROPPED = "uploaded"
    QUEUED = "in the queue"
    WAITING = "waiting"
    RENDERING = "at the provider"
    DELIVERING = "being delivered"
    IN_REVIEW = "awaiting approval"
    STORED = "delivered"
    PARTLY = "delivered in part"
    REJECTED = "rejected"
    REPLACED = "replaced by a later upload"
    REFUSED = "refused"
    FAILED = "failed"


# Nothing more happens without a person.
FINAL_STATUSES = frozenset(
    {
        DisplayStatus.IN_REVIEW,
        DisplayStatus.STORED,
        DisplayStatus.PARTLY,
        DisplayStatus.REJECTED,
        DisplayStatus.REPLACED,
        DisplayStatus.REFUSED,
        DisplayStatus.FAILED,
    }
)
_JOB_DISPLAY_STATUS = {
    JobStatus.ACCEPTED: DisplayStatus.QUEUED,
    JobStatus.SUBMITTING: DisplayStatus.RENDERING,
    JobStatus.UNKNOWN: DisplayStatus.RENDERING,
    JobStatus.PAID: DisplayStatus.DELIVERING,
    JobStatus.REVIEW: DisplayStatus.IN_REVIEW,
    JobStatus.STORED: DisplayStatus.STORED,
    JobStatus.REJECTED: DisplayStatus.REJECTED,
    JobStatus.REFUSED: DisplayStatus.REFUSED,
}


def summarize_photo_status(source: Source, jobs: Sequence[Job]) -> tuple[DisplayStatus, str]:
    """Returns the progress of a photo, which is that of its slowest current picture, and what holds it up.

    A photo is delivered when all its current jobs are stored, and neither it nor a job waits or is refused. It is
    delivered in part when that is true of some of its variants, and the others have ended. It waits for approval when
    that is all that its open jobs wait for.
    """
    current_jobs = [job for job in list_current_jobs(source, jobs) if not job.is_mask]
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
    if statuses[0] not in FINAL_STATUSES or statuses[0] is DisplayStatus.IN_REVIEW:
        return statuses[0], note
    concerns_all_variants = any(not one.variant for one in photo_problems)
    is_partly = statuses[0] is DisplayStatus.STORED is not statuses[-1] and not concerns_all_variants
    return (DisplayStatus.PARTLY if is_partly else statuses[-1]), note


def list_variant_statuses(source: Source, current_jobs: Sequence[Job]) -> dict[str, DisplayStatus]:
    """Returns the progress of each variant: that of its job; without one, that of its problem."""
    return {
        **{one.variant: _problem_display_status(one) for one in _list_photo_problems(source, current_jobs)},
        **{job.variant: _job_display_status(job) for job in current_jobs if not job.is_mask},
    }


def describe_undelivered_variants(source: Source, jobs: Sequence[Job]) -> str:
    """Returns which variants a photo lacks that is delivered in part: `variant beach refused`."""
    names_by_status: defaultdict[DisplayStatus, list[str]] = defaultdict(list)
    for variant, status in list_variant_statuses(source, list_current_jobs(source, jobs)).items():
        if status is not DisplayStatus.STORED:
            names_by_status[status].append(variant)
    return "; ".join(
        f"variant{'s' if names[1:] else ''} {', '.join(names)} {status}" for status, names in names_by_status.items()
    )


def _list_photo_problems(source: Source, current_jobs: Sequence[Job]) -> list[Problem]:
    """Returns the problems of the photo itself. Those of a request do not matter to a photo that has jobs."""
    return [one for one in source.problems if not (current_jobs and one.origin is Origin.REQUEST)]


def _job_display_status(job: Job) -> DisplayStatus:
    if job.status is JobStatus.ACCEPTED and job.problem:
        return DisplayStatus.WAITING
    return _JOB_DISPLAY_STATUS.get(job.status, DisplayStatus.FAILED)


def _problem_display_status(problem: Problem) -> DisplayStatus:
    return DisplayStatus.WAITING if problem.retryable else DisplayStatus.REFUSED
