"""SQS for a hundred thousand messages, with fair queues: whose group has the fewest in flight is served first.

AWS prefers quiet groups to one that holds more than a tenth of the consumers' time (SQS Developer Guide, "How Amazon
SQS fair queues work"); where a folder of many stands beside a folder of few, that is the same. Messages without a
group, such as S3's events, are each a group of their own there, so that they come in their order.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, override

from simulation.world.simulated_sqs import SimulatedMessage, SimulatedQueue, SimulatedSqs

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(eq=False)
class Shelf:
    """One queue's messages: those that can be received by group, the others by when they can, and who is in flight.

    `expired`: how many were there for longer than the queue keeps them.
    """

    ready: dict[str, deque[SimulatedMessage]] = field(default_factory=dict[str, deque[SimulatedMessage]])
    later: list[tuple[datetime, int, SimulatedMessage]] = field(
        default_factory=list[tuple[datetime, int, SimulatedMessage]]
    )
    flying: dict[str, SimulatedMessage] = field(default_factory=dict[str, SimulatedMessage])
    groups: Counter[str] = field(default_factory=Counter[str])
    number: int = 0
    expired: int = 0


class FairSqs(SimulatedSqs):
    """The client; what it does not imitate is left to the simulated world's own: copies, disorder and dead letters."""

    def __init__(self, *services: Any) -> None:
        super().__init__(*services)
        self.shelves: dict[str, Shelf] = {}
        self._order = count()
        self._ids = count(1)

    def shelf(self, queue: SimulatedQueue) -> Shelf:
        """A queue's messages."""
        return self.shelves.setdefault(queue.name, Shelf())

    @override
    def _enqueue(
        self, queue: SimulatedQueue, body: str, group: str | None, attributes: Mapping[str, str], delay_seconds: int
    ) -> str:
        identity, now = f"m{next(self._ids)}", self._clock.time
        message = SimulatedMessage(identity, body, group, attributes, now, now + timedelta(seconds=delay_seconds))
        self.shelf(queue).number += 1
        self._put(queue, message)
        return identity

    @override
    def receive(self, queue: SimulatedQueue) -> SimulatedMessage | None:
        shelf, now = self.shelf(queue), self._clock.time
        self._ripen(shelf, now)
        oldest = queue.find_retention_start(now)
        while shelf.ready:
            group = min(shelf.ready, key=lambda one: (shelf.groups[one], shelf.ready[one][0].sent_at))
            message = shelf.ready[group].popleft()
            if not shelf.ready[group]:
                del shelf.ready[group]
            if message.sent_at < oldest:
                shelf.number -= 1
                shelf.expired += 1
                continue
            return self._hand_out(queue, shelf, group, message)
        return None

    def _hand_out(self, queue: SimulatedQueue, shelf: Shelf, group: str, message: SimulatedMessage) -> SimulatedMessage:
        now = self._clock.time
        message.receive_count += 1
        message.receipt_handle = f"r{next(self._order)}"
        message.first_received_at = message.first_received_at or now
        shelf.flying[message.receipt_handle] = message
        shelf.groups[group] += 1
        self._put(queue, message, now + timedelta(seconds=queue.visibility_seconds))
        return message

    @override
    def delete(self, queue: SimulatedQueue, receipt_handle: str) -> None:
        shelf = self.shelf(queue)
        message = shelf.flying.pop(receipt_handle, None)
        if message and message.receipt_handle == receipt_handle:
            self._land(shelf, message)
            shelf.number -= 1
            message.receipt_handle = ""

    @override
    def make_visible(self, queue: SimulatedQueue, message: SimulatedMessage, moment: datetime) -> None:
        self._put(queue, message, moment)

    @override
    def find_next_visible_at(self, queues: Iterable[SimulatedQueue]) -> datetime | None:
        moments: list[datetime] = []
        for shelf in map(self.shelf, queues):
            if shelf.ready:
                moments.append(self._clock.time)
            while shelf.later and not _waits(*shelf.later[0]):
                heapq.heappop(shelf.later)
            moments += [shelf.later[0][0]] if shelf.later else []
        return min(moments, default=None)

    @override
    def list_messages(self, queue: SimulatedQueue) -> list[SimulatedMessage]:
        return list(self.shelf(queue).flying.values())

    @override
    def _get_attributes(self, *, QueueUrl: str, AttributeNames: Any) -> dict[str, Any]:
        known = super()._get_attributes(QueueUrl=QueueUrl, AttributeNames=AttributeNames)
        shelf, name = self.shelf(self.queues[QueueUrl]), "ApproximateNumberOfMessages"
        if name in known["Attributes"]:
            known["Attributes"][name] = str(shelf.number - len(shelf.flying))
        return known

    def _put(self, queue: SimulatedQueue, message: SimulatedMessage, moment: datetime | None = None) -> None:
        message.visible_at = moment or message.visible_at
        heapq.heappush(self.shelf(queue).later, (message.visible_at, next(self._order), message))
        self.ready(queue, message.visible_at)

    def _ripen(self, shelf: Shelf, now: datetime) -> None:
        """What can be received by now goes to its group's others."""
        while shelf.later and shelf.later[0][0] <= now:
            entry = heapq.heappop(shelf.later)
            if not _waits(*entry):
                continue
            message = entry[2]
            if shelf.flying.pop(message.receipt_handle, None):
                self._land(shelf, message)
            shelf.ready.setdefault(message.group or "", deque()).append(message)
            message.visible_at = LONG_AGO

    def _land(self, shelf: Shelf, message: SimulatedMessage) -> None:
        shelf.groups[message.group or ""] -= 1


def _waits(moment: datetime, _order: int, message: SimulatedMessage) -> bool:
    """Whether an entry is its message's present one: a deleted message, or one that was put anew, has another."""
    is_gone = message.receive_count > 0 and not message.receipt_handle
    return message.visible_at == moment and not is_gone
