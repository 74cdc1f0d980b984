"""Notifications about a provider: one report while it is paused, and events when the pause begins and ends."""

from dataclasses import dataclass, replace

from backdrop.aws.event_bus import EventBus
from backdrop.aws.ledger import Ledger
from backdrop.aws.s3 import OutputBucket, PreconditionFailedError
from backdrop.model.circuit import ProviderHealth
from backdrop.model.errors import ConflictError
from backdrop.model.object_keys import provider_report_key
from backdrop.model.receipt import build_provider_report, list_pending_events, list_provider_events
from backdrop.pipeline.documents import DocumentWriter

MAX_TRIES = 8


@dataclass(eq=False, repr=False)
class ProviderNotifications:
    """Handles messages about changed lanes."""

    ledger: Ledger
    output_bucket: OutputBucket
    event_bus: EventBus
    documents: DocumentWriter

    def publish(self, provider: str) -> ProviderHealth:
        """Writes the report and publishes the events that are due. Raises ConflictError if the lane keeps changing."""
        for _ in range(MAX_TRIES):
            try:
                lane = self._write_report(provider)
                return self._publish_events(lane)
            except (PreconditionFailedError, ConflictError):
                continue
        raise ConflictError

    def _write_report(self, provider: str) -> ProviderHealth:
        """Writes the lane's report. Raises ConflictError if it is already outdated, because the lane changed."""
        key = provider_report_key(provider)
        existing = self.output_bucket.head(key)
        lane = self.ledger.read_health(provider)
        self.documents.put_or_delete(key, build_provider_report(lane), existing)
        if build_provider_report(self.ledger.read_health(provider)) != build_provider_report(lane):
            raise ConflictError
        return lane

    def _publish_events(self, lane: ProviderHealth) -> ProviderHealth:
        events = list_pending_events(lane)
        for detail_type, detail in events:
            self.event_bus.publish(detail_type, detail)
        event_ids = tuple(detail["event_id"] for _, detail in list_provider_events(lane))
        return self.ledger.put_health(replace(lane, announced_event_ids=event_ids)) if events else lane
