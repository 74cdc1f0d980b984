"""S3 notifications through an SNS topic lead to the same events as direct ones. Nothing else is accepted."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.aws.events import parse_intake_message
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IntakeEvent
from simulation.world.sns_envelope import TOPIC_ARN, wrap_in_envelope
from tests.unit.ledger_items import quick

INSTRUCTIONS = {"operation": "remove"}
REQUEST = {"bucket": "photos", "key": "a.jpg", "instructions": INSTRUCTIONS}
TEST_EVENT = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}


def parse_events(content: object, *, again: bool = False) -> list[IntakeEvent]:
    return parse_intake_message(
        json.dumps(content), input_bucket="photos", readable_buckets={"shelf"}, is_repeated=again, message_id="m-1"
    )


def envelope(message: object, kind: str = "Notification") -> dict[str, Any]:
    text = message if isinstance(message, str) else json.dumps(message)
    return json.loads(wrap_in_envelope(text)) | {"Type": kind}


def build_s3_notification(
    key: str = "a.jpg", bucket: str = "photos", name: str = "ObjectCreated:Put"
) -> dict[str, Any]:
    s3 = {"bucket": {"name": bucket}, "object": {"key": key}}
    return {"Records": [{"eventName": name, "eventTime": "2026-11-21T10:00:00.000Z", "s3": s3}]}


def build_s3_event(key: str = "a.jpg", bucket: str = "photos", kind: str = "Object Created") -> dict[str, Any]:
    detail = {"bucket": {"name": bucket}, "object": {"key": key}}
    return {"version": "0", "id": "e-1", "source": "aws.s3", "detail-type": kind, "detail": detail}


@pytest.mark.parametrize(
    "message",
    [
        build_s3_notification("a+b%2B%C3%BC.jpg"),
        build_s3_notification("shelf/a.jpg", "shelf"),
        build_s3_notification(name="ObjectRemoved:Delete"),
        build_s3_notification(name="ObjectTagging:Put"),
        {"Records": build_s3_notification("a.jpg")["Records"] + build_s3_notification("b.jpg")["Records"]},
        build_s3_event("a+b %2B ü.jpg"),
        build_s3_event(kind="Object Tags Added"),
        TEST_EVENT,
    ],
    ids=lambda message: json.dumps(message)[:50],
)
@pytest.mark.parametrize("again", [False, True])
def test_notification_through_sns_equals_the_direct_one(message: object, again: bool) -> None:
    assert parse_events(envelope(message), again=again) == parse_events(message, again=again)


def test_s3_test_event_through_sns_is_ignored() -> None:
    assert parse_events(envelope(TEST_EVENT)) == []


@pytest.mark.parametrize("message", [build_s3_notification(bucket="theirs"), build_s3_event(bucket="theirs")])
def test_notification_through_sns_about_another_bucket_is_refused(message: object) -> None:
    with pytest.raises(MalformedMessageError, match="'theirs' is neither this stack's input bucket nor one of its"):
        parse_events(envelope(message))


@pytest.mark.parametrize(
    "message",
    [
        REQUEST,
        REQUEST | {"task_token": "AQCEAAAAKgAAAAMAAAAA"},
        {"kind": "rerun", "bucket": "photos", "key": "a.jpg"},
        {"bucket": "photos", "key": "a.jpg"},
        {"id": "e-1", "source": "shop", "detail-type": "Image Requested", "detail": REQUEST},
        envelope(build_s3_notification()),
        {"hello": "world"},
        "hello",
        "[]",
    ],
    ids=lambda message: json.dumps(message)[:50],
)
def test_publisher_to_the_topic_cannot_request_pictures(message: object) -> None:
    with pytest.raises(MalformedMessageError, match=f"The SNS topic '{TOPIC_ARN}' .*without an S3 notification"):
        parse_events(envelope(message))


@pytest.mark.parametrize("message", [None, 7, {}, []])
def test_envelope_without_a_text_message_is_malformed(message: object) -> None:
    with pytest.raises(MalformedMessageError, match="without an S3 notification"):
        parse_events(envelope("x") | {"Message": message})


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_subscription_confirmation_is_left_to_an_operator(kind: str) -> None:
    """Following the link in the message would let any sender subscribe the queue to a topic of their own."""
    body = envelope("You have chosen to subscribe to the topic.", kind) | {"Token": "t", "SubscribeURL": "https://x"}
    with pytest.raises(MalformedMessageError, match=f"{kind}.*'{TOPIC_ARN}'.*docs/deploying.md"):
        parse_events(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.just(json.dumps(build_s3_notification())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Records", "key", "s3"]), inner),
    max_leaves=5,
)


@quick
@given(
    st.sampled_from(["Notification", "SubscriptionConfirmation", "x"]),
    JSON | JSON.map(json.dumps),
    st.sampled_from([TOPIC_ARN, "\x1b[2J", "x" * 5000]) | JSON,
)
def test_any_envelope_yields_events_or_a_printable_error(kind: str, message: object, topic: object) -> None:
    body = json.dumps({"Type": kind, "Message": message, "TopicArn": topic})
    try:
        found = parse_intake_message(body, input_bucket="photos", is_repeated=False)
    except MalformedMessageError as damaged:
        found, reason = [], str(damaged)
    else:
        reason = ""
    assert all(event.bucket == "photos" for event in found)
    assert len(reason) < 500
    assert reason.isprintable()
