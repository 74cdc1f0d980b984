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

from backdrop.aws.aws_errors import error_code
from backdrop.aws.log import ABOUT, code_of
from backdrop.aws.metric_names import Metric
from backdrop.aws.metrics import NOBODY, count
from backdrop.aws.sqs import OUT_AGAIN, Queue
from backdrop.model.codes import Code
from backdrop.model.errors import DamagedMessageError, StaleError, WaitError
from backdrop.model.queue_messages import RECEIPT

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_DELAY_SECONDS = 43_000
LONGEST_BACK_OFF_SECONDS = 60
BACKED_OFF = frozenset({Code.LEDGER_UNAVAILABLE, Code.STORAGE_UNAVAILABLE, Code.FILE_UNREADABLE, Code.BUDGET_RESERVED})
STALE_DELAY_SECONDS = 1
LEAST_MILLISECONDS = 20_000
"""Of the invocation, for one more message of a batch: three times what a heavy photo takes on a cold start."""
MAX_LETTER_BYTES = 80_000
Work = Callable[[SQSRecord], None]


class _Processor(BatchProcessor):
    """Powertools' batch, which says why a record failed."""

    def __init__(self, logger: Logger) -> None:
        super().__init__(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        self._logger = logger

    @override
    def failure_handler(self, record: Any, exception: Any) -> Any:
        if not isinstance(exception[1], WaitError | StaleError):
            words = "unexpected error; the message will come again"
            self._logger.error(words, code=code_of(exception[1]).value, exc_info=exception)
            count({Metric.UNEXPECTED_ERROR: 1})
        return super().failure_handler(record, exception)


@dataclass(eq=False, repr=False)
class Inbox:
    """The queues that a door empties: their URLs by name, and where damaged messages go."""

    sqs: "SQSClient"
    queue_urls: Mapping[str, str]
    dead_letters: Queue
    logger: Logger

    def work_through(self, event: dict[str, Any], context: LambdaContext, work: Work) -> PartialItemFailureResponse:
        """Do the work for each message; the answer names those that shall come again."""
        first: str = event["Records"][0]["messageId"]
        return process_partial_response(
            event=event,
            record_handler=partial(self._one, work, first),
            processor=_Processor(self.logger),
            context=context,
        )

    def _one(self, work: Work, first: str, record: SQSRecord, lambda_context: LambdaContext) -> None:
        self.logger.remove_keys(ABOUT)
        self.logger.append_keys(message_id=record.message_id)
        left = lambda_context.get_remaining_time_in_millis()
        try:
            if record.message_id != first and left < LEAST_MILLISECONDS:
                raise WaitError(Code.TOO_LITTLE_TIME, f"the invocation has {left} ms left for the rest of its batch", 0)
            work(record)
        except WaitError as error:
            self._hand_back(record, error.code, str(error.message), delay_seconds(error, receives(record)))
            raise
        except StaleError:
            self._hand_back(
                record,
                Code.LEDGER_CONFLICT,
                "others were faster, again and again",
                STALE_DELAY_SECONDS,
            )
            raise
        except DamagedMessageError as error:
            self._dead_letter(record, error)

    def _hand_back(self, record: SQSRecord, code: Code, why: str, delay_seconds: float) -> None:
        delay = max(0, min(round(delay_seconds), LONGEST_DELAY_SECONDS))
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_urls[queue_name(record)],
                ReceiptHandle=record.receipt_handle,
                VisibilityTimeout=delay,
            )
        except ClientError as error:
            if error_code(error) not in OUT_AGAIN:
                raise
            self.logger.info("message is out again by itself")
        self.logger.info("message handed back", code=code.value, reason=why, delay_seconds=delay)
        count({Metric.HANDED_BACK: 1}, code=code.value)

    def _dead_letter(self, record: SQSRecord, error: DamagedMessageError) -> None:
        self.logger.warning("damaged message", code=error.code.value, reason=str(error.message))
        attributes = {
            "code": error.code.value,
            "reason": str(error.message.cut(1000)),
            "money": "not_spent",
        }
        body = {"queue": queue_name(record), "body": record.body.encode()[:MAX_LETTER_BYTES].decode(errors="ignore")}
        self.dead_letters.send(body, group="damaged", attributes=attributes)
        count({Metric.DEAD_LETTERED: 1}, code=error.code.value, provider=NOBODY)


def delay_seconds(error: WaitError, times: int) -> float:
    """Seconds until the message shall come again; what nothing else makes longer grows with the message's receives."""
    if error.code not in BACKED_OFF:
        return error.delay_seconds
    return min(error.delay_seconds * 2.0 ** min(times - 1, 10), LONGEST_BACK_OFF_SECONDS)


def queue_name(record: SQSRecord) -> str:
    """The name of the queue that a record came from."""
    return record.event_source_arn.rpartition(":")[2]


def sent_at(record: SQSRecord) -> datetime:
    """When the message was put into its queue."""
    return datetime.fromtimestamp(int(record.attributes.sent_timestamp) / 1000, UTC)


def receipt(record: SQSRecord) -> str:
    """The receipt that a message names beside its body; "" where it names none."""
    named = record.message_attributes[RECEIPT]
    return (named.string_value or "") if named else ""


def receives(record: SQSRecord) -> int:
    """How often the message was delivered, this time included."""
    return int(record.attributes.approximate_receive_count or 1)
