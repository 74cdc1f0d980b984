"""What a provider said to one call, in a form that decides the job's fate."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus, PictureLink, Suspicion
from backdrop.model.record import Record, record


class OnLostAnswer(StrEnum):
    """What to do with a call that was sent, whose answer was lost and that nobody can be asked about."""

    RETRY_ONCE = "retry_once"
    HOLD = "hold"


class RetryClass(StrEnum):
    """The retry class of an answer: it alone decides what happens next, never a message's text."""

    OK = "OK"
    NOW = "NOW"
    BACKOFF = "BACKOFF"
    QUOTA = "QUOTA"
    PAUSE = "PAUSE"
    PERM = "PERM"
    AMBIG = "AMBIG"


class LookupStatus(StrEnum):
    """What a provider says of a call that has no answer yet: it is at work on it, or knows of none."""

    PENDING = "pending"
    ABSENT = "absent"


# What the ledger has room for: as many pictures as can be asked for, and links longer than any that was seen (2 KB).
MAX_LINKS, MAX_LINK_LENGTH = 20, 4_096
NOT_TAKEN_CLASSES = frozenset({RetryClass.NOW, RetryClass.BACKOFF, RetryClass.QUOTA, RetryClass.PAUSE})


@dataclass(frozen=True)
class ProviderResult:
    """One call's answer. `charged` is micro-dollars; `retry_after_seconds` seconds, where the provider said when.

    `is_final`: it is the end of the work itself that stands under an id of ours, and not of one of the times that it
    was sent: the next charge has another id. A final AMBIG is work that failed at a cost that the provider does not
    say. `raw_response`: the provider's response, where a picture in it is not recognized; it is kept for a person and
    never part of the ledger. `suspicion`: nothing was taken, perhaps because of the job itself.
    """

    retry_class: RetryClass
    code: Code | None = None
    message: str = ""
    links: tuple[PictureLink, ...] = ()
    charged: int = 0
    basis: str = "price_list"
    retry_after_seconds: float | None = None
    is_final: bool = False
    raw_response: bytes = b""
    suspicion: Suspicion | None = None

    @classmethod
    def lost(cls, message: str) -> "ProviderResult":
        """No answer came: what was sent may have been taken and charged."""
        return cls(RetryClass.AMBIG, Code.CHARGE_UNKNOWN, message)

    @classmethod
    def failed(cls, message: str) -> "ProviderResult":
        """The provider took the work and ended it with an error that does not say whether it charged."""
        return cls(RetryClass.AMBIG, Code.PROVIDER_FAILED, message, is_final=True)

    @property
    def money(self) -> MoneyStatus:
        if self.retry_class is RetryClass.AMBIG:
            return MoneyStatus.UNKNOWN
        return MoneyStatus.SPENT if self.charged else MoneyStatus.NOT_SPENT

    @property
    def is_usable(self) -> bool:
        return any(link.is_usable for link in self.links)

    @property
    def for_ledger(self) -> "ProviderResult":
        """The answer as far as the ledger has room for it: its money always, and no link that is too long."""
        links = tuple(replace(link, url=None) if len(link.url or "") > MAX_LINK_LENGTH else link for link in self.links)
        fitted = replace(self, links=links[:MAX_LINKS])
        if fitted.is_usable or not self.is_usable:
            return fitted
        message = f"The provider's link is longer than {MAX_LINK_LENGTH:,} characters, and nobody can follow it."
        return replace(fitted, code=Code.RESULT_GONE, message=message)


@dataclass
class CallMetrics:
    """What the calls of one delivery of a job's message took.

    `labels`: the job's provider and operation; empty until the job is known.
    """

    labels: dict[str, str] = field(default_factory=dict[str, str])
    call_seconds: float = 0
    latencies_ms: list[int] = field(default_factory=list[int])
    throttle_count: int = 0
    throttled_ms: int = 0

    def count_call(self, seconds: float, result: ProviderResult | LookupStatus) -> None:
        """Adds a call. Its latency counts only if the provider took the call and finished it."""
        self.call_seconds += seconds
        if isinstance(result, ProviderResult) and result.retry_class not in NOT_TAKEN_CLASSES:
            self.latencies_ms.append(round(seconds * 1000))


@record
class SpooledAnswer(Record):
    """An answer on its way to attempt `attempt_no` of a job."""

    source_id: str
    job_id: str
    attempt_no: int
    result: ProviderResult
