"""SQS queues: sending to any queue, and reading the dead-letter queue."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import read_aws_error_code, translate_errors, unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MESSAGE_COUNT_ATTRIBUTES: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)

DEAD_LETTER_VISIBILITY_SECONDS: Final = 60
# The message's visibility timeout has ended, so it was or soon will be received again.
VISIBILITY_EXPIRED_CODES: Final = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"})


class DeadLetter(NamedTuple):
    """A message in the dead-letter queue.

    `source_queue` is the queue that SQS moved it from, or "" if a worker sent it. SQS does not change `message_id` when
    it moves a message.
    """

    body: str
    attributes: Mapping[str, str]
    source_queue: str
    receipt_handle: str
    message_id: str


class Queue:
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
        """Sends a message. SQS fair queues balance the load among the values of `group`."""
        attribute_values = {
            name: _replace_forbidden_characters(text) for name, text in (attributes or {}).items() if text
        }
        with translate_errors("SQS"):
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=json.dumps(body),
                DelaySeconds=delay_seconds,
                MessageGroupId=group,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": text} for name, text in attribute_values.items()
                },
            )

    def count_messages(self) -> int:
        """Returns the approximate number of messages, including delayed ones and those in flight."""
        with translate_errors("SQS"):
            found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=MESSAGE_COUNT_ATTRIBUTES)
        return sum(int(found.get("Attributes", {})[name]) for name in MESSAGE_COUNT_ATTRIBUTES)


class DeadLetterQueue:
    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def receive(self) -> Sequence[DeadLetter]:
        """Receives up to ten dead letters, which stay invisible to other readers for a minute."""
        with translate_errors("SQS"):
            response = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=DEAD_LETTER_VISIBILITY_SECONDS,
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
                AttributeNames=["DeadLetterQueueSourceArn"],  # pyrefly: ignore[bad-argument-type]  # the stub misses it
            )
        return [_to_dead_letter(message) for message in response.get("Messages", ())]

    def delete(self, dead_letter: DeadLetter) -> None:
        with translate_errors("SQS"):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=dead_letter.receipt_handle)

    def make_visible(self, dead_letter: DeadLetter) -> None:
        """Returns a dead letter to the queue immediately."""
        try:
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=dead_letter.receipt_handle, VisibilityTimeout=0
            )
        except (ClientError, BotoCoreError) as error:
            if read_aws_error_code(error) not in VISIBILITY_EXPIRED_CODES:
                raise unavailable("SQS", error) from error


def queue_name_from_url(url: str) -> str:
    return url.rpartition("/")[2]


def queue_name_from_arn(arn: str) -> str:
    return arn.rpartition(":")[2]


def _to_dead_letter(message: Mapping[str, Any]) -> DeadLetter:
    attributes = message.get("MessageAttributes", {})
    return DeadLetter(
        message_id=message["MessageId"],
        body=message["Body"],
        attributes={name: value.get("StringValue", "") for name, value in attributes.items()},
        source_queue=queue_name_from_arn(message.get("Attributes", {}).get("DeadLetterQueueSourceArn", "")),
        receipt_handle=message["ReceiptHandle"],
    )


def _replace_forbidden_characters(text: str) -> str:
    """Replaces the characters that SQS rejects (SendMessage, API reference). Bodies have none: they are ASCII."""
    return "".join(
        character if character in "\t\n\r" or " " <= character < "\ufffe" or character > "\uffff" else "?"
        for character in text
    )
