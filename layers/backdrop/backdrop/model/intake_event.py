"""What makes intake check an object: it may have changed, or a request names it."""

from dataclasses import dataclass
from datetime import datetime

from backdrop.model.sentence import Sentence


@dataclass(frozen=True)
class IncomingRequest:
    """A request for one photo, with instructions of its own; a redelivered message has the same `request_id`.

    `instructions`: the JSON value as received. If it is not an object, the photo's report says so.
    `task_token`: the token of the task that waits for the result. `execution_arn`: when this execution stops, the
    result is no longer needed. `campaign`: the campaign in whose report it appears. `is_listed`: it was not made for
    this photo, but for all photos of a prefix. `invalid_reason`: why the request can only be answered with an error.
    """

    request_id: str
    instructions: object
    task_token: str = ""
    execution_arn: str = ""
    campaign: str = ""
    is_listed: bool = False
    invalid_reason: Sentence | None = None

    @property
    def is_tracked(self) -> bool:
        """Whether a task or a campaign waits for the result."""
        return bool(self.task_token or self.campaign)

    @property
    def is_execution_scoped(self) -> bool:
        """Whether its jobs are no longer needed once its execution has stopped."""
        return self.is_tracked and bool(self.execution_arn)


@dataclass(frozen=True)
class IntakeEvent:
    """A reason to check one key.

    `is_repeated`: an earlier worker may have crashed before it sent its messages. `is_settle_timeout`: applies only to
    a photo that still waits for instructions. `is_rerun`: an operator requested a rerun. `start_after`: the photos of
    the folder, or of the shared sidecar, after this key still have to be checked. `receive_count`: how many times the
    message has been delivered, including this time. `requested_at`: when the message of a request or rerun was sent,
    which no object records. `tagged_at`: when tags were changed, if that is the reason; another tool's tags may have
    changed, or ours may have been removed. `lost_race`: another worker wrote the photo's item while this event was
    handled.
    """

    bucket: str
    key: str
    is_repeated: bool = False
    is_settle_timeout: bool = False
    is_rerun: bool = False
    start_after: str = ""
    request: IncomingRequest | None = None
    receive_count: int = 1
    requested_at: datetime | None = None
    tagged_at: datetime | None = None
    lost_race: bool = False

    @property
    def is_first_object_change(self) -> bool:
        """Whether the event only reports that the object may have changed, and does so for the first time."""
        return not (self.is_repeated or self.is_settle_timeout or self.is_rerun or self.request)
