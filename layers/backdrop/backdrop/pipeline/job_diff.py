"""Which jobs a photo names, and what becomes of each: new, run again, delivered again, left, or taken away."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.job import Job, Owner, Source, Status
from backdrop.model.transitions import Step
from backdrop.pipeline.reuse import shared


def steps_of(
    ledger: Ledger,
    source: Source,
    jobs: Sequence[Job],
    wanted: Sequence[Job],
    owners: Mapping[str, Owner],
    now: datetime,
) -> list[Step]:
    """The steps of all jobs of a photo that change when these are wanted; `owners` pay for some content already.

    Of variants that ask the same thing one buys.
    """
    known = {job.job_id: job for job in jobs}
    buyers: dict[str, Owner] = {}
    steps: list[Step] = []
    for job in wanted:
        step = _named(source, known.get(job.job_id), job, now)
        if step and step.owner and job.content_key in buyers:
            step = transitions.follow(step.job, buyers[job.content_key])
        elif step and step.owner and job.content_key in owners:
            step = shared(ledger, step, owners[job.content_key], now)
        if step and step.owner:
            buyers[job.content_key] = step.owner
        steps += [step] if step else []
    return steps + _leaving(jobs, wanted, now)


def after(steps: Sequence[Step], jobs: Sequence[Job]) -> Sequence[Job]:
    """All jobs of a photo as they stand when the steps are written."""
    changed = {step.job.job_id: step.job for step in steps}
    return list(({job.job_id: job for job in jobs} | changed).values())


def accepted(steps: Sequence[Step], jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The jobs that these steps put into their lanes; one that waits there already is only told something new."""
    waiting = {job.job_id for job in jobs if job.status is Status.ACCEPTED}
    return tuple(step.job for step in steps if step.job.status is Status.ACCEPTED and step.job.job_id not in waiting)


def _named(source: Source, known: Job | None, wanted: Job, now: datetime) -> Step | None:
    """A job that the photo names: new, run again, delivered again, told something new, or left as it is."""
    if known is None:
        return transitions.accept(wanted)
    step = transitions.reopen(known, wanted, now)
    if known.job_id not in source.jobs.values():
        step = transitions.name_again(known) or step
    described = transitions.describe(step.job if step else known, wanted)
    return replace(step, job=described.job) if step and described else described or step


def _leaving(jobs: Sequence[Job], wanted: Sequence[Job], now: datetime) -> list[Step]:
    """The jobs that the photo names no more, and that nobody needs to buy."""
    named = {job.job_id for job in wanted}
    steps = [transitions.supersede(job, now) for job in jobs if job.job_id not in named]
    return [step for step in steps if step]


def taken_away(source: Source, jobs: Sequence[Job]) -> list[Step]:
    """Of variants that the photo has no more, the jobs whose pictures stay there and that do not say so yet."""
    variants = {*source.jobs, *(problem.variant for problem in source.problems)}
    left = [job for job in _last_delivered(jobs) if source.jobs and job.variant not in variants]
    steps = [transitions.set_aside(job) for job in left]
    return [step for step in steps if step]


def _last_delivered(jobs: Sequence[Job]) -> Collection[Job]:
    """The jobs of which a picture lies there, under a name that none wrote since; the photo may name others by now."""
    delivered = [job for job in jobs if job.status is Status.STORED]
    delivered.sort(key=lambda job: job.ended_at or job.queued_at)
    pictures = {result.key: job for job in delivered for result in job.results}
    return {job.job_id: job for job in pictures.values()}.values()
