"""Mail to the stack's operator, over the alarms' topic on SNS."""

from typing import Any

from backdrop.aws.aws_errors import translate_errors


class OperatorMail:
    """Mail to whom the stack's operator named. `client` is boto3's SNS client; without a topic nobody is told."""

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def send(self, subject: str, text: str) -> None:
        """Mail it to whoever subscribed; a subject has at most 100 plain letters."""
        if not self._topic_arn:
            return
        with translate_errors("SNS"):
            self._client.publish(TopicArn=self._topic_arn, Subject=subject, Message=text)
