"""What a provider said to one call, in a form that decides the job's fate."""

from dataclasses import dataclass
from enum import StrEnum

from backdrop.core.codes import Code
from backdrop.core.job import Link, Money


class Class(StrEnum):
    """The retry class of an answer: it alone decides what happens next, never a message's text."""

    OK = "OK"
    NOW = "NOW"
    BACKOFF = "BACKOFF"
    QUOTA = "QUOTA"
    PAUSE = "PAUSE"
    PERM = "PERM"
    AMBIG = "AMBIG"


NOT_TAKEN = frozenset({Class.NOW, Class.BACKOFF, Class.QUOTA, Class.PAUSE})


@dataclass(frozen=True)
class Answer:
    """One call's answer. `charged` is micro-dollars; `retry_after` seconds, where the provider said when."""

    kind: Class
    code: Code | None = None
    message: str = ""
    links: tuple[Link, ...] = ()
    charged: int = 0
    basis: str = "price_list"
    retry_after: float | None = None

    @property
    def money(self) -> Money:
        if self.kind is Class.AMBIG:
            return Money.UNKNOWN
        return Money.SPENT if self.charged else Money.NOT_SPENT

    @property
    def usable(self) -> bool:
        return any(link.usable for link in self.links)
