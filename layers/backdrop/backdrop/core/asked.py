"""What was asked for one photo by somebody who waits to hear of it: the ledger's item of a request."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from backdrop.core.job import Item, Problem
from backdrop.core.record import record


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

    `problems`: why it was refused, wholly or in part. `skipped`: why its key is nothing to be done. One of which no
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
    skipped: str = ""
    asked_at: datetime
    answered_at: datetime | None = None
    answer: Answered | None = None
