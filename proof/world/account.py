"""The provider's side: one account with its slots, the work that it took, and the bill."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backdrop.model.codes import Code
from backdrop.model.job import Job, PictureLink
from backdrop.model.pricing import look_up_image_price
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop_local.standin.bill import Bill, Order, fingerprint
from backdrop_local.standin.bill import Job as Sold
from proof.world.clock import WorldClock
from proof.world.pictures import shown_by
from proof.world.reactions import Reaction

HOST = "https://results.invalid"


@dataclass(frozen=True)
class Work:
    """One call that was taken: it holds a slot until it is done, whoever still waits for it."""

    id: str
    began: datetime
    done_at: datetime
    sold: Sold
    answer: ProviderResult


class Account:
    """`limit` calls may be at work at a time; `remembered` is for how long work can be asked about."""

    def __init__(self, clock: WorldClock, name: str, limit: int, remembered: timedelta) -> None:
        self.limit = limit
        self.bill = Bill(seed=0)
        self.works: dict[str, Work] = {}
        self._running: list[Work] = []
        self.refused = 0
        self.peak = 0
        self._clock = clock
        self._name = name
        self._remembered = remembered

    def at_work(self) -> int:
        """How many slots are held now."""
        return len(self.running())

    def running(self) -> Sequence[Work]:
        """The calls that hold a slot now."""
        self._running = [work for work in self._running if work.done_at > self._clock.time]
        return self._running

    def take(self, job: Job, photo: bytes, reaction: Reaction, provider_id: str | None) -> Work | ProviderResult:
        """Accept and charge a call, or refuse it where all slots are held."""
        if self.at_work() >= self.limit:
            self.refused += 1
            return ProviderResult(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, "too many calls in flight")
        sold = self._sell(job, photo, reaction)
        now = self._clock.time
        done_at = now + timedelta(seconds=reaction.seconds + reaction.lingers)
        work = Work(provider_id or sold.id, now, done_at, sold, reaction.fails or _pictures(sold, reaction))
        self.works[work.id] = work
        self._running.append(work)
        self.peak = max(self.peak, self.at_work())
        return work

    def standing(self, provider_id: str) -> ProviderResult | LookupStatus:
        """What there is to say of a call."""
        work, now = self.works.get(provider_id), self._clock.time
        if work is None or now > work.began + self._remembered:
            return LookupStatus.ABSENT
        return work.answer if now >= work.done_at else LookupStatus.PENDING

    def _sell(self, job: Job, photo: bytes, reaction: Reaction) -> Sold:
        made = int(job.instructions.get("num_images", 1)) - reaction.fewer
        work = {"job": job.job_id, "photo": shown_by(photo), "asked": job.purchase_spec}
        order = Order(
            key="key",
            label="key",
            account="account",
            provider=self._name,
            route=job.operation,
            fingerprint=fingerprint(work),
            prompt=str(job.purchase_spec.get("prompt", "")),
            client_hint=job.job_id,
            speed=str(job.purchase_spec.get("rendering_speed", "DEFAULT")),
            n=made,
            unit_micro_usd=look_up_image_price(self._name, job.instructions),
        )
        billed = 0 if reaction.fails and not reaction.bills else made
        now = self._clock.unix()
        return self.bill.accept(order, produced=made, unsafe=reaction.unsafe, billed_images=billed, at=now)


def _pictures(sold: Sold, reaction: Reaction) -> ProviderResult:
    known_from = reaction.unsafe + reaction.unrecognized
    links = tuple(
        replace(
            PictureLink(url=f"{HOST}/{result}.png" if place >= known_from else None, seed=place),
            is_unrecognized=reaction.unsafe <= place < known_from,
        )
        for place, result in enumerate(sold.results)
    )
    if any(link.is_usable for link in links):
        raw = b'{"new_url": "https://results.invalid"}' if reaction.unrecognized else b""
        return ProviderResult(RetryClass.OK, links=links, charged=sold.micro_usd, raw_response=raw)
    return ProviderResult(RetryClass.OK, Code.UNSAFE_RESULT, "every picture was withheld", links, sold.micro_usd)
