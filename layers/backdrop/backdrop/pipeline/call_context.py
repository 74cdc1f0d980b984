"""One delivery's place in a lane: how long it lasts, and what it knows of the lane."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backdrop.model.call_metrics import CallMetrics
from backdrop.model.circuit import Lane

RECORD_SECONDS = 10
# So long may a probe take until its call begins: after that another job may be the probe before the call ends.
PROBE_START_SECONDS = 30
LEASE_GRACE = timedelta(seconds=60)


@dataclass
class Slot:
    """`deadline`: until when the work is done; the worker itself may live until `ends`, where that is later.

    `receives`: how often the message was delivered, this time included. `probe`: this job tries a shut lane out.
    `provider`: whose lane the message came out of; "" where it came out of none. `receipt`: the one that it names.
    """

    deadline: datetime
    ends: datetime | None = None
    receives: int = 1
    provider: str = ""
    receipt: str = ""
    lane: Lane | None = None
    probe: bool = False
    refusals: int = 0
    metrics: CallMetrics = field(default_factory=CallMetrics)

    @property
    def lease_until(self) -> datetime:
        """Until when nobody else touches a job that is taken here."""
        return (self.ends or self.deadline) + LEASE_GRACE

    def has_time_for(self, call_seconds: float, now: datetime) -> bool:
        """Whether a call of this length, and the record of its answer, still fit."""
        return now <= self.latest_start(call_seconds)

    def latest_start(self, call_seconds: float) -> datetime:
        """Until when a call of this length may begin: a probe's also ends before another job may be the probe."""
        probe_until = self.lane.probe_until if self.probe and self.lane else None
        end = min(self.deadline, probe_until) if probe_until else self.deadline
        return end - timedelta(seconds=call_seconds + RECORD_SECONDS)
