"""What people are told of a provider: one report while it is paused, and events when that begins and ends."""

from dataclasses import dataclass

from backdrop.aws.event_bus import EventBus
from backdrop.aws.ledger import Ledger
from backdrop.aws.s3 import OutputBucket, PreconditionError
from backdrop.model.circuit import Lane
from backdrop.model.errors import StaleError
from backdrop.model.object_keys import provider_report_key
from backdrop.model.receipt import lane_events, lane_report, untold
from backdrop.pipeline.documents import Views

TRIES = 8


@dataclass(eq=False, repr=False)
class LaneNews:
    """The step of a message that says that a lane changed."""

    ledger: Ledger
    output: OutputBucket
    events: EventBus
    views: Views

    def publish(self, provider: str) -> Lane:
        for _ in range(TRIES):
            try:
                lane = self._report(provider)
                return self._announce(lane)
            except (PreconditionError, StaleError):
                continue
        raise StaleError

    def _report(self, provider: str) -> Lane:
        """The report as the lane is; begun again where the lane changed meanwhile, so that no old report stays."""
        key = provider_report_key(provider)
        before = self.output.head(key)
        lane = self.ledger.lane(provider)
        self.views.put(key, lane_report(lane), before)
        if lane_report(self.ledger.lane(provider)) != lane_report(lane):
            raise StaleError
        return lane

    def _announce(self, lane: Lane) -> Lane:
        news = untold(lane)
        for detail_type, detail in news:
            self.events.announce(detail_type, detail)
        told = tuple(detail["event_id"] for _, detail in lane_events(lane))
        return self.ledger.put_lane(lane.but(told=told)) if news else lane
