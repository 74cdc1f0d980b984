"""What was asked for one photo by somebody who waits to hear of it: the ledger's item of a request."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from backdrop.model.job import LedgerItem, Problem
from backdrop.model.object_keys import ObjectKind
from backdrop.model.record import record
from backdrop.model.sentence import Sentence

SKIP_REASONS = {
    ObjectKind.SIDECAR: Sentence("a sidecar, which speaks for a photo and is none"),
    ObjectKind.DEFAULTS: Sentence("a folder's defaults, which speak for photos and are none"),
    ObjectKind.IGNORED: Sentence("no image, by its name"),
}


class CallbackOutcome(StrEnum):
    """What became of a request's task token; `foreign`: it takes no answer from us.

    It had expired, was used before, was never handed out, or is of a machine whose key is closed to us.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    UNDELIVERABLE = "undeliverable"


@record
class ImageRequest(LedgerItem):
    """A request with a task token or a campaign: its jobs by variant, and how it was answered.

    `problems`: why it was refused, wholly or in part. `skipped_kind`: what its key is instead of a photo's. One of
    which no photo knows lies at a `source_id` of its own. `execution_arn`: the ARN whose stop means that nobody waits
    any more.
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
        """Why nothing is done about its key."""
        return SKIP_REASONS[self.skipped_kind] if self.skipped_kind else None
