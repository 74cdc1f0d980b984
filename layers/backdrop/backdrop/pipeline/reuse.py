"""Reuse: of the jobs that ask the same of the same bytes, one pays. The others get its file, or buy if it fails."""

from datetime import datetime

from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ContentOwnedError, RetryLaterError
from backdrop.model.job import Job

MIN_DELAY_SECONDS = 10.0
MAX_DELAY_SECONDS = 900.0


def reuse_or_wait(ledger: Ledger, job: Job, now: datetime) -> Job:
    """A job that follows another: paid without a charge if that one is stored, free to buy if it ended without a file.

    Raises RetryLaterError while the other is at work. The end of the other wakes the job (deliver/content_waiters.py);
    the delay covers a wake-up that was lost.
    """
    while job.waits_for:
        owner = job.waits_for
        owner_job = ledger.find_job(owner.source_id, owner.job_id)
        transition = transitions.join_existing(job, owner, owner_job, now)
        if transition.job.waits_for:
            delay_seconds = min(max((now - job.queued_at).total_seconds(), MIN_DELAY_SECONDS), MAX_DELAY_SECONDS)
            message = (
                f"the same photo with the same wish is being bought as {owner_job.key if owner_job else owner.job_id}"
            )
            raise RetryLaterError(Code.OWNER_AT_WORK, message, delay_seconds)
        try:
            return ledger.write_transition(transition)
        except ContentOwnedError as error:
            # Another follower was faster: wait for that one instead.
            job = ledger.write_transition(transitions.wait_for_owner(job, error.owner))
    return job
