"""Messages of the intake queue: keys are decoded as S3 encodes them, and anything unknown is malformed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.aws.events import parse_intake_message, parse_records
from backdrop.model.codes import Code
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IntakeEvent
from tests.unit.ledger_items import quick

CREATED = "ObjectCreated:Put"
REMOVED = "ObjectRemoved:DeleteMarkerCreated"

CHECK: dict[str, Any] = {"kind": "check", "bucket": "photos", "key": "a.jpg"}


def build_record(key: Any, *, bucket: Any = "photos", event: Any = CREATED) -> dict[str, Any]:
    return {"eventName": event, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}


def parse_events(content: object, *, again: bool = False) -> list[IntakeEvent]:
    body = content if isinstance(content, str) else json.dumps(content)
    return parse_intake_message(body, input_bucket="photos", is_repeated=again)


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("red.jpg", "red.jpg"),
        (
            "sub+folder/%C3%BCn%C3%AFcode+%2B%281%29+%26+100%25.jpg",
            "sub folder/ünïcode +(1) & 100%.jpg",
        ),
        ("%F0%9F%91%9F.jpg", "👟.jpg"),
        ("a%2Bb.jpg", "a+b.jpg"),
        ("a%252Bb.jpg", "a%2Bb.jpg"),
        ("u%CC%88.jpg", "u\u0308.jpg"),
    ],
)
def test_url_encoded_key_is_decoded_exactly_once(encoded: str, key: str) -> None:
    assert parse_events({"Records": [build_record(encoded)]}) == [IntakeEvent("photos", key)]


@quick
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100))
def test_any_key_survives_the_encoding_of_s3(key: str) -> None:
    assert parse_events({"Records": [build_record(quote_plus(key, safe="/"))]}) == [IntakeEvent("photos", key)]


@pytest.mark.parametrize(
    "event",
    [
        "ObjectCreated:Put",
        "ObjectCreated:Post",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectTagging:Put",
        "ObjectTagging:Delete",
        REMOVED,
        "s3:ObjectRemoved:Delete",
    ],
)
def test_every_kind_of_s3_event_leads_to_an_intake_event(event: str) -> None:
    assert parse_events({"Records": [build_record("red.jpg", event=event)]}) == [IntakeEvent("photos", "red.jpg")]


@pytest.mark.parametrize("event", [CREATED, REMOVED, "ObjectRestore:Completed", "", None, 7])
def test_event_type_does_not_change_the_intake_event(event: Any) -> None:
    """A deleted sidecar may exist again by now. Only the bucket shows that, not the event."""
    assert parse_events({"Records": [build_record("red.jpg.json", event=event)]}) == [
        IntakeEvent("photos", "red.jpg.json")
    ]


def test_message_with_several_records_becomes_several_events() -> None:
    assert parse_events(
        {"Records": [build_record("a.jpg"), build_record("b.jpg"), build_record("c.json", event=REMOVED)]}
    ) == [
        IntakeEvent("photos", "a.jpg"),
        IntakeEvent("photos", "b.jpg"),
        IntakeEvent("photos", "c.json"),
    ]


def test_repeated_message_marks_all_its_events_as_repeated() -> None:
    assert parse_events({"Records": [build_record("a.jpg")]}, again=True) == [
        IntakeEvent("photos", "a.jpg", is_repeated=True)
    ]
    assert parse_events(CHECK, again=True)[0].is_repeated


def test_s3_test_event_is_ignored() -> None:
    assert parse_events({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}) == []


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("check", IntakeEvent("photos", "a.jpg")),
        ("recheck", IntakeEvent("photos", "a.jpg", is_repeated=True)),
        ("settle", IntakeEvent("photos", "a.jpg", is_settle_timeout=True)),
        ("rerun", IntakeEvent("photos", "a.jpg", is_rerun=True)),
        ("folder", IntakeEvent("photos", "a.jpg", is_repeated=True)),
    ],
)
def test_kind_of_an_internal_message_determines_the_intake_event(kind: str, event: IntakeEvent) -> None:
    assert parse_events(CHECK | {"kind": kind}) == [event]


def test_folder_message_may_have_a_start_key() -> None:
    message = {"kind": "folder", "bucket": "photos", "key": "_backdrop.json", "start_after": "a+b.jpg"}
    assert parse_events(message)[0].start_after == "a+b.jpg"


def test_key_in_an_internal_message_is_not_decoded() -> None:
    assert parse_events(CHECK | {"key": "a+b %2B.jpg"}) == [IntakeEvent("photos", "a+b %2B.jpg")]


@pytest.mark.parametrize(
    "content", [{"Records": [build_record("a.jpg", bucket="others")]}, CHECK | {"bucket": "others"}]
)
def test_refusal_of_a_message_names_the_other_bucket(content: object) -> None:
    with pytest.raises(MalformedMessageError, match="'others'") as caught:
        parse_events(content)
    assert caught.value.code is Code.DAMAGED_MESSAGE


OTHERS = build_record("x.jpg", bucket="others")


@pytest.mark.parametrize(
    ("records", "damaged"),
    [
        ([build_record("a.jpg"), OTHERS], [OTHERS]),
        ([OTHERS, build_record("a.jpg")], [OTHERS]),
        ([build_record("a.jpg"), {}, build_record("b.jpg"), OTHERS], [{}, OTHERS]),
        ([build_record("a.jpg"), build_record("b.jpg")], []),
    ],
)
@pytest.mark.parametrize("through_sns", [False, True])
def test_malformed_record_leaves_the_others_of_its_message(
    records: list[Any], damaged: list[Any], *, through_sns: bool
) -> None:
    message: dict[str, Any] = {"Records": records}
    body = json.dumps(
        {"Type": "Notification", "TopicArn": "t", "Message": json.dumps(message)} if through_sns else message
    )
    found: list[IntakeEvent] = []
    parts: list[str] = []
    try:
        found.extend(parse_records(body, parse_events))
    except MalformedMessageError as error:
        parts.append(error.part)
    own = [one["s3"]["object"]["key"] for one in records if one not in damaged]
    assert [one.key for one in found] == own
    assert [json.loads(one) for one in parts] == ([{"Records": damaged}] if damaged else [])


@pytest.mark.parametrize(
    "body", ["", "[]", json.dumps({"Records": [OTHERS]}), json.dumps(CHECK | {"bucket": "others"})]
)
def test_message_without_another_record_is_malformed_as_a_whole(body: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        list(parse_records(body, parse_events))
    assert caught.value.part == ""


DAMAGED: list[Any] = [
    "",
    "not json",
    "null",
    "[]",
    '"photos"',
    "7",
    "[" * 100_000,
    {},
    {"bucket": "photos"},
    {"key": "a.jpg"},
    {"bucket": "photos", "key": 7},
    {"bucket": None, "key": "a.jpg"},
    {"bucket": "photos", "key": "a.jpg"},
    CHECK | {"v": 2},
    CHECK | {"kind": "delete"},
    CHECK | {"kind": None},
    CHECK | {"kind": ["check"]},
    CHECK | {"kind": "job"},
    CHECK | {"start_after": "b.jpg"},
    CHECK | {"bucket": None},
    CHECK | {"key": 7},
    CHECK | {"key": "\ud800"},
    {"kind": "check", "bucket": "photos"},
    {"kind": "job", "source_id": "s", "job_id": "j"},
    CHECK | {"kind": "folder", "start_after": 7},
    CHECK | {"kind": "folder", "start_after": "\ud800"},
    {"bucket": "photos", "key": "a.jpg", "instructions": {}, "rerun": True},
    {"bucket": "photos", "key": "\ud800.jpg", "instructions": {}},
    CHECK | {"kind": "recheck", "variant": "beach"},
    {"bucket": "photos", "key": "a.jpg", "Records": None},
    {"Records": "a.jpg"},
    {"Records": [7]},
    {"Records": [None]},
    {"Records": [[]]},
    {"Records": [{}]},
    {"Records": [{"eventName": CREATED}]},
    {"Records": [{"eventName": CREATED, "s3": []}]},
    {"Records": [{"eventName": CREATED, "s3": {"bucket": "photos", "object": {"key": "a"}}}]},
    {"Records": [build_record(7)]},
    {"Records": [build_record(None)]},
    {"Records": [build_record(["a.jpg"])]},
    {"Records": [build_record("a.jpg", bucket=7)]},
    {"Records": [build_record("a.jpg", bucket=None)]},
    {"Records": [build_record("%FF.jpg")]},
    {"Records": [build_record("\ud800.jpg")]},
    {"bucket": "photos", "key": "\ud800.jpg"},
    {"Records": [build_record("a.jpg"), {}]},
]


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: json.dumps(content)[:60])
def test_malformed_message_raises_malformed_message_error(content: object) -> None:
    with pytest.raises(MalformedMessageError):
        parse_events(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Records", "s3", "bucket", "object", "key", "name", "eventName", "Event"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=5,
)


@quick
@given(
    JSON
    | st.fixed_dictionaries(
        {"Records": st.lists(st.builds(build_record, JSON, bucket=st.just("photos") | JSON, event=JSON), max_size=2)}
    )
)
def test_any_json_yields_events_or_a_malformed_message_error(content: object) -> None:
    try:
        found = parse_events(content)
    except MalformedMessageError:
        return
    assert all(event.bucket == "photos" and isinstance(event.key, str) for event in found)


@pytest.mark.parametrize("missing", ["bucket", "key"])
def test_request_without_bucket_or_key_names_the_required_fields(missing: str) -> None:
    request: dict[str, Any] = {"bucket": "photos", "key": "a.jpg", "instructions": {"operation": "remove"}}
    del request[missing]
    with pytest.raises(MalformedMessageError, match="a request with bucket, key, and instructions"):
        parse_events(request)


SENT = datetime(2026, 11, 21, 10, tzinfo=UTC)
S3: dict[str, Any] = {"bucket": {"name": "photos"}, "object": {"key": "a.jpg"}}


REQUEST_TIMES: list[tuple[dict[str, Any], datetime | None]] = [
    ({"bucket": "photos", "key": "a.jpg", "instructions": {}}, SENT),
    (CHECK | {"kind": "rerun"}, SENT),
    ({"Records": [{"eventName": "ObjectTagging:Put", "s3": S3}]}, None),
    ({"Records": [{"eventName": "ObjectCreated:Put", "s3": S3}]}, None),
    ({"source": "aws.s3", "detail-type": "Object Created", "detail": S3}, None),
    (CHECK, None),
    (CHECK | {"kind": "settle"}, None),
    (CHECK | {"kind": "recheck"}, None),
]


@pytest.mark.parametrize(("message", "requested_at"), REQUEST_TIMES)
def test_only_requests_and_reruns_have_a_request_time(message: dict[str, Any], requested_at: datetime | None) -> None:
    (event,) = parse_intake_message(json.dumps(message), input_bucket="photos", is_repeated=False, sent_at=SENT)
    assert event.requested_at == requested_at


def tagged_in_s3(at: object, name: str = "ObjectTagging:Put") -> dict[str, Any]:
    return {"Records": [{"eventName": name, "eventTime": at, "s3": S3}]}


def tagged_through_eventbridge(at: object, name: str = "Object Tags Added") -> dict[str, Any]:
    return {"source": "aws.s3", "detail-type": name, "time": at, "detail": S3}


BEFORE = SENT - timedelta(minutes=5)
TAGGINGS: list[tuple[dict[str, Any], datetime | None]] = [
    (tagged_in_s3("2026-11-21T09:55:00.000Z"), BEFORE),
    (tagged_through_eventbridge("2026-11-21T09:55:00Z", "Object Tags Deleted"), BEFORE),
    (tagged_in_s3("2026-11-21T10:00:07.000Z"), SENT),
    *((tagged_in_s3(at), SENT) for at in (None, 7, "yesterday", "2026-11-21T09:55:00")),
    (tagged_in_s3("2026-11-21T09:55:00.000Z", "ObjectCreated:Put"), None),
    (tagged_through_eventbridge("2026-11-21T09:55:00Z", "Object Created"), None),
    (CHECK | {"kind": "rerun"}, None),
]


@pytest.mark.parametrize(("message", "tagged_at"), TAGGINGS)
def test_tagging_time_is_from_s3_but_capped_at_the_message(message: dict[str, Any], tagged_at: datetime | None) -> None:
    (event,) = parse_intake_message(json.dumps(message), input_bucket="photos", is_repeated=False, sent_at=SENT)
    assert event.tagged_at == tagged_at
