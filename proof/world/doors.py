"""How a door takes messages in the simulated world: as aws/batch.py does, without Powertools around it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.batch import CONFLICT_DELAY_SECONDS, MIN_REMAINING_MILLISECONDS, compute_delay_seconds
from backdrop.aws.sqs import Queue
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, MalformedMessageError, RetryLaterError
from proof.world.clock import WorldClock
from proof.world.functions import Handler
from proof.world.sqs import Line, Message, SimulatedSqs

LEAST = timedelta(milliseconds=MIN_REMAINING_MILLISECONDS)
Step = Callable[[Message, datetime], object]


@dataclass(frozen=True)
class Wait:
    """One message that was handed back: where, when, why, and for how many seconds."""

    queue: str
    at: datetime
    code: Code
    seconds: float


@dataclass
class Doors:
    """What becomes of a batch: done and deleted, handed back, or dead-lettered, each message by itself."""

    sqs: SimulatedSqs
    letters: Queue
    clock: WorldClock
    waits: list[Wait] = field(default_factory=list[Wait])

    def of(self, line: Line, step: Step) -> Handler:
        """The function that works off a queue with this step."""
        return lambda messages, deadline: self._work_through(line, step, messages, deadline)

    def _work_through(
        self, line: Line, step: Step, messages: Sequence[Message], deadline: datetime
    ) -> Sequence[Message]:
        first = messages[0] if messages else None
        return [one for one in messages if not self._one(line, step, one, deadline, is_first=one is first)]

    def _one(self, line: Line, step: Step, message: Message, deadline: datetime, *, is_first: bool) -> bool:
        """Whether the message is dealt with."""
        handle = message.receipt_handle
        try:
            if not is_first and deadline - self.clock.time < LEAST:
                raise RetryLaterError(Code.TOO_LITTLE_TIME, "the rest of the batch", 0)
            step(message, deadline)
        except RetryLaterError as error:
            delay = compute_delay_seconds(error, message.receives)
            self.waits.append(Wait(line.name, self.clock.time, error.code, delay))
            return self._hand_back(line, handle, delay)
        except ConflictError:
            return self._hand_back(line, handle, CONFLICT_DELAY_SECONDS)
        except MalformedMessageError as error:
            attributes = {"code": error.code.value, "reason": str(error.message.truncate(1000)), "money": "not_spent"}
            return self._dead_letter({"queue": line.name, "body": message.body}, attributes)
        return True

    def _dead_letter(self, body: Mapping[str, str], attributes: Mapping[str, str]) -> bool:
        """Whether the letter is out; where SQS does not answer, the message comes again after its visibility."""
        try:
            self.letters.send(body, group="damaged", attributes=attributes)
        except RetryLaterError:
            return False
        return True

    def _hand_back(self, line: Line, handle: str, seconds: float) -> bool:
        """The message comes again after a delay; where SQS does not answer, after its visibility."""
        try:
            self.sqs.change_message_visibility(
                QueueUrl=line.url, ReceiptHandle=handle, VisibilityTimeout=max(0, round(seconds))
            )
        except (ClientError, BotoCoreError):
            return False
        return False
