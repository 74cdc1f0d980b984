"""The transitions back into work: named again, redriven, bought once more by a person's word, served by another."""

from datetime import datetime

from backdrop.model.codes import Code
from backdrop.model.errors import StaleError
from backdrop.model.job import FAILED, Job, Outcome, Owner, Status
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.output_spec import outputs_of
from backdrop.model.sentence import Sentence
from backdrop.model.transitions.transition import Step, only

KEPT_MOVES = 5
# Ends at which the owner of some content has no file to share.
WITHOUT_A_FILE = FAILED | {Status.SUPERSEDED, Status.CANCELLED}


def accept(job: Job) -> Step:
    """A new job, which owns the content that it is to buy."""
    return Step(job, owner=owner_of(job))


def owner_of(job: Job) -> Owner:
    """The job, once it is written, as the one that pays for its content."""
    return Owner(content_key=job.content_key, source_id=job.source_id, job_id=job.job_id, rev=job.rev + 1)


def reopen(job: Job, wanted: Job, now: datetime) -> Step | None:
    """The photo names the job again: what ended unpaid runs again, as it is wanted now; None where nothing changes."""
    if step := run_again(job, wanted, now):
        return step
    return Step(job.but(unwanted=None, said_at=wanted.said_at)) if job.unwanted else None


def run_again(job: Job, wanted: Job, now: datetime) -> Step | None:
    """superseded, cancelled, or failed (not spent) → accepted; None for a job with a file, and for money at stake."""
    if job.status not in WITHOUT_A_FILE or job.at_stake:
        return None
    lane = {"provider": wanted.provider, "version_id": wanted.version_id, "warnings": wanted.warnings}
    whose = {"for_executions": wanted.for_executions, "generation": _generation(job), "said_at": wanted.said_at}
    return _from_the_beginning(job.but(**lane, **whose), now)


def pay_again(job: Job, now: datetime) -> Step:
    """held, dead, refused (spent, or in doubt) → accepted: a person says that it may be bought once more."""
    only(job, *FAILED)
    fresh = job.but(generation=job.generation + 1, links=(), answered=0, for_executions=False, said_at=now)
    return _from_the_beginning(fresh, now)


def _from_the_beginning(job: Job, now: datetime) -> Step:
    fresh = {"status": Status.ACCEPTED, "problem": None, "queued_at": now, "put_at": now, "ended_at": None}
    clean = {"told": False, "unwanted": None, "begun_until": None, "crashes": 0, "follows": None, "reused_from": None}
    return accept(job.but(**fresh, **clean))


def _generation(job: Job) -> int:
    """A call that the provider itself gave up was charged or not for good: the next one is another charge."""
    last = job.attempt_of(job.attempt)
    return job.generation + 1 if last and last.outcome is Outcome.REJECTED else job.generation


def deliver_again(job: Job, now: datetime) -> Step:
    """dead (spent) → paid: what was bought is handed over after all, for nothing."""
    only(job, Status.DEAD)
    if not any(link.usable for link in job.links):
        raise StaleError
    fresh = {"status": Status.PAID, "problem": None, "ended_at": None, "told": False, "put_at": now, "crashes": 0}
    return Step(job.but(**fresh))


def name_again(job: Job) -> Step | None:
    """stored → paid: others' pictures may lie where this one's were; paid: who delivers it looks anew. Else None."""
    if job.status not in (Status.PAID, Status.STORED):
        return None
    told = tuple(one for one in job.warnings if one.code is not WarningCode.NOT_CURRENT)
    return Step(job.but(status=Status.PAID, results=(), warnings=told, ended_at=None))


def move(job: Job, provider: str, price: int, why: str, put_at: datetime) -> Step:
    """accepted: another provider of the job's list is to do it, since nothing was paid and nothing is in doubt.

    `put_at`: when the message that carries it counts as sent.
    """
    only(job, Status.ACCEPTED)
    if job.at_stake or provider == job.provider:
        raise StaleError
    told = JobWarning(code=WarningCode.MOVED, text=Sentence(f"moved from {job.provider} to {provider}: {why}"))
    moves = [one for one in job.warnings if one.code is WarningCode.MOVED and one != told]
    others = [one for one in job.warnings if one.code is not WarningCode.MOVED]
    fresh = {"problem": None, "put_at": put_at, "begun_until": None, "crashes": 0}
    warnings = (*others, *moves[-(KEPT_MOVES - 1) :], told)
    return Step(job.but(provider=provider, quoted=price, warnings=warnings, **fresh))


def describe(job: Job, wanted: Job) -> Step | None:
    """What is said of a job beside what is bought (metadata, a price limit, origins, who wants it); None where known.

    stored → paid where it wants other outputs of it, and so for one that is dead since none could be made: they are
    made from the paid file, for nothing.
    """
    theirs = job.for_executions and (wanted.for_executions or job.ended)
    said = {"instructions": wanted.instructions, "provenance": wanted.provenance}
    described = job.but(**said, for_executions=theirs, said_at=_said_at(job, wanted))
    others = outputs_of(job.instructions) != outputs_of(wanted.instructions)
    if others and job.status is Status.STORED:
        return Step(described.but(status=Status.PAID, ended_at=None))
    if others and job.status is Status.DEAD and job.problem and job.problem.code is Code.OUTPUT_NOT_MADE:
        return deliver_again(described, wanted.queued_at)
    return Step(described) if described != job else None


def _said_at(job: Job, wanted: Job) -> datetime | None:
    """Word that comes again keeps a job from being called off; of one that costs nothing more it changes nothing."""
    times = [one for one in (job.said_at, wanted.said_at) if one]
    return job.said_at if job.costs_nothing_more or not times else max(times)


def follow(job: Job, owner: Owner) -> Step:
    """accepted: another job pays for the same bytes asked the same thing, and this one waits for its file."""
    only(job, Status.ACCEPTED)
    return Step(job.but(follows=owner), waits_for=owner)


def take_over(job: Job, owner: Owner) -> Step:
    """accepted: what the job that was to pay came to serves nobody, so this one buys."""
    only(job, Status.ACCEPTED)
    return Step(job.but(follows=None), owner=owner_of(job), instead_of=owner)


def beside(job: Job, owner: Owner, owning: Job | None, now: datetime) -> Step:
    """accepted, where another job (`owning`; None: gone) was to pay: wait for it, get its file, or buy in its place."""
    if owning is None or owning.status in WITHOUT_A_FILE:
        return take_over(job, owner)
    if owning.status is Status.STORED:
        return reuse(job, owning, now)
    return follow(job, owner)


def reuse(job: Job, owner: Job, now: datetime) -> Step:
    """accepted → paid, for nothing: the file that another job bought serves this one too."""
    only(job, Status.ACCEPTED)
    if owner.status is not Status.STORED:
        raise StaleError
    served = {"reused_from": owner.reused_from or owner.job_id, "answered": owner.answered, "links": owner.links}
    fresh = {
        "status": Status.PAID,
        "paid_at": now,
        "put_at": now,
        "problem": None,
        "follows": None,
        "begun_until": None,
    }
    return Step(job.but(**served, **fresh))
