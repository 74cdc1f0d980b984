"""The items in which the ledger keeps Ideogram's usage records, and the state of the comparison with them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from backdrop.model.codec import to_json
from backdrop.model.job import LedgerItem
from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence

HOUR = timedelta(hours=1)
MIN_READ_DISTANCE = timedelta(minutes=30)
# The comparison runs every hour. Without a run in this time, no call waits for it.
MAX_RUN_DISTANCE = timedelta(hours=3)
# How long a correction is reported. The records of single hours reach back as far.
CORRECTION_REPORT_PERIOD = timedelta(days=7)
# The item that keeps the state of the comparison may be 400 KB.
MAX_CORRECTIONS_BYTES = 200_000
MAX_MISSING_CHARGES = 300


class KeyUse(StrEnum):
    """Who uses an API key. OWN: only this stack. SHARED: also other software. OTHER: not this stack."""

    OWN = "own"
    SHARED = "shared"
    OTHER = "other"


@record
class UsageLine(Record):
    """What one key was billed for at one endpoint and one price, in one hour.

    `unit_price`, `quantity`: None if the records do not count images, or if their price and quantity contradict the
    cost.
    """

    endpoint: str
    key_id: str
    unit_price: int | None
    quantity: int | None
    cost: int


@record
class UsageHour(Record):
    """The lines of one hour (UTC), and when they were read.

    `unchanged_since`: the first read that returned these lines. `has_shrunk`: a later read returned less than an
    earlier one, so it is unknown which of them is right.
    """

    start: datetime
    lines: tuple[UsageLine, ...]
    unchanged_since: datetime
    last_read_at: datetime
    has_shrunk: bool = False

    def is_final(self, final_after: timedelta) -> bool:
        """Whether no later read is expected to differ. Only reads after the end plus `final_after` count."""
        first_counted = max(self.unchanged_since, self.start + HOUR + final_after)
        return not self.has_shrunk and self.last_read_at - first_counted >= MIN_READ_DISTANCE

    def has_other_meaning(self, earlier: Mapping[str, KeyUse], now: Mapping[str, KeyUse]) -> bool:
        """Whether other lines than `earlier` are those of this stack's keys, or one of these keys is no longer its own
        alone.
        """
        return self._list_own_uses(earlier) != self._list_own_uses(now)

    def _list_own_uses(self, uses: Mapping[str, KeyUse]) -> list[tuple[str, KeyUse]]:
        own = [(line.key_id, uses.get(line.key_id, KeyUse.OTHER)) for line in self.lines]
        return [(key_id, use) for key_id, use in own if use is not KeyUse.OTHER]

    def has_changed_late(self, final_after: timedelta) -> bool:
        """Whether the lines changed when the hour may have been final."""
        return self.unchanged_since > self.start + HOUR + final_after + MIN_READ_DISTANCE


@record
class UsageDay(LedgerItem):
    """The hours of one day (UTC) as they were read: only the lines that may be usage of this stack."""

    day: str
    hours: tuple[UsageHour, ...] = ()

    def find_hour(self, start: datetime) -> UsageHour | None:
        return next((hour for hour in self.hours if hour.start == start), None)


class FindingKind(StrEnum):
    """What the comparison found. All but BILLED_FAILURE prevent that some calls are settled.

    OTHER_PRICE: records at one price may be those of calls at another, because Ideogram has changed its prices.
    LATE_USAGE: an image of the hour after a call's own belongs to no call, so it may be that call's. On a shared key,
    this is so for each image that is not certainly that of another call.
    """

    MISSING_CHARGE = "missing_charge"
    FOREIGN_USAGE = "foreign_usage"
    UNLISTED_KEY = "unlisted_key"
    UNKNOWN_ENDPOINT = "unknown_endpoint"
    UNKNOWN_PRICE = "unknown_price"
    OTHER_PRICE = "other_price"
    LATE_USAGE = "late_usage"
    UNCLEAR_CALL = "unclear_call"
    UNSEEN_ENDPOINT = "unseen_endpoint"
    SHRUNK_HOUR = "shrunk_hour"
    STOPPED = "stopped"
    BILLED_FAILURE = "billed_failure"


@record
class Finding(Record):
    """One finding about a group of hours.

    `billed`: the images in the records. `count`: how many images it is about, or how many keys, endpoints, or jobs.
    `details` names some of these.
    """

    kind: FindingKind
    first_hour: datetime
    last_hour: datetime
    endpoint: str = ""
    unit_price: int = 0
    billed: int = 0
    count: int = 0
    details: tuple[str, ...] = ()


@record
class Correction(Record):
    """A call whose settlement was reopened. `was_resent`: it was settled as not charged, and another call followed.

    `reopened_count`: how often the same call's settlement had been reopened before.
    """

    source_id: str
    job_id: str
    n: int
    found_at: datetime
    first_hour: datetime
    last_hour: datetime
    amount: int
    was: str
    was_resent: bool
    reopened_count: int = 0
    bucket: str = ""
    key: str = ""

    @property
    def identity(self) -> tuple[str, str, int, int]:
        return self.source_id, self.job_id, self.n, self.reopened_count


@record
class MissingCharge(Record):
    """`count` images that the ledger knows to be charged, and that the records lack.

    The images are those of calls at this endpoint and price that may have been billed from `first_hour` to `last_hour`.
    """

    endpoint: str
    unit_price: int
    first_hour: datetime
    last_hour: datetime
    count: int


@record
class BillState(LedgerItem):
    """The comparison's own item.

    `read_at`: the last read of the records that could be used. `failure`: why the last one could not. `compared_at`:
    the last comparison with the ledger. `settles_until`: until when a lost call may wait for the next runs, because the
    last one could settle calls. The other fields: see BillRules. `findings`, `corrections`: the latest ones;
    `corrections_left_out`: how many more there were in these days.
    `missing_charges`: those that the last comparison found, which a person may accept; `accepted_charges`: those that
    a person accepted. `key_uses`: the meaning of each key at the last read.
    """

    read_at: datetime | None = None
    failure: Sentence | None = None
    compared_at: datetime | None = None
    settles_until: datetime | None = None
    seen_endpoints: tuple[str, ...] = ()
    stopped_hour: datetime | None = None
    missing_charges: tuple[MissingCharge, ...] = ()
    accepted_charges: tuple[MissingCharge, ...] = ()
    key_uses: dict[str, KeyUse] | None = None
    findings: tuple[Finding, ...] = ()
    corrections: tuple[Correction, ...] = ()
    corrections_left_out: int = 0

    def settles_calls(self, now: datetime) -> bool:
        """Whether a call whose answer is lost now may wait for the comparison."""
        return self.settles_until is not None and now < self.settles_until

    def with_missing_charges_accepted(self) -> "BillState":
        """A person has checked the charges that the last comparison missed, so they no longer prevent settlements."""
        accepted = (*self.accepted_charges, *self.missing_charges)
        return replace(self, accepted_charges=accepted[-MAX_MISSING_CHARGES:], missing_charges=(), stopped_hour=None)

    def with_corrections(self, found: Iterable[Correction], now: datetime) -> "BillState":
        """Adds corrections. One that a run found again, because an earlier run ended too soon, replaces the first.

        If there is no room for all, those of calls that were sent again stay, because they may have cost twice.
        """
        kept = {one.identity: one for one in self.list_recent_corrections(now)}
        for one in found:
            earlier = kept.get(one.identity)
            kept[one.identity] = replace(one, found_at=earlier.found_at) if earlier else one
        sizes = {identity: len(to_json(one).encode()) for identity, one in kept.items()}
        left_out, size = 0, sum(sizes.values())
        for one in sorted(kept.values(), key=lambda one: (one.was_resent, one.found_at)):
            if size <= MAX_CORRECTIONS_BYTES:
                break
            size -= sizes[one.identity]
            del kept[one.identity]
            left_out += 1
        earlier_left_out = self.corrections_left_out if self.list_recent_corrections(now) else 0
        return replace(self, corrections=tuple(kept.values()), corrections_left_out=earlier_left_out + left_out)

    def list_recent_corrections(self, now: datetime) -> tuple[Correction, ...]:
        """Returns the corrections that people should still look at."""
        return tuple(one for one in self.corrections if now - one.found_at < CORRECTION_REPORT_PERIOD)
