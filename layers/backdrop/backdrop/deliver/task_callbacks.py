"""Step Functions callbacks: each request with a task token is answered once, when all its jobs have ended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backdrop.aws.ledger import Ledger
from backdrop.aws.step_functions import TaskTokens
from backdrop.model.errors import ConflictError, MalformedMessageError, RetryLaterError
from backdrop.model.image_request import CallbackOutcome, ImageRequest
from backdrop.model.job import Job, Source
from backdrop.model.task_result import TaskResult, build_task_result
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class TaskCallbacks:
    """Answers image requests, after the photo's receipt and report have been written."""

    ledger: Ledger
    task_tokens: TaskTokens
    clock: Clock

    def complete_requests(self, source: Source) -> None:
        """Answers the requests for this photo whose jobs have all ended.

        Raises RetryLaterError if one of the answers could not be sent to Step Functions.
        """
        pending_requests = self.ledger.list_pending_requests(source.source_id) if source.has_tracked_requests else ()
        if not pending_requests:
            return
        # Reads the photo after the requests, so that it includes every job that they name, in a state no older than
        # theirs.
        current, jobs = self.ledger.read_photo(source.source_id)
        self._complete_all(current or source, pending_requests, jobs)

    def complete_standalone_requests(self, source_id: str) -> None:
        """Answers requests that match no source."""
        image_requests = self.ledger.list_requests(source_id)
        if not image_requests:
            raise MalformedMessageError("the ledger has no such photo")
        for image_request in (request for request in image_requests if request.answered_at is None):
            source = Source(source_id=source_id, bucket=image_request.bucket, key=image_request.key)
            self._complete(source, image_request, ())

    def _complete_all(self, source: Source, pending_requests: Sequence[ImageRequest], jobs: Sequence[Job]) -> None:
        """Answers each request, even if an earlier answer could not be sent; that error is raised at the end."""
        last_error: RetryLaterError | None = None
        for image_request in pending_requests:
            try:
                self._complete(source, image_request, jobs)
            except RetryLaterError as error:
                last_error = error
        if last_error:
            raise last_error

    def _complete(self, source: Source, image_request: ImageRequest, jobs: Sequence[Job]) -> None:
        task_result = build_task_result(source, image_request, jobs)
        if task_result is None:
            return
        is_accepted = not image_request.task_token or self._send_callback(image_request.task_token, task_result)
        self._record_outcome(image_request, task_result.outcome if is_accepted else CallbackOutcome.UNDELIVERABLE)

    def _record_outcome(self, image_request: ImageRequest, outcome: CallbackOutcome) -> None:
        """Records the outcome. If another worker answered too, keeps the outcome that Step Functions accepted."""
        try:
            self.ledger.put_request(replace(image_request, answered_at=self.clock.now(), outcome=outcome))
        except ConflictError:
            recorded = self.ledger.find_request(image_request.source_id, image_request.request_id)
            if (
                recorded
                and recorded.outcome is CallbackOutcome.UNDELIVERABLE
                and outcome is not CallbackOutcome.UNDELIVERABLE
            ):
                self._record_outcome(recorded, outcome)

    def _send_callback(self, token: str, task_result: TaskResult) -> bool:
        if task_result.outcome is CallbackOutcome.SUCCESS:
            return self.task_tokens.send_success(token, task_result.output)
        return self.task_tokens.send_failure(token, task_result.error, task_result.cause)
