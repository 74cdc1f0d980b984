"""A queue on SQS."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.failures import unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsQueue:
    """The Queue port."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(
        self,
        body: Mapping[str, Any],
        *,
        group: str,
        delay_seconds: int = 0,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Put a message into the queue; its group is what SQS's fair queues are fair between."""
        texts = {name: _taken(text) for name, text in (attributes or {}).items() if text}
        try:
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=json.dumps(body),
                DelaySeconds=delay_seconds,
                MessageGroupId=group,
                MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in texts.items()},
            )
        except (ClientError, BotoCoreError) as error:
            raise unavailable("SQS", error) from error


def _taken(text: str) -> str:
    """A text without the characters that SQS refuses (SendMessage, API reference); bodies are plain ASCII anyway."""
    return "".join(
        letter if letter in "\t\n\r" or " " <= letter < "\ufffe" or letter > "\uffff" else "?" for letter in text
    )
