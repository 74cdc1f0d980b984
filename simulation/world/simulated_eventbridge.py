"""The event bus in memory."""

import json
from dataclasses import dataclass, field
from typing import Any

from simulation.world.transport import Transport, build_client_error

# PutEvents API reference: the size of an entry is the sum of its parts.
MAX_ENTRY_BYTES = 1_048_576


@dataclass(frozen=True)
class PublishedEvent:
    """One event as subscribers receive it."""

    source: str
    detail_type: str
    detail: dict[str, Any]


@dataclass
class SimulatedBus:
    """The client. `events` is everything that was ever published on the bus."""

    transport: Transport
    name: str
    events: list[PublishedEvent] = field(default_factory=list[PublishedEvent])

    def put_events(self, **request: Any) -> dict[str, Any]:
        return self.transport.execute("events", "put_events", request, lambda: self._put(**request))

    def _put(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        for entry in Entries:
            if entry["EventBusName"] != self.name:
                raise build_client_error("ResourceNotFoundException", "PutEvents", 400)
            if sum(len(text.encode()) for text in entry.values()) > MAX_ENTRY_BYTES:
                raise build_client_error("ValidationException", "PutEvents", 400)
            self.events.append(PublishedEvent(entry["Source"], entry["DetailType"], json.loads(entry["Detail"])))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": str(len(self.events))} for _ in Entries]}
