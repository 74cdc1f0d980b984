"""Mail to the operator goes through the topic, if there is one, and a failure to send it is reported."""

from typing import Any

import pytest

from backdrop.aws.operator_mail import OperatorMail
from backdrop.model.errors import RetryLaterError
from simulation.world.transport import build_client_error


class Topic:
    """A fake of boto3's SNS client."""

    def __init__(self, *, broken: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self.broken = broken

    def publish(self, **sent: Any) -> None:
        if self.broken:
            raise build_client_error("Throttling", "publish", 400, "slow down")
        self.sent.append(sent)


def test_mail_is_published_to_the_topic() -> None:
    topic = Topic()
    OperatorMail(topic, "arn").send("a subject", "a text")
    assert topic.sent == [{"TopicArn": "arn", "Subject": "a subject", "Message": "a text"}]


def test_no_mail_is_sent_without_a_topic() -> None:
    topic = Topic()
    OperatorMail(topic, "").send("a subject", "a text")
    assert topic.sent == []


def test_unavailable_topic_raises_retry_later_error() -> None:
    with pytest.raises(RetryLaterError):
        OperatorMail(Topic(broken=True), "arn").send("a subject", "a text")
