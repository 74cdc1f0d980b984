"""A message reaches SQS in characters that SQS takes, whatever a key or a provider's words hold."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from backdrop.aws.queues import SqsQueue
from backdrop.core.codes import Code
from backdrop.core.errors import WaitError
from tests.unit.core_items import quick

URL = "https://sqs.example/123456789012/intake"


class Sqs:
    """The one call of boto3's SQS client that a queue makes."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[dict[str, Any]] = []
        self._error = error

    def send_message(self, **call: Any) -> None:
        if self._error:
            raise self._error
        self.calls.append(call)


def sent(body: dict[str, Any], **options: Any) -> dict[str, Any]:
    sqs: Any = Sqs()
    SqsQueue(sqs, URL).send(body, group="g", **options)
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


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "slower"}}, "SendMessage"),
        EndpointConnectionError(endpoint_url="https://sqs.example"),
    ],
    ids=["refused", "unreachable"],
)
def test_a_queue_that_does_not_answer_is_waited_for(error: Exception) -> None:
    sqs: Any = Sqs(error)
    with pytest.raises(WaitError) as caught:
        SqsQueue(sqs, URL).send({}, group="g")
    assert caught.value.code is Code.STORAGE_UNAVAILABLE
    assert caught.value.delay_seconds > 0
