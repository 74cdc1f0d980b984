"""The provider's side: one account with its slots, the accepted work, and the bill."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backdrop.model.codes import Code
from backdrop.model.job import Job, PictureLink
from backdrop.model.pricing import look_up_image_price
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop_local.standin.bill import Bill, PurchaseOrder, hash_content
from backdrop_local.standin.bill import BilledJob as BilledJob
from simulation.world.call_behavior import CallBehavior
from simulation.world.sample_images import identify_photo
from simulation.world.world_clock import WorldClock

RESULT_BASE_URL = "https://results.invalid"


@dataclass(frozen=True)
class ProviderWork:
    """One accepted call. It occupies its places until it is done, whether or not a caller still waits."""

    id: str
    started_at: datetime
    done_at: datetime
    billed_job: BilledJob
    result: ProviderResult
    places: int = 1


class ProviderAccount:
    """`concurrency_limit` calls, or their images if it `counts_images`, may be in progress at a time.

    `lookup_retention`: for how long work can be looked up.

    `surcharges`: what was charged above the price list, in micro-dollars, by the bill's job.
    """

    def __init__(self, clock: WorldClock, name: str, limit: int, lookup_retention: timedelta) -> None:
        self.concurrency_limit = limit
        self.counts_images = False
        self.bill = Bill(seed=0)
        self.surcharges = Counter[str]()
        self.work_by_id: dict[str, ProviderWork] = {}
        self._running: list[ProviderWork] = []
        self.refused_count = 0
        self.peak_in_flight = 0
        self._clock = clock
        self._name = name
        self._lookup_retention = lookup_retention

    def count_in_flight(self) -> int:
        return sum(work.places for work in self.list_running())

    def list_running(self) -> Sequence[ProviderWork]:
        """Returns the calls that occupy a slot now."""
        self._running = [work for work in self._running if work.done_at > self._clock.time]
        return self._running

    def accept(
        self, job: Job, photo: bytes, behavior: CallBehavior, provider_id: str | None
    ) -> ProviderWork | ProviderResult:
        """Accepts a call and charges for it, or refuses it if all slots are occupied."""
        places = int(job.instructions.get("num_images", 1)) if self.counts_images else 1
        if self.count_in_flight() + places > self.concurrency_limit:
            self.refused_count += 1
            return ProviderResult(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, "too many calls in flight")
        billed_job = self._bill(job, photo, behavior)
        now = self._clock.time
        done_at = now + timedelta(seconds=behavior.work_seconds + behavior.lingering_seconds)
        work = ProviderWork(
            provider_id or billed_job.id,
            now,
            done_at,
            billed_job,
            behavior.failure or _build_result(billed_job, behavior),
            places,
        )
        self.work_by_id[work.id] = work
        self._running.append(work)
        self.peak_in_flight = max(self.peak_in_flight, self.count_in_flight())
        return work

    def look_up(self, provider_id: str) -> ProviderResult | LookupStatus:
        work, now = self.work_by_id.get(provider_id), self._clock.time
        if work is None or now > work.started_at + self._lookup_retention:
            return LookupStatus.ABSENT
        return work.result if now >= work.done_at else LookupStatus.PENDING

    def _bill(self, job: Job, photo: bytes, behavior: CallBehavior) -> BilledJob:
        image_count = int(job.instructions.get("num_images", 1)) - behavior.missing_count
        work = {"job": job.job_id, "photo": identify_photo(photo), "asked": job.purchase_spec}
        order = PurchaseOrder(
            key="key",
            label="key",
            account="account",
            provider=self._name,
            route=job.operation,
            fingerprint=hash_content(work),
            prompt=str(job.purchase_spec.get("prompt", "")),
            client_hint=job.job_id,
            speed=str(job.purchase_spec.get("rendering_speed", "DEFAULT")),
            image_count=image_count,
            unit_micro_usd=look_up_image_price(self._name, job.instructions) + behavior.surcharge,
        )
        billed_count = 0 if behavior.failure and not behavior.bills_failure else image_count
        now = self._clock.to_unix_seconds()
        billed_job = self.bill.accept(
            order, produced=image_count, unsafe=behavior.unsafe_count, billed_images=billed_count, at=now
        )
        self.surcharges[billed_job.id] = behavior.surcharge * billed_count
        return billed_job


def _build_result(billed_job: BilledJob, behavior: CallBehavior) -> ProviderResult:
    first_usable = behavior.unsafe_count + behavior.unrecognized_count
    links = tuple(
        replace(
            PictureLink(url=f"{RESULT_BASE_URL}/{result}.png" if index >= first_usable else None, seed=index),
            is_unrecognized=behavior.unsafe_count <= index < first_usable,
        )
        for index, result in enumerate(billed_job.results)
    )
    if any(link.is_usable for link in links):
        raw = b'{"new_url": "https://results.invalid"}' if behavior.unrecognized_count else b""
        return ProviderResult(RetryClass.OK, links=links, charged=billed_job.micro_usd, raw_response=raw)
    return ProviderResult(RetryClass.OK, Code.UNSAFE_RESULT, "every picture was withheld", links, billed_job.micro_usd)
