"""The difference between a photo's actual and desired jobs, as transitions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.job import ContentOwner, Job, JobStatus, Source
from backdrop.model.transitions import Transition


def plan_transitions(
    ledger: Ledger,
    source: Source,
    jobs: Sequence[Job],
    desired_jobs: Sequence[Job],
    owners: Mapping[str, ContentOwner],
    now: datetime,
) -> list[Transition]:
    """Returns the transitions that make `desired_jobs` the photo's current jobs.

    `owners` have bought some of the content, or are buying it. Of several variants with the same content, only one buys
    it. A mask that ended unpaid is bought only if a picture is compared with it.
    """
    jobs_by_id = {job.job_id: job for job in jobs}
    needs_mask = any(predict_job(source, jobs, job, now).needs_mask for job in desired_jobs)
    new_owners: dict[str, ContentOwner] = {}
    job_transitions: list[Transition] = []
    for job in desired_jobs:
        known_job = jobs_by_id.get(job.job_id)
        transition = _plan_transition(source, known_job, job, now)
        if transition and transition.content_owner and known_job and job.is_mask and not needs_mask:
            transition = transitions.update_instructions(known_job, job)
        if transition and transition.content_owner and job.content_id in new_owners:
            transition = transitions.wait_for_owner(transition.job, new_owners[job.content_id])
        elif transition and transition.content_owner and job.content_id in owners:
            owner = owners[job.content_id]
            owner_job = ledger.find_job(owner.source_id, owner.job_id)
            transition = transitions.join_existing(transition.job, owner, owner_job, now)
        if transition and transition.content_owner:
            new_owners[job.content_id] = transition.content_owner
        job_transitions += [transition] if transition else []
    return job_transitions + _supersede_others(jobs, desired_jobs, now)


def predict_job(source: Source, jobs: Sequence[Job], desired_job: Job, now: datetime) -> Job:
    """Returns a desired job as it will be. `jobs` are those that the ledger has of the photo."""
    known_job = next((job for job in jobs if job.job_id == desired_job.job_id), None)
    transition = _plan_transition(source, known_job, desired_job, now)
    return transition.job if transition else known_job or desired_job


def apply_transitions(job_transitions: Sequence[Transition], jobs: Sequence[Job]) -> Sequence[Job]:
    """Returns all jobs of a photo as they will be after the transitions."""
    changed_jobs = {transition.job.job_id: transition.job for transition in job_transitions}
    return list(({job.job_id: job for job in jobs} | changed_jobs).values())


def find_newly_accepted(job_transitions: Sequence[Transition], jobs: Sequence[Job]) -> tuple[Job, ...]:
    """Returns the jobs that these transitions add to a lane, excluding jobs that already wait there."""
    waiting_ids = {job.job_id for job in jobs if job.status is JobStatus.ACCEPTED}
    return tuple(
        transition.job
        for transition in job_transitions
        if transition.job.status is JobStatus.ACCEPTED and transition.job.job_id not in waiting_ids
    )


def _plan_transition(source: Source, known_job: Job | None, desired_job: Job, now: datetime) -> Transition | None:
    """Returns the transition that accepts, reopens, reinstates, or updates the job; None if it stays unchanged."""
    if known_job is None:
        return transitions.accept(desired_job)
    transition = transitions.reopen(known_job, desired_job, now)
    if known_job.job_id not in source.jobs.values():
        transition = transitions.reinstate(known_job) or transition
    update = transitions.update_instructions(transition.job if transition else known_job, desired_job)
    return replace(transition, job=update.job) if transition and update else update or transition


def _supersede_others(jobs: Sequence[Job], desired_jobs: Sequence[Job], now: datetime) -> list[Transition]:
    """Returns the transitions that end jobs that are no longer current, if they are unpaid or in review."""
    desired_ids = {job.job_id for job in desired_jobs}
    superseded = [transitions.supersede(job, now) for job in jobs if job.job_id not in desired_ids]
    return [transition for transition in superseded if transition]


def plan_variant_removals(source: Source, jobs: Sequence[Job]) -> list[Transition]:
    """Marks the jobs of removed variants as not current, if their pictures are still in the output bucket."""
    current_variants = {*source.jobs, *(problem.variant for problem in source.problems)}
    removed_jobs = [
        job for job in _find_jobs_with_pictures(jobs) if source.jobs and job.variant not in current_variants
    ]
    job_transitions = [transitions.mark_not_current(job) for job in removed_jobs]
    return [transition for transition in job_transitions if transition]


def plan_review_ends(source: Source, jobs: Sequence[Job], now: datetime) -> list[Transition]:
    """Ends the reviews of jobs that the photo no longer names."""
    in_review = [job for job in jobs if job.status is JobStatus.REVIEW and job.job_id not in source.jobs.values()]
    ended = [transitions.supersede(job, now) for job in in_review]
    return [transition for transition in ended if transition]


def _find_jobs_with_pictures(jobs: Sequence[Job]) -> Collection[Job]:
    """Returns the job that last wrote each picture key. Such a job need not be current."""
    stored_jobs = [job for job in jobs if job.status is JobStatus.STORED]
    stored_jobs.sort(key=lambda job: job.ended_at or job.queued_at)
    jobs_by_picture = {result.key: job for job in stored_jobs for result in job.results}
    return {job.job_id: job for job in jobs_by_picture.values()}.values()
