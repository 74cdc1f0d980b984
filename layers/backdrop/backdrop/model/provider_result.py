"""The result of one provider call, in a form that decides what happens to the job."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus, PictureLink, Suspicion
from backdrop.model.record import Record, record


class OnLostAnswer(StrEnum):
    """What to do if the response to a call was lost, and the provider cannot look the call up.

    ASK_THE_BILL: the job waits until the provider's usage records show whether the call was charged. Only a call that
    was not charged is sent once more.
    """

    RETRY_ONCE = "retry_once"
    HOLD = "hold"
    ASK_THE_BILL = "ask_the_bill"


class RetryClass(StrEnum):
    """The retry class of a result. It alone decides what happens next, never the text of a message."""

    OK = "OK"
    NOW = "NOW"
    BACKOFF = "BACKOFF"
    QUOTA = "QUOTA"
    PAUSE = "PAUSE"
    PERM = "PERM"
    AMBIG = "AMBIG"


class LookupStatus(StrEnum):
    """What a provider reports about a call without a result: it is working on it, or has no such call."""

    PENDING = "pending"
    ABSENT = "absent"


# Limits that fit into the ledger: as many pictures as can be requested, and links longer than any seen so far (2 KB).
MAX_LINKS, MAX_LINK_LENGTH = 20, 4_096
NOT_TAKEN_CLASSES = frozenset({RetryClass.NOW, RetryClass.BACKOFF, RetryClass.QUOTA, RetryClass.PAUSE})


@dataclass(frozen=True)
class ProviderResult:
    """The result of one call. `charged`: micro-dollars. `retry_after_seconds`: if the provider states it.

    `is_final`: the work under our idempotency key has ended, not only one send of it, so the next charge has another
    key. A final AMBIG is work that failed at an unstated cost. `raw_response`: the provider's response, if a picture in
    it is not recognized; it is kept for an operator, but not in the ledger. `suspicion`: nothing was charged, and the
    job itself may be the reason.
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
        """No response arrived: the call may have been accepted and charged."""
        return cls(RetryClass.AMBIG, Code.CHARGE_UNKNOWN, message)

    @classmethod
    def failed(cls, message: str) -> "ProviderResult":
        """The provider accepted the work, and ended it with an error that does not say whether it charged."""
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
        """The result in a form that fits into the ledger: with all amounts, but without links that are too long."""
        links = tuple(replace(link, url=None) if len(link.url or "") > MAX_LINK_LENGTH else link for link in self.links)
        fitted = replace(self, links=links[:MAX_LINKS])
        if fitted.is_usable or not self.is_usable:
            return fitted
        message = f"The provider's link is longer than {MAX_LINK_LENGTH:,} characters, so it cannot be stored."
        return replace(fitted, code=Code.RESULT_GONE, message=message)


@dataclass
class CallMetrics:
    """Measurements of the calls of one delivery of a job's message.

    `labels`: the job's provider and operation; empty until the job is known.
    """

    labels: dict[str, str] = field(default_factory=dict[str, str])
    call_seconds: float = 0
    latencies_ms: list[int] = field(default_factory=list[int])
    throttle_count: int = 0
    throttled_ms: int = 0

    def count_call(self, seconds: float, result: ProviderResult | LookupStatus) -> None:
        """Adds a call. Its latency counts only if the provider accepted the call and finished it."""
        self.call_seconds += seconds
        if isinstance(result, ProviderResult) and result.retry_class not in NOT_TAKEN_CLASSES:
            self.latencies_ms.append(round(seconds * 1000))


@record
class SpooledAnswer(Record):
    """A result that could not be written to the ledger yet, for attempt `attempt_no` of a job."""

    source_id: str
    job_id: str
    attempt_no: int
    result: ProviderResult
