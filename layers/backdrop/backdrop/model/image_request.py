"""The ledger item of a request for one photo whose sender waits for the result."""

from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum

from backdrop.model.job import MASK_VARIANT, Job, JobStatus, LedgerItem, Problem
from backdrop.model.object_keys import ObjectKind
from backdrop.model.record import record
from backdrop.model.sentence import Sentence

SKIP_REASONS = {
    ObjectKind.SIDECAR: Sentence("a sidecar, not a photo"),
    ObjectKind.DEFAULTS: Sentence("folder defaults, not a photo"),
    ObjectKind.IGNORED: Sentence("not an image, by its name"),
}


class CallbackOutcome(StrEnum):
    """How a request's task token was answered. `undeliverable`: Step Functions does not accept our answer.

    The token had expired, was used before, never existed, or belongs to a state machine whose KMS key we must not use.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    UNDELIVERABLE = "undeliverable"


@record
class ImageRequest(LedgerItem):
    """A request with a task token or a campaign: its jobs by variant, and the answer.

    `problems`: why it was refused, wholly or in part. `skipped_kind`: the kind of its key, if that is not a photo's. A
    request that matches no source is stored under a `source_id` of its own. `execution_arn`: when this execution stops,
    the request is no longer needed.
    """

    source_id: str
    request_id: str
    bucket: str
    key: str
    task_token: str = ""
    execution_arn: str = ""
    campaign: str = ""
    jobs: dict[str, str] = field(default_factory=dict[str, str])
    problems: tuple[Problem, ...] = ()
    skipped_kind: ObjectKind | None = None
    requested_at: datetime
    answered_at: datetime | None = None
    outcome: CallbackOutcome | None = None

    @property
    def skip_reason(self) -> Sentence | None:
        """Why the key is skipped."""
        return SKIP_REASONS[self.skipped_kind] if self.skipped_kind else None

    def select_pictures(self, jobs: Iterable[Job]) -> list[Job]:
        """Returns the jobs without the mask that the request bought, which decides nothing about its success.

        Newer instructions may since have made a mask of a cut-out that the request asked for. It still decides, but
        delivers no picture: it is superseded unless it failed.
        """
        pictures = [job for job in jobs if job.job_id != self.jobs.get(MASK_VARIANT)]
        return [
            replace(job, status=JobStatus.SUPERSEDED) if job.is_mask and job.status is JobStatus.STORED else job
            for job in pictures
        ]
