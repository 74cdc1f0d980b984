"""Checks the places of the lane whose provider counts images: at every write of them, and at every paid call."""

from datetime import datetime

from simulation.invariants.places import (
    check_leased_places,
    check_open_calls,
    check_turn,
    has_lease,
    is_in_use,
)
from simulation.invariants.violations import Invariant, JsonObject, Violation
from simulation.scenarios.actions import UserActions
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.world.transport import ServiceCall

NO_PLACES: JsonObject = {"leases": [], "waiters": []}


class PlaceMonitor:
    """`_in_use_since`: since when every new worker must lease the places of its call. None: it need not.

    The workers' clocks decide when a lease or a turn ends, so nothing is checked while they may be wrong.
    """

    def __init__(self, snapshot: LedgerSnapshot, users: UserActions) -> None:
        self._snapshot, self._world, self._users = snapshot, snapshot.world, users
        self._places = NO_PLACES
        self._in_use_since: datetime | None = None

    def record_write(self, after: JsonObject) -> list[Violation]:
        """Checks a write of the places. The jobs that are written with it are recorded before."""
        before, self._places = self._places, after
        now, limit = self._world.clock.time, self._world.setup.in_flight
        if not is_in_use(before, now):
            self._in_use_since = now
        if self._users.has_clock_faults:
            return []
        provider = self._world.provider
        return (
            check_leased_places(after, limit, now)
            + check_turn(before, after, limit, now)
            + check_open_calls(after, self._snapshot.jobs.values(), provider.name, provider.timeout_seconds, now)
        )

    def check_paid_call(self, call: ServiceCall) -> list[Violation]:
        """Checks that a call holds its places. A worker that has read the lane before it was in use knows of none."""
        job = self._snapshot.jobs.get(str(call.request["job"].job_id))
        if job is None or not self._world.setup.counts_images or job["provider"] != self._world.provider.name:
            return []
        is_aware = (
            is_in_use(self._places, self._world.clock.time)
            and self._in_use_since is not None
            and self._snapshot.find_start(call.worker_name) > self._in_use_since
        )
        needs_lease = int(job["instructions"].get("num_images", 1)) > 1 or is_aware
        if self._users.has_clock_faults or not needs_lease or has_lease(self._places, job["job_id"], job["attempt_no"]):
            return []
        return [Violation(Invariant.PLACES_RESPECTED, f"{job['key']}: the call holds no places")]
