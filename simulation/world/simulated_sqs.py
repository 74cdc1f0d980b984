"""SQS queues in memory. Messages arrive late, twice, or out of order, and become visible again unless deleted."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from simulation.world.message_lineage import MessageLineage, read_current_lineage
from simulation.world.transport import Transport, build_client_error
from simulation.world.world_clock import WorldClock

# Limits: Amazon SQS Developer Guide, "Amazon SQS message quotas"; SendMessage API reference.
MAX_DELAY_SECONDS = 900
MAX_VISIBILITY_SECONDS = 43_200
MAX_MESSAGE_BYTES = 1_048_576
MAX_ATTRIBUTES = 10
MAX_RECEIVED_MESSAGES = 10
DEFAULT_RETENTION_SECONDS = 345_600
QUEUE_URL_PREFIX = "https://sqs.invalid/000000000000/"
_ALLOWED_CHARACTERS = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_GROUP_ID = re.compile(r"[\w!-/:-@\[-`{-~]{1,128}", re.ASCII)


@dataclass(eq=False, slots=True)
class SimulatedMessage:
    """One message in a queue; `visible_at` is when it can be received next."""

    id: str
    body: str
    group: str | None
    attributes: Mapping[str, str]
    sent_at: datetime
    visible_at: datetime
    receive_count: int = 0
    receipt_handle: str = ""
    first_received_at: datetime | None = None
    last_received_at: datetime | None = None
    dead_letter_source_arn: str = ""
    lineage: MessageLineage = field(default_factory=read_current_lineage)


@dataclass(eq=False)
class SimulatedQueue:
    """One queue and its settings. `duplicate_share`: the share of messages that are delivered twice."""

    name: str
    visibility_seconds: int = 30
    dead_letter_queue: "SimulatedQueue | None" = None
    max_receive_count: int = 0
    retention_seconds: int = DEFAULT_RETENTION_SECONDS
    is_shuffled: bool = False
    duplicate_share: float = 0.0
    messages: list[SimulatedMessage] = field(default_factory=list[SimulatedMessage])
    expired: list[SimulatedMessage] = field(default_factory=list[SimulatedMessage])

    @property
    def url(self) -> str:
        return QUEUE_URL_PREFIX + self.name

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:eu-central-1:000000000000:{self.name}"

    def find_retention_start(self, now: datetime) -> datetime:
        """Messages that were sent before this moment have expired."""
        return now - timedelta(seconds=self.retention_seconds)


DelayChange = Callable[[SimulatedQueue, list[float]], list[float]]


class SimulatedSqs:
    """The client. `ready` is called when a message becomes visible, `receive_listeners` for each one received.

    `delay_changes` may change how often a message arrives, and after how many seconds. The Lambda service delivers
    messages to functions (`receive`, `delete`), so no fault strikes there.
    """

    def __init__(self, transport: Transport, clock: WorldClock, random: Random) -> None:
        self.queues: dict[str, SimulatedQueue] = {}
        self.ready: Callable[[SimulatedQueue, datetime], object] = lambda _line, _moment: None
        self.delay_changes: list[DelayChange] = []
        self.receive_listeners: list[Callable[[SimulatedQueue, SimulatedMessage], None]] = []
        self._transport = transport
        self._clock = clock
        self._random = random
        self._started_at = clock.time
        self._sent_count = 0
        self._receive_count = 0

    def create_queue(self, name: str, **setup: Any) -> SimulatedQueue:
        queue = SimulatedQueue(name, **setup)
        self.queues[queue.url] = queue
        return queue

    def send_message(self, **request: Any) -> dict[str, Any]:
        """Puts a message into a queue."""
        return self._transport.execute("sqs", "send_message", request, lambda: self._send(**request))

    def receive_message(self, **request: Any) -> dict[str, Any]:
        """Receives messages and hides them for a while. Without messages, the response has no `Messages`."""
        return self._transport.execute("sqs", "receive_message", request, lambda: self._receive(**request))

    def delete_message(self, **request: Any) -> dict[str, Any]:
        """Deletes a received message. An outdated receipt handle deletes nothing, without an error."""
        return self._transport.execute("sqs", "delete_message", request, lambda: self._delete(**request))

    def change_message_visibility(self, **request: Any) -> dict[str, Any]:
        """Makes a received message visible at another time."""
        return self._transport.execute(
            "sqs", "change_message_visibility", request, lambda: self._change_visibility(**request)
        )

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        """Returns the numbers of messages and the queue's settings."""
        return self._transport.execute("sqs", "get_queue_attributes", request, lambda: self._get_attributes(**request))

    # -- what other services do; no faults strike here ----------------------------------------------------------

    def send_externally(self, queue: SimulatedQueue, body: str) -> str:
        """Sends a message from another AWS service or a user, which starts a chain of its own. Returns its ID."""
        return Context().run(self._enqueue, queue, body, None, {}, 0)

    def receive(self, queue: SimulatedQueue) -> SimulatedMessage | None:
        """Returns one visible message, hidden until its visibility timeout ends; None if there is none now."""
        now = self._clock.time
        visible_messages = [message for message in self.list_messages(queue) if message.visible_at <= now]
        if not visible_messages:
            return None
        message = (
            self._random.choice(visible_messages)
            if queue.is_shuffled
            else min(visible_messages, key=lambda candidate: candidate.visible_at)
        )
        message.receive_count += 1
        if queue.dead_letter_queue and message.receive_count > queue.max_receive_count:
            queue.messages.remove(message)
            queue.dead_letter_queue.messages.append(message)
            message.visible_at, message.dead_letter_source_arn = now, queue.arn
            return self.receive(queue)
        self._receive_count += 1
        message.receipt_handle = f"r{self._receive_count}"
        message.first_received_at = message.first_received_at or now
        message.last_received_at = now
        self.make_visible(queue, message, now + timedelta(seconds=queue.visibility_seconds))
        for notify in self.receive_listeners:
            notify(queue, message)
        return message

    def delete(self, queue: SimulatedQueue, receipt_handle: str) -> None:
        """Deletes a received message; one that was received again since stays."""
        queue.messages[:] = [message for message in queue.messages if message.receipt_handle != receipt_handle]

    def make_visible(self, queue: SimulatedQueue, message: SimulatedMessage, moment: datetime) -> None:
        """Makes a message visible from this moment on."""
        message.visible_at = moment
        self.ready(queue, moment)

    def list_messages(self, queue: SimulatedQueue) -> list[SimulatedMessage]:
        """Returns the queue's messages, without expired ones."""
        oldest = queue.find_retention_start(self._clock.time)
        if oldest > self._started_at and any(message.sent_at < oldest for message in queue.messages):
            queue.expired += [message for message in queue.messages if message.sent_at < oldest]
            queue.messages[:] = [message for message in queue.messages if message.sent_at >= oldest]
        return queue.messages

    def find_next_visible_at(self, queues: Iterable[SimulatedQueue]) -> datetime | None:
        """Returns when the next message of these queues becomes visible; None if they are all empty."""
        return min((message.visible_at for queue in queues for message in self.list_messages(queue)), default=None)

    # -- the operations -----------------------------------------------------------------------------------------

    def _send(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        MessageBody: str,  # noqa: N803
        MessageGroupId: str | None = None,  # noqa: N803
        DelaySeconds: int = 0,  # noqa: N803
        MessageAttributes: Mapping[str, Any] | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        attributes = {name: _read_attribute(value) for name, value in (MessageAttributes or {}).items()}
        if not 0 <= DelaySeconds <= MAX_DELAY_SECONDS:
            raise _build_error("InvalidParameterValue", f"DelaySeconds {DelaySeconds}")
        if len(attributes) > MAX_ATTRIBUTES or (MessageGroupId and not _GROUP_ID.fullmatch(MessageGroupId)):
            raise _build_error("InvalidParameterValue", f"{len(attributes)} attributes, group {MessageGroupId!r}")
        _require_valid_text(MessageBody, *attributes.values())
        message_id = self._enqueue(self._find_queue(QueueUrl), MessageBody, MessageGroupId, attributes, DelaySeconds)
        return {"MessageId": message_id}

    def _enqueue(
        self, queue: SimulatedQueue, body: str, group: str | None, attributes: Mapping[str, str], delay_seconds: int
    ) -> str:
        self._sent_count += 1
        message_id = f"m{self._sent_count}"
        now = self._clock.time
        delays = [0.0, 0.0] if queue.duplicate_share and self._random.random() < queue.duplicate_share else [0.0]
        for change in self.delay_changes:
            delays = change(queue, delays)
        for delay in delays:
            visible = now + timedelta(seconds=delay_seconds + delay)
            queue.messages.append(SimulatedMessage(message_id, body, group, attributes, now, visible))
            self.ready(queue, visible)
        return message_id

    def _receive(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        MaxNumberOfMessages: int = 1,  # noqa: N803
        VisibilityTimeout: int | None = None,  # noqa: N803
        WaitTimeSeconds: int = 0,  # noqa: N803 - no time passes in a response
        AttributeNames: Sequence[str] = (),  # noqa: N803
        MessageSystemAttributeNames: Sequence[str] = (),  # noqa: N803
        MessageAttributeNames: Sequence[str] = (),  # noqa: N803
    ) -> dict[str, Any]:
        queue = self._find_queue(QueueUrl)
        if not 1 <= MaxNumberOfMessages <= MAX_RECEIVED_MESSAGES:
            raise _build_error("InvalidParameterValue", f"MaxNumberOfMessages {MaxNumberOfMessages}")
        messages: list[SimulatedMessage] = []
        while len(messages) < MaxNumberOfMessages and (message := self.receive(queue)):
            messages.append(message)
        for message in messages if VisibilityTimeout is not None else ():
            self.make_visible(queue, message, self._clock.time + timedelta(seconds=VisibilityTimeout or 0))
        system = MessageSystemAttributeNames or AttributeNames
        return (
            {"Messages": [_describe_message(message, system, MessageAttributeNames) for message in messages]}
            if messages
            else {}
        )

    def _delete(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:  # noqa: N803
        self.delete(self._find_queue(QueueUrl), ReceiptHandle)
        return {}

    def _change_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> dict[str, Any]:  # noqa: N803
        if not 0 <= VisibilityTimeout <= MAX_VISIBILITY_SECONDS:
            raise _build_error("InvalidParameterValue", f"VisibilityTimeout {VisibilityTimeout}")
        queue = self._find_queue(QueueUrl)
        for message in self.list_messages(queue):
            if message.receipt_handle == ReceiptHandle and message.visible_at > self._clock.time:
                self.make_visible(queue, message, self._clock.time + timedelta(seconds=VisibilityTimeout))
                return {}
        raise _build_error("InvalidParameterValue", f"no message in flight has the receipt handle {ReceiptHandle}")

    def _get_attributes(self, *, QueueUrl: str, AttributeNames: Sequence[str]) -> dict[str, Any]:  # noqa: N803
        queue, now = self._find_queue(QueueUrl), self._clock.time
        messages = self.list_messages(queue)
        delayed = [message for message in messages if message.visible_at > now and not message.receive_count]
        hidden = [message for message in messages if message.visible_at > now and message.receive_count]
        values = {
            "ApproximateNumberOfMessages": len(messages) - len(delayed) - len(hidden),
            "ApproximateNumberOfMessagesDelayed": len(delayed),
            "ApproximateNumberOfMessagesNotVisible": len(hidden),
            "MessageRetentionPeriod": queue.retention_seconds,
            "VisibilityTimeout": queue.visibility_seconds,
            "QueueArn": queue.arn,
        }
        names = values.keys() if "All" in AttributeNames else AttributeNames
        return {"Attributes": {name: str(values[name]) for name in names}}

    def _find_queue(self, url: str) -> SimulatedQueue:
        if url not in self.queues:
            raise _build_error("AWS.SimpleQueueService.NonExistentQueue", url)
        return self.queues[url]


def _describe_message(message: SimulatedMessage, system: Sequence[str], attributes: Sequence[str]) -> dict[str, Any]:
    """Returns a message as ReceiveMessage does (API reference)."""
    values = {
        "ApproximateReceiveCount": str(message.receive_count),
        "SentTimestamp": _format_milliseconds(message.sent_at),
        "ApproximateFirstReceiveTimestamp": _format_milliseconds(message.first_received_at or message.sent_at),
        "MessageGroupId": message.group or "",
        "DeadLetterQueueSourceArn": message.dead_letter_source_arn,
    }
    described: dict[str, Any] = {"MessageId": message.id, "ReceiptHandle": message.receipt_handle, "Body": message.body}
    if chosen := {name: text for name, text in values.items() if text and ("All" in system or name in system)}:
        described["Attributes"] = chosen
    if chosen := {name: text for name, text in message.attributes.items() if "All" in attributes or name in attributes}:
        described["MessageAttributes"] = {
            name: {"DataType": "String", "StringValue": text} for name, text in chosen.items()
        }
    return described


def _format_milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _read_attribute(value: Mapping[str, Any]) -> str:
    if set(value) != {"DataType", "StringValue"} or value["DataType"] != "String" or not value["StringValue"]:
        raise _build_error("InvalidParameterValue", f"message attribute {dict(value)!r}")
    return value["StringValue"]


def _require_valid_text(*texts: str) -> None:
    for text in texts:
        if not text or not _ALLOWED_CHARACTERS.fullmatch(text):
            raise _build_error("InvalidMessageContents", "the text is empty or has a character that SQS does not allow")
    if sum(len(text.encode()) for text in texts) > MAX_MESSAGE_BYTES:
        raise _build_error("InvalidParameterValue", "the message is too long")


def _build_error(code: str, message: str) -> Exception:
    return build_client_error(code, "SendMessage", 400, message)
