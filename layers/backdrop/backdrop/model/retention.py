"""What the ledger may forget, and when: what has ended and leaves nobody anything to decide or to mend.

A photo's place stays: it says that the photo was done, so that forgetting alone buys nothing. Who asks for a forgotten
job again buys it anew.
"""

from datetime import datetime, timedelta

from backdrop.model.image_request import ImageRequest
from backdrop.model.job import FAILED_STATUSES, Job, JobStatus, LedgerItem

# A file that was bought before its job was forgotten is older than any call of the job that bears its name now.
MAX_CLOCK_SKEW = timedelta(days=1)


def calculate_expiry(item: LedgerItem, retention_days: int) -> datetime | None:
    """When the ledger forgets an item, so many days after its end (0: never); None where it is needed still."""
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
    """Money that nobody is sure of, or for which there is no picture, is for a person, however long that takes."""
    return bool(job.status is JobStatus.HELD or job.unknown or (job.status in FAILED_STATUSES and job.charged))


def find_earliest_purchase(job: Job) -> datetime | None:
    """The file that a job paid for itself cannot be older; one that is was bought by a job that was forgotten."""
    attempt = job.find_attempt(job.paid_attempt_no)
    return attempt.submitted_at - MAX_CLOCK_SKEW if attempt and not job.reused_from else None
