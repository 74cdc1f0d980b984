"""Dead letters from SQS's redrive policy: adds a reason to each, and writes an error report for its photo."""

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
from backdrop.model.job import IN_FLIGHT_STATUSES, JobStatus, MoneyStatus, Problem, Source
from backdrop.model.queue_messages import DeliverMessage, JobMessage, LaneMessage, parse_message
from backdrop.model.schedule import MESSAGE_LIFETIME
from backdrop.pipeline.enqueue import enqueue_delivery, enqueue_provider_notification
from backdrop.pipeline.image_requests import ImageRequests
from backdrop.ports import Clock

MAX_BATCHES = 20
GIVEN_UP_MESSAGE = "Its message was received 1,000 times without success."
# The attributes of an event that EventBridge could not deliver to a queue or function.
TARGET_ATTRIBUTE, ERROR_ATTRIBUTE = "TARGET_ARN", "ERROR_MESSAGE"


@dataclass(eq=False, repr=False)
class DeadLetterTriage:
    """`parse_events` parses the body of an intake message."""

    ledger: Ledger
    dead_letter_reader: DeadLetterQueue
    dead_letter_queue: Queue
    deliver_queue: Queue
    intake_queue: Queue
    clock: Clock
    parse_events: Callable[[str], list[IntakeEvent]]

    def annotate(self) -> int:
        """Adds a reason to each dead letter without one, and returns how many there were."""
        return len(self._partition(self._try_to_annotate)[0])

    def delete_resolved(self, resolved_jobs: Mapping[str, int]) -> list[str]:
        """Deletes the dead letters of redriven jobs, and returns the job ID of each deleted dead letter.

        `resolved_jobs` has each job's lock version at its redrive. A job that has failed again since then has sent a
        dead letter with a later version, which stays.
        """

        def is_resolved(dead_letter: DeadLetter) -> bool:
            job_id = dead_letter.attributes.get("job_id", "")
            return _read_lock_version(dead_letter) <= resolved_jobs.get(job_id, -1)

        return [dead_letter.attributes.get("job_id", "") for dead_letter in self._partition(is_resolved)[0]]

    def count_without_job(self) -> Counter[str]:
        """Counts the dead letters that belong to no job, by code, among those that one pass receives."""
        _, remaining = self._partition(lambda _: False)
        without_job = (dead_letter.attributes for dead_letter in remaining if not dead_letter.attributes.get("job_id"))
        return Counter(code for attributes in without_job if (code := attributes.get("code")))

    def _partition(self, is_done: Callable[[DeadLetter], bool]) -> tuple[list[DeadLetter], list[DeadLetter]]:
        """Deletes the dead letters that `is_done` accepts, makes the others visible again, and returns both lists."""
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
        """Handles a dead letter without a reason: forwards it, processes it, or sends it again with a reason.

        Returns False for a dead letter that already has its reason.
        """
        if dead_letter.attributes.get("code"):
            return False
        if not self._try_to_forward(dead_letter) and not self._try_to_handle(dead_letter.body):
            self._resend_with_reason(dead_letter)
        return True

    def _try_to_forward(self, dead_letter: DeadLetter) -> bool:
        """Sends intake an event that EventBridge could not deliver to a queue. Only intake's queue receives events."""
        event = _parse_event(dead_letter.body)
        if not event or ":sqs:" not in dead_letter.attributes.get(TARGET_ATTRIBUTE, ""):
            return False
        self.intake_queue.send(event, group=derive_message_group(dead_letter.source_queue))
        return True

    def _try_to_handle(self, body: str) -> bool:
        """Processes a message between stages; returns False if the body is not one."""
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
        """Ends a paid job that could not be delivered. Makes an accepted job due, so that reconcile resends it.

        A paid job whose picture cannot be signed waits for a person, however long that takes. In a lane that is paused
        for days, a message reaches its receive limit even if nothing is wrong with its job. Crash marks detect jobs
        that crash their workers.
        """
        job = self.ledger.find_job(source_id, job_id)
        if job is None or job.status in IN_FLIGHT_STATUSES:
            return
        now = self.clock.now()
        if job.status is JobStatus.ACCEPTED:
            self.ledger.write_transition(transitions.mark_resent(job, now - MESSAGE_LIFETIME))
            return
        waits_for_key = job.problem is not None and job.problem.code is Code.SIGNING_FAILED
        if not job.needs_no_worker and not waits_for_key:
            job = self.ledger.write_transition(
                transitions.fail(job, BackdropError(Code.MESSAGE_GIVEN_UP, GIVEN_UP_MESSAGE), now)
            )
        enqueue_delivery(self.deliver_queue, job, job.job_id)

    def _resend_with_reason(self, dead_letter: DeadLetter) -> None:
        attributes = {
            "code": Code.MESSAGE_GIVEN_UP.value,
            "reason": GIVEN_UP_MESSAGE,
            "money": MoneyStatus.NOT_SPENT.value,
        }
        attributes |= _describe_campaign_failure(dead_letter) or self._report_photos(dead_letter)
        body: dict[str, Any] = {"queue": dead_letter.source_queue, "body": dead_letter.body}
        self.dead_letter_queue.send(body, group=derive_message_group(dead_letter.source_queue), attributes=attributes)

    def _report_photos(self, dead_letter: DeadLetter) -> dict[str, str]:
        """Reports each photo that the message names, and refuses its requests. Returns attributes to override."""
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
        """Refuses the request, unless it was registered before; in that case, its jobs determine the answer."""
        image_requests = ImageRequests(self.ledger, self.deliver_queue, self.clock)
        if not image_requests.is_duplicate(source, request):
            image_requests.refuse(event, request, Code.MESSAGE_GIVEN_UP, GIVEN_UP_MESSAGE)

    def _report_photo(self, source: Source) -> None:
        problem = Problem.from_error(BackdropError(Code.MESSAGE_GIVEN_UP, GIVEN_UP_MESSAGE), self.clock.now())
        self.ledger.put_source(replace(source, problems=(problem,), has_report=True, settling_since=None), ())
        enqueue_delivery(self.deliver_queue, source)


def _describe_campaign_failure(dead_letter: DeadLetter) -> dict[str, str]:
    """Returns the reason if the campaign function was not notified of an execution's end; {} for other dead letters."""
    match _parse_event(dead_letter.body):
        case {"source": "aws.states", "detail": {"executionArn": str(execution)}}:
            reason = dead_letter.attributes.get(ERROR_ATTRIBUTE) or dead_letter.attributes.get("ErrorMessage", "")
            message = (
                f"{execution} ended without a report: {reason[:500]}. Invoke the campaign function with this body."
            )
            return {"reason": message}
        case _:
            return {}


def _parse_event(body: str) -> dict[str, Any]:
    """Returns the body if it is a JSON object, else {}."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}


def _read_lock_version(dead_letter: DeadLetter) -> int:
    """Returns the lock version of the job when the dead letter was sent; 0 if the dead letter has none."""
    lock_version = dead_letter.attributes.get("lock_version", "")
    return int(lock_version) if lock_version.isdecimal() else 0
