"""Mail to the stack's operator, over the alarms' topic on SNS."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import unavailable


class OperatorMail:
    """Mail to whom the stack's operator named. `client` is boto3's SNS client; without a topic nobody is told."""

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._topic = topic_arn

    def send(self, subject: str, text: str) -> None:
        """Mail it to whoever subscribed; a subject has at most 100 plain letters."""
        if not self._topic:
            return
        try:
            self._client.publish(TopicArn=self._topic, Subject=subject, Message=text)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("SNS", error) from error
