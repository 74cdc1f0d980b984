"""Mail to the operator: over the topic where somebody asked for it, to nobody else, and never lost without a word."""

from typing import Any

import pytest

from backdrop.aws.operator_mail import OperatorMail
from backdrop.model.errors import RetryLaterError
from simulation.world.transport import build_client_error


class Topic:
    """boto3's SNS client."""

    def __init__(self, *, broken: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self.broken = broken

    def publish(self, **sent: Any) -> None:
        if self.broken:
            raise build_client_error("Throttling", "publish", 400, "slow down")
        self.sent.append(sent)


def test_it_goes_to_the_topic() -> None:
    topic = Topic()
    OperatorMail(topic, "arn").send("a subject", "a text")
    assert topic.sent == [{"TopicArn": "arn", "Subject": "a subject", "Message": "a text"}]


def test_where_nobody_asked_for_mail_nobody_is_told() -> None:
    topic = Topic()
    OperatorMail(topic, "").send("a subject", "a text")
    assert topic.sent == []


def test_a_topic_that_does_not_answer_is_tried_again() -> None:
    with pytest.raises(RetryLaterError):
        OperatorMail(Topic(broken=True), "arn").send("a subject", "a text")
