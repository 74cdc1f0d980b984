"""Messages contain only characters that SQS accepts, whatever a key or a provider's message contains."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from backdrop.aws.sqs import DeadLetter, DeadLetterQueue, Queue
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from tests.unit.ledger_items import quick

URL = "https://sqs.example/123456789012/intake"


class FakeSqs:
    """The calls of boto3's SQS client that the queues make."""

    def __init__(self, error: Exception | None = None, answer: dict[str, Any] | None = None) -> None:
        self.calls: list[dict[str, Any]] = []
        self._error = error
        self._answer = answer or {}

    def send_message(self, **call: Any) -> dict[str, Any]:
        if self._error:
            raise self._error
        self.calls.append(call)
        return self._answer

    receive_message = delete_message = change_message_visibility = get_queue_attributes = send_message


def send(body: dict[str, Any], **options: Any) -> dict[str, Any]:
    sqs: Any = FakeSqs()
    Queue(sqs, URL).send(body, group="g", **options)
    (call,) = sqs.calls
    return call


def is_accepted_by_sqs(text: str) -> bool:
    """Returns whether SendMessage accepts the text: only the characters of XML 1.0, as its API reference lists them."""
    return all(
        letter in "\t\n\r" or "\x20" <= letter <= "\ud7ff" or "\ue000" <= letter <= "\ufffd" or letter > "\uffff"
        for letter in text
    )


def test_message_has_its_queue_group_and_delay() -> None:
    call = send({"bucket": "photos", "key": "a"}, delay_seconds=20)
    assert json.loads(call["MessageBody"]) == {"bucket": "photos", "key": "a"}
    assert (call["QueueUrl"], call["MessageGroupId"], call["DelaySeconds"]) == (URL, "g", 20)
    assert call["MessageAttributes"] == {}


def test_empty_message_attribute_is_left_out() -> None:
    call = send({}, attributes={"code": "link_expired", "reason": ""})
    assert call["MessageAttributes"] == {"code": {"DataType": "String", "StringValue": "link_expired"}}


@quick
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50))
def test_any_key_is_sent_in_characters_that_sqs_accepts(key: str) -> None:
    body = send({"bucket": "photos", "key": key})["MessageBody"]
    assert is_accepted_by_sqs(body)
    assert json.loads(body)["key"] == key


@pytest.mark.parametrize("key", ["a\uffff.jpg", "a\ufffe.jpg", "a\x01.jpg", "a\x7f\x85.jpg"], ids=ascii)
def test_key_with_a_forbidden_character_is_sent_escaped(key: str) -> None:
    body = send({"bucket": "photos", "key": key})["MessageBody"]
    assert is_accepted_by_sqs(body)
    assert json.loads(body)["key"] == key


@pytest.mark.parametrize("reason", ["a\uffffb", "a\x00b", "a\x1bb"], ids=ascii)
def test_forbidden_character_in_an_attribute_is_replaced(reason: str) -> None:
    text = send({}, attributes={"reason": reason})["MessageAttributes"]["reason"]["StringValue"]
    assert is_accepted_by_sqs(text)
    assert text.startswith("a")


ACTS: dict[str, Callable[[Any], object]] = {
    "send": lambda sqs: Queue(sqs, URL).send({}, group="g"),
    "count": lambda sqs: Queue(sqs, URL).count_messages(),
    "receive": lambda sqs: DeadLetterQueue(sqs, URL).receive(),
    "delete": lambda sqs: DeadLetterQueue(sqs, URL).delete(DeadLetter("", {}, "", "handle", "m-1")),
    "give back": lambda sqs: DeadLetterQueue(sqs, URL).make_visible(DeadLetter("", {}, "", "handle", "m-1")),
}


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "slower"}}, "SendMessage"),
        EndpointConnectionError(endpoint_url="https://sqs.example"),
    ],
    ids=["refused", "unreachable"],
)
@pytest.mark.parametrize("act", ACTS)
def test_unavailable_queue_raises_retry_later_error(act: str, error: Exception) -> None:
    with pytest.raises(RetryLaterError) as caught:
        ACTS[act](FakeSqs(error))
    assert caught.value.code is Code.STORAGE_UNAVAILABLE
    assert caught.value.delay_seconds > 0


# -- reading ---------------------------------------------------------------------------------------------------


def test_dead_letter_has_its_attributes_and_its_source_queue() -> None:
    message = {
        "MessageId": "m-1",
        "Body": "{}",
        "ReceiptHandle": "handle",
        "MessageAttributes": {"code": {"DataType": "String", "StringValue": "link_expired"}},
        "Attributes": {"DeadLetterQueueSourceArn": "arn:aws:sqs:eu-central-1:123456789012:shop-deliver"},
    }
    sqs: Any = FakeSqs(answer={"Messages": [message, {"MessageId": "m-2", "Body": "ours", "ReceiptHandle": "other"}]})
    assert DeadLetterQueue(sqs, URL).receive() == [
        DeadLetter("{}", {"code": "link_expired"}, "shop-deliver", "handle", "m-1"),
        DeadLetter("ours", {}, "", "other", "m-2"),
    ]
    (call,) = sqs.calls
    assert (call["MaxNumberOfMessages"], call["VisibilityTimeout"], call["MessageAttributeNames"]) == (10, 60, ["All"])


def test_empty_queue_returns_no_dead_letters() -> None:
    sqs: Any = FakeSqs()
    assert DeadLetterQueue(sqs, URL).receive() == []


def test_handled_dead_letter_is_deleted() -> None:
    sqs: Any = FakeSqs()
    DeadLetterQueue(sqs, URL).delete(DeadLetter("{}", {}, "", "handle", "m-1"))
    assert sqs.calls == [{"QueueUrl": URL, "ReceiptHandle": "handle"}]


@pytest.mark.parametrize("code", ["ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"])
def test_dead_letter_with_an_expired_receipt_is_already_visible(code: str) -> None:
    DeadLetterQueue(cast("Any", FakeSqs(ClientError({"Error": {"Code": code}}, "Change"))), URL).make_visible(
        DeadLetter("", {}, "", "handle", "m-1")
    )


def test_message_count_includes_delayed_messages_and_those_in_flight() -> None:
    """During a backlog, deliver returns its messages to the queue with a delay, so that none of them is visible."""
    names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
    sqs: Any = FakeSqs(answer={"Attributes": dict(zip(names, ("4000", "700", "11"), strict=True))})
    assert Queue(sqs, URL).count_messages() == 4711
    (call,) = sqs.calls
    assert (call["QueueUrl"], sorted(call["AttributeNames"])) == (URL, sorted(names))
