"""Batch processing for handlers: one message at a time, and the class of an error decides what happens next.

RetryLaterError returns the message to the queue with a delay. MalformedMessageError makes it a dead letter. Any other
error is a bug: it is logged with its traceback, and SQS delivers the message again when its visibility timeout ends.
Messages for which the invocation has no time left are returned to the queue unprocessed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.aws.log import MESSAGE_LOG_KEYS, to_error_code
from backdrop.aws.metric_names import Metric
from backdrop.aws.metrics import NO_DIMENSION_VALUE, emit_metrics
from backdrop.aws.sqs import VISIBILITY_EXPIRED_CODES, Queue, queue_name_from_arn
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, MalformedMessageError, RetryLaterError
from backdrop.model.queue_messages import RECEIPT_ETAG
from backdrop.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_DELAY_SECONDS = 43_000
MAX_BACKOFF_SECONDS: Mapping[Code, float] = {
    Code.LEDGER_UNAVAILABLE: 60,
    Code.STORAGE_UNAVAILABLE: 60,
    # It lasts until a person changes a permission: the file is read at most five minutes later, and a bucket with
    # 10,000 photos costs a fifth of the invocations. SQS delivers a message 1,000 times, which takes three days.
    Code.FILE_UNREADABLE: 300,
    Code.BUDGET_RESERVED: 60,
}
"""The codes whose errors have no delay of their own, each with the longest one."""
STUCK_CODES = frozenset({Code.STORAGE_UNAVAILABLE, Code.LEDGER_UNAVAILABLE, Code.FILE_UNREADABLE, Code.SIGNING_FAILED})
"""Why a message is returned although it should have been handled: something of AWS's does not work, or is denied.

A returned message is young again for SQS's own metric of age, so an alarm watches how old such messages are.
"""
CONFLICT_DELAY_SECONDS = 1
MIN_REMAINING_MILLISECONDS = 20_000
"""Time an invocation needs for another message: three times what a large photo takes on a cold start."""
MAX_DEAD_LETTER_BODY_BYTES = 80_000
type BatchResponse = dict[str, list[dict[str, str]]]
"""Which messages of a batch SQS must deliver again. It deletes the others."""
type MessageHandler = Callable[[ReceivedMessage], None]


@dataclass(frozen=True, kw_only=True)
class ReceivedMessage:
    """One message of a batch, as Lambda passes it to a function.

    `receive_count`: how often it was delivered, this time included. `receipt_etag`: the ETag of the photo's first
    receipt, or "" if the message has none.
    """

    message_id: str
    receipt_handle: str
    body: str
    queue_name: str
    sent_at: datetime
    receive_count: int
    receipt_etag: str

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Self:
        """Reads the fields that every record has (Lambda Developer Guide, "Using Lambda with Amazon SQS").

        Any program may send messages to intake, so the attribute may have another type.
        """
        attributes, receipt_etag = record["attributes"], record["messageAttributes"].get(RECEIPT_ETAG, {})
        return cls(
            message_id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            queue_name=queue_name_from_arn(record["eventSourceARN"]),
            sent_at=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
            receive_count=int(attributes["ApproximateReceiveCount"]),
            receipt_etag=receipt_etag.get("stringValue") or "",
        )


def parse_batch(event: Mapping[str, Any]) -> Sequence[ReceivedMessage]:
    """Returns the messages that Lambda passes to a function."""
    return [ReceivedMessage.parse(record) for record in event["Records"]]


@dataclass(eq=False, repr=False)
class BatchConsumer:
    """Processes the messages of a handler's queues. `queue_urls` has each queue's URL by its name."""

    sqs: "SQSClient"
    queue_urls: Mapping[str, str]
    dead_letter_queue: Queue
    logger: Logger
    clock: Clock

    def process_batch(
        self, messages: Sequence[ReceivedMessage], context: LambdaContext, handle_message: MessageHandler
    ) -> BatchResponse:
        """Handles each message. The response lists those that SQS must deliver again."""
        failed_ids = [
            message.message_id
            for message in messages
            if not self._process(message, context, handle_message, is_first=message is messages[0])
        ]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed_ids]}

    def _process(
        self, message: ReceivedMessage, context: LambdaContext, handle_message: MessageHandler, *, is_first: bool
    ) -> bool:
        """Returns whether SQS can delete the message."""
        self.logger.remove_keys(MESSAGE_LOG_KEYS)
        self.logger.append_keys(message_id=message.message_id)
        try:
            return self._handle_or_return(message, context, handle_message, is_first=is_first)
        except RetryLaterError:
            # A dead letter could not be sent.
            return False
        except Exception as error:
            self.logger.exception(
                "unexpected error; SQS will deliver the message again", code=to_error_code(error).value
            )
            emit_metrics({Metric.UNEXPECTED_ERROR: 1})
            return False

    def _handle_or_return(
        self, message: ReceivedMessage, context: LambdaContext, handle_message: MessageHandler, *, is_first: bool
    ) -> bool:
        """Returns False if the message was returned to its queue."""
        remaining_milliseconds = context.get_remaining_time_in_millis()
        if not is_first and remaining_milliseconds < MIN_REMAINING_MILLISECONDS:
            reason = f"The invocation has only {remaining_milliseconds} ms left for the rest of its batch."
            self._return_to_queue(message, Code.TOO_LITTLE_TIME, reason, 0)
            return False
        try:
            handle_message(message)
        except RetryLaterError as error:
            delay_seconds = compute_delay_seconds(error, message.receive_count)
            self._return_to_queue(message, error.code, str(error.message), delay_seconds)
            return False
        except ConflictError:
            self._return_to_queue(
                message, Code.LEDGER_CONFLICT, "The ledger's item kept changing.", CONFLICT_DELAY_SECONDS
            )
            return False
        except MalformedMessageError as error:
            self._send_to_dead_letters(message, error)
        return True

    def _return_to_queue(self, message: ReceivedMessage, code: Code, reason: str, delay_seconds: float) -> None:
        delay = max(0, min(round(delay_seconds), MAX_DELAY_SECONDS))
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_urls[message.queue_name],
                ReceiptHandle=message.receipt_handle,
                VisibilityTimeout=delay,
            )
        except ClientError as error:
            if read_aws_error_code(error) not in VISIBILITY_EXPIRED_CODES:
                raise
            self.logger.info("visibility timeout ended before the message was returned")
        if code is Code.SIGNING_FAILED:
            # Only a person can end this, and the saved query of errors shows no messages of the level INFO.
            self.logger.warning("picture cannot be signed", code=code.value, reason=reason)
        self.logger.info("message returned to the queue", code=code.value, reason=reason, delay_seconds=delay)
        emit_metrics({Metric.RETURNED_TO_QUEUE: 1}, code=code.value)
        stuck_seconds = measure_stuck_seconds(code, message.sent_at, self.clock.now())
        if stuck_seconds is not None:
            emit_metrics({Metric.STUCK_MESSAGE_SECONDS: stuck_seconds})

    def _send_to_dead_letters(self, message: ReceivedMessage, error: MalformedMessageError) -> None:
        self.logger.warning("malformed message", code=error.code.value, reason=str(error.message))
        attributes = {
            "code": error.code.value,
            "reason": str(error.message.truncate(1000)),
            "money": "not_spent",
        }
        body = {
            "queue": message.queue_name,
            "body": (error.part or message.body).encode()[:MAX_DEAD_LETTER_BODY_BYTES].decode(errors="ignore"),
        }
        self.dead_letter_queue.send(body, group="damaged", attributes=attributes)
        emit_metrics({Metric.DEAD_LETTERED: 1}, code=error.code.value, provider=NO_DIMENSION_VALUE)


def measure_stuck_seconds(code: Code, sent_at: datetime, now: datetime) -> float | None:
    """Returns the age of a message that is returned for one of the STUCK_CODES; None for any other code."""
    return max((now - sent_at).total_seconds(), 0) if code in STUCK_CODES else None


def compute_delay_seconds(error: RetryLaterError, receive_count: int) -> float:
    """Returns the seconds until the message should be delivered again.

    Errors without a delay of their own back off exponentially with the receive count.
    """
    max_seconds = MAX_BACKOFF_SECONDS.get(error.code)
    if max_seconds is None:
        return error.delay_seconds
    return min(error.delay_seconds * 2.0 ** min(receive_count - 1, 10), max_seconds)
