"""What was asked for one photo by somebody who waits to hear of it: the ledger's item of a request."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from backdrop.model.job import Item, Problem
from backdrop.model.object_keys import Kind
from backdrop.model.record import record
from backdrop.model.sentence import Sentence

SKIPPED = {
    Kind.SIDECAR: Sentence("a sidecar, which speaks for a photo and is none"),
    Kind.DEFAULTS: Sentence("a folder's defaults, which speak for photos and are none"),
    Kind.IGNORED: Sentence("no image, by its name"),
}


class Answered(StrEnum):
    """What became of a request's task token; `foreign`: it takes no answer from us.

    It had expired, was used before, was never handed out, or is of a machine whose key is closed to us.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    FOREIGN = "foreign"


@record
class Asked(Item):
    """A request with a task token or a campaign: its jobs by variant, and how it was answered.

    `problems`: why it was refused, wholly or in part. `skipped`: what its key is instead of a photo's. One of which no
    photo knows lies at a `source_id` of its own. `execution`: the ARN whose stop means that nobody waits any more.
    """

    source_id: str
    ident: str
    bucket: str
    key: str
    token: str = ""
    execution: str = ""
    campaign: str = ""
    jobs: dict[str, str] = field(default_factory=dict[str, str])
    problems: tuple[Problem, ...] = ()
    skipped: Kind | None = None
    asked_at: datetime
    answered_at: datetime | None = None
    answer: Answered | None = None

    @property
    def why_skipped(self) -> Sentence | None:
        """Why nothing is done about its key."""
        return SKIPPED[self.skipped] if self.skipped else None
