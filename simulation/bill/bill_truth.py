"""What the calls of a world really were, and which sums they could have.

This is independent of the product's comparison: it follows from the world's own records of its calls.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from backdrop.model.bill_records import HOUR
from backdrop.model.usage_records import floor_to_hour

# A call is billed at most this long before its claim, or after its end.
TOLERANCE = timedelta(minutes=10)


@dataclass
class BilledImages:
    """Images that the records show in the hour of `billed_at`, from `visible_at` until `gone_at`."""

    key: str
    endpoint: str
    unit_price: int
    count: int
    billed_at: datetime
    visible_at: datetime
    gone_at: datetime | None = None

    def is_visible(self, now: datetime) -> bool:
        return self.visible_at <= now and (self.gone_at is None or now < self.gone_at)

    def changes_after(self, now: datetime) -> bool:
        return self.visible_at > now or (self.gone_at is not None and self.gone_at > now)


class CallFate(StrEnum):
    """WITHHELD: the provider made the pictures, but withheld some or all of them. REFUSED: it did not accept the call,
    so it is never billed. FAILED: it did, and then failed.
    """

    DELIVERED = "delivered"
    WITHHELD = "withheld"
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"


class CallKey(NamedTuple):
    source_id: str
    job_id: str
    n: int


@dataclass(frozen=True)
class SentCall:
    """One call, with its price by the list. `charged`: the images that are really billed.

    `ends_at`: the latest time at which it can end.
    """

    key: CallKey
    endpoint: str
    unit_price: int
    images: int
    charged: int
    fate: CallFate
    sent_at: datetime
    ends_at: datetime

    @property
    def price_class(self) -> tuple[str, int]:
        return self.endpoint, self.unit_price

    @property
    def first_hour(self) -> datetime:
        return floor_to_hour(self.sent_at - TOLERANCE)

    @property
    def last_hour(self) -> datetime:
        return floor_to_hour(self.ends_at + TOLERANCE)


def group_sent_calls(calls: Iterable[SentCall]) -> list[list[SentCall]]:
    """Returns the calls of one endpoint and price in groups that share no hour."""
    groups: list[list[SentCall]] = []
    last_hour = None
    for call in sorted(calls, key=lambda call: call.first_hour):
        if last_hour is None or call.first_hour > last_hour:
            groups.append([])
        groups[-1].append(call)
        last_hour = max(call.last_hour, last_hour or call.last_hour)
    return groups


def looks_free(free: SentCall, calls: Sequence[SentCall], billed: Mapping[datetime, int]) -> bool:
    """Whether these sums are those of a world in which all delivered calls were billed, and `free` was not.

    `calls`: all of the same endpoint and price. `billed`: the images of each hour of the evidence; nothing is known
    about other hours. A call may be billed in two hours at most, so what the first one leaves is for the second one:
    each state is how many images of delivered calls, and of others, are left.
    """
    spans = [call for call in calls if call.key != free.key and call.fate is not CallFate.REFUSED]
    first, last = min(billed) - HOUR, max(billed) + HOUR
    states = {(0, 0)}
    for hour in (first + n * HOUR for n in range((last - first) // HOUR + 1)):
        only_here = _count_images(call for call in spans if call.first_hour == call.last_hour == hour)
        also_next = _count_images(call for call in spans if call.first_hour == hour < call.last_hour)
        before = {(0, 0)} if hour == first else states
        states = {
            after
            for left_certain, left_possible in before
            for after in _place(
                (only_here[0] + left_certain, only_here[1] + left_possible), also_next, billed.get(hour)
            )
        }
    return bool(states)


def _count_images(calls: Iterable[SentCall]) -> tuple[int, int]:
    """Returns the images that must be billed, and those that may be."""
    certain = possible = 0
    for call in calls:
        if call.fate is CallFate.DELIVERED:
            certain += call.images
        else:
            possible += call.images
    return certain, possible


def _place(here: tuple[int, int], also_next: tuple[int, int], billed: int | None) -> Iterable[tuple[int, int]]:
    """Yields what may be left for the next hour if this one has `billed` images; None: any number."""
    for placed in range(also_next[0] + 1):
        left = also_next[0] - placed
        if billed is None:
            yield left, also_next[1]
            continue
        optional = billed - here[0] - placed
        if 0 <= optional <= here[1] + also_next[1]:
            yield left, also_next[1] - max(0, optional - here[1])
