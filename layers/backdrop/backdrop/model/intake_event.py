"""Why intake looks at an object: something may have changed there, or somebody asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backdrop.model.sentence import Sentence


@dataclass(frozen=True)
class Request:
    """What somebody asks for one photo without a sidecar; `ident` is the same when its message comes twice.

    `token`: the task token of whoever waits for its end. `execution`: the ARN whose stop means that nobody does.
    `campaign`: the name under which it is reported. `damage`: why nothing can come of it but an answer to its token.
    """

    ident: str
    instructions: Mapping[str, Any]
    token: str = ""
    execution: str = ""
    campaign: str = ""
    damage: Sentence | None = None

    @property
    def awaited(self) -> bool:
        """Whether somebody wants to hear what became of it."""
        return bool(self.token or self.campaign)

    @property
    def ends_with_its_execution(self) -> bool:
        """Whether nobody wants its jobs any more once its execution has stopped."""
        return self.awaited and bool(self.execution)


@dataclass(frozen=True)
class Look:
    """A reason to look at one key.

    `again`: an earlier look may have died before its messages were out. `settled`: only a photo that still waits for
    instructions is meant. `rerun`: a person wants it resolved anew. `after`: the key behind which a folder's photos
    are still to be woken. `receives`: how often its message was delivered, this time included. `said_at`: when its
    message was sent, where that is a request or a rerun, of which no object tells. `tagged_at`: when tags were changed,
    where that is why; perhaps foreign ones, or they were taken away. `overtaken`: another worker wrote of the photo
    while this look was at it.
    """

    bucket: str
    key: str
    again: bool = False
    settled: bool = False
    rerun: bool = False
    after: str = ""
    request: Request | None = None
    receives: int = 1
    said_at: datetime | None = None
    tagged_at: datetime | None = None
    overtaken: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it only says that something may have changed there, for the first time."""
        return not (self.again or self.settled or self.rerun or self.request)
