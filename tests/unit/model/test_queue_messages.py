"""Backdrop's own messages: each states its kind, and any other body is refused with the reason."""

import json
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.errors import MalformedMessageError
from backdrop.model.queue_messages import (
    INTAKE_MESSAGES,
    CheckMessage,
    DeliverMessage,
    FolderMessage,
    JobMessage,
    LaneMessage,
    QueueMessage,
    RecheckMessage,
    RerunMessage,
    SettleMessage,
    parse_message,
    to_body,
)

MESSAGES: list[QueueMessage] = [
    CheckMessage(bucket="photos", key="a.jpg"),
    RecheckMessage(bucket="photos", key="a.jpg"),
    SettleMessage(bucket="photos", key="a.jpg"),
    RerunMessage(bucket="photos", key="a.jpg"),
    FolderMessage(bucket="photos", key="shoes/_backdrop.json", start_after="shoes/1.jpg"),
    JobMessage(source_id="s", job_id="j"),
    DeliverMessage(source_id="s", job_id="j"),
    DeliverMessage(source_id="s"),
    LaneMessage(provider="ideogram"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: one.kind)
def test_message_is_unchanged_after_sending_and_reading(message: QueueMessage) -> None:
    body = json.dumps(to_body(message))
    assert json.loads(body)["kind"] == message.kind
    assert parse_message(body, type(message)) == message


def test_every_kind_has_one_class() -> None:
    kinds = [one.kind for one in (*INTAKE_MESSAGES, JobMessage, DeliverMessage, LaneMessage)]
    assert sorted({one.kind for one in MESSAGES}) == sorted(kinds)


JOB: dict[str, Any] = {"kind": "job", "source_id": "s", "job_id": "j"}


# Each body with the text that its reason must contain.
UNKNOWN = [
    ("{", ["not JSON"]),
    ("[" * 100_000, ["not JSON"]),
    ("[]", ["not a JSON object"]),
    ('{"source_id": "s", "job_id": "j"}', ["no kind", "job"]),
    ('{"kind": "paint"}', ["'paint'", "job"]),
    ('{"kind": ["job"]}', ["list", "job"]),
    (json.dumps(JOB | {"job_id": 7}), ["kind job", "job_id", "string"]),
    (json.dumps(JOB | {"n": 1}), ["kind job", "n: "]),
    (json.dumps(JOB | {"v": 2}), ["kind job", "v: "]),
    (json.dumps(JOB | {"source_id": "\ud800"}), ["kind job", "column"]),
    (json.dumps(to_body(LaneMessage(provider="x"))), ["kind lane", "accepts job"]),
]


@pytest.mark.parametrize(("body", "named"), UNKNOWN, ids=lambda one: str(one)[:40])
def test_unknown_message_says_what_is_wrong_with_it(body: str, named: list[str]) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        parse_message(body, JobMessage)
    reason = str(caught.value)
    assert caught.value.code is Code.DAMAGED_MESSAGE
    assert [one for one in named if one not in reason] == []


def test_consumer_accepts_either_of_two_kinds_and_names_both() -> None:
    lane = LaneMessage(provider="ideogram")
    assert parse_message(json.dumps(to_body(lane)), DeliverMessage, LaneMessage) == lane
    with pytest.raises(MalformedMessageError, match="this queue accepts deliver, lane"):
        parse_message('{"kind": "paint"}', DeliverMessage, LaneMessage)
