"""Image requests: intake handles each once, and records the execution or campaign that waits for its result."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, ConflictError, InstructionError, PhotoError
from backdrop.model.ids import derive_source_id
from backdrop.model.image_request import ImageRequest
from backdrop.model.intake_event import IncomingRequest, IntakeEvent
from backdrop.model.job import Job, Origin, Problem, Source
from backdrop.model.object_keys import classify_key
from backdrop.model.sentence import Sentence
from backdrop.pipeline.enqueue import enqueue_delivery
from backdrop.ports import Clock

MAX_REMEMBERED_REQUESTS = 20
FIX_SENDER_HINT = "Correct the program that sends such requests, and send the request again."


@dataclass(eq=False, repr=False)
class ImageRequests:
    """Handles requests that need no photo: duplicates, and requests that are skipped or refused."""

    ledger: Ledger
    deliver_queue: Queue
    clock: Clock

    def is_duplicate(self, source: Source, request: IncomingRequest) -> bool:
        """Whether the request was handled before. If its sender waits for the result, deliver resends it."""
        found = request.is_tracked and self.ledger.find_request(source.source_id, request.request_id)
        if found:
            enqueue_delivery(self.deliver_queue, source)
        return bool(found) or request.request_id in source.recent_request_ids

    def skip(self, event: IntakeEvent, request: IncomingRequest) -> None:
        """Answers a request whose key does not name an image."""
        self._record(
            replace(_build_standalone_request(event, request, self.clock.now()), skipped_kind=classify_key(event.key))
        )

    def refuse(self, event: IntakeEvent, request: IncomingRequest, code: Code, message: str | Sentence) -> None:
        """Answers a request that cannot be carried out, with the reason."""
        now = self.clock.now()
        problem = Problem.from_error(BackdropError(code, message, FIX_SENDER_HINT), now)
        self._record(replace(_build_standalone_request(event, request, now), problems=(problem,)))

    def _record(self, image_request: ImageRequest) -> None:
        """Writes the request once, even if its message is received repeatedly; deliver sends the answer each time."""
        # The only possible conflict: the request was written before.
        with suppress(ConflictError):
            self.ledger.put_request(image_request)
        enqueue_delivery(self.deliver_queue, image_request)


def _build_standalone_request(event: IntakeEvent, request: IncomingRequest, now: datetime) -> ImageRequest:
    """Returns a request that matches no source. It has its own partition key."""
    source = Source(source_id=derive_source_id("", request.request_id), bucket=event.bucket, key=event.key)
    return _build_request(source, request, now)


def _build_request(source: Source, request: IncomingRequest, now: datetime) -> ImageRequest:
    return ImageRequest(
        source_id=source.source_id,
        request_id=request.request_id,
        bucket=source.bucket,
        key=source.key,
        task_token=request.task_token,
        execution_arn=request.execution_arn,
        campaign=request.campaign,
        requested_at=now,
    )


def mark_request_seen(source: Source, request: IncomingRequest | None) -> Source:
    """Adds the request to the source's recent requests, so that a duplicate is not handled again."""
    if request is None:
        return source
    requests = (*source.recent_request_ids, request.request_id)[-MAX_REMEMBERED_REQUESTS:]
    return replace(
        source, recent_request_ids=requests, has_tracked_requests=source.has_tracked_requests or request.is_tracked
    )


def build_pending_request(
    source: Source,
    request: IncomingRequest | None,
    now: datetime,
    *,
    jobs: Sequence[Job] = (),
    problems: Sequence[Problem] = (),
) -> ImageRequest | None:
    """Returns the request with its jobs and problems, to be answered later; None if no one waits for an answer."""
    if request is None or not request.is_tracked:
        return None
    job_ids = {job.variant: job.job_id for job in jobs}
    return replace(_build_request(source, request, now), jobs=job_ids, problems=tuple(problems))


def assign_problem_origins(problems: Sequence[Problem], photo_error: PhotoError | None) -> tuple[Problem, ...]:
    """Marks the problems that the sender of a request can fix (Origin.REQUEST).

    A bad file is a problem of the photo, because it prevents every request.
    """
    photo_code = photo_error.code if photo_error else None
    return tuple(
        replace(problem, origin=Origin.PHOTO if problem.code is photo_code else Origin.REQUEST) for problem in problems
    )


def build_broken_defaults_problems(broken_defaults_key: str, now: datetime) -> tuple[Problem, ...]:
    """Returns the problem of a request for a photo that inherits from broken folder defaults."""
    message = f"The photo inherits from {broken_defaults_key}, which has errors."
    return (Problem.from_error(InstructionError(Code.FOLDER_DEFAULTS_BROKEN, message), now),)
