"""A message as SQS takes it and shows it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from proof.world.wire import refusal

# Limits: Amazon SQS Developer Guide, "Amazon SQS message quotas"; SendMessage API reference.
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
    first_received_at: datetime | None = None
    dead_letter_of: str = ""


def invalid(code: str, message: str) -> Exception:
    """A refusal of SQS."""
    return refusal(code, "SendMessage", 400, message)


def taken(body: str, group: str | None, sent: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of a message that SQS takes.

    Raises:
        ClientError: it takes no such message.
    """
    attributes = {name: _text(value) for name, value in sent.items()}
    if len(attributes) > MOST_ATTRIBUTES or (group and not _GROUP.fullmatch(group)):
        raise invalid("InvalidParameterValue", f"{len(attributes)} attributes, group {group!r}")
    _check_text(body, *attributes.values())
    return attributes


def shown(message: Message, system: Sequence[str], attributes: Sequence[str]) -> dict[str, Any]:
    """A message as ReceiveMessage gives it (API reference)."""
    known = {
        "ApproximateReceiveCount": str(message.receives),
        "SentTimestamp": _milliseconds(message.sent_at),
        "ApproximateFirstReceiveTimestamp": _milliseconds(message.first_received_at or message.sent_at),
        "MessageGroupId": message.group or "",
        "DeadLetterQueueSourceArn": message.dead_letter_of,
    }
    words: dict[str, Any] = {"MessageId": message.id, "ReceiptHandle": message.receipt_handle, "Body": message.body}
    if chosen := {name: text for name, text in known.items() if text and ("All" in system or name in system)}:
        words["Attributes"] = chosen
    if chosen := {name: text for name, text in message.attributes.items() if "All" in attributes or name in attributes}:
        words["MessageAttributes"] = {
            name: {"DataType": "String", "StringValue": text} for name, text in chosen.items()
        }
    return words


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _text(value: Mapping[str, Any]) -> str:
    if set(value) != {"DataType", "StringValue"} or value["DataType"] != "String" or not value["StringValue"]:
        raise invalid("InvalidParameterValue", f"message attribute {dict(value)!r}")
    return value["StringValue"]


def _check_text(*texts: str) -> None:
    for text in texts:
        if not text or not _ALLOWED.fullmatch(text):
            raise invalid("InvalidMessageContents", "a character that SQS does not take, or no text at all")
    if sum(len(text.encode()) for text in texts) > LARGEST_MESSAGE_BYTES:
        raise invalid("InvalidParameterValue", "the message is too long")
