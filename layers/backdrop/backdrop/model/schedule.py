"""The schedule of reconcile's checks: each open item has a time by which it should have changed."""

from datetime import datetime, timedelta
from typing import NamedTuple

from backdrop.model.image_request import ImageRequest
from backdrop.model.job import (
    ANNOUNCED_STATUSES,
    FAILED_STATUSES,
    IN_FLIGHT_STATUSES,
    Job,
    JobStatus,
    LedgerItem,
    Source,
)
from backdrop.model.record import record

INDEX_SHARDS = "0123456789abcdef"
# Partitions of the index of due items begin with these values. Stored items have them in the attribute `watch`, so they
# cannot be renamed. `status` counts photos of "open" as settling, and those of the others as reported without a job.
OPEN_ITEMS, FAILED_ITEMS, NEEDS_INSTRUCTIONS, CAMPAIGN_ITEMS = "open", "failed", "wanting", "campaign"
# Jobs whose pictures wait for a person. Reconcile leaves them alone.
REVIEW_ITEMS = "review"
# Jobs that their mandate does not cover now.
MANDATE_ITEMS = "mandate"
# A source's location may take this many of a sort key's 1,024 bytes (Amazon DynamoDB Developer Guide, "Quotas").
MAX_LOCATION_BYTES = 900
# Lanes keep a message for four days, so after three days it is sent again.
MESSAGE_LIFETIME = timedelta(days=3)
# A worker may crash between its write and its messages; reconcile then sends them within this time.
RESEND_WITHIN = timedelta(minutes=10)
LEASE_CHECK_DELAY = timedelta(minutes=10)
DELIVERY_CHECK_DELAY = timedelta(minutes=20)
ANNOUNCEMENT_CHECK_DELAY = timedelta(minutes=10)
SETTLE_CHECK_DELAY = timedelta(minutes=20)


def backdate_last_send(now: datetime) -> datetime:
    """Returns a `last_sent_at` so early that reconcile soon sends the message if the worker crashes before it does."""
    return now - MESSAGE_LIFETIME + RESEND_WITHIN


class ItemKey(NamedTuple):
    """The key of a source or job in the ledger; `job_id` is None for a source."""

    source_id: str
    job_id: str | None = None


class BudgetDay(NamedTuple):
    """One day (UTC) of the budget, in micro-dollars; `cap` is set by an operator for this day alone.

    `registry_version`: the version of the mandates' registry that every claim of this day must know; 0 for any version.
    """

    day: str
    reserved: int = 0
    confirmed: int = 0
    unknown: int = 0
    cap: int | None = None
    registry_version: int = 0

    @property
    def spent(self) -> int:
        return self.confirmed + self.unknown

    def resolve_cap(self, default_cap: int) -> int:
        """Returns the operator's cap for this day if there is one, otherwise the stack's."""
        return default_cap if self.cap is None else self.cap


@record
class ReconcileState(LedgerItem):
    """Reconcile's own item: a run's lock, the end of the last run, and the positions where parts go on."""

    locked_until: datetime | None = None
    finished_at: datetime | None = None
    sweep_cursor: str = ""
    failover_cursor: str = ""
    mandate_cursor: str = ""


def build_index_entry(item: LedgerItem) -> tuple[str, datetime | str] | None:
    """Returns an item's partition and sort key in the index; None if nothing needs to be done.

    The sort key is the time when the item is due. For a photo that needs instructions, and for a campaign's items, it
    is the location, so that all photos below a folder are adjacent.
    """
    if isinstance(item, Job):
        entry = _index_job(item)
    elif isinstance(item, Source):
        entry = _index_source(item)
    elif isinstance(item, ImageRequest):
        entry = _index_request(item)
    else:
        return None
    return (f"{entry[0]}#{item.source_id[0]}", entry[1]) if entry else None


def _index_job(job: Job) -> tuple[str, datetime | str] | None:
    if job.abandoned_attempts:
        return OPEN_ITEMS, min(attempt.lease_until for attempt in job.abandoned_attempts) + LEASE_CHECK_DELAY
    if job.status in ANNOUNCED_STATUSES and not job.announced:
        return OPEN_ITEMS, max(
            job.ended_at or job.queued_at, job.last_sent_at or job.queued_at
        ) + ANNOUNCEMENT_CHECK_DELAY
    if job.status in FAILED_STATUSES:
        return FAILED_ITEMS, job.ended_at or job.queued_at
    if job.status is JobStatus.REVIEW:
        return REVIEW_ITEMS, min(review.waiting_since for review in job.reviews)
    if job.waits_for_mandate and job.mandate:
        return MANDATE_ITEMS, f"{format_mandate_range(job.mandate)}{job.queued_at.isoformat(timespec='milliseconds')}"
    if job.status is JobStatus.ACCEPTED:
        return OPEN_ITEMS, (job.last_sent_at or job.queued_at) + MESSAGE_LIFETIME
    if job.status is JobStatus.PAID:
        return OPEN_ITEMS, (job.last_sent_at or job.paid_at or job.queued_at) + DELIVERY_CHECK_DELAY
    if job.waits_for_bill and job.bill_wait_until:
        return OPEN_ITEMS, job.bill_wait_until
    if job.status in IN_FLIGHT_STATUSES:
        leases = (attempt.lease_until for attempt in job.attempts)
        return OPEN_ITEMS, max([*leases, job.last_sent_at or job.queued_at]) + LEASE_CHECK_DELAY
    return None


def format_location(bucket: str, key: str) -> str:
    """Returns the sort key of a photo that needs instructions."""
    return f"{bucket}/{key}"


def format_mandate_range(name: str) -> str:
    """Returns the beginning of the sort keys of the jobs that wait for a mandate."""
    return f"{name}#"


def format_campaign_partition(name: str) -> str:
    """Returns the partition, without its shard, of one campaign's items."""
    return f"{CAMPAIGN_ITEMS}#{name}"


def _index_request(request: ImageRequest) -> tuple[str, str] | None:
    location = format_location(request.bucket, request.key).encode()[:MAX_LOCATION_BYTES].decode(errors="ignore")
    return (
        (format_campaign_partition(request.campaign), f"{location}#{request.request_id}") if request.campaign else None
    )


def _index_source(source: Source) -> tuple[str, datetime | str] | None:
    if source.settling_since:
        return OPEN_ITEMS, max(source.settling_since, source.last_sent_at or source.settling_since) + SETTLE_CHECK_DELAY
    if source.needs_instructions:
        return NEEDS_INSTRUCTIONS, format_location(source.bucket, source.key)
    return (FAILED_ITEMS, source.problems[0].last_seen) if source.problems else None
