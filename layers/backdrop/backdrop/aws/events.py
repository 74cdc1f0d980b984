"""Parses the intake queue's messages: S3's notifications (direct, by SNS, by EventBridge), requests, our own looks."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from urllib.parse import unquote_plus

from backdrop.aws.event_bus import SOURCE
from backdrop.model.errors import DamagedMessageError
from backdrop.model.intake_event import Look, Request
from backdrop.model.object_keys import MAX_S3_KEY_BYTES
from backdrop.model.queue_messages import (
    INTAKE_MESSAGES,
    CheckMessage,
    FolderMessage,
    IntakeMessage,
    RecheckMessage,
    RerunMessage,
    SettleMessage,
    parse,
)

NAMES = frozenset({"bucket", "key"})
REQUEST_FIELDS = NAMES | {"instructions"}
# Limits: AWS Step Functions API reference, "SendTaskSuccess" and "DescribeExecution".
WAITING_FIELDS = {"task_token": r"[ -~]{1,2048}", "execution": r"arn:[!-~]{1,252}", "campaign": r"[A-Za-z0-9_-]{1,80}"}
MARKS_OF_A_REQUEST = WAITING_FIELDS.keys() | (REQUEST_FIELDS - NAMES)
REQUESTED = "Image Requested"
MOST_NAMED = 5
S3_SOURCE = "aws.s3"
TEST_EVENT = "s3:TestEvent"
TAGS_OF_S3, TAGS_BY_EVENTBRIDGE = "ObjectTagging:", "Object Tags "
EVENT_ID = r"[!-~]{1,128}"
ENVELOPE_FIELDS = frozenset({"Type", "TopicArn"})
# Amazon SNS Developer Guide, "Parsing Amazon SNS message formats".
CONFIRMATIONS = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
MAX_TOPIC_LENGTH = 300


def looks_of(
    body: str,
    *,
    bucket: str,
    readable: Collection[str] = (),
    again: bool,
    ident: str = "",
    receives: int = 1,
    sent: datetime | None = None,
) -> list[Look]:
    """The keys that a message asks to look at; none for S3's test event. `ident` is the message's own.

    `bucket`: the stack's input bucket; `readable`: the others whose photos may be asked for. `receives`: how often the
    message was delivered, `sent`: when it was put into the queue. Raises DamagedMessageError for a body that is neither
    S3's nor ours, or that names another bucket; of a request whose task token can be read, the look says what is wrong,
    so that the token is answered.
    """
    return [
        replace(
            one,
            # A request is known again by its ident.
            again=one.again or (again and not one.request),
            receives=receives,
            said_at=sent if one.request or one.rerun else None,
        )
        for one in _found(body, {bucket, *readable}, ident, sent)
    ]


def _found(body: str, buckets: Collection[str], ident: str, sent: datetime | None) -> list[Look]:
    message: Mapping[str, Any] = _object(body)
    if message.keys() >= ENVELOPE_FIELDS:
        message = _unwrap(message)
    if message.get("Event") == TEST_EVENT:
        return []
    records = message.get("Records")
    if isinstance(records, list):
        return [_record(record, buckets, sent) for record in cast("list[Any]", records)]
    if "detail-type" in message:
        return [_event(message, buckets, ident, sent)]
    if message.keys() & MARKS_OF_A_REQUEST:
        return [_request(message, buckets, ident)]
    if "kind" in message:
        return [_own(parse(body, *INTAKE_MESSAGES), buckets)]
    raise DamagedMessageError(_neither(message))


def _neither(message: Mapping[str, Any]) -> str:
    strange = sorted(message.keys() - REQUEST_FIELDS - WAITING_FIELDS.keys())
    if "key" in message and strange:
        names = ", ".join(repr(name[:40]) for name in strange[:MOST_NAMED])
        return f"a request has bucket, key and instructions, and nothing called {names}"
    return "neither an S3 notification nor a request with bucket, key and instructions"


# -- SNS ---------------------------------------------------------------------------------------------------------


def _unwrap(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    """The S3 message in an SNS envelope.

    Permission to publish to a topic is not permission to request pictures, so anything else is damaged. A confirmation
    is too: its link is never followed, because any sender to the queue could name a topic of their own in it.
    """
    kind, topic = envelope["Type"], repr(str(envelope["TopicArn"])[:MAX_TOPIC_LENGTH])
    if kind in CONFIRMATIONS:
        words = "Backdrop does not confirm subscriptions; docs/deploying.md shows how to subscribe the queue"
        raise DamagedMessageError(f"{kind} from the SNS topic {topic}: {words}")
    try:
        message = _object(envelope.get("Message"))
    except DamagedMessageError:
        message = {}
    if not _is_from_s3(message):
        raise DamagedMessageError(f"the SNS topic {topic} sent a message that holds no S3 notification")
    return message


def _is_from_s3(message: Mapping[str, Any]) -> bool:
    is_event = message.get("source") == S3_SOURCE and "detail-type" in message
    return is_event or isinstance(message.get("Records"), list) or message.get("Event") == TEST_EVENT


# -- what S3 says --------------------------------------------------------------------------------------------------


def _record(record: Any, buckets: Collection[str], sent: datetime | None) -> Look:
    """One of a notification's records; its key is encoded like a form's field (`+` is a blank)."""
    try:
        bucket, key = _of_s3(record["s3"])
        is_tagging = str(record.get("eventName")).startswith(TAGS_OF_S3)
        tagged_at = _when(record.get("eventTime"), sent) if is_tagging else None
        return Look(_known(bucket, buckets), unquote_plus(key, errors="strict"), tagged_at=tagged_at)
    except (KeyError, TypeError, UnicodeDecodeError) as error:
        raise DamagedMessageError("an S3 record without bucket or key") from error


def _of_s3(said: Any) -> tuple[str, str]:
    try:
        return _text(said["bucket"]["name"]), _text(said["object"]["key"])
    except (KeyError, TypeError) as error:
        raise DamagedMessageError("an S3 event without bucket or key") from error


def _when(told: Any, sent: datetime | None) -> datetime | None:
    """When S3 says that it was; a message is never sent before, and its own time stands where S3 tells none."""
    try:
        at = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        return sent
    return min(at, sent) if sent and at.tzinfo else sent


def _event(event: Mapping[str, Any], buckets: Collection[str], ident: str, sent: datetime | None) -> Look:
    """An EventBridge event: S3's, whose key is not encoded there, or a request."""
    source, kind, detail = event.get("source"), event["detail-type"], event.get("detail")
    if source == SOURCE:
        raise DamagedMessageError(f"an event of the source {SOURCE} is what this stack tells, and no request to it")
    if source == S3_SOURCE:
        bucket, key = _of_s3(detail)
        is_tagging = str(kind).startswith(TAGS_BY_EVENTBRIDGE)
        return Look(_known(bucket, buckets), key, tagged_at=_when(event.get("time"), sent) if is_tagging else None)
    if kind != REQUESTED:
        names = f"{str(kind)[:40]!r} of {str(source)[:40]!r}"
        raise DamagedMessageError(f"the event {names} is neither {REQUESTED!r} nor one of S3's")
    if not isinstance(detail, dict):
        raise DamagedMessageError(f"the detail of an event {REQUESTED!r} is no JSON object")
    # Its own id tells it again when EventBridge sends it twice.
    return _request(cast("dict[str, Any]", detail), buckets, _whole(EVENT_ID, event.get("id")) or ident)


# -- what is asked -------------------------------------------------------------------------------------------------


def _request(message: Mapping[str, Any], buckets: Collection[str], ident: str) -> Look:
    """The look of a request; where it is damaged and its token can be read, with what is wrong."""
    waiting = {name: _whole(pattern, message.get(name)) for name, pattern in WAITING_FIELDS.items()}
    token, execution, campaign = waiting.values()
    try:
        _check_fields(message, waiting)
        bucket, key = _known(message["bucket"], buckets), _text(message["key"])
        if not 1 <= len(key.encode()) <= MAX_S3_KEY_BYTES:
            raise DamagedMessageError("the key of a request is empty or longer than S3 allows")
    except DamagedMessageError as error:
        if not token:
            raise
        damaged = Request(ident, {}, token, execution, campaign, damage=error.message)
        return Look(_shown(message.get("bucket")), _shown(message.get("key")), request=damaged)
    return Look(bucket, key, request=Request(ident, message["instructions"], token, execution, campaign))


def _check_fields(message: Mapping[str, Any], waiting: Mapping[str, str]) -> None:
    if not message.keys() >= REQUEST_FIELDS or message.keys() - REQUEST_FIELDS - WAITING_FIELDS.keys():
        raise DamagedMessageError(_neither(message))
    if not isinstance(message["instructions"], dict):
        raise DamagedMessageError("the instructions of a request are no JSON object")
    for name, text in waiting.items():
        if name in message and not text:
            raise DamagedMessageError(f"the {name} of a request is none")


def _whole(pattern: str, value: Any) -> str:
    """A text that is wholly what the pattern says; "" where it is something else."""
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else ""


def _shown(value: Any) -> str:
    """As much of a name as can be told of, whatever it is."""
    return value.encode(errors="replace").decode()[:MAX_S3_KEY_BYTES] if isinstance(value, str) else ""


def _own(message: IntakeMessage, buckets: Collection[str]) -> Look:
    """The look that one of Backdrop's own messages asks for."""
    look = Look(_known(message.bucket, buckets), message.key)
    match message:
        case CheckMessage():
            return look
        case RecheckMessage():
            return replace(look, again=True)
        case FolderMessage():
            return replace(look, again=True, after=message.after)
        case SettleMessage():
            return replace(look, settled=True)
        case RerunMessage():
            return replace(look, rerun=True)


# -- values --------------------------------------------------------------------------------------------------------


def _object(body: Any) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise DamagedMessageError("the body is not JSON") from error
    if not isinstance(message, dict):
        raise DamagedMessageError("the body is not a JSON object")
    return cast("dict[str, Any]", message)


def _known(bucket: Any, buckets: Collection[str]) -> str:
    """A bucket whose photos this stack works on."""
    name = _text(bucket)
    if name not in buckets:
        words = "is neither this stack's input bucket nor one of its ReadableBuckets"
        raise DamagedMessageError(f"the bucket {name[:100]!r} {words}")
    return name


def _text(value: Any) -> str:
    """A text that can be encoded; JSON allows halves of surrogate pairs, S3 does not."""
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise DamagedMessageError("a name in the message is no text")
    return value
