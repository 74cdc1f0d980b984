"""What reconcile looks at and when: each open item has a time by which something should have happened to it."""

from datetime import datetime, timedelta
from typing import NamedTuple

from backdrop.model.image_request import Asked
from backdrop.model.job import FAILED, Item, Job, Source, Status
from backdrop.model.record import record

SHARDS = "0123456789abcdef"
OPEN, FAILURES, WANTING, CAMPAIGN = "open", "failed", "wanting", "campaign"
# Of a sort key's 1,024 bytes (Amazon DynamoDB Developer Guide, "Quotas"), what a photo's place may take.
MOST_PLACE_BYTES = 900
# Lanes keep a message for four days: one that was sent three days ago is sent again.
MESSAGE_LIFE = timedelta(days=3)
# Who writes before he sends may die in between: reconcile then sends it within so long.
SENT_BY_RECONCILE = timedelta(minutes=10)
AFTER_THE_LEASE = timedelta(minutes=10)
UNDELIVERED = timedelta(minutes=20)
UNTOLD = timedelta(minutes=10)
UNSETTLED = timedelta(minutes=20)


class Ref(NamedTuple):
    """Where an item lies; `job_id` is None for a photo's place."""

    source_id: str
    job_id: str | None = None


class Day(NamedTuple):
    """One day (UTC) of the budget, micro-dollars; `cap` is what a person set for this day alone."""

    day: str
    reserved: int = 0
    certain: int = 0
    unknown: int = 0
    cap: int | None = None

    @property
    def settled(self) -> int:
        return self.certain + self.unknown

    def cap_or(self, usual: int) -> int:
        """The cap that holds: what a person set for this day, else the stack's."""
        return usual if self.cap is None else self.cap


@record
class Run(Item):
    """Reconcile's own item: who runs until when, and how far the sweep and the moves have come."""

    until: datetime | None = None
    sweep_after: str = ""
    moves_from: str = ""


def watched(item: Item) -> tuple[str, datetime | str] | None:
    """The shard of the index under which an item is found, and its order there; None where nothing is to be done.

    The order is the time when it is due; of a photo that wants instructions it is where it lies, so that all below a
    folder stand together, and of a campaign's items as well.
    """
    if isinstance(item, Job):
        found = _job(item)
    elif isinstance(item, Source):
        found = _source(item)
    elif isinstance(item, Asked):
        found = _asked(item)
    else:
        return None
    return (f"{found[0]}#{item.source_id[0]}", found[1]) if found else None


def _job(job: Job) -> tuple[str, datetime] | None:
    if job.orphans:
        return OPEN, min(attempt.lease_until for attempt in job.orphans) + AFTER_THE_LEASE
    if job.status in FAILED and not job.told:
        return OPEN, max(job.ended_at or job.queued_at, job.put_at or job.queued_at) + UNTOLD
    if job.status in FAILED:
        return FAILURES, job.ended_at or job.queued_at
    if job.status is Status.ACCEPTED:
        return OPEN, (job.put_at or job.queued_at) + MESSAGE_LIFE
    if job.status is Status.PAID:
        return OPEN, (job.put_at or job.paid_at or job.queued_at) + UNDELIVERED
    if job.status in (Status.SUBMITTING, Status.UNKNOWN):
        leases = (attempt.lease_until for attempt in job.attempts)
        return OPEN, max(*leases, job.put_at or job.queued_at) + AFTER_THE_LEASE
    return None


def where(bucket: str, key: str) -> str:
    """The order of the photos that want instructions."""
    return f"{bucket}/{key}"


def campaign(name: str) -> str:
    """The kind under which the items of one campaign stand."""
    return f"{CAMPAIGN}#{name}"


def _asked(asked: Asked) -> tuple[str, str] | None:
    place = where(asked.bucket, asked.key).encode()[:MOST_PLACE_BYTES].decode(errors="ignore")
    return (campaign(asked.campaign), f"{place}#{asked.ident}") if asked.campaign else None


def _source(source: Source) -> tuple[str, datetime | str] | None:
    if source.waiting_since:
        return OPEN, max(source.waiting_since, source.put_at or source.waiting_since) + UNSETTLED
    if source.wanting:
        return WANTING, where(source.bucket, source.key)
    return (FAILURES, source.problems[0].last_seen) if source.problems else None
