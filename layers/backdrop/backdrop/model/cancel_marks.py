"""What a person calls off: all that was said before a moment, under a prefix, wherever it is on its way."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from backdrop.model.job import Job
from backdrop.model.record import Record, record

# No message is as old (SQS keeps them for 14 days), nor looks the sweep that far back.
MARK_LIFETIME = timedelta(days=30)
# A lane's item is read before each call.
MAX_MARKS = 100


@record
class CancelMark(Record):
    """Photos whose keys begin with `prefix` are not bought for what was said up to a moment."""

    prefix: str
    until: datetime

    def applies_to(self, job: Job) -> bool:
        """Whether the job answers to something that was said by then."""
        return job.key.startswith(self.prefix) and (job.requested_at or job.queued_at) <= self.until


def merge_mark(marks: Sequence[CancelMark], new: CancelMark) -> tuple[CancelMark, ...]:
    """One more mark, in place of those that say less, and of those that are over."""
    others = (
        one for one in drop_expired(marks, new.until) if one.until > new.until or not one.prefix.startswith(new.prefix)
    )
    return (*others, new)


def drop_expired(marks: Sequence[CancelMark], now: datetime) -> tuple[CancelMark, ...]:
    """Those of which something may still be on its way."""
    return tuple(one for one in marks if now - one.until < MARK_LIFETIME)
