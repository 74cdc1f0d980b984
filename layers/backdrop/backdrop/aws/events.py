"""Parses the intake queue's messages: S3's notifications (direct, by SNS, by EventBridge), requests, our own looks."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from urllib.parse import unquote_plus

from backdrop.aws.event_bus import EVENT_SOURCE
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IncomingRequest, IntakeEvent
from backdrop.model.object_keys import MAX_S3_KEY_BYTES
from backdrop.model.queue_messages import (
    INTAKE_MESSAGES,
    CheckMessage,
    FolderMessage,
    IntakeMessage,
    RecheckMessage,
    RerunMessage,
    SettleMessage,
    parse_message,
)

OBJECT_FIELDS = frozenset({"bucket", "key"})
REQUIRED_REQUEST_FIELDS = OBJECT_FIELDS | {"instructions"}
# Limits: AWS Step Functions API reference, "SendTaskSuccess" and "DescribeExecution".
OPTIONAL_REQUEST_FIELDS = {
    "task_token": r"[ -~]{1,2048}",
    "execution": r"arn:[!-~]{1,252}",
    "campaign": r"[A-Za-z0-9_-]{1,80}",
}
REQUEST_MARKERS = OPTIONAL_REQUEST_FIELDS.keys() | (REQUIRED_REQUEST_FIELDS - OBJECT_FIELDS)
REQUEST_DETAIL_TYPE = "Image Requested"
MAX_LISTED_FIELDS = 5
S3_SOURCE = "aws.s3"
S3_TEST_EVENT = "s3:TestEvent"
S3_TAGGING_PREFIX, EVENTBRIDGE_TAGGING_PREFIX = "ObjectTagging:", "Object Tags "
EVENT_ID_PATTERN = r"[!-~]{1,128}"
SNS_ENVELOPE_FIELDS = frozenset({"Type", "TopicArn"})
# Amazon SNS Developer Guide, "Parsing Amazon SNS message formats".
SNS_CONFIRMATION_TYPES = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
MAX_SHOWN_TOPIC_CHARACTERS = 300


def parse_intake_message(
    body: str,
    *,
    input_bucket: str,
    readable_buckets: Collection[str] = (),
    is_repeated: bool,
    message_id: str = "",
    receive_count: int = 1,
    sent_at: datetime | None = None,
) -> list[IntakeEvent]:
    """The keys that a message asks to look at; none for S3's test event. `message_id` is the message's own.

    `input_bucket`: the stack's input bucket; `readable_buckets`: the others whose photos may be asked for.
    `receive_count`: how often the message was delivered, `sent_at`: when it was put into the queue. Raises
    MalformedMessageError for a body that is neither S3's nor ours, or that names another bucket; of a request whose
    task token can be read, the look says what is wrong, so that the token is answered.
    """
    return [
        replace(
            one,
            # A request is known again by its ident.
            is_repeated=one.is_repeated or (is_repeated and not one.request),
            receive_count=receive_count,
            requested_at=sent_at if one.request or one.is_rerun else None,
        )
        for one in _parse_body(body, {input_bucket, *readable_buckets}, message_id, sent_at)
    ]


def _parse_body(body: str, buckets: Collection[str], message_id: str, sent_at: datetime | None) -> list[IntakeEvent]:
    message: Mapping[str, Any] = _parse_json_object(body)
    if message.keys() >= SNS_ENVELOPE_FIELDS:
        message = _unwrap_sns(message)
    if message.get("Event") == S3_TEST_EVENT:
        return []
    records = message.get("Records")
    if isinstance(records, list):
        return [_parse_s3_record(record, buckets, sent_at) for record in cast("list[Any]", records)]
    if "detail-type" in message:
        return [_parse_eventbridge_event(message, buckets, message_id, sent_at)]
    if message.keys() & REQUEST_MARKERS:
        return [_parse_request(message, buckets, message_id)]
    if "kind" in message:
        return [_build_intake_event(parse_message(body, *INTAKE_MESSAGES), buckets)]
    raise MalformedMessageError(_describe_unrecognized(message))


def _describe_unrecognized(message: Mapping[str, Any]) -> str:
    unknown_fields = sorted(message.keys() - REQUIRED_REQUEST_FIELDS - OPTIONAL_REQUEST_FIELDS.keys())
    if "key" in message and unknown_fields:
        names = ", ".join(repr(name[:40]) for name in unknown_fields[:MAX_LISTED_FIELDS])
        return f"a request has bucket, key and instructions, and nothing called {names}"
    return "neither an S3 notification nor a request with bucket, key and instructions"


# -- SNS ---------------------------------------------------------------------------------------------------------


def _unwrap_sns(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    """The S3 message in an SNS envelope.

    Permission to publish to a topic is not permission to request pictures, so anything else is damaged. A confirmation
    is too: its link is never followed, because any sender to the queue could name a topic of their own in it.
    """
    kind, topic = envelope["Type"], repr(str(envelope["TopicArn"])[:MAX_SHOWN_TOPIC_CHARACTERS])
    if kind in SNS_CONFIRMATION_TYPES:
        explanation = "Backdrop does not confirm subscriptions; docs/deploying.md shows how to subscribe the queue"
        raise MalformedMessageError(f"{kind} from the SNS topic {topic}: {explanation}")
    try:
        message = _parse_json_object(envelope.get("Message"))
    except MalformedMessageError:
        message = {}
    if not _is_s3_message(message):
        raise MalformedMessageError(f"the SNS topic {topic} sent a message that holds no S3 notification")
    return message


def _is_s3_message(message: Mapping[str, Any]) -> bool:
    is_event = message.get("source") == S3_SOURCE and "detail-type" in message
    return is_event or isinstance(message.get("Records"), list) or message.get("Event") == S3_TEST_EVENT


# -- what S3 says --------------------------------------------------------------------------------------------------


def _parse_s3_record(record: Any, buckets: Collection[str], sent_at: datetime | None) -> IntakeEvent:
    """One of a notification's records; its key is encoded like a form's field (`+` is a blank)."""
    try:
        bucket, key = _read_bucket_and_key(record["s3"])
        is_tagging = str(record.get("eventName")).startswith(S3_TAGGING_PREFIX)
        tagged_at = _parse_event_time(record.get("eventTime"), sent_at) if is_tagging else None
        return IntakeEvent(_check_bucket(bucket, buckets), unquote_plus(key, errors="strict"), tagged_at=tagged_at)
    except (KeyError, TypeError, UnicodeDecodeError) as error:
        raise MalformedMessageError("an S3 record without bucket or key") from error


def _read_bucket_and_key(notification: Any) -> tuple[str, str]:
    try:
        return _check_text(notification["bucket"]["name"]), _check_text(notification["object"]["key"])
    except (KeyError, TypeError) as error:
        raise MalformedMessageError("an S3 event without bucket or key") from error


def _parse_event_time(timestamp: Any, sent_at: datetime | None) -> datetime | None:
    """When S3 says that it was; a message is never sent before, and its own time stands where S3 tells none."""
    try:
        event_time = datetime.fromisoformat(timestamp)
    except (TypeError, ValueError):
        return sent_at
    return min(event_time, sent_at) if sent_at and event_time.tzinfo else sent_at


def _parse_eventbridge_event(
    event: Mapping[str, Any], buckets: Collection[str], message_id: str, sent_at: datetime | None
) -> IntakeEvent:
    """An EventBridge event: S3's, whose key is not encoded there, or a request."""
    source, detail_type, detail = event.get("source"), event["detail-type"], event.get("detail")
    if source == EVENT_SOURCE:
        raise MalformedMessageError(
            f"an event of the source {EVENT_SOURCE} is what this stack tells, and no request to it"
        )
    if source == S3_SOURCE:
        bucket, key = _read_bucket_and_key(detail)
        is_tagging = str(detail_type).startswith(EVENTBRIDGE_TAGGING_PREFIX)
        return IntakeEvent(
            _check_bucket(bucket, buckets),
            key,
            tagged_at=_parse_event_time(event.get("time"), sent_at) if is_tagging else None,
        )
    if detail_type != REQUEST_DETAIL_TYPE:
        names = f"{str(detail_type)[:40]!r} of {str(source)[:40]!r}"
        raise MalformedMessageError(f"the event {names} is neither {REQUEST_DETAIL_TYPE!r} nor one of S3's")
    if not isinstance(detail, dict):
        raise MalformedMessageError(f"the detail of an event {REQUEST_DETAIL_TYPE!r} is no JSON object")
    # Its own id tells it again when EventBridge sends it twice.
    return _parse_request(
        cast("dict[str, Any]", detail), buckets, _match_or_empty(EVENT_ID_PATTERN, event.get("id")) or message_id
    )


# -- what is asked -------------------------------------------------------------------------------------------------


def _parse_request(message: Mapping[str, Any], buckets: Collection[str], request_id: str) -> IntakeEvent:
    """The look of a request; where it is damaged and its token can be read, with what is wrong."""
    optional_fields = {
        name: _match_or_empty(pattern, message.get(name)) for name, pattern in OPTIONAL_REQUEST_FIELDS.items()
    }
    token, execution, campaign = optional_fields.values()
    try:
        _check_request_fields(message, optional_fields)
        bucket, key = _check_bucket(message["bucket"], buckets), _check_text(message["key"])
        if not 1 <= len(key.encode()) <= MAX_S3_KEY_BYTES:
            raise MalformedMessageError("the key of a request is empty or longer than S3 allows")
    except MalformedMessageError as error:
        if not token:
            raise
        malformed_request = IncomingRequest(request_id, {}, token, execution, campaign, invalid_reason=error.message)
        return IntakeEvent(
            _truncate_name(message.get("bucket")), _truncate_name(message.get("key")), request=malformed_request
        )
    return IntakeEvent(
        bucket, key, request=IncomingRequest(request_id, message["instructions"], token, execution, campaign)
    )


def _check_request_fields(message: Mapping[str, Any], optional_fields: Mapping[str, str]) -> None:
    if (
        not message.keys() >= REQUIRED_REQUEST_FIELDS
        or message.keys() - REQUIRED_REQUEST_FIELDS - OPTIONAL_REQUEST_FIELDS.keys()
    ):
        raise MalformedMessageError(_describe_unrecognized(message))
    if not isinstance(message["instructions"], dict):
        raise MalformedMessageError("the instructions of a request are no JSON object")
    for name, text in optional_fields.items():
        if name in message and not text:
            raise MalformedMessageError(f"the {name} of a request is none")


def _match_or_empty(pattern: str, value: Any) -> str:
    """A text that is wholly what the pattern says; "" where it is something else."""
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else ""


def _truncate_name(value: Any) -> str:
    """As much of a name as can be told of, whatever it is."""
    return value.encode(errors="replace").decode()[:MAX_S3_KEY_BYTES] if isinstance(value, str) else ""


def _build_intake_event(message: IntakeMessage, buckets: Collection[str]) -> IntakeEvent:
    """The look that one of Backdrop's own messages asks for."""
    intake_event = IntakeEvent(_check_bucket(message.bucket, buckets), message.key)
    match message:
        case CheckMessage():
            return intake_event
        case RecheckMessage():
            return replace(intake_event, is_repeated=True)
        case FolderMessage():
            return replace(intake_event, is_repeated=True, start_after=message.start_after)
        case SettleMessage():
            return replace(intake_event, is_settle_timeout=True)
        case RerunMessage():
            return replace(intake_event, is_rerun=True)


# -- values --------------------------------------------------------------------------------------------------------


def _parse_json_object(body: Any) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedMessageError("the body is not JSON") from error
    if not isinstance(message, dict):
        raise MalformedMessageError("the body is not a JSON object")
    return cast("dict[str, Any]", message)


def _check_bucket(bucket: Any, buckets: Collection[str]) -> str:
    """A bucket whose photos this stack works on."""
    name = _check_text(bucket)
    if name not in buckets:
        reason = "is neither this stack's input bucket nor one of its ReadableBuckets"
        raise MalformedMessageError(f"the bucket {name[:100]!r} {reason}")
    return name


def _check_text(value: Any) -> str:
    """A text that can be encoded; JSON allows halves of surrogate pairs, S3 does not."""
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise MalformedMessageError("a name in the message is no text")
    return value
