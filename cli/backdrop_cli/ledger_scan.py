"""Full scans of the ledger, for reports; the pipeline itself never scans."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backdrop.aws.items import JOB_KEY_PREFIX, PRICE_CHECK_KEY, REQUEST_KEY_PREFIX, parse_record
from backdrop.aws.table import Table
from backdrop.model.codes import Code
from backdrop.model.fidelity import FidelityVerdict
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import IN_FLIGHT_STATUSES, Job, JobStatus
from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop.model.price_check import PriceCheck
from backdrop.model.schedule import OPEN_ITEMS

SOURCE_SORT_KEY, QUEUE_ATTRIBUTES = "source", ("queued_at", "quoted", "wait_reason")
FIDELITY_ATTRIBUTE, MASK_ATTRIBUTE, BILL_WAIT_ATTRIBUTE = "fidelity", "mask", "bill_wait_until"
WAITS_OUTSIDE_LANE = frozenset({Code.OWNER_AT_WORK.value, Code.MANDATE_WAITS.value})
JUDGED_STATUSES = frozenset({JobStatus.REVIEW, JobStatus.STORED, JobStatus.REJECTED})


class LedgerScan:
    """Scans all items of the ledger."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def scan_charged(self) -> Iterator[Job | PriceCheck]:
        """Yields everything that can have cost money: all jobs, and the price check. In no particular order."""
        for item in self._table.scan():
            if item["sk"]["S"].startswith(JOB_KEY_PREFIX):
                yield parse_record(Job, item)
            elif _is_price_check(item):
                yield parse_record(PriceCheck, item)

    def scan_charged_and_requests(self) -> Iterator[Job | PriceCheck | ImageRequest]:
        """Yields the same, and the requests of tasks and campaigns, in no particular order."""
        for item in self._table.scan():
            if item["sk"]["S"].startswith(JOB_KEY_PREFIX):
                yield parse_record(Job, item)
            elif item["sk"]["S"].startswith(REQUEST_KEY_PREFIX):
                yield parse_record(ImageRequest, item)
            elif _is_price_check(item):
                yield parse_record(PriceCheck, item)

    def count_jobs(self) -> "JobCounts":
        """Counts jobs by state, and photos without a job; reads only the attributes that this needs."""
        counts = JobCounts()
        names = "sk", "key", "provider", "status", "watch", FIDELITY_ATTRIBUTE, MASK_ATTRIBUTE, BILL_WAIT_ATTRIBUTE
        for item in self._table.scan(*names, *QUEUE_ATTRIBUTES):
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
                counts.waiting_for_bill[provider] += BILL_WAIT_ATTRIBUTE in item
                counts.stored_masks += status is JobStatus.STORED and MASK_ATTRIBUTE in item
                if status in JUDGED_STATUSES and FIDELITY_ATTRIBUTE in item:
                    counts.fidelity.update(map(FidelityVerdict, item[FIDELITY_ATTRIBUTE]["S"].split(",")))
                if status is JobStatus.ACCEPTED:
                    queued_at, quoted, wait_reason = (item.get(name, {}).get("S", "") for name in QUEUE_ATTRIBUTES)
                    counts.waiting[provider, wait_reason, int(quoted or 0)] += 1
                    # `queued_at` is missing in what an older release wrote.
                    if queued_at and wait_reason not in WAITS_OUTSIDE_LANE:
                        since = datetime.fromisoformat(queued_at)
                        earliest = counts.oldest_waiting_since.get(provider, since)
                        counts.oldest_waiting_since[provider] = min(since, earliest)
        return counts


def _is_price_check(item: Mapping[str, Any]) -> bool:
    return (item["pk"]["S"], item["sk"]["S"]) == PRICE_CHECK_KEY


@dataclass
class JobCounts:
    """Numbers of jobs by provider and state.

    `waiting` counts the jobs that wait by provider, by the code of what they wait for ("" if only for their turn),
    and by price in micro-dollars. `oldest_waiting_since` is when the first job of each provider's lane was queued.
    Jobs that wait for one of WAITS_OUTSIDE_LANE have left their lanes. So have those that wait for the usage records of
    their provider; `waiting_for_bill` counts them.
    `settling_photos` wait for their instructions; `reported_photos` have no job, and an error report says why.
    `stored_masks`: the jobs of `by_status` that are stored, and delivered nothing because they are masks.
    `fidelity` counts the verdicts on the new pictures that were delivered, wait for approval, or were rejected.
    """

    by_status: Counter[tuple[str, JobStatus]] = field(default_factory=Counter[tuple[str, JobStatus]])
    waiting: Counter[tuple[str, str, int]] = field(default_factory=Counter[tuple[str, str, int]])
    oldest_waiting_since: dict[str, datetime] = field(default_factory=dict[str, datetime])
    waiting_for_bill: Counter[str] = field(default_factory=Counter[str])
    stored_masks: int = 0
    settling_photos: int = 0
    reported_photos: int = 0
    fidelity: Counter[FidelityVerdict] = field(default_factory=Counter[FidelityVerdict])

    def count(self, *statuses: JobStatus, provider: str = "") -> int:
        """Returns how many jobs are in one of these states."""
        return sum(n for (name, status), n in self.by_status.items() if status in statuses and provider in ("", name))

    def count_in_flight(self, provider: str) -> int:
        """Returns how many jobs have a call at a provider that may still be running."""
        return self.count(*IN_FLIGHT_STATUSES, provider=provider) - self.waiting_for_bill[provider]

    def count_in_lane(self, provider: str) -> int:
        """Returns how many jobs wait in a provider's lane."""
        return sum(
            n for (name, code, _), n in self.waiting.items() if name == provider and code not in WAITS_OUTSIDE_LANE
        )
