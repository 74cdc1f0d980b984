"""What a provider said to one call, in a form that decides the job's fate."""

from dataclasses import dataclass, replace
from enum import StrEnum

from backdrop.model.codes import Code
from backdrop.model.job import Link, Money, Suspicion
from backdrop.model.record import Record, record


class OnLostAnswer(StrEnum):
    """What to do with a call that was sent, whose answer was lost and that nobody can be asked about."""

    RETRY_ONCE = "retry_once"
    HOLD = "hold"


class Class(StrEnum):
    """The retry class of an answer: it alone decides what happens next, never a message's text."""

    OK = "OK"
    NOW = "NOW"
    BACKOFF = "BACKOFF"
    QUOTA = "QUOTA"
    PAUSE = "PAUSE"
    PERM = "PERM"
    AMBIG = "AMBIG"


class Standing(StrEnum):
    """What a provider says of a call that has no answer yet: it is at work on it, or knows of none."""

    PENDING = "pending"
    ABSENT = "absent"


# What the ledger has room for: as many pictures as can be asked for, and links longer than any that was seen (2 KB).
MOST_LINKS, LONGEST_LINK = 20, 4_096
NOT_TAKEN = frozenset({Class.NOW, Class.BACKOFF, Class.QUOTA, Class.PAUSE})


@dataclass(frozen=True)
class Answer:
    """One call's answer. `charged` is micro-dollars; `retry_after` seconds, where the provider said when.

    `final`: it is the end of the work itself that stands under an id of ours, and not of one of the times that it was
    sent: the next charge has another id. A final AMBIG is work that failed at a cost that the provider does not say.
    `raw`: the provider's response, where a picture in it is not recognized; it is kept for a person and never part of
    the ledger. `suspicion`: nothing was taken, perhaps because of the job itself.
    """

    kind: Class
    code: Code | None = None
    message: str = ""
    links: tuple[Link, ...] = ()
    charged: int = 0
    basis: str = "price_list"
    retry_after: float | None = None
    final: bool = False
    raw: bytes = b""
    suspicion: Suspicion | None = None

    @classmethod
    def lost(cls, message: str) -> "Answer":
        """No answer came: what was sent may have been taken and charged."""
        return cls(Class.AMBIG, Code.CHARGE_UNKNOWN, message)

    @classmethod
    def failed(cls, message: str) -> "Answer":
        """The provider took the work and ended it with an error that does not say whether it charged."""
        return cls(Class.AMBIG, Code.PROVIDER_FAILED, message, final=True)

    @property
    def money(self) -> Money:
        if self.kind is Class.AMBIG:
            return Money.UNKNOWN
        return Money.SPENT if self.charged else Money.NOT_SPENT

    @property
    def usable(self) -> bool:
        return any(link.usable for link in self.links)

    @property
    def recordable(self) -> "Answer":
        """The answer as far as the ledger has room for it: its money always, and no link that is too long."""
        links = tuple(link.but(url=None) if len(link.url or "") > LONGEST_LINK else link for link in self.links)
        fitting = replace(self, links=links[:MOST_LINKS])
        if fitting.usable or not self.usable:
            return fitting
        words = f"The provider's link is longer than {LONGEST_LINK:,} characters, and nobody can follow it."
        return replace(fitting, code=Code.RESULT_GONE, message=words)


@record
class KeptAnswer(Record):
    """An answer on its way to attempt `n` of a job."""

    source_id: str
    job_id: str
    n: int
    answer: Answer
