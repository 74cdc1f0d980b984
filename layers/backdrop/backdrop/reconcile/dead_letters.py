"""Dead letters: what only the redrive policy caught is given its reason, and its photo an error report."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import DeadLetter, DeadLetterQueue, Queue
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, MalformedMessageError
from backdrop.model.ids import derive_message_group, derive_source_id
from backdrop.model.intake_event import IncomingRequest, IntakeEvent
from backdrop.model.job import JobStatus, MoneyStatus, Problem, Source
from backdrop.model.queue_messages import DeliverMessage, JobMessage, LaneMessage, parse_message
from backdrop.model.schedule import MESSAGE_LIFETIME
from backdrop.pipeline.enqueue import enqueue_delivery, enqueue_provider_notification
from backdrop.pipeline.image_requests import ImageRequests
from backdrop.ports import Clock

MAX_BATCHES = 20
GIVEN_UP_MESSAGE = "A thousand deliveries of its message came to nothing."
# What EventBridge says of an event that it could not put into a queue or give to a function.
TARGET_ATTRIBUTE, ERROR_ATTRIBUTE = "TARGET_ARN", "ERROR_MESSAGE"


@dataclass(eq=False, repr=False)
class DeadLetterTriage:
    """`parse_events` reads what stands in an intake message."""

    ledger: Ledger
    dead_letter_reader: DeadLetterQueue
    dead_letter_queue: Queue
    deliver_queue: Queue
    intake_queue: Queue
    clock: Clock
    parse_events: Callable[[str], list[IntakeEvent]]

    def annotate(self) -> int:
        """Give each letter that says nothing its reason; how many there were."""
        return len(self._partition(self._try_to_annotate)[0])

    def delete_resolved(self, resolved_jobs: Mapping[str, int]) -> list[str]:
        """Take away the letters of jobs that went on, each from this revision; the job's id for every letter.

        One that died again since has sent a letter of a later revision, which stays.
        """

        def is_resolved(dead_letter: DeadLetter) -> bool:
            job_id = dead_letter.attributes.get("job_id", "")
            return _read_lock_version(dead_letter) <= resolved_jobs.get(job_id, -1)

        return [letter.attributes.get("job_id", "") for letter in self._partition(is_resolved)[0]]

    def count_without_job(self) -> Counter[str]:
        """By code, how many letters are no job's, as far as one look goes."""
        _, remaining = self._partition(lambda _: False)
        without_job = (letter.attributes for letter in remaining if not letter.attributes.get("job_id"))
        return Counter(code for attributes in without_job if (code := attributes.get("code")))

    def _partition(self, is_done: Callable[[DeadLetter], bool]) -> tuple[list[DeadLetter], list[DeadLetter]]:
        """The letters that are dealt with, which are taken away, and those that stay, in everybody's sight at once."""
        done: list[DeadLetter] = []
        remaining: list[DeadLetter] = []
        for _ in range(MAX_BATCHES):
            batch = self.dead_letter_reader.receive()
            for dead_letter in batch:
                if is_done(dead_letter):
                    self.dead_letter_reader.delete(dead_letter)
                    done.append(dead_letter)
                else:
                    remaining.append(dead_letter)
            if not batch:
                break
        for dead_letter in remaining:
            self.dead_letter_reader.make_visible(dead_letter)
        return done, remaining

    def _try_to_annotate(self, dead_letter: DeadLetter) -> bool:
        """Whether it said nothing; then all that it stands for was done, or a new letter says why it came."""
        if dead_letter.attributes.get("code"):
            return False
        if not self._try_to_forward(dead_letter) and not self._try_to_handle(dead_letter.body):
            self._resend_with_reason(dead_letter)
        return True

    def _try_to_forward(self, dead_letter: DeadLetter) -> bool:
        """An event for which EventBridge did not reach its queue, which is intake's, is put there now."""
        event = _parse_event(dead_letter.body)
        if not event or ":sqs:" not in dead_letter.attributes.get(TARGET_ATTRIBUTE, ""):
            return False
        self.intake_queue.send(event, group=derive_message_group(dead_letter.source_queue))
        return True

    def _try_to_handle(self, body: str) -> bool:
        """A job's message: the job ends here, and deliver tells of it as of every end. Others are no job's."""
        try:
            message = parse_message(body, JobMessage, DeliverMessage, LaneMessage)
        except MalformedMessageError:
            return False
        if isinstance(message, LaneMessage):
            enqueue_provider_notification(self.deliver_queue, message.provider)
        elif message.job_id:
            self._end_or_resend(message.source_id, message.job_id)
        elif source := self.ledger.read_photo(message.source_id)[0]:
            enqueue_delivery(self.deliver_queue, source)
        return True

    def _end_or_resend(self, source_id: str, job_id: str) -> None:
        """What is paid and was never delivered ends, and is told. All else reconcile brings on its way again:

        a message wears out in a lane that is shut for days, and a job that kills its workers is noticed by its marks.
        """
        job = self.ledger.find_job(source_id, job_id)
        if job is None or job.status in (JobStatus.SUBMITTING, JobStatus.UNKNOWN):
            return
        now = self.clock.now()
        if job.status is JobStatus.ACCEPTED:
            self.ledger.write_transition(transitions.mark_resent(job, now - MESSAGE_LIFETIME))
            return
        if not job.has_ended:
            job = self.ledger.write_transition(
                transitions.fail(job, BackdropError(Code.MESSAGE_GIVEN_UP, GIVEN_UP_MESSAGE), now)
            )
        enqueue_delivery(self.deliver_queue, job, job.job_id)

    def _resend_with_reason(self, dead_letter: DeadLetter) -> None:
        """The letter with its reason."""
        attributes = {
            "code": Code.MESSAGE_GIVEN_UP.value,
            "reason": GIVEN_UP_MESSAGE,
            "money": MoneyStatus.NOT_SPENT.value,
        }
        attributes |= _describe_campaign_failure(dead_letter) or self._report_photos(dead_letter)
        body: dict[str, Any] = {"queue": dead_letter.source_queue, "body": dead_letter.body}
        self.dead_letter_queue.send(body, group=derive_message_group(dead_letter.source_queue), attributes=attributes)

    def _report_photos(self, dead_letter: DeadLetter) -> dict[str, str]:
        """An event of which nothing came: each photo that it names is reported, and who waits to hear is answered."""
        try:
            events = self.parse_events(dead_letter.body)
        except MalformedMessageError as error:
            return {"code": error.code.value, "reason": str(error.message.truncate(1000))}
        for event in events:
            source = self.ledger.read_photo(derive_source_id(event.bucket, event.key))[0] or Source.new(
                event.bucket, event.key
            )
            if not source.jobs:
                self._report_photo(source)
            if event.request and event.request.is_tracked:
                request = replace(event.request, request_id=event.request.request_id or dead_letter.message_id)
                self._refuse_request(source, event, request)
        return {}

    def _refuse_request(self, source: Source, event: IntakeEvent, request: IncomingRequest) -> None:
        """One that was heard is answered with what its jobs come to."""
        image_requests = ImageRequests(self.ledger, self.deliver_queue, self.clock)
        if not image_requests.is_duplicate(source, request):
            image_requests.refuse(event, request, Code.MESSAGE_GIVEN_UP, GIVEN_UP_MESSAGE)

    def _report_photo(self, source: Source) -> None:
        problem = Problem.from_error(BackdropError(Code.MESSAGE_GIVEN_UP, GIVEN_UP_MESSAGE), self.clock.now())
        self.ledger.put_source(replace(source, problems=(problem,), has_report=True, settling_since=None), ())
        enqueue_delivery(self.deliver_queue, source)


def _describe_campaign_failure(dead_letter: DeadLetter) -> dict[str, str]:
    """What is to be done where the end of a campaign did not reach its function; nothing for other letters."""
    match _parse_event(dead_letter.body):
        case {"source": "aws.states", "detail": {"executionArn": str(execution)}}:
            reason = dead_letter.attributes.get(ERROR_ATTRIBUTE) or dead_letter.attributes.get("ErrorMessage", "")
            message = f"{execution} ended without a report: {reason[:500]}. Invoke the campaign function with the body."
            return {"reason": message}
        case _:
            return {}


def _parse_event(body: str) -> dict[str, Any]:
    """A letter's body, where it is an object."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}


def _read_lock_version(dead_letter: DeadLetter) -> int:
    """How the job stood that the letter tells of; the beginning where the letter does not say."""
    lock_version = dead_letter.attributes.get("lock_version", "")
    return int(lock_version) if lock_version.isdecimal() else 0
