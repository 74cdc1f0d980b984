"""Reuse: of the jobs that ask the same of the same bytes, one pays. The others get its file, or buy if it fails."""

from datetime import datetime

from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import OwnedError, WaitError
from backdrop.model.job import Job, Owner

FIRST_DELAY_SECONDS = 10.0
LONGEST_DELAY_SECONDS = 900.0


def serve(ledger: Ledger, job: Job, now: datetime) -> Job:
    """A job that follows another: paid without a charge if that one is stored, free to buy if it ended without a file.

    Raises WaitError while the other is at work. The end of the other wakes the job (deliver/followers.py); the delay
    covers a wake-up that was lost.
    """
    while job.follows:
        owner = job.follows
        owning = ledger.job(owner.source_id, owner.job_id)
        step = transitions.beside(job, owner, owning, now)
        if step.job.follows:
            waited = min(max((now - job.queued_at).total_seconds(), FIRST_DELAY_SECONDS), LONGEST_DELAY_SECONDS)
            words = f"the same photo with the same wish is being bought as {owning.key if owning else owner.job_id}"
            raise WaitError(Code.OWNER_AT_WORK, words, waited)
        try:
            return ledger.advance(step)
        except OwnedError as error:
            # Another follower was faster: wait for that one instead.
            job = ledger.advance(transitions.follow(job, error.owner))
    return job


def shared(ledger: Ledger, step: transitions.Step, owner: Owner, now: datetime) -> transitions.Step:
    """A job that is to be accepted while another owns its content."""
    return transitions.beside(step.job, owner, ledger.job(owner.source_id, owner.job_id), now)
