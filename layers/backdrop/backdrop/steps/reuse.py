"""Reuse: of those who ask the same of the same bytes one pays; the others get its file, and buy only if it fails."""

from datetime import datetime

from backdrop.core import transitions
from backdrop.core.codes import Code
from backdrop.core.errors import OwnedError, WaitError
from backdrop.core.job import Job, Owner, Status
from backdrop.ports import Ledger

FIRST_DELAY_SECONDS = 10.0
LONGEST_DELAY_SECONDS = 900.0


def serve(ledger: Ledger, job: Job, now: datetime) -> Job:
    """A job that follows another: paid for nothing where that one is stored, free to buy where it came to nothing.

    WaitError while the other is at work.
    """
    owner = job.follows
    if owner is None:
        return job
    owning = ledger.job(owner.source_id, owner.job_id)
    step = transitions.beside(job, owner, owning, now)
    if step.job.follows is None:
        return _written(ledger, job, step)
    waited = min(max((now - job.queued_at).total_seconds(), FIRST_DELAY_SECONDS), LONGEST_DELAY_SECONDS)
    words = f"the same photo with the same wish is being bought as {owning.key if owning else owner.job_id}"
    raise WaitError(Code.OWNER_AT_WORK, words, waited)


def _written(ledger: Ledger, job: Job, step: transitions.Step) -> Job:
    """One of those who wait buys; the others wait for it from then on."""
    try:
        return ledger.advance(step)
    except OwnedError as error:
        job = ledger.advance(transitions.follow(job, error.owner))
        if job.status is Status.ACCEPTED:
            raise WaitError(Code.OWNER_AT_WORK, "another job buys it", FIRST_DELAY_SECONDS) from error
        return job


def shared(ledger: Ledger, step: transitions.Step, owner: Owner, now: datetime) -> transitions.Step:
    """A job that is to be accepted while another owns its content."""
    return transitions.beside(step.job, owner, ledger.job(owner.source_id, owner.job_id), now)
