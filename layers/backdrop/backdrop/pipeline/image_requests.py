"""Requests as intake hears them: each once, and each with whoever waits to hear what becomes of it."""

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
FIX_SENDER_HINT = "Mend what sends such requests, and send it again."


@dataclass(eq=False, repr=False)
class ImageRequests:
    """What intake does with requests besides looking at their photos."""

    ledger: Ledger
    deliver_queue: Queue
    clock: Clock

    def is_duplicate(self, source: Source, request: IncomingRequest) -> bool:
        """Whether it was heard before, so that its message comes again; who waits to hear of it is told anew."""
        found = request.is_tracked and self.ledger.find_request(source.source_id, request.request_id)
        if found:
            enqueue_delivery(self.deliver_queue, source)
        return bool(found) or request.request_id in source.recent_request_ids

    def skip(self, event: IntakeEvent, request: IncomingRequest) -> None:
        """Its key is no image: that is the answer."""
        self._record(
            replace(_build_standalone_request(event, request, self.clock.now()), skipped_kind=classify_key(event.key))
        )

    def refuse(self, event: IntakeEvent, request: IncomingRequest, code: Code, message: str | Sentence) -> None:
        """Nothing can come of it: the failure is the answer."""
        now = self.clock.now()
        problem = Problem.from_error(BackdropError(code, message, FIX_SENDER_HINT), now)
        self._record(replace(_build_standalone_request(event, request, now), problems=(problem,)))

    def _record(self, image_request: ImageRequest) -> None:
        """Written once, however often its message comes; and told each time."""
        # Refused where it was written before, and only there.
        with suppress(ConflictError):
            self.ledger.put_request(image_request)
        enqueue_delivery(self.deliver_queue, image_request)


def _build_standalone_request(event: IntakeEvent, request: IncomingRequest, now: datetime) -> ImageRequest:
    """A request of which no photo knows lies by itself."""
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
    """The photo's place, which knows the last requests, so that one that comes twice is heard once."""
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
    """Who waits to hear of a request: what its jobs come to, and what was refused; None where nobody waits."""
    if request is None or not request.is_tracked:
        return None
    job_ids = {job.variant: job.job_id for job in jobs}
    return replace(_build_request(source, request, now), jobs=job_ids, problems=tuple(problems))


def assign_problem_origins(problems: Sequence[Problem], photo_error: PhotoError | None) -> tuple[Problem, ...]:
    """What stands in a request's way, with what its sender can do. A bad file stands in the way of any request."""
    photo_code = photo_error.code if photo_error else None
    return tuple(replace(one, origin=Origin.PHOTO if one.code is photo_code else Origin.REQUEST) for one in problems)


def build_broken_defaults_problems(broken_defaults_key: str, now: datetime) -> tuple[Problem, ...]:
    """A request for a photo that inherits from broken defaults."""
    message = f"The photo inherits from {broken_defaults_key}, which is broken."
    return (Problem.from_error(InstructionError(Code.FOLDER_DEFAULTS_BROKEN, message), now),)
