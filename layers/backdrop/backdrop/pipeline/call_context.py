"""One delivery's place in a lane: how long it lasts, and what it knows of the lane."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backdrop.model.call_metrics import CallMetrics
from backdrop.model.circuit import ProviderHealth

RECORD_RESULT_SECONDS = 10
# So long may a probe take until its call begins: after that another job may be the probe before the call ends.
MAX_PROBE_START_SECONDS = 30
LEASE_GRACE = timedelta(seconds=60)


@dataclass
class CallContext:
    """`deadline`: until when the work is done.

    The worker itself may live until `invocation_ends_at`, where that is later.

    `receive_count`: how often the message was delivered, this time included. `is_probe`: this job tries a shut lane
    out. `lane_provider`: whose lane the message came out of; "" where it came out of none. `receipt_etag`: the one that
    it names.
    """

    deadline: datetime
    invocation_ends_at: datetime | None = None
    receive_count: int = 1
    lane_provider: str = ""
    receipt_etag: str = ""
    lane: ProviderHealth | None = None
    is_probe: bool = False
    declined_calls: int = 0
    metrics: CallMetrics = field(default_factory=CallMetrics)

    @property
    def lease_until(self) -> datetime:
        """Until when nobody else touches a job that is taken here."""
        return (self.invocation_ends_at or self.deadline) + LEASE_GRACE

    def has_time_for(self, call_seconds: float, now: datetime) -> bool:
        """Whether a call of this length, and the record of its answer, still fit."""
        return now <= self.latest_start(call_seconds)

    def latest_start(self, call_seconds: float) -> datetime:
        """Until when a call of this length may begin: a probe's also ends before another job may be the probe."""
        probe_until = self.lane.probe_until if self.is_probe and self.lane else None
        ends_at = min(self.deadline, probe_until) if probe_until else self.deadline
        return ends_at - timedelta(seconds=call_seconds + RECORD_RESULT_SECONDS)
