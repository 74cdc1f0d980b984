"""Parses the intake queue's messages: S3 notifications (direct, through SNS, or EventBridge), requests, and our own.

Decisions about pictures, which arrive through EventBridge, name no object. `parse_decision` parses them.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from urllib.parse import unquote_plus

from backdrop.aws.event_bus import EVENT_SOURCE
from backdrop.instructions.json_text import INSTRUCTIONS_EXAMPLE
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
from backdrop.model.review import DecisionChannel, PictureDecision, ReviewDecision

OBJECT_FIELDS = frozenset({"bucket", "key"})
REQUIRED_REQUEST_FIELDS = OBJECT_FIELDS | {"instructions"}
# Limits: AWS Step Functions API reference, "SendTaskSuccess" and "DescribeExecution".
OPTIONAL_REQUEST_FIELDS = {
    "task_token": r"[ -~]{1,2048}",
    "execution": r"arn:[!-~]{1,252}",
    "campaign": r"[A-Za-z0-9_-]{1,80}",
    "named_by": r"(?:prefix|manifest)",
}
REQUEST_MARKERS = OPTIONAL_REQUEST_FIELDS.keys() | (REQUIRED_REQUEST_FIELDS - OBJECT_FIELDS)
REQUEST_DETAIL_TYPE = "Image Requested"
DECISIONS_BY_DETAIL_TYPE = {
    "Image Approved": ReviewDecision.APPROVED,
    "Image Rejected": ReviewDecision.REJECTED,
}
INCOMING_DETAIL_TYPES = (REQUEST_DETAIL_TYPE, *DECISIONS_BY_DETAIL_TYPE)
DECISION_PATTERNS = {
    "job_id": r"[0-9a-f]{64}",
    "by": r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}",
    "sha256": r"[0-9a-f]{64}",
}
DECISION_FIELDS = {
    "job_id": "the ID of a job: 64 lowercase hexadecimal digits",
    "n": "the number of the picture: a whole number of at least 1",
    "by": "the name of who decided: up to 256 characters, without control characters",
    "sha256": "the SHA-256 of the picture: 64 lowercase hexadecimal digits",
}
REQUIRED_DECISION_FIELDS = frozenset({"job_id", "n", "by"})
DECISION_EXAMPLE = '{"job_id": "8c2f…", "n": 1, "by": "ann@example.com"}'
REQUEST_EXAMPLE = f'{{"bucket": "my-photos", "key": "shoes/red.jpg", "instructions": {INSTRUCTIONS_EXAMPLE}}}'
MAX_LISTED_FIELDS = 5
S3_SOURCE = "aws.s3"
S3_TEST_EVENT = "s3:TestEvent"
S3_TAGGING_PREFIX, EVENTBRIDGE_TAGGING_PREFIX = "ObjectTagging:", "Object Tags "
EVENT_ID_PATTERN = r"[!-~]{1,128}"
SNS_ENVELOPE_FIELDS = frozenset({"Type", "TopicArn"})
# Amazon SNS Developer Guide, "Parsing Amazon SNS message formats".
SNS_CONFIRMATION_TYPES = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
MAX_SHOWN_TOPIC_CHARACTERS = 300
# Limit of an event's source: Amazon EventBridge API reference, "PutEventsRequestEntry".
MAX_SOURCE_LENGTH = 256


def parse_records(body: str, parse: Callable[[str], list[IntakeEvent]]) -> Iterator[IntakeEvent]:
    """Yields the events of each record of a message. `parse` parses a body with one record (`parse_intake_message`).

    Raises MalformedMessageError at the end if some of them are malformed, such as those of another bucket that shares a
    topic: they become one dead letter, and the others are handled.
    """
    malformed: list[str] = []
    first_error: MalformedMessageError | None = None
    bodies = _split_records(body)
    for one in bodies:
        try:
            yield from parse(one)
        except MalformedMessageError as error:
            first_error = first_error or error
            malformed.append(one)
    if first_error:
        records = [record for one in malformed for record in json.loads(one)["Records"]] if bodies[1:] else []
        raise MalformedMessageError(first_error.message, json.dumps({"Records": records}) if records else "")


def _split_records(body: str) -> list[str]:
    """Returns a body for each record of S3's message; the whole body if there are not several."""
    try:
        message = _parse_json_object(body)
        records = (_unwrap_sns(message) if message.keys() >= SNS_ENVELOPE_FIELDS else message).get("Records")
    except MalformedMessageError:
        return [body]
    several = cast("list[Any]", records) if isinstance(records, list) else []
    return [json.dumps({"Records": [record]}) for record in several] if several[1:] else [body]


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
    """Returns one event for each object that a message names, and none for S3's test event and for decisions.

    `readable_buckets` are the buckets, in addition to `input_bucket`, whose photos requests may name. `sent_at` is when
    the message was sent.

    Raises MalformedMessageError for an unknown body or bucket. A malformed request whose task token can be read does
    not raise: its event carries the reason, so that the token is answered.
    """
    return [
        replace(
            event,
            # A repeated request is recognized by its request ID instead.
            is_repeated=event.is_repeated or (is_repeated and not event.request),
            receive_count=receive_count,
            requested_at=sent_at if event.request or event.is_rerun else None,
        )
        for event in _parse_body(body, {input_bucket, *readable_buckets}, message_id, sent_at)
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
    if str(message.get("detail-type")) in DECISIONS_BY_DETAIL_TYPE:
        return []
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
        return f"A request has bucket, key, and instructions, but no field {names}."
    return "The body is neither an S3 notification nor a request with bucket, key, and instructions."


# -- SNS ---------------------------------------------------------------------------------------------------------


def _unwrap_sns(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the S3 message in an SNS envelope.

    Anything else is malformed, because permission to publish to a topic is not permission to request pictures. A
    subscription confirmation is malformed too. Its link is never followed, because anyone who can send to the queue
    could name their own topic in it.
    """
    kind, topic = envelope["Type"], repr(str(envelope["TopicArn"])[:MAX_SHOWN_TOPIC_CHARACTERS])
    if kind in SNS_CONFIRMATION_TYPES:
        explanation = "Backdrop does not confirm subscriptions. docs/deploying.md shows how to subscribe the queue."
        raise MalformedMessageError(f"{kind} from the SNS topic {topic}: {explanation}")
    try:
        message = _parse_json_object(envelope.get("Message"))
    except MalformedMessageError:
        message = {}
    if not _is_s3_message(message):
        raise MalformedMessageError(f"The SNS topic {topic} sent a message without an S3 notification.")
    return message


def _is_s3_message(message: Mapping[str, Any]) -> bool:
    is_event = message.get("source") == S3_SOURCE and "detail-type" in message
    return is_event or isinstance(message.get("Records"), list) or message.get("Event") == S3_TEST_EVENT


# -- S3 ----------------------------------------------------------------------------------------------------------


def _parse_s3_record(record: Any, buckets: Collection[str], sent_at: datetime | None) -> IntakeEvent:
    """Parses a record whose key is URL-encoded like a form field (`+` is a space)."""
    try:
        bucket, key = _read_bucket_and_key(record["s3"])
        is_tagging = str(record.get("eventName")).startswith(S3_TAGGING_PREFIX)
        tagged_at = _parse_event_time(record.get("eventTime"), sent_at) if is_tagging else None
        return IntakeEvent(_check_bucket(bucket, buckets), unquote_plus(key, errors="strict"), tagged_at=tagged_at)
    except (KeyError, TypeError, UnicodeDecodeError) as error:
        raise MalformedMessageError("An S3 record has no bucket or key.") from error


def _read_bucket_and_key(notification: Any) -> tuple[str, str]:
    try:
        return _check_text(notification["bucket"]["name"]), _check_text(notification["object"]["key"])
    except (KeyError, TypeError) as error:
        raise MalformedMessageError("An S3 event has no bucket or key.") from error


def _parse_event_time(timestamp: Any, sent_at: datetime | None) -> datetime | None:
    """Returns the event's time, or the message's if S3 gives none. A message cannot be older than its event."""
    try:
        event_time = datetime.fromisoformat(timestamp)
    except (TypeError, ValueError):
        return sent_at
    return min(event_time, sent_at) if sent_at and event_time.tzinfo else sent_at


def _parse_eventbridge_event(
    event: Mapping[str, Any], buckets: Collection[str], message_id: str, sent_at: datetime | None
) -> IntakeEvent:
    """Parses a request, or an S3 event, whose key is not URL-encoded in EventBridge."""
    source, detail_type, detail = event.get("source"), event["detail-type"], event.get("detail")
    if source == EVENT_SOURCE:
        raise MalformedMessageError(
            f"Events with the source {EVENT_SOURCE} come from this stack and cannot be requests to it."
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
        names = f"{str(detail_type)[:40]!r} from {str(source)[:40]!r}"
        raise MalformedMessageError(f"The event {names} is neither {REQUEST_DETAIL_TYPE!r} nor from S3.")
    if not isinstance(detail, dict):
        raise MalformedMessageError(
            f"The detail of an {REQUEST_DETAIL_TYPE!r} event must be a JSON object such as {REQUEST_EXAMPLE}."
        )
    # EventBridge may deliver an event twice. Its ID identifies it.
    return _parse_request(
        cast("dict[str, Any]", detail), buckets, _match_or_empty(EVENT_ID_PATTERN, event.get("id")) or message_id
    )


# -- requests ----------------------------------------------------------------------------------------------------


def _parse_request(message: Mapping[str, Any], buckets: Collection[str], request_id: str) -> IntakeEvent:
    """Returns the event of a request. For a malformed request with a valid token, the event carries the reason."""
    optional_fields = {
        name: _match_or_empty(pattern, message.get(name)) for name, pattern in OPTIONAL_REQUEST_FIELDS.items()
    }
    token, execution, campaign, named_by = optional_fields.values()
    try:
        _check_request_fields(message, optional_fields)
        bucket, key = _check_bucket(message["bucket"], buckets), _check_text(message["key"])
        if not 1 <= len(key.encode()) <= MAX_S3_KEY_BYTES:
            raise MalformedMessageError("The key of a request is empty or longer than S3 allows.")
    except MalformedMessageError as error:
        if not token:
            raise
        malformed_request = IncomingRequest(request_id, {}, token, execution, campaign, invalid_reason=error.message)
        return IntakeEvent(
            _truncate_name(message.get("bucket")), _truncate_name(message.get("key")), request=malformed_request
        )
    return IntakeEvent(
        bucket,
        key,
        request=IncomingRequest(
            request_id, message["instructions"], token, execution, campaign, is_listed=named_by == "prefix"
        ),
    )


def _check_request_fields(message: Mapping[str, Any], optional_fields: Mapping[str, str]) -> None:
    if (
        not message.keys() >= REQUIRED_REQUEST_FIELDS
        or message.keys() - REQUIRED_REQUEST_FIELDS - OPTIONAL_REQUEST_FIELDS.keys()
    ):
        raise MalformedMessageError(_describe_unrecognized(message))
    for name, text in optional_fields.items():
        if name in message and not text:
            raise MalformedMessageError(
                f"The {name} of a request is not valid: it must match {OPTIONAL_REQUEST_FIELDS[name]}."
            )


def _match_or_empty(pattern: str, value: Any) -> str:
    """Returns the value if it is a string that matches the whole pattern, else ""."""
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else ""


def _truncate_name(value: Any) -> str:
    """Returns a name that is safe to report; "" for a value that is not a string."""
    return value.encode(errors="replace").decode()[:MAX_S3_KEY_BYTES] if isinstance(value, str) else ""


def _build_intake_event(message: IntakeMessage, buckets: Collection[str]) -> IntakeEvent:
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


# -- decisions about pictures ----------------------------------------------------------------------------------------


def parse_decision(body: str) -> PictureDecision | None:
    """Returns the decision of an `Image Approved` or `Image Rejected` event; None for any other message.

    Raises MalformedMessageError if the event does not say which picture it is about, or who decided.
    """
    try:
        event: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    detail_type: Any = cast("dict[str, Any]", event).get("detail-type")
    if not isinstance(detail_type, str) or detail_type not in DECISIONS_BY_DETAIL_TYPE:
        return None
    return _parse_decision(cast("dict[str, Any]", event), detail_type)


def _parse_decision(event: Mapping[str, Any], detail_type: str) -> PictureDecision:
    source, detail = event.get("source"), event.get("detail")
    if not isinstance(source, str) or source == EVENT_SOURCE:
        raise MalformedMessageError(f"An {detail_type!r} event cannot have the source {str(source)[:40]!r}.")
    if not isinstance(detail, dict):
        raise MalformedMessageError(
            f"The detail of an {detail_type!r} event must be a JSON object such as {DECISION_EXAMPLE}."
        )
    fields = cast("dict[str, Any]", detail)
    if reason := _find_wrong_field(fields):
        raise MalformedMessageError(
            f"{reason} The detail of an {detail_type!r} event is a JSON object such as {DECISION_EXAMPLE}, optionally "
            "with the picture's sha256."
        )
    return PictureDecision(
        job_id=fields["job_id"],
        n=fields["n"],
        decision=DECISIONS_BY_DETAIL_TYPE[detail_type],
        by=fields["by"].strip(),
        via=DecisionChannel.EVENT,
        event_source=source[:MAX_SOURCE_LENGTH],
        sha256=fields.get("sha256", ""),
        seen_at=_parse_own_time(event.get("time")),
    )


def _find_wrong_field(fields: Mapping[str, Any]) -> str:
    """Returns which field of a decision is missing, unknown, or wrong, and what it must be; "" if all are right."""
    for name, expected in DECISION_FIELDS.items():
        if name not in fields:
            if name in REQUIRED_DECISION_FIELDS:
                return f"The decision has no field {name}, which must be {expected}."
        elif not _is_valid_field(name, fields[name]):
            return f"The field {name} of the decision must be {expected}."
    if unknown_fields := sorted(fields.keys() - DECISION_FIELDS.keys()):
        names = ", ".join(repr(name[:40]) for name in unknown_fields[:MAX_LISTED_FIELDS])
        return f"A decision has {', '.join(DECISION_FIELDS)}, but no field {names}."
    return ""


def _is_valid_field(name: str, value: Any) -> bool:
    if name == "n":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return bool(_match_or_empty(DECISION_PATTERNS[name], value).strip())


def _parse_own_time(timestamp: Any) -> datetime | None:
    """Returns the time that an event states, in whole seconds; None if it states none."""
    try:
        event_time = datetime.fromisoformat(timestamp)
    except (TypeError, ValueError):
        return None
    return event_time if event_time.tzinfo else None


# -- values --------------------------------------------------------------------------------------------------------


def _parse_json_object(body: Any) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedMessageError("The body is not JSON.") from error
    if not isinstance(message, dict):
        raise MalformedMessageError("The body is not a JSON object.")
    return cast("dict[str, Any]", message)


def _check_bucket(bucket: Any, buckets: Collection[str]) -> str:
    name = _check_text(bucket)
    if name not in buckets:
        reason = "is neither this stack's input bucket nor one of its ReadableBuckets."
        raise MalformedMessageError(f"The bucket {name[:100]!r} {reason}")
    return name


def _check_text(value: Any) -> str:
    """Returns the value if it is a string that S3 accepts. Unlike JSON, S3 allows no unpaired surrogates."""
    if not isinstance(value, str) or any("\ud800" <= character <= "\udfff" for character in value):
        raise MalformedMessageError("A name in the message is not valid Unicode.")
    return value
