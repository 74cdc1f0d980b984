"""Requests and EventBridge events: sender, bucket, and the task token that waits for the answer."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backdrop.aws.events import REQUEST_DETAIL_TYPE, parse_intake_message
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IncomingRequest, IntakeEvent
from tests.unit.ledger_items import quick

INSTRUCTIONS = {"operation": "remove"}
REQUEST = {"bucket": "photos", "key": "a b+ü.jpg", "instructions": INSTRUCTIONS}
TOKEN = "AQCEAAAAKgAAAAMAAAAA+/="
ARN = "arn:aws:states:eu-central-1:123456789012:execution:shop:night-1"
WAITS = {"task_token": TOKEN, "execution": ARN, "campaign": "spring_26"}


def parse_events(content: object, *, again: bool = False, receives: int = 1) -> list[IntakeEvent]:
    body = json.dumps(content)
    return parse_intake_message(
        body,
        input_bucket="photos",
        readable_buckets={"shelf"},
        is_repeated=again,
        message_id="m-1",
        receive_count=receives,
    )


def build_event(
    detail: object, kind: object = "Image Requested", source: object = "shop", **more: object
) -> dict[str, Any]:
    return {"version": "0", "id": "e-1", "detail-type": kind, "source": source, "detail": detail} | more


def build_s3_event(bucket: object = "photos", key: object = "a.jpg", kind: str = "Object Created") -> dict[str, Any]:
    return build_event({"bucket": {"name": bucket}, "object": {"key": key}}, kind, "aws.s3")


# -- requests ------------------------------------------------------------------------------------------------------


def test_request_may_have_a_token_an_execution_and_a_campaign() -> None:
    assert parse_events(REQUEST | WAITS) == [
        IntakeEvent("photos", "a b+ü.jpg", request=IncomingRequest("m-1", INSTRUCTIONS, TOKEN, ARN, "spring_26"))
    ]
    assert parse_events(REQUEST) == [IntakeEvent("photos", "a b+ü.jpg", request=IncomingRequest("m-1", INSTRUCTIONS))]


def test_request_event_equals_a_message_but_has_its_own_id() -> None:
    assert parse_events(build_event(REQUEST)) == [
        IntakeEvent("photos", "a b+ü.jpg", request=IncomingRequest("e-1", INSTRUCTIONS))
    ]
    assert parse_events(build_event(REQUEST | WAITS))[0].request == IncomingRequest(
        "e-1", INSTRUCTIONS, TOKEN, ARN, "spring_26"
    )


@pytest.mark.parametrize("ident", [None, "", 7, "x" * 129, "a\nb", "ü", "\ud800"])
def test_event_without_a_valid_id_uses_the_message_id(ident: object) -> None:
    (event,) = parse_events(build_event(REQUEST, id=ident))
    assert event.request
    assert event.request.request_id == "m-1"


def test_request_event_needs_only_detail_type_and_detail() -> None:
    assert parse_events({"detail-type": "Image Requested", "detail": REQUEST})[0].request == IncomingRequest(
        "m-1", INSTRUCTIONS
    )


def test_repeated_request_is_recognized_only_by_its_id() -> None:
    assert parse_events(build_event(REQUEST), again=True, receives=3) == [
        IntakeEvent("photos", "a b+ü.jpg", request=IncomingRequest("e-1", INSTRUCTIONS), receive_count=3)
    ]


# -- S3 through EventBridge ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Object Created", "Object Deleted", "Object Tags Added", "Object Tags Deleted"])
def test_s3_event_through_eventbridge_becomes_an_intake_event(kind: str) -> None:
    assert parse_events(build_s3_event(kind=kind), again=True) == [IntakeEvent("photos", "a.jpg", is_repeated=True)]


@quick
@example("a+b %2B ü.jpg")
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100))
def test_keys_from_eventbridge_are_not_decoded(key: str) -> None:
    assert parse_events(build_s3_event(key=key)) == [IntakeEvent("photos", key)]
    assert parse_events(build_event(REQUEST | {"key": key}))[0].key == key


# -- refused events ------------------------------------------------------------------------------------------------


def test_event_from_this_stack_is_not_a_request() -> None:
    for kind in ("Image Requested", "Image Completed"):
        with pytest.raises(MalformedMessageError, match="with the source backdrop come from this stack"):
            parse_events(build_event(REQUEST | WAITS, kind, "backdrop"))


def test_photos_in_readable_buckets_are_accepted_from_any_message() -> None:
    elsewhere = REQUEST | {"bucket": "shelf"}
    assert [
        event.bucket
        for content in (elsewhere, build_event(elsewhere), build_s3_event("shelf"))
        for event in parse_events(content)
    ] == ["shelf"] * 3
    assert parse_events({"kind": "recheck", "bucket": "shelf", "key": "a.jpg"}) == [
        IntakeEvent("shelf", "a.jpg", is_repeated=True)
    ]


@pytest.mark.parametrize(
    "content",
    [REQUEST | {"bucket": "theirs"}, build_event(REQUEST | {"bucket": "theirs"}), build_s3_event("theirs")],
    ids=["message", "event", "s3"],
)
def test_refusal_names_the_bucket_that_is_not_readable(content: object) -> None:
    with pytest.raises(MalformedMessageError, match="'theirs' is neither this stack's input bucket nor one of its"):
        parse_events(content)


WRONG: list[dict[str, Any]] = [
    {"bucket": "theirs"},
    {"bucket": None},
    {"key": ""},
    {"key": "x" * 1025},
    {"key": "\ud800"},
    {"variant": "beach"},
    {"kind": "rerun"},
    {"execution": "night-1"},
    {"campaign": "spring 26"},
    {"campaign": "x" * 81},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: json.dumps(wrong)[:40])
@pytest.mark.parametrize("by_event", [False, True])
def test_token_of_a_malformed_request_can_be_answered(wrong: dict[str, Any], by_event: bool) -> None:
    body: dict[str, Any] = REQUEST | WAITS | wrong
    (event,) = parse_events(build_event(body) if by_event else body)
    request = event.request
    assert request
    assert (request.task_token, request.request_id) == (TOKEN, "e-1" if by_event else "m-1")
    assert request.execution_arn == ("" if "execution" in wrong else ARN)
    assert request.campaign == ("" if "campaign" in wrong else "spring_26")
    assert (event.bucket, event.key) == tuple(
        (body[name] or "").replace("\ud800", "?")[:1024] for name in ("bucket", "key")
    )
    assert request.invalid_reason is not None
    assert TOKEN not in str(request.invalid_reason)


@pytest.mark.parametrize("lost", ["bucket", "key", "instructions"])
def test_token_of_an_incomplete_request_can_be_answered(lost: str) -> None:
    body = {name: value for name, value in (REQUEST | WAITS).items() if name != lost}
    (event,) = parse_events(body)
    assert event.request
    assert (
        str(event.request.invalid_reason)
        == "The body is neither an S3 notification nor a request with bucket, key, and instructions."
    )


@pytest.mark.parametrize("token", [None, "", 7, {}, "x" * 2049, "\ud800", "line\n"])
def test_request_with_an_invalid_token_is_malformed(token: object) -> None:
    with pytest.raises(MalformedMessageError, match="The task_token of a request is not valid"):
        parse_events(REQUEST | {"task_token": token})


# -- arbitrary JSON -----------------------------------------------------------------------------------------------

FIELDS = [*REQUEST, *WAITS, "name", "object", "id", "source", "detail", "detail-type", "Records", "kind", "after"]
KINDS = ["check", "folder", "job"]
TEXTS = st.sampled_from(
    ["photos", "shelf", "theirs", REQUEST_DETAIL_TYPE, "aws.s3", "backdrop", *KINDS, TOKEN, ARN, "\ud800"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=8,
)
WILD_REQUEST = st.fixed_dictionaries(
    {"bucket": TEXTS | JSON, "key": TEXTS | JSON, "instructions": st.just(INSTRUCTIONS) | JSON},
    optional={"task_token": TEXTS | JSON, "execution": JSON, "campaign": JSON, "kind": JSON},
)
WILD_EVENT = st.builds(build_event, WILD_REQUEST | JSON, TEXTS | JSON, TEXTS | JSON, id=JSON)


@quick
@given(WILD_REQUEST | WILD_EVENT | JSON)
def test_any_json_yields_an_event_or_a_malformed_message_error(content: object) -> None:
    try:
        found = parse_events(content)
    except MalformedMessageError as damaged:
        words = str(damaged)
    else:
        words = "".join(
            str(event.request.invalid_reason)
            for event in found
            if event.request and event.request.invalid_reason is not None
        )
        assert all(event.bucket in ("photos", "shelf") for event in found if not words)
        assert all(event.key == event.key.encode().decode() for event in found)
    assert words.isprintable()
