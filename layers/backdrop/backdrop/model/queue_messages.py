"""The messages that Backdrop's functions send each other: IDs and keys, never contents.

Each message has a `kind`, which alone decides how its body is parsed. S3's notifications and requests of other systems
have none; `aws/events.py` recognizes them by their structure.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, cast

from pydantic import ValidationError

from backdrop.model.codec import from_json
from backdrop.model.errors import MalformedMessageError
from backdrop.model.record import Record, record

# The name of the attribute next to the body with the ETag of the photo's first receipt. Queued messages have it.
RECEIPT_ETAG = "receipt"
MAX_REASONS = 3
MAX_KIND_LENGTH = 40


@record
class CheckMessage(Record):
    """To intake: something may have changed at this key."""

    kind: Literal["check"] = "check"
    v: Literal[1] = 1
    bucket: str
    key: str


@record
class RecheckMessage(Record):
    """To intake: decide about this photo again, and send what an earlier worker may not have sent."""

    kind: Literal["recheck"] = "recheck"
    v: Literal[1] = 1
    bucket: str
    key: str


@record
class SettleMessage(Record):
    """To intake: the time to wait for this photo's instructions is over."""

    kind: Literal["settle"] = "settle"
    v: Literal[1] = 1
    bucket: str
    key: str


@record
class RerunMessage(Record):
    """To intake: resolve this photo's instructions again; an operator requested it."""

    kind: Literal["rerun"] = "rerun"
    v: Literal[1] = 1
    bucket: str
    key: str


@record
class FolderMessage(Record):
    """To intake: check folder defaults (`key`) again, and wake the waiting photos after `start_after`.

    If `key` is a sidecar that photos share, check those after `start_after`.
    """

    kind: Literal["folder"] = "folder"
    v: Literal[1] = 1
    bucket: str
    key: str
    start_after: str = ""


@record
class JobMessage(Record):
    """To a lane: render this job."""

    kind: Literal["job"] = "job"
    v: Literal[1] = 1
    source_id: str
    job_id: str


@record
class DeliverMessage(Record):
    """To deliver: write this photo's receipt and report, and deliver what this job bought."""

    kind: Literal["deliver"] = "deliver"
    v: Literal[1] = 1
    source_id: str
    job_id: str | None = None


@record
class LaneMessage(Record):
    """To deliver: this provider was paused or resumed; announce it."""

    kind: Literal["lane"] = "lane"
    v: Literal[1] = 1
    provider: str


type IntakeMessage = CheckMessage | RecheckMessage | SettleMessage | RerunMessage | FolderMessage
type QueueMessage = IntakeMessage | JobMessage | DeliverMessage | LaneMessage

INTAKE_MESSAGES = (CheckMessage, RecheckMessage, SettleMessage, RerunMessage, FolderMessage)
_CLASS_BY_KIND: Mapping[str, type[QueueMessage]] = {
    one.kind: one for one in (*INTAKE_MESSAGES, JobMessage, DeliverMessage, LaneMessage)
}


def to_body(message: QueueMessage) -> dict[str, Any]:
    """Returns the JSON object that is sent."""
    return asdict(message)


def parse_message[M: QueueMessage](body: str, *expected: type[M]) -> M:
    """Parses a body as one of the message classes that the queue's consumer expects.

    Raises MalformedMessageError, whose message becomes the reason of a dead letter, for any other body.
    """
    kinds, kind = ", ".join(one.kind for one in expected), _parse_object(body).get("kind")
    if kind is None:
        raise MalformedMessageError(f"the body has no kind; this queue accepts messages of the kinds {kinds}")
    message_class = _CLASS_BY_KIND.get(kind) if isinstance(kind, str) else None
    if message_class is None:
        raise MalformedMessageError(f"{_format_kind(kind)} is not a kind of message; this queue accepts {kinds}")
    try:
        message = from_json(message_class, body)
    except ValidationError as error:
        raise MalformedMessageError(
            f"not a message of the kind {message_class.kind}: {_format_reasons(error)}"
        ) from error
    if not isinstance(message, expected):
        raise MalformedMessageError(f"a message of the kind {message_class.kind}, sent to a queue that accepts {kinds}")
    return message


def _parse_object(body: str) -> Mapping[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError("the body is not JSON") from error
    if not isinstance(fields, dict):
        raise MalformedMessageError("the body is not a JSON object")
    return cast("dict[str, Any]", fields)


def _format_kind(kind: object) -> str:
    return repr(kind[:MAX_KIND_LENGTH]) if isinstance(kind, str) else f"a {type(kind).__name__}"


def _format_reasons(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors()[:MAX_REASONS]
    )
