"""Which jobs a photo names, and what becomes of each: new, run again, delivered again, left, or taken away."""

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
    """The steps of all jobs of a photo that change when these are wanted; `owners` pay for some content already.

    Of variants that ask the same thing one buys.
    """
    jobs_by_id = {job.job_id: job for job in jobs}
    new_owners: dict[str, ContentOwner] = {}
    job_transitions: list[Transition] = []
    for job in desired_jobs:
        transition = _plan_transition(source, jobs_by_id.get(job.job_id), job, now)
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


def apply_transitions(job_transitions: Sequence[Transition], jobs: Sequence[Job]) -> Sequence[Job]:
    """All jobs of a photo as they stand when the steps are written."""
    changed_jobs = {transition.job.job_id: transition.job for transition in job_transitions}
    return list(({job.job_id: job for job in jobs} | changed_jobs).values())


def find_newly_accepted(job_transitions: Sequence[Transition], jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The jobs that these steps put into their lanes; one that waits there already is only told something new."""
    waiting_ids = {job.job_id for job in jobs if job.status is JobStatus.ACCEPTED}
    return tuple(
        transition.job
        for transition in job_transitions
        if transition.job.status is JobStatus.ACCEPTED and transition.job.job_id not in waiting_ids
    )


def _plan_transition(source: Source, known_job: Job | None, desired_job: Job, now: datetime) -> Transition | None:
    """A job that the photo names: new, run again, delivered again, told something new, or left as it is."""
    if known_job is None:
        return transitions.accept(desired_job)
    transition = transitions.reopen(known_job, desired_job, now)
    if known_job.job_id not in source.jobs.values():
        transition = transitions.reinstate(known_job) or transition
    update = transitions.update_instructions(transition.job if transition else known_job, desired_job)
    return replace(transition, job=update.job) if transition and update else update or transition


def _supersede_others(jobs: Sequence[Job], desired_jobs: Sequence[Job], now: datetime) -> list[Transition]:
    """The jobs that the photo names no more, and that nobody needs to buy."""
    desired_ids = {job.job_id for job in desired_jobs}
    superseded = [transitions.supersede(job, now) for job in jobs if job.job_id not in desired_ids]
    return [transition for transition in superseded if transition]


def plan_variant_removals(source: Source, jobs: Sequence[Job]) -> list[Transition]:
    """Of variants that the photo has no more, the jobs whose pictures stay there and that do not say so yet."""
    current_variants = {*source.jobs, *(problem.variant for problem in source.problems)}
    removed_jobs = [
        job for job in _find_jobs_with_pictures(jobs) if source.jobs and job.variant not in current_variants
    ]
    job_transitions = [transitions.mark_not_current(job) for job in removed_jobs]
    return [transition for transition in job_transitions if transition]


def _find_jobs_with_pictures(jobs: Sequence[Job]) -> Collection[Job]:
    """The jobs of which a picture lies there, under a name that none wrote since; the photo may name others by now."""
    stored_jobs = [job for job in jobs if job.status is JobStatus.STORED]
    stored_jobs.sort(key=lambda job: job.ended_at or job.queued_at)
    jobs_by_picture = {result.key: job for job in stored_jobs for result in job.results}
    return {job.job_id: job for job in jobs_by_picture.values()}.values()
