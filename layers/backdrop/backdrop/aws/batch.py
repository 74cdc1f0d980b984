"""How a door takes messages: one at a time, and each failure by its class.

A wait hands the message back with its delay; a damaged message becomes a dead letter; anything else is a bug, logged
whole, and its message comes again when its visibility is over. What a batch has no time for is handed back unopened.
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
MAX_BACKOFF_SECONDS = 60
BACKOFF_CODES = frozenset(
    {Code.LEDGER_UNAVAILABLE, Code.STORAGE_UNAVAILABLE, Code.FILE_UNREADABLE, Code.BUDGET_RESERVED}
)
CONFLICT_DELAY_SECONDS = 1
MIN_REMAINING_MILLISECONDS = 20_000
"""Of the invocation, for one more message of a batch: three times what a heavy photo takes on a cold start."""
MAX_DEAD_LETTER_BODY_BYTES = 80_000
RecordHandler = Callable[[SQSRecord], None]


class _LoggingBatchProcessor(BatchProcessor):
    """Powertools' batch, which says why a record failed."""

    def __init__(self, logger: Logger) -> None:
        super().__init__(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        self._logger = logger

    @override
    def failure_handler(self, record: Any, exception: Any) -> Any:
        if not isinstance(exception[1], RetryLaterError | ConflictError):
            message = "unexpected error; the message will come again"
            self._logger.error(message, code=to_error_code(exception[1]).value, exc_info=exception)
            emit_metrics({Metric.UNEXPECTED_ERROR: 1})
        return super().failure_handler(record, exception)


@dataclass(eq=False, repr=False)
class BatchConsumer:
    """The queues that a door empties: their URLs by name, and where damaged messages go."""

    sqs: "SQSClient"
    queue_urls: Mapping[str, str]
    dead_letter_queue: Queue
    logger: Logger

    def process_batch(
        self, event: dict[str, Any], context: LambdaContext, handle_record: RecordHandler
    ) -> PartialItemFailureResponse:
        """Do the work for each message; the answer names those that shall come again."""
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
                    f"the invocation has {remaining_milliseconds} ms left for the rest of its batch",
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
                "others were faster, again and again",
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
            self.logger.info("message is out again by itself")
        self.logger.info("message handed back", code=code.value, reason=reason, delay_seconds=delay)
        emit_metrics({Metric.RETURNED_TO_QUEUE: 1}, code=code.value)

    def _send_to_dead_letters(self, record: SQSRecord, error: MalformedMessageError) -> None:
        self.logger.warning("damaged message", code=error.code.value, reason=str(error.message))
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
    """Seconds until the message shall come again; what nothing else makes longer grows with the message's receives."""
    if error.code not in BACKOFF_CODES:
        return error.delay_seconds
    return min(error.delay_seconds * 2.0 ** min(receive_count - 1, 10), MAX_BACKOFF_SECONDS)


def read_sent_at(record: SQSRecord) -> datetime:
    """When the message was put into its queue."""
    return datetime.fromtimestamp(int(record.attributes.sent_timestamp) / 1000, UTC)


def read_receipt_etag(record: SQSRecord) -> str:
    """The receipt that a message names beside its body; "" where it names none."""
    attribute = record.message_attributes[RECEIPT_ETAG]
    return (attribute.string_value or "") if attribute else ""


def read_receive_count(record: SQSRecord) -> int:
    """How often the message was delivered, this time included."""
    return int(record.attributes.approximate_receive_count or 1)
