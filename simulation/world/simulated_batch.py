"""Processes a batch of messages like aws/batch.py, but without its log and its metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.batch import (
    CONFLICT_DELAY_SECONDS,
    MIN_REMAINING_MILLISECONDS,
    compute_delay_seconds,
    measure_stuck_seconds,
)
from backdrop.aws.sqs import Queue
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, MalformedMessageError, RetryLaterError
from simulation.world.simulated_lambda import BatchHandler
from simulation.world.simulated_sqs import SimulatedMessage, SimulatedQueue, SimulatedSqs
from simulation.world.world_clock import WorldClock

MIN_REMAINING = timedelta(milliseconds=MIN_REMAINING_MILLISECONDS)
MessageStep = Callable[[SimulatedMessage, datetime], object]


@dataclass(frozen=True)
class ReturnedMessage:
    """A message that was returned to its queue: where, when, why, and for how many seconds.

    `stuck_seconds`: what the alarm on such messages sees; None if it does not watch this code.
    """

    queue: str
    returned_at: datetime
    code: Code
    delay_seconds: float
    stuck_seconds: float | None = None


@dataclass
class SimulatedBatchConsumer:
    """Deletes, returns, or dead-letters each message of a batch on its own."""

    sqs: SimulatedSqs
    dead_letter_queue: Queue
    clock: WorldClock
    returned_messages: list[ReturnedMessage] = field(default_factory=list[ReturnedMessage])

    def build_handler(self, queue: SimulatedQueue, step: MessageStep) -> BatchHandler:
        """Returns the handler that processes a queue's batches with this step."""
        return lambda messages, deadline: self._process_batch(queue, step, messages, deadline)

    def _process_batch(
        self, queue: SimulatedQueue, step: MessageStep, messages: Sequence[SimulatedMessage], deadline: datetime
    ) -> Sequence[SimulatedMessage]:
        first = messages[0] if messages else None
        return [
            message
            for message in messages
            if not self._process(queue, step, message, deadline, is_first=message is first)
        ]

    def _process(
        self, queue: SimulatedQueue, step: MessageStep, message: SimulatedMessage, deadline: datetime, *, is_first: bool
    ) -> bool:
        """Returns whether the message can be deleted."""
        handle = message.receipt_handle
        try:
            if not is_first and deadline - self.clock.time < MIN_REMAINING:
                raise RetryLaterError(Code.TOO_LITTLE_TIME, "the rest of the batch", 0)
            step(message, deadline)
        except RetryLaterError as error:
            delay = compute_delay_seconds(error, message.receive_count)
            now = self.clock.time
            stuck_seconds = measure_stuck_seconds(error.code, message.sent_at, now)
            self.returned_messages.append(ReturnedMessage(queue.name, now, error.code, delay, stuck_seconds))
            return self._return_to_queue(queue, handle, delay)
        except ConflictError:
            return self._return_to_queue(queue, handle, CONFLICT_DELAY_SECONDS)
        except MalformedMessageError as error:
            attributes = {"code": error.code.value, "reason": str(error.message.truncate(1000)), "money": "not_spent"}
            return self._dead_letter({"queue": queue.name, "body": error.part or message.body}, attributes)
        return True

    def _dead_letter(self, body: Mapping[str, str], attributes: Mapping[str, str]) -> bool:
        """Returns whether the dead letter was sent. If SQS does not answer, the message becomes visible again later."""
        try:
            self.dead_letter_queue.send(body, group="damaged", attributes=attributes)
        except RetryLaterError:
            return False
        return True

    def _return_to_queue(self, queue: SimulatedQueue, handle: str, seconds: float) -> bool:
        """Makes the message visible after a delay or, if SQS does not answer, after its visibility timeout."""
        try:
            self.sqs.change_message_visibility(
                QueueUrl=queue.url, ReceiptHandle=handle, VisibilityTimeout=max(0, round(seconds))
            )
        except (ClientError, BotoCoreError):
            return False
        return False
