"""Reuse: of all jobs with the same content, one buys the picture. The others get its file, or buy if it fails."""

from datetime import datetime

from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ContentOwnedError, RetryLaterError
from backdrop.model.job import Job

MIN_DELAY_SECONDS = 10.0
MAX_DELAY_SECONDS = 900.0


def set_mandate(ledger: Ledger, job: Job, mandate: str) -> Job:
    """Assigns an accepted job without a mandate to the one that owns its photo's folder now.

    The job then waits if another job of that mandate buys the same content.
    """
    transition = transitions.set_mandate(job, mandate)
    try:
        return ledger.write_transition(transition)
    except ContentOwnedError as error:
        return ledger.write_transition(transitions.wait_for_owner(transition.job, error.owner))


def reuse_or_wait(ledger: Ledger, job: Job, now: datetime) -> Job:
    """Resolves a job that waits for the owner of its content.

    Returns it as paid (without a charge) if the owner has a file, or free to buy the content itself if the owner ended
    without a file.

    Raises RetryLaterError while the owner has not ended. Its end wakes the job (deliver/content_waiters.py); the delay
    covers a lost wake-up message.
    """
    while job.waits_for:
        owner = job.waits_for
        owner_job = ledger.find_job(owner.source_id, owner.job_id)
        transition = transitions.join_existing(job, owner, owner_job, now)
        if transition.job.waits_for:
            delay_seconds = min(max((now - job.queued_at).total_seconds(), MIN_DELAY_SECONDS), MAX_DELAY_SECONDS)
            owner_name = owner_job.key if owner_job else owner.job_id
            message = f"The same photo with the same instructions is being bought as {owner_name}."
            raise RetryLaterError(Code.OWNER_AT_WORK, message, delay_seconds)
        try:
            return ledger.write_transition(transition)
        except ContentOwnedError as error:
            # Another waiting job took over the content first: wait for that one instead.
            job = ledger.write_transition(transitions.wait_for_owner(job, error.owner))
    return job
