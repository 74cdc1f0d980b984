"""The context in which a worker handles a message: its metadata, the time limits, and the lane that it came from."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from backdrop.model.circuit import ProviderHealth
from backdrop.model.mandate import MandateRegistry
from backdrop.model.place_leases import PlaceLeases
from backdrop.model.provider_result import CallMetrics

RECORD_RESULT_SECONDS = 10
# The time within which a probe must begin its call. Otherwise, another job could become the probe before the call ends.
MAX_PROBE_START_SECONDS = 30
LEASE_GRACE = timedelta(seconds=60)
# A call that has not been sent this long after its claim is not sent.
MAX_CLAIM_DURATION = timedelta(seconds=5)


@dataclass
class CallContext:
    """`deadline`: the time limit of the work. `invocation_ends_at`: when the worker ends, if that is later.

    `receive_count`: how often the message was received, including this time. `is_probe`: this job tests a paused lane.
    `lane_provider`: the provider whose lane the message came from; "" if it came from no lane. `receipt_etag`: the
    ETag that the message carries. `registry`: the mandates. `places`: those of the lane, as last read.
    `waits_for_places_since`: when the worker began to wait for the places of its call.
    """

    deadline: datetime
    invocation_ends_at: datetime | None = None
    receive_count: int = 1
    lane_provider: str = ""
    receipt_etag: str = ""
    lane: ProviderHealth | None = None
    registry: MandateRegistry = field(default_factory=MandateRegistry)
    places: PlaceLeases = field(default_factory=partial(PlaceLeases, provider=""))
    waits_for_places_since: datetime | None = None
    is_probe: bool = False
    declined_calls: int = 0
    metrics: CallMetrics = field(default_factory=CallMetrics)

    @property
    def lease_until(self) -> datetime:
        """The time until which no other worker may take over a job that this worker claims."""
        return (self.invocation_ends_at or self.deadline) + LEASE_GRACE

    def has_time_for(self, call_seconds: float, now: datetime) -> bool:
        """Whether there is time for a call of this length and for recording its answer."""
        return now <= self.latest_start(call_seconds)

    def latest_start(self, call_seconds: float) -> datetime:
        """The latest time at which a call of this length may begin.

        A probe must also end before another job may become the probe.
        """
        probe_until = self.lane.probe_until if self.is_probe and self.lane else None
        ends_at = min(self.deadline, probe_until) if probe_until else self.deadline
        return ends_at - timedelta(seconds=call_seconds + RECORD_RESULT_SECONDS)
