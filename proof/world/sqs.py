"""SQS queues in memory: messages come late, twice and in any order, and come again when nobody deletes them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from proof.world.clock import WorldClock
from proof.world.lineage import Lineage, current
from proof.world.wire import Wire, refusal

# Limits: Amazon SQS Developer Guide, "Amazon SQS message quotas"; SendMessage API reference.
LONGEST_DELAY_SECONDS = 900
LONGEST_VISIBILITY_SECONDS = 43_200
LARGEST_MESSAGE_BYTES = 1_048_576
MOST_ATTRIBUTES = 10
MOST_RECEIVED = 10
DEFAULT_RETENTION_SECONDS = 345_600
ADDRESS = "https://sqs.invalid/000000000000/"
_ALLOWED = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_GROUP = re.compile(r"[\w!-/:-@\[-`{-~]{1,128}", re.ASCII)


@dataclass(eq=False)
class Message:
    """One message in a queue; `visible_at` is when it can be received next."""

    id: str
    body: str
    group: str | None
    attributes: Mapping[str, str]
    sent_at: datetime
    visible_at: datetime
    receives: int = 0
    receipt_handle: str = ""
    first_received_at: datetime | None = None
    dead_letter_of: str = ""
    lineage: Lineage = field(default_factory=current)


@dataclass(eq=False)
class Line:
    """One queue and how it was set up; `twice` is the share of messages that come twice."""

    name: str
    visibility_seconds: int = 30
    dead_letters: "Line | None" = None
    most_receives: int = 0
    retention_seconds: int = DEFAULT_RETENTION_SECONDS
    shuffled: bool = False
    twice: float = 0.0
    messages: list[Message] = field(default_factory=list[Message])
    expired: list[Message] = field(default_factory=list[Message])

    @property
    def url(self) -> str:
        return ADDRESS + self.name

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:eu-central-1:000000000000:{self.name}"

    def oldest(self, now: datetime) -> datetime:
        """Messages sent before this moment are gone."""
        return now - timedelta(seconds=self.retention_seconds)


Arrivals = Callable[[Line, list[float]], list[float]]


class SimulatedSqs:
    """The client. `ready` is told when a message can be received, `received` of each that was.

    `sending` may change how often a message arrives and after how many seconds. Delivery to functions (`receive`,
    `delete`) is the Lambda service's doing, so it meets no fault.
    """

    def __init__(self, wire: Wire, clock: WorldClock, random: Random) -> None:
        self.lines: dict[str, Line] = {}
        self.ready: Callable[[Line, datetime], object] = lambda _line, _moment: None
        self.sending: list[Arrivals] = []
        self.received: list[Callable[[Line, Message], None]] = []
        self._wire = wire
        self._clock = clock
        self._random = random
        self._sent = 0
        self._received = 0

    def open(self, name: str, **setup: Any) -> Line:
        """A new queue."""
        line = Line(name, **setup)
        self.lines[line.url] = line
        return line

    def send_message(self, **sent: Any) -> dict[str, Any]:
        """Put a message into a queue."""
        return self._wire.carry("sqs", "send_message", sent, lambda: self._send(**sent))

    def receive_message(self, **sent: Any) -> dict[str, Any]:
        """Take messages out of sight for a while; an answer without `Messages` where there are none."""
        return self._wire.carry("sqs", "receive_message", sent, lambda: self._receive(**sent))

    def delete_message(self, **sent: Any) -> dict[str, Any]:
        """The message was dealt with; a handle that is old deletes nothing and says so to nobody."""
        return self._wire.carry("sqs", "delete_message", sent, lambda: self._delete(**sent))

    def change_message_visibility(self, **sent: Any) -> dict[str, Any]:
        """Have a received message come again at another time."""
        return self._wire.carry("sqs", "change_message_visibility", sent, lambda: self._change(**sent))

    def get_queue_attributes(self, **sent: Any) -> dict[str, Any]:
        """How many messages there are, and how the queue is set up."""
        return self._wire.carry("sqs", "get_queue_attributes", sent, lambda: self._attributes(**sent))

    # -- what other services do; it meets no fault --------------------------------------------------------------

    def post(self, line: Line, body: str) -> str:
        """A message from another AWS service or a person, which begins a chain of its own; its id."""
        return Context().run(self._enqueue, line, body, None, {}, 0)

    def receive(self, line: Line) -> Message | None:
        """One visible message, out of sight until its visibility is over; None where there is none now."""
        now = self._clock.time
        ready = [message for message in self.waiting(line) if message.visible_at <= now]
        if not ready:
            return None
        message = self._random.choice(ready) if line.shuffled else min(ready, key=lambda one: one.visible_at)
        message.receives += 1
        if line.dead_letters and message.receives > line.most_receives:
            line.messages.remove(message)
            line.dead_letters.messages.append(message)
            message.visible_at, message.dead_letter_of = now, line.arn
            return self.receive(line)
        self._received += 1
        message.receipt_handle = f"r{self._received}"
        message.first_received_at = message.first_received_at or now
        self.show_again(line, message, now + timedelta(seconds=line.visibility_seconds))
        for listen in self.received:
            listen(line, message)
        return message

    def delete(self, line: Line, receipt_handle: str) -> None:
        """The message was dealt with; one that was handed out again since stays."""
        line.messages[:] = [message for message in line.messages if message.receipt_handle != receipt_handle]

    def show_again(self, line: Line, message: Message, moment: datetime) -> None:
        """A message can be received from this moment on."""
        message.visible_at = moment
        self.ready(line, moment)

    def waiting(self, line: Line) -> list[Message]:
        """The queue's messages, without those that it has kept for too long."""
        oldest = line.oldest(self._clock.time)
        if any(message.sent_at < oldest for message in line.messages):
            line.expired += [message for message in line.messages if message.sent_at < oldest]
            line.messages[:] = [message for message in line.messages if message.sent_at >= oldest]
        return line.messages

    def next_moment(self, lines: Iterable[Line]) -> datetime | None:
        """When the next message of these queues can be received; None where they are all empty."""
        return min((message.visible_at for line in lines for message in self.waiting(line)), default=None)

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
        attributes = {name: _text(value) for name, value in (MessageAttributes or {}).items()}
        if not 0 <= DelaySeconds <= LONGEST_DELAY_SECONDS:
            raise _invalid("InvalidParameterValue", f"DelaySeconds {DelaySeconds}")
        if len(attributes) > MOST_ATTRIBUTES or (MessageGroupId and not _GROUP.fullmatch(MessageGroupId)):
            raise _invalid("InvalidParameterValue", f"{len(attributes)} attributes, group {MessageGroupId!r}")
        _check_text(MessageBody, *attributes.values())
        identity = self._enqueue(self._line(QueueUrl), MessageBody, MessageGroupId, attributes, DelaySeconds)
        return {"MessageId": identity}

    def _enqueue(
        self, line: Line, body: str, group: str | None, attributes: Mapping[str, str], delay_seconds: int
    ) -> str:
        self._sent += 1
        identity = f"m{self._sent}"
        now = self._clock.time
        arrivals = [0.0, 0.0] if line.twice and self._random.random() < line.twice else [0.0]
        for change in self.sending:
            arrivals = change(line, arrivals)
        for late in arrivals:
            visible = now + timedelta(seconds=delay_seconds + late)
            line.messages.append(Message(identity, body, group, attributes, now, visible))
            self.ready(line, visible)
        return identity

    def _receive(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        MaxNumberOfMessages: int = 1,  # noqa: N803
        VisibilityTimeout: int | None = None,  # noqa: N803
        WaitTimeSeconds: int = 0,  # noqa: N803 - time does not pass in an answer
        AttributeNames: Sequence[str] = (),  # noqa: N803
        MessageSystemAttributeNames: Sequence[str] = (),  # noqa: N803
        MessageAttributeNames: Sequence[str] = (),  # noqa: N803
    ) -> dict[str, Any]:
        line = self._line(QueueUrl)
        if not 1 <= MaxNumberOfMessages <= MOST_RECEIVED:
            raise _invalid("InvalidParameterValue", f"MaxNumberOfMessages {MaxNumberOfMessages}")
        found: list[Message] = []
        while len(found) < MaxNumberOfMessages and (message := self.receive(line)):
            found.append(message)
        for message in found if VisibilityTimeout is not None else ():
            self.show_again(line, message, self._clock.time + timedelta(seconds=VisibilityTimeout or 0))
        system = MessageSystemAttributeNames or AttributeNames
        return {"Messages": [_shown(one, system, MessageAttributeNames) for one in found]} if found else {}

    def _delete(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:  # noqa: N803
        self.delete(self._line(QueueUrl), ReceiptHandle)
        return {}

    def _change(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> dict[str, Any]:  # noqa: N803
        if not 0 <= VisibilityTimeout <= LONGEST_VISIBILITY_SECONDS:
            raise _invalid("InvalidParameterValue", f"VisibilityTimeout {VisibilityTimeout}")
        line = self._line(QueueUrl)
        for message in self.waiting(line):
            if message.receipt_handle == ReceiptHandle and message.visible_at > self._clock.time:
                self.show_again(line, message, self._clock.time + timedelta(seconds=VisibilityTimeout))
                return {}
        raise _invalid("InvalidParameterValue", f"the handle {ReceiptHandle} belongs to no message in flight")

    def _attributes(self, *, QueueUrl: str, AttributeNames: Sequence[str]) -> dict[str, Any]:  # noqa: N803
        line, now = self._line(QueueUrl), self._clock.time
        messages = self.waiting(line)
        delayed = [one for one in messages if one.visible_at > now and not one.receives]
        hidden = [one for one in messages if one.visible_at > now and one.receives]
        known = {
            "ApproximateNumberOfMessages": len(messages) - len(delayed) - len(hidden),
            "ApproximateNumberOfMessagesDelayed": len(delayed),
            "ApproximateNumberOfMessagesNotVisible": len(hidden),
            "MessageRetentionPeriod": line.retention_seconds,
            "VisibilityTimeout": line.visibility_seconds,
            "QueueArn": line.arn,
        }
        names = known.keys() if "All" in AttributeNames else AttributeNames
        return {"Attributes": {name: str(known[name]) for name in names}}

    def _line(self, url: str) -> Line:
        if url not in self.lines:
            raise _invalid("AWS.SimpleQueueService.NonExistentQueue", url)
        return self.lines[url]


def _shown(message: Message, system: Sequence[str], attributes: Sequence[str]) -> dict[str, Any]:
    """A message as ReceiveMessage gives it (API reference)."""
    known = {
        "ApproximateReceiveCount": str(message.receives),
        "SentTimestamp": _milliseconds(message.sent_at),
        "ApproximateFirstReceiveTimestamp": _milliseconds(message.first_received_at or message.sent_at),
        "MessageGroupId": message.group or "",
        "DeadLetterQueueSourceArn": message.dead_letter_of,
    }
    shown: dict[str, Any] = {"MessageId": message.id, "ReceiptHandle": message.receipt_handle, "Body": message.body}
    if chosen := {name: text for name, text in known.items() if text and ("All" in system or name in system)}:
        shown["Attributes"] = chosen
    if chosen := {name: text for name, text in message.attributes.items() if "All" in attributes or name in attributes}:
        shown["MessageAttributes"] = {
            name: {"DataType": "String", "StringValue": text} for name, text in chosen.items()
        }
    return shown


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _text(value: Mapping[str, Any]) -> str:
    if set(value) != {"DataType", "StringValue"} or value["DataType"] != "String" or not value["StringValue"]:
        raise _invalid("InvalidParameterValue", f"message attribute {dict(value)!r}")
    return value["StringValue"]


def _check_text(*texts: str) -> None:
    for text in texts:
        if not text or not _ALLOWED.fullmatch(text):
            raise _invalid("InvalidMessageContents", "a character that SQS does not take, or no text at all")
    if sum(len(text.encode()) for text in texts) > LARGEST_MESSAGE_BYTES:
        raise _invalid("InvalidParameterValue", "the message is too long")


def _invalid(code: str, message: str) -> Exception:
    return refusal(code, "SendMessage", 400, message)
