"""What the ledger may forget, and when: what has ended and leaves nobody anything to decide or to mend.

A photo's place stays: it says that the photo was done, so that forgetting alone buys nothing. Who asks for a forgotten
job again buys it anew.
"""

from datetime import datetime, timedelta

from backdrop.model.image_request import Asked
from backdrop.model.job import FAILED, Item, Job, Status

# A file that was bought before its job was forgotten is older than any call of the job that bears its name now.
CLOCKS_APART = timedelta(days=1)


def forgotten_at(item: Item, days: int) -> datetime | None:
    """When the ledger forgets an item, so many days after its end (0: never); None where it is needed still."""
    ended = _ended(item) if days else None
    return ended + timedelta(days=days) if ended else None


def _ended(item: Item) -> datetime | None:
    match item:
        case Job() if item.ended and not _is_somebodys_business(item):
            return item.ended_at
        case Asked() if item.answer:
            return item.answered_at
        case _:
            return None


def _is_somebodys_business(job: Job) -> bool:
    """Money that nobody is sure of, or for which there is no picture, is for a person, however long that takes."""
    return bool(job.status is Status.HELD or job.unknown or (job.status in FAILED and job.charged))


def bought_since(job: Job) -> datetime | None:
    """The file that a job paid for itself cannot be older; one that is was bought by a job that was forgotten."""
    attempt = job.attempt_of(job.answered)
    return attempt.submitted_at - CLOCKS_APART if attempt and not job.reused_from else None
