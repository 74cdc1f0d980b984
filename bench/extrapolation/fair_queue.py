"""SQS for a million messages, with fair queues: the group with the fewest messages in flight goes first.

AWS prefers quiet groups to one that uses more than a tenth of the consumers' time (SQS Developer Guide, "How Amazon
SQS fair queues work"). For one large and one small folder, the effect is the same. In SQS, messages without a group,
such as S3's events, each form their own group, so they arrive in order.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, override

from simulation.world.simulated_sqs import SimulatedMessage, SimulatedQueue, SimulatedSqs

EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(eq=False)
class FairQueue:
    """One queue's messages: receivable ones by group, delayed ones by time, and those in flight.

    `expired`: how many exceeded the queue's retention period.
    """

    receivable: dict[str, deque[SimulatedMessage]] = field(default_factory=dict[str, deque[SimulatedMessage]])
    delayed: list[tuple[datetime, int, SimulatedMessage]] = field(
        default_factory=list[tuple[datetime, int, SimulatedMessage]]
    )
    in_flight: dict[str, SimulatedMessage] = field(default_factory=dict[str, SimulatedMessage])
    in_flight_by_group: Counter[str] = field(default_factory=Counter[str])
    message_count: int = 0
    expired: int = 0


class FairSqs(SimulatedSqs):
    """The SQS client. Unlike the simulated world's own, it keeps a group's order and has no limit of receives."""

    def __init__(self, *services: Any) -> None:
        super().__init__(*services)
        self.fair_queues: dict[str, FairQueue] = {}
        self._order = count()
        self._ids = count(1)

    def find_fair_queue(self, queue: SimulatedQueue) -> FairQueue:
        """Returns a queue's messages."""
        return self.fair_queues.setdefault(queue.name, FairQueue())

    @override
    def _enqueue(
        self, queue: SimulatedQueue, body: str, group: str | None, attributes: Mapping[str, str], delay_seconds: int
    ) -> str:
        identity, now, delays = f"m{next(self._ids)}", self._clock.time, [0.0]
        for change in self.delay_changes:
            delays = change(queue, delays)
        for delay in delays:
            visible_at = now + timedelta(seconds=delay_seconds + delay)
            self._put(queue, SimulatedMessage(identity, body, group, attributes, now, visible_at))
        self.find_fair_queue(queue).message_count += len(delays)
        return identity

    @override
    def receive(self, queue: SimulatedQueue) -> SimulatedMessage | None:
        fair_queue, now = self.find_fair_queue(queue), self._clock.time
        self._release_due(fair_queue, now)
        oldest = queue.find_retention_start(now)
        while fair_queue.receivable:
            group = min(
                fair_queue.receivable,
                key=lambda one: (fair_queue.in_flight_by_group[one], fair_queue.receivable[one][0].sent_at),
            )
            message = fair_queue.receivable[group].popleft()
            if not fair_queue.receivable[group]:
                del fair_queue.receivable[group]
            if message.sent_at < oldest:
                fair_queue.message_count -= 1
                fair_queue.expired += 1
                continue
            return self._mark_received(queue, fair_queue, group, message)
        return None

    def _mark_received(
        self, queue: SimulatedQueue, fair_queue: FairQueue, group: str, message: SimulatedMessage
    ) -> SimulatedMessage:
        now = self._clock.time
        message.receive_count += 1
        message.receipt_handle = f"r{next(self._order)}"
        message.first_received_at = message.first_received_at or now
        fair_queue.in_flight[message.receipt_handle] = message
        fair_queue.in_flight_by_group[group] += 1
        self._put(queue, message, now + timedelta(seconds=queue.visibility_seconds))
        return message

    @override
    def delete(self, queue: SimulatedQueue, receipt_handle: str) -> None:
        fair_queue = self.find_fair_queue(queue)
        message = fair_queue.in_flight.pop(receipt_handle, None)
        if message and message.receipt_handle == receipt_handle:
            self._leave_flight(fair_queue, message)
            fair_queue.message_count -= 1
            message.receipt_handle = ""

    @override
    def make_visible(self, queue: SimulatedQueue, message: SimulatedMessage, moment: datetime) -> None:
        self._put(queue, message, moment)

    @override
    def find_next_visible_at(self, queues: Iterable[SimulatedQueue]) -> datetime | None:
        moments: list[datetime] = []
        for fair_queue in map(self.find_fair_queue, queues):
            if fair_queue.receivable:
                moments.append(self._clock.time)
            while fair_queue.delayed and not _is_current(*fair_queue.delayed[0]):
                heapq.heappop(fair_queue.delayed)
            moments += [fair_queue.delayed[0][0]] if fair_queue.delayed else []
        return min(moments, default=None)

    @override
    def list_messages(self, queue: SimulatedQueue) -> list[SimulatedMessage]:
        return list(self.find_fair_queue(queue).in_flight.values())

    @override
    def _get_attributes(self, *, QueueUrl: str, AttributeNames: Any) -> dict[str, Any]:
        known = super()._get_attributes(QueueUrl=QueueUrl, AttributeNames=AttributeNames)
        fair_queue, name = self.find_fair_queue(self.queues[QueueUrl]), "ApproximateNumberOfMessages"
        if name in known["Attributes"]:
            known["Attributes"][name] = str(fair_queue.message_count - len(fair_queue.in_flight))
        return known

    def _put(self, queue: SimulatedQueue, message: SimulatedMessage, moment: datetime | None = None) -> None:
        message.visible_at = moment or message.visible_at
        heapq.heappush(self.find_fair_queue(queue).delayed, (message.visible_at, next(self._order), message))
        self.ready(queue, message.visible_at)

    def _release_due(self, fair_queue: FairQueue, now: datetime) -> None:
        """Moves messages that have become receivable to their group."""
        while fair_queue.delayed and fair_queue.delayed[0][0] <= now:
            entry = heapq.heappop(fair_queue.delayed)
            if not _is_current(*entry):
                continue
            message = entry[2]
            if fair_queue.in_flight.pop(message.receipt_handle, None):
                self._leave_flight(fair_queue, message)
            fair_queue.receivable.setdefault(message.group or "", deque()).append(message)
            message.visible_at = EARLIEST

    def _leave_flight(self, fair_queue: FairQueue, message: SimulatedMessage) -> None:
        fair_queue.in_flight_by_group[message.group or ""] -= 1


def _is_current(moment: datetime, _order: int, message: SimulatedMessage) -> bool:
    """Returns whether an entry is current: not of a deleted message, or of one that was scheduled again."""
    is_gone = message.receive_count > 0 and not message.receipt_handle
    return message.visible_at == moment and not is_gone
