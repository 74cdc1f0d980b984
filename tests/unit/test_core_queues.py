"""A message reaches SQS in characters that SQS takes, whatever a key or a provider's words hold."""

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
from tests.unit.core_items import quick

URL = "https://sqs.example/123456789012/intake"


class Sqs:
    """The calls of boto3's SQS client that queues make."""

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


def sent(body: dict[str, Any], **options: Any) -> dict[str, Any]:
    sqs: Any = Sqs()
    Queue(sqs, URL).send(body, group="g", **options)
    (call,) = sqs.calls
    return call


def sqs_takes(text: str) -> bool:
    """Whether SendMessage takes the text: the characters of XML 1.0, as its reference lists them."""
    return all(
        letter in "\t\n\r" or "\x20" <= letter <= "\ud7ff" or "\ue000" <= letter <= "\ufffd" or letter > "\uffff"
        for letter in text
    )


def test_a_message_has_its_queue_group_and_delay() -> None:
    call = sent({"bucket": "photos", "key": "a"}, delay_seconds=20)
    assert json.loads(call["MessageBody"]) == {"bucket": "photos", "key": "a"}
    assert (call["QueueUrl"], call["MessageGroupId"], call["DelaySeconds"]) == (URL, "g", 20)
    assert call["MessageAttributes"] == {}


def test_an_empty_attribute_is_left_out() -> None:
    call = sent({}, attributes={"code": "link_expired", "reason": ""})
    assert call["MessageAttributes"] == {"code": {"DataType": "String", "StringValue": "link_expired"}}


@quick
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50))
def test_any_key_travels_in_characters_that_sqs_takes(key: str) -> None:
    body = sent({"bucket": "photos", "key": key})["MessageBody"]
    assert sqs_takes(body)
    assert json.loads(body)["key"] == key


@pytest.mark.parametrize("key", ["a\uffff.jpg", "a\ufffe.jpg", "a\x01.jpg", "a\x7f\x85.jpg"], ids=ascii)
def test_a_key_with_a_character_that_sqs_refuses_travels_escaped(key: str) -> None:
    body = sent({"bucket": "photos", "key": key})["MessageBody"]
    assert sqs_takes(body)
    assert json.loads(body)["key"] == key


@pytest.mark.parametrize("reason", ["a\uffffb", "a\x00b", "a\x1bb"], ids=ascii)
def test_a_reason_with_a_character_that_sqs_refuses_is_sent_without_it(reason: str) -> None:
    text = sent({}, attributes={"reason": reason})["MessageAttributes"]["reason"]["StringValue"]
    assert sqs_takes(text)
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
def test_a_queue_that_does_not_answer_is_waited_for(act: str, error: Exception) -> None:
    with pytest.raises(RetryLaterError) as caught:
        ACTS[act](Sqs(error))
    assert caught.value.code is Code.STORAGE_UNAVAILABLE
    assert caught.value.delay_seconds > 0


# -- read ------------------------------------------------------------------------------------------------------


def test_a_letter_brings_its_attributes_and_the_queue_that_gave_it_up() -> None:
    message = {
        "MessageId": "m-1",
        "Body": "{}",
        "ReceiptHandle": "handle",
        "MessageAttributes": {"code": {"DataType": "String", "StringValue": "link_expired"}},
        "Attributes": {"DeadLetterQueueSourceArn": "arn:aws:sqs:eu-central-1:123456789012:shop-deliver"},
    }
    sqs: Any = Sqs(answer={"Messages": [message, {"MessageId": "m-2", "Body": "ours", "ReceiptHandle": "other"}]})
    assert DeadLetterQueue(sqs, URL).receive() == [
        DeadLetter("{}", {"code": "link_expired"}, "shop-deliver", "handle", "m-1"),
        DeadLetter("ours", {}, "", "other", "m-2"),
    ]
    (call,) = sqs.calls
    assert (call["MaxNumberOfMessages"], call["VisibilityTimeout"], call["MessageAttributeNames"]) == (10, 60, ["All"])


def test_an_empty_queue_has_no_letters() -> None:
    sqs: Any = Sqs()
    assert DeadLetterQueue(sqs, URL).receive() == []


def test_a_letter_that_was_dealt_with_is_taken_away() -> None:
    sqs: Any = Sqs()
    DeadLetterQueue(sqs, URL).delete(DeadLetter("{}", {}, "", "handle", "m-1"))
    assert sqs.calls == [{"QueueUrl": URL, "ReceiptHandle": "handle"}]


@pytest.mark.parametrize("code", ["ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"])
def test_a_letter_that_is_out_again_by_itself_needs_no_giving_back(code: str) -> None:
    DeadLetterQueue(cast("Any", Sqs(ClientError({"Error": {"Code": code}}, "Change"))), URL).make_visible(
        DeadLetter("", {}, "", "handle", "m-1")
    )


def test_what_waits_is_counted_with_what_was_handed_back_or_is_under_way() -> None:
    """A delivery that is backed up hands its messages back, so that none of them can be received."""
    names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
    sqs: Any = Sqs(answer={"Attributes": dict(zip(names, ("4000", "700", "11"), strict=True))})
    assert Queue(sqs, URL).count_messages() == 4711
    (call,) = sqs.calls
    assert (call["QueueUrl"], sorted(call["AttributeNames"])) == (URL, sorted(names))
