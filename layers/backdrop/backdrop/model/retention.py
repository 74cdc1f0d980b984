"""Which items the ledger deletes, and when: those that have ended and need no decision or repair.

Source items stay: they record that the photo was processed, so deletion alone buys nothing. Requesting a deleted job
again buys it again.
"""

from datetime import datetime, timedelta

from backdrop.model.image_request import ImageRequest
from backdrop.model.job import FAILED_STATUSES, Job, JobStatus, LedgerItem

# A file that a deleted job bought is older than any call of the current job with the same ID.
MAX_CLOCK_SKEW = timedelta(days=1)


def calculate_expiry(item: LedgerItem, retention_days: int) -> datetime | None:
    """Returns when the ledger deletes an item: `retention_days` (0: never) after its end; None if still needed."""
    ended_at = _find_end(item) if retention_days else None
    return ended_at + timedelta(days=retention_days) if ended_at else None


def _find_end(item: LedgerItem) -> datetime | None:
    match item:
        case Job() if item.has_ended and not _needs_operator(item):
            return item.ended_at
        case ImageRequest() if item.outcome:
            return item.answered_at
        case _:
            return None


def _needs_operator(job: Job) -> bool:
    """An unknown charge, or a charge without a picture, stays until an operator has decided."""
    return bool(job.status is JobStatus.HELD or job.unknown or (job.status in FAILED_STATUSES and job.charged))


def find_earliest_purchase(job: Job) -> datetime | None:
    """Returns the earliest time of a file that the job paid for; an older file was bought by a deleted job."""
    attempt = job.find_attempt(job.paid_attempt_no)
    return attempt.submitted_at - MAX_CLOCK_SKEW if attempt and not job.reused_from else None
