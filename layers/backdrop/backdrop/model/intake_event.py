"""Why intake looks at an object: something may have changed there, or somebody asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backdrop.model.sentence import Sentence


@dataclass(frozen=True)
class IncomingRequest:
    """What somebody asks for one photo without a sidecar; `request_id` is the same when its message comes twice.

    `task_token`: the task token of whoever waits for its end. `execution_arn`: the ARN whose stop means that nobody
    does. `campaign`: the name under which it is reported. `invalid_reason`: why nothing can come of it but an answer to
    its token.
    """

    request_id: str
    instructions: Mapping[str, Any]
    task_token: str = ""
    execution_arn: str = ""
    campaign: str = ""
    invalid_reason: Sentence | None = None

    @property
    def is_tracked(self) -> bool:
        """Whether somebody wants to hear what became of it."""
        return bool(self.task_token or self.campaign)

    @property
    def is_execution_scoped(self) -> bool:
        """Whether nobody wants its jobs any more once its execution has stopped."""
        return self.is_tracked and bool(self.execution_arn)


@dataclass(frozen=True)
class IntakeEvent:
    """A reason to look at one key.

    `is_repeated`: an earlier look may have died before its messages were out. `is_settle_timeout`: only a photo that
    still waits for instructions is meant. `is_rerun`: a person wants it resolved anew. `start_after`: the key behind
    which a folder's photos are still to be woken. `receive_count`: how often its message was delivered, this time
    included. `requested_at`: when its message was sent, where that is a request or a rerun, of which no object tells.
    `tagged_at`: when tags were changed, where that is why; perhaps foreign ones, or they were taken away. `lost_race`:
    another worker wrote of the photo while this look was at it.
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
        """Whether it only says that something may have changed there, for the first time."""
        return not (self.is_repeated or self.is_settle_timeout or self.is_rerun or self.request)
