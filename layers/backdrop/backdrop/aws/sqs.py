"""A queue on SQS, and the dead-letter queue."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import error_code, unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WAITING: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)

OUT_OF_SIGHT_SECONDS: Final = 60
# The message's visibility ran out meanwhile, and it was, or is about to be, received again.
OUT_AGAIN: Final = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"})


class Letter(NamedTuple):
    """A dead letter; `queue`: which one gave it up, "" where none did; `ident`: its message id, kept by the move."""

    body: str
    attributes: Mapping[str, str]
    queue: str
    handle: str
    ident: str


class Queue:
    """Where a message waits for its stage."""

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

    def waiting(self) -> int:
        """How many messages are there, roughly: to be received, handed back for a while, or in somebody's hands."""
        try:
            found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=WAITING)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("SQS", error) from error
        return sum(int(found.get("Attributes", {})[name]) for name in WAITING)


class Letters:
    """The dead-letter queue, read."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def receive(self) -> Sequence[Letter]:
        """Some letters, out of others' sight for a minute; none where none is to be had."""
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=OUT_OF_SIGHT_SECONDS,
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
                AttributeNames=["DeadLetterQueueSourceArn"],  # pyrefly: ignore[bad-argument-type]  # the stub misses it
            )
        except (ClientError, BotoCoreError) as error:
            raise unavailable("SQS", error) from error
        return [_letter(message) for message in answer.get("Messages", ())]

    def delete(self, letter: Letter) -> None:
        """The letter was dealt with."""
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.handle)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("SQS", error) from error

    def give_back(self, letter: Letter) -> None:
        """This one stays: everybody sees it again at once."""
        try:
            self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=letter.handle, VisibilityTimeout=0)
        except ClientError as error:
            if error_code(error) not in OUT_AGAIN:
                raise unavailable("SQS", error) from error
        except BotoCoreError as error:
            raise unavailable("SQS", error) from error


def name_of(queue_url: str) -> str:
    """The name of a queue by its URL."""
    return queue_url.rpartition("/")[2]


def _letter(message: Mapping[str, Any]) -> Letter:
    attributes = message.get("MessageAttributes", {})
    return Letter(
        ident=message["MessageId"],
        body=message["Body"],
        attributes={name: value.get("StringValue", "") for name, value in attributes.items()},
        queue=message.get("Attributes", {}).get("DeadLetterQueueSourceArn", "").rpartition(":")[2],
        handle=message["ReceiptHandle"],
    )


def _taken(text: str) -> str:
    """A text without the characters that SQS refuses (SendMessage, API reference); bodies are plain ASCII anyway."""
    return "".join(
        letter if letter in "\t\n\r" or " " <= letter < "\ufffe" or letter > "\uffff" else "?" for letter in text
    )
