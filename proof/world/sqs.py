"""SQS queues in memory: messages come late, twice and in any order, and come again when nobody deletes them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from proof.world.clock import WorldClock
from proof.world.wire import Wire, refusal

# Limits: Amazon SQS Developer Guide, "Amazon SQS message quotas"; SendMessage API reference.
LONGEST_DELAY_SECONDS = 900
LONGEST_VISIBILITY_SECONDS = 43_200
LARGEST_MESSAGE_BYTES = 1_048_576
MOST_ATTRIBUTES = 10
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


@dataclass
class Line:
    """One queue and how it was set up; `twice` is the share of messages that come twice."""

    url: str
    visibility_seconds: int = 30
    dead_letters: "Line | None" = None
    most_receives: int = 0
    shuffled: bool = False
    twice: float = 0.0
    messages: list[Message] = field(default_factory=list[Message])

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


class SimulatedSqs:
    """The client. Delivery to functions (`receive`, `delete`) is the Lambda service's doing, so it meets no fault."""

    def __init__(self, wire: Wire, clock: WorldClock, random: Random) -> None:
        self.lines: dict[str, Line] = {}
        self._wire = wire
        self._clock = clock
        self._random = random
        self._sent = 0
        self._received = 0

    def open(self, name: str, **setup: Any) -> Line:
        """A new queue."""
        line = Line(f"https://sqs.invalid/000000000000/{name}", **setup)
        self.lines[line.url] = line
        return line

    def send_message(self, **sent: Any) -> dict[str, Any]:
        """Put a message into a queue."""
        return self._wire.carry("sqs", "send_message", sent, lambda: self._send(**sent))

    def change_message_visibility(self, **sent: Any) -> dict[str, Any]:
        """Have a received message come again at another time."""
        return self._wire.carry("sqs", "change_message_visibility", sent, lambda: self._change(**sent))

    def post(self, line: Line, body: str) -> None:
        """A message from another AWS service, such as S3's notifications."""
        self._enqueue(line, body, None, {}, 0)

    def receive(self, line: Line) -> Message | None:
        """One visible message, out of sight until its visibility is over; None where there is none now."""
        now = self._clock.now()
        ready = [message for message in line.messages if message.visible_at <= now]
        if not ready:
            return None
        message = self._random.choice(ready) if line.shuffled else min(ready, key=lambda one: one.visible_at)
        message.receives += 1
        if line.dead_letters and message.receives > line.most_receives:
            line.messages.remove(message)
            line.dead_letters.messages.append(message)
            return self.receive(line)
        self._received += 1
        message.receipt_handle = f"r{self._received}"
        message.visible_at = now + timedelta(seconds=line.visibility_seconds)
        return message

    def delete(self, line: Line, message: Message) -> None:
        """The message was dealt with."""
        line.messages.remove(message)

    def next_moment(self, lines: Iterable[Line]) -> datetime | None:
        """When the next message of these queues can be received; None where they are all empty."""
        return min((message.visible_at for line in lines for message in line.messages), default=None)

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
        line = self.lines[QueueUrl]
        identity = self._enqueue(line, MessageBody, MessageGroupId, attributes, DelaySeconds)
        return {"MessageId": identity}

    def _enqueue(
        self, line: Line, body: str, group: str | None, attributes: Mapping[str, str], delay_seconds: int
    ) -> str:
        self._sent += 1
        identity = f"m{self._sent}"
        now = self._clock.now()
        copies = 2 if self._random.random() < line.twice else 1
        for _ in range(copies):
            visible = now + timedelta(seconds=delay_seconds)
            line.messages.append(Message(identity, body, group, attributes, now, visible))
        return identity

    def _change(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> dict[str, Any]:  # noqa: N803
        if not 0 <= VisibilityTimeout <= LONGEST_VISIBILITY_SECONDS:
            raise _invalid("InvalidParameterValue", f"VisibilityTimeout {VisibilityTimeout}")
        for message in self.lines[QueueUrl].messages:
            if message.receipt_handle == ReceiptHandle:
                message.visible_at = self._clock.now() + timedelta(seconds=VisibilityTimeout)
                return {}
        raise _invalid("ReceiptHandleIsInvalid", ReceiptHandle)


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
