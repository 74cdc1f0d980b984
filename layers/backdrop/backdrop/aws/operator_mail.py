"""Mail to the stack's operator, through the alarms' SNS topic."""

from typing import Any

from backdrop.aws.aws_errors import translate_errors


class OperatorMail:
    """Mails to the address in `AlarmEmail`, or to no one if `topic_arn` is empty."""

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def send(self, subject: str, text: str) -> None:
        """Publishes to all subscribers. SNS limits a subject to 100 ASCII characters."""
        if not self._topic_arn:
            return
        with translate_errors("SNS"):
            self._client.publish(TopicArn=self._topic_arn, Subject=subject, Message=text)
