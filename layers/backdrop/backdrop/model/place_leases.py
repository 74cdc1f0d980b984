"""Places: how many images a provider has in progress, where its limit counts images instead of calls.

A call for n images holds n places until it has ended at the provider. A lane's number of concurrent workers limits its
single-image calls, so these lease places only while a call for several images runs or waits.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from backdrop.model.job import LedgerItem
from backdrop.model.record import Record, record

# Ideogram's limit counts the images in progress across its endpoints (developer.ideogram.ai, "Rate limits").
PROVIDERS_THAT_COUNT_IMAGES = frozenset({"ideogram"})
SENIORITY = timedelta(seconds=60)
"""A job that has waited this long gets its places before all other jobs."""
# For how long a job keeps its turn after its worker last registered it, or after its message should be received again.
WAITER_GRACE = timedelta(seconds=10)
# Every claim of a lane with waiting jobs writes the item, so it must stay small. Further jobs wait without a turn.
MAX_WAITERS = 20
SLOTS_FOR_OTHERS = 2
MAX_REFUSALS_IN_TURN = 5
"""How often the provider may refuse a job before the job starts to wait again.

What takes the job's places without a lease is usually about to end. But an account that allows fewer images than the
lane refuses the job each time, and meanwhile the job keeps all others from starting.
"""


@record
class PlaceLease(Record):
    """The places of one call. If no worker releases them, they are free again at `until`.

    `waits_since`, `refusals`: those of the job's registration that the lease has ended; None and 0 if it had none.
    """

    job_id: str
    attempt_no: int
    places: int
    until: datetime
    waits_since: datetime | None = None
    refusals: int = 0


@record
class PlaceWaiter(Record):
    """A job that waits for places. Unless its worker renews it, the job loses its turn at `until`.

    `refusals`: how often the provider has refused the job's call since then.
    """

    job_id: str
    places: int
    since: datetime
    until: datetime
    refusals: int = 0

    def is_senior(self, now: datetime) -> bool:
        return now >= self.since + SENIORITY


@record
class PlaceLeases(LedgerItem):
    """The places of one provider's lane that calls hold, and the jobs that wait for some."""

    provider: str
    leases: tuple[PlaceLease, ...] = ()
    waiters: tuple[PlaceWaiter, ...] = ()

    def count_leased(self, now: datetime) -> int:
        return sum(lease.places for lease in self.leases if now < lease.until)

    def list_waiters(self, now: datetime) -> list[PlaceWaiter]:
        """Returns the jobs that have a turn, the longest-waiting first."""
        live = (waiter for waiter in self.waiters if now < waiter.until)
        return sorted(live, key=lambda waiter: (waiter.since, waiter.job_id))

    def find_next_in_turn(self, limit: int, now: datetime) -> PlaceWaiter | None:
        """Returns the job that no other job may overtake. A job that needs more than the limit never gets its turn."""
        return next((one for one in self.list_waiters(now) if one.places <= limit and one.is_senior(now)), None)

    def may_hold_slot(self, job_id: str, limit: int, now: datetime) -> bool:
        """Whether the job's worker may wait for a long time, so that it is there when places become free.

        Once jobs have waited for a minute, their slots are of little use to others, which may not overtake them: one is
        left for calls that the provider is still working on. Before, some are left for jobs that may fit now.
        """
        waiters = self.list_waiters(now)
        rank = next((rank for rank, waiter in enumerate(waiters) if waiter.job_id == job_id), None)
        if rank is None:
            return False
        running_calls = sum(now < lease.until for lease in self.leases)
        slots_for_others = 1 if waiters[rank].is_senior(now) else SLOTS_FOR_OTHERS
        return rank == 0 or rank < limit - running_calls - slots_for_others

    def needs_lease(self, places: int) -> bool:
        """Whether a call must lease its places: it is for several images, or such a call runs or waits.

        An expired entry counts until a write removes it. The item may have been written since this worker read it.
        """
        return places > 1 or any(one.places > 1 for one in (*self.leases, *self.waiters))

    def admits(self, job_id: str, places: int, limit: int, now: datetime) -> bool:
        """Whether the job may start a call for this many images now."""
        if not self.needs_lease(places):
            return True
        next_in_turn = self.find_next_in_turn(limit, now)
        if next_in_turn and next_in_turn.job_id != job_id:
            return False
        return places <= limit - self.count_leased(now)

    def find_lease(self, job_id: str, attempt_no: int) -> PlaceLease | None:
        return next((one for one in self.leases if (one.job_id, one.attempt_no) == (job_id, attempt_no)), None)

    def find_waiter(self, job_id: str) -> PlaceWaiter | None:
        return next((one for one in self.waiters if one.job_id == job_id), None)

    def with_lease(self, lease: PlaceLease, now: datetime) -> "PlaceLeases":
        """Adds the lease, which ends the job's wait, or replaces the lease of the same call."""
        others = [one for one in self.leases if (one.job_id, one.attempt_no) != (lease.job_id, lease.attempt_no)]
        waiter = next((one for one in self.list_waiters(now) if one.job_id == lease.job_id), None)
        if waiter:
            lease = replace(lease, waits_since=waiter.since, refusals=waiter.refusals)
        waiters = tuple(one for one in self.waiters if one.job_id != lease.job_id)
        return replace(self, leases=(*others, lease), waiters=waiters).without_expired(now)

    def without_lease(self, job_id: str, attempt_no: int, now: datetime) -> "PlaceLeases":
        leases = tuple(one for one in self.leases if (one.job_id, one.attempt_no) != (job_id, attempt_no))
        return replace(self, leases=leases).without_expired(now)

    def with_refusal(self, lease: PlaceLease, now: datetime) -> "PlaceLeases":
        """Ends the lease of a call for which the provider had no place.

        A job for several images waits again, as long as before at first, so that single-image calls go on leasing
        their places.
        """
        places = self.without_lease(lease.job_id, lease.attempt_no, now)
        if lease.places == 1:
            return places
        keeps_turn = lease.refusals < MAX_REFUSALS_IN_TURN
        waiter = PlaceWaiter(
            job_id=lease.job_id,
            places=lease.places,
            since=(lease.waits_since if keeps_turn else None) or now,
            until=now + WAITER_GRACE,
            refusals=lease.refusals + 1 if keeps_turn else 0,
        )
        others = (one for one in places.waiters if one.job_id != lease.job_id)
        waiters = replace(places, waiters=(*others, waiter)).list_waiters(now)
        return replace(places, waiters=tuple(waiters[:MAX_WAITERS]))

    def with_waiter(self, job_id: str, places: int, now: datetime, until: datetime) -> "PlaceLeases":
        """Registers the job, or renews its registration. It has waited since it was first registered.

        Unchanged if enough other jobs wait.
        """
        waiters = self.list_waiters(now)
        known = next((one for one in waiters if one.job_id == job_id), None)
        if known is None and len(waiters) >= MAX_WAITERS:
            return self
        others = [one for one in waiters if one.job_id != job_id]
        waiter = PlaceWaiter(
            job_id=job_id,
            places=places,
            since=known.since if known else now,
            until=until + WAITER_GRACE,
            refusals=known.refusals if known else 0,
        )
        return replace(self, waiters=(*others, waiter)).without_expired(now)

    def without_expired(self, now: datetime) -> "PlaceLeases":
        leases = tuple(one for one in self.leases if now < one.until)
        waiters = tuple(one for one in self.waiters if now < one.until)
        return replace(self, leases=leases, waiters=waiters)


def count_places(provider: str, instructions: Mapping[str, Any]) -> int:
    """Returns how many places a call with these instructions takes at the provider."""
    return int(instructions.get("num_images", 1)) if provider in PROVIDERS_THAT_COUNT_IMAGES else 1


def explain_lack(provider: str, instructions: Mapping[str, Any], limits: Mapping[str, int]) -> str:
    """Explains why the lane can never run a call with these instructions; "" if it can, or if it has no limit."""
    limit, places = limits.get(provider), count_places(provider, instructions)
    if limit is None or places <= limit:
        return ""
    return f"{provider} counts images, and this stack may have {limit} of them in progress there, not {places}"
