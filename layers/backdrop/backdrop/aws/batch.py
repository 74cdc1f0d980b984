"""Batch processing for handlers: one message at a time, and the class of an error decides what happens next.

RetryLaterError returns the message to the queue with a delay. MalformedMessageError makes it a dead letter. Any other
error is a bug: it is logged with its traceback, and SQS delivers the message again when its visibility timeout ends.
Messages for which the invocation has no time left are returned to the queue unprocessed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, override

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
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
CONFLICT_DELAY_SECONDS = 1
MIN_REMAINING_MILLISECONDS = 20_000
"""Time an invocation needs for another message: three times what a large photo takes on a cold start."""
MAX_DEAD_LETTER_BODY_BYTES = 80_000
RecordHandler = Callable[[SQSRecord], None]


class _LoggingBatchProcessor(BatchProcessor):
    """Powertools' batch processor, which also logs why a record failed."""

    def __init__(self, logger: Logger) -> None:
        super().__init__(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        self._logger = logger

    @override
    def failure_handler(self, record: Any, exception: Any) -> Any:
        if not isinstance(exception[1], RetryLaterError | ConflictError):
            message = "unexpected error; SQS will deliver the message again"
            self._logger.error(message, code=to_error_code(exception[1]).value, exc_info=exception)
            emit_metrics({Metric.UNEXPECTED_ERROR: 1})
        return super().failure_handler(record, exception)


@dataclass(eq=False, repr=False)
class BatchConsumer:
    """Processes the messages of a handler's queues. `queue_urls` has each queue's URL by its name."""

    sqs: "SQSClient"
    queue_urls: Mapping[str, str]
    dead_letter_queue: Queue
    logger: Logger

    def process_batch(
        self, event: dict[str, Any], context: LambdaContext, handle_record: RecordHandler
    ) -> PartialItemFailureResponse:
        """Handles each message. The response lists those that SQS must deliver again."""
        first_message_id: str = event["Records"][0]["messageId"]
        return process_partial_response(
            event=event,
            record_handler=partial(self._process_record, handle_record, first_message_id),
            processor=_LoggingBatchProcessor(self.logger),
            context=context,
        )

    def _process_record(
        self, handle_record: RecordHandler, first_message_id: str, record: SQSRecord, lambda_context: LambdaContext
    ) -> None:
        self.logger.remove_keys(MESSAGE_LOG_KEYS)
        self.logger.append_keys(message_id=record.message_id)
        remaining_milliseconds = lambda_context.get_remaining_time_in_millis()
        try:
            if record.message_id != first_message_id and remaining_milliseconds < MIN_REMAINING_MILLISECONDS:
                raise RetryLaterError(
                    Code.TOO_LITTLE_TIME,
                    f"The invocation has only {remaining_milliseconds} ms left for the rest of its batch.",
                    0,
                )
            handle_record(record)
        except RetryLaterError as error:
            self._return_to_queue(
                record, error.code, str(error.message), compute_delay_seconds(error, read_receive_count(record))
            )
            raise
        except ConflictError:
            self._return_to_queue(
                record,
                Code.LEDGER_CONFLICT,
                "The ledger's item kept changing.",
                CONFLICT_DELAY_SECONDS,
            )
            raise
        except MalformedMessageError as error:
            self._send_to_dead_letters(record, error)

    def _return_to_queue(self, record: SQSRecord, code: Code, reason: str, delay_seconds: float) -> None:
        delay = max(0, min(round(delay_seconds), MAX_DELAY_SECONDS))
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_urls[queue_name_from_arn(record.event_source_arn)],
                ReceiptHandle=record.receipt_handle,
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

    def _send_to_dead_letters(self, record: SQSRecord, error: MalformedMessageError) -> None:
        self.logger.warning("malformed message", code=error.code.value, reason=str(error.message))
        attributes = {
            "code": error.code.value,
            "reason": str(error.message.truncate(1000)),
            "money": "not_spent",
        }
        body = {
            "queue": queue_name_from_arn(record.event_source_arn),
            "body": record.body.encode()[:MAX_DEAD_LETTER_BODY_BYTES].decode(errors="ignore"),
        }
        self.dead_letter_queue.send(body, group="damaged", attributes=attributes)
        emit_metrics({Metric.DEAD_LETTERED: 1}, code=error.code.value, provider=NO_DIMENSION_VALUE)


def compute_delay_seconds(error: RetryLaterError, receive_count: int) -> float:
    """Returns the seconds until the message should be delivered again.

    Errors without a delay of their own back off exponentially with the receive count.
    """
    max_seconds = MAX_BACKOFF_SECONDS.get(error.code)
    if max_seconds is None:
        return error.delay_seconds
    return min(error.delay_seconds * 2.0 ** min(receive_count - 1, 10), max_seconds)


def read_sent_at(record: SQSRecord) -> datetime:
    """Returns the time when the message was sent to its queue."""
    return datetime.fromtimestamp(int(record.attributes.sent_timestamp) / 1000, UTC)


def read_receipt_etag(record: SQSRecord) -> str:
    """Returns the ETag of the receipt that a message attribute names, or ""."""
    attribute = record.message_attributes[RECEIPT_ETAG]
    return (attribute.string_value or "") if attribute else ""


def read_receive_count(record: SQSRecord) -> int:
    """Returns how many times the message has been delivered, including this time."""
    return int(record.attributes.approximate_receive_count or 1)
