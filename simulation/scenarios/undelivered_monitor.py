"""Counts what each lane buys while it cannot be delivered."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from simulation.invariants.paid_calls import DELIVERED_PAUSE_REASONS, check_undelivered
from simulation.invariants.violations import JsonObject, Violation, find_current_attempt
from simulation.scenarios.ledger_snapshot import LedgerSnapshot

DELIVERED_STATUSES = ("stored", "review")


class UndeliveredMonitor:
    """`delivery_blocks`: each says whether the pictures of a lane cannot be delivered now."""

    def __init__(self, snapshot: LedgerSnapshot) -> None:
        self.delivery_blocks: Sequence[Callable[[str], bool]] = ()
        self._snapshot = snapshot
        self._bought = defaultdict[str, set[tuple[str, int]]](set)

    def on_job_written(self, before: JsonObject | None, after: JsonObject) -> list[Violation]:
        """Counts a purchase, and checks the count. A delivered picture resets it, as the lane's own.

        A purchase whose delivery a person repeats counts once.
        """
        attempt = find_current_attempt(after)
        lane = str(attempt["provider"]) if attempt else ""
        if after["status"] in DELIVERED_STATUSES:
            self._bought[lane].clear()
        is_new = after["status"] == "paid" and (before is None or before["status"] != "paid")
        if not is_new or attempt is None or not attempt["charged"] or attempt["is_probe"]:
            return []
        if not any(is_blocked(lane) for is_blocked in self.delivery_blocks):
            return []
        self._bought[lane].add((after["job_id"], attempt["n"]))
        return check_undelivered(lane, len(self._bought[lane]), self._snapshot.world.setup.in_flight)

    def on_lane_written(self, lane: str, before: JsonObject | None, after: JsonObject) -> None:
        """Restarts the count if a pause for this is lifted: an operator may resume a lane that cannot deliver."""
        lifted = {pause["reason"] for pause in before["pauses"]} if before else set[str]()
        lifted -= {pause["reason"] for pause in after["pauses"]}
        if lifted & DELIVERED_PAUSE_REASONS:
            self._bought[lane].clear()
