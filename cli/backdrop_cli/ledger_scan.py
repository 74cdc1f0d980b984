"""Full scans of the ledger, for reports; the pipeline itself never scans."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from backdrop.aws.items import JOB_KEY_PREFIX, parse_record
from backdrop.aws.table import Table
from backdrop.model.job import Job, JobStatus
from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop.model.schedule import MESSAGE_LIFETIME, OPEN_ITEMS

SOURCE_SORT_KEY, WAIT_REASON_ATTRIBUTE = "source", "wait_reason"


class LedgerScan:
    """Scans all items of the ledger."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def scan_jobs(self) -> Iterator[Job]:
        """Yields all jobs, in no particular order."""
        for item in self._table.scan():
            if item["sk"]["S"].startswith(JOB_KEY_PREFIX):
                yield parse_record(Job, item)

    def count_jobs(self) -> "JobCounts":
        """Counts jobs by state, and photos without a job; reads only the attributes that this needs."""
        counts = JobCounts()
        for item in self._table.scan("sk", "key", "provider", "status", "due", "watch", WAIT_REASON_ATTRIBUTE):
            if (
                item["sk"]["S"] == SOURCE_SORT_KEY
                and "watch" in item
                and classify_key(item["key"]["S"]) is not ObjectKind.DEFAULTS
            ):
                is_waiting = item["watch"]["S"].partition("#")[0] == OPEN_ITEMS
                counts.settling_photos += is_waiting
                counts.reported_photos += not is_waiting
            if item["sk"]["S"].startswith(JOB_KEY_PREFIX):
                provider, status = item["provider"]["S"], JobStatus(item["status"]["S"])
                counts.by_status[provider, status] += 1
                if status is JobStatus.ACCEPTED:
                    counts.waiting_by_reason[
                        provider, item[WAIT_REASON_ATTRIBUTE]["S"] if WAIT_REASON_ATTRIBUTE in item else ""
                    ] += 1
                if status is JobStatus.ACCEPTED and "due" in item:
                    since = datetime.fromisoformat(item["due"]["S"]) - MESSAGE_LIFETIME
                    counts.oldest_waiting_since[provider] = min(since, counts.oldest_waiting_since.get(provider, since))
        return counts


@dataclass
class JobCounts:
    """Numbers of jobs by provider and state.

    `waiting_by_reason` counts the jobs in a lane by provider and by the code of what they wait for, "" if only
    for their turn. `oldest_waiting_since` is when the first job of each provider's lane was queued.
    `settling_photos` wait for their instructions; `reported_photos` have no job, and an error report says why.
    """

    by_status: Counter[tuple[str, JobStatus]] = field(default_factory=Counter[tuple[str, JobStatus]])
    waiting_by_reason: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    oldest_waiting_since: dict[str, datetime] = field(default_factory=dict[str, datetime])
    settling_photos: int = 0
    reported_photos: int = 0

    def count(self, *statuses: JobStatus, provider: str = "") -> int:
        """Returns how many jobs are in one of these states."""
        return sum(n for (name, status), n in self.by_status.items() if status in statuses and provider in ("", name))
