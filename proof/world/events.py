"""The event bus in memory."""

import json
from dataclasses import dataclass, field
from typing import Any

from proof.world.wire import Wire, refusal

# PutEvents API reference: the sum of an entry's parts.
LARGEST_ENTRY_BYTES = 1_048_576


@dataclass(frozen=True)
class Event:
    """One event as listeners see it."""

    source: str
    detail_type: str
    detail: dict[str, Any]


@dataclass
class SimulatedBus:
    """The client; `events` is all that was ever heard on the bus."""

    wire: Wire
    name: str
    events: list[Event] = field(default_factory=list[Event])

    def put_events(self, **sent: Any) -> dict[str, Any]:
        """Put events on the bus."""
        return self.wire.carry("events", "put_events", sent, lambda: self._put(**sent))

    def _put(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        for entry in Entries:
            if entry["EventBusName"] != self.name:
                raise refusal("ResourceNotFoundException", "PutEvents", 400)
            if sum(len(text.encode()) for text in entry.values()) > LARGEST_ENTRY_BYTES:
                raise refusal("ValidationException", "PutEvents", 400)
            self.events.append(Event(entry["Source"], entry["DetailType"], json.loads(entry["Detail"])))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": str(len(self.events))} for _ in Entries]}
