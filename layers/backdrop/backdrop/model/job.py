"""The ledger's items: a source, its jobs, and the attempts that moved money."""

from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from backdrop.model.advice import Advice
from backdrop.model.codes import Code, Disposition
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import BackdropError, InstructionError
from backdrop.model.ids import derive_source_id
from backdrop.model.job_warning import JobWarning
from backdrop.model.photo_facts import PhotoFacts
from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence


class JobStatus(StrEnum):
    """The states of a job, in the words of receipts, metrics and tests."""

    ACCEPTED = "accepted"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    PAID = "paid"
    STORED = "stored"
    REFUSED = "refused"
    DEAD = "dead"
    HELD = "held"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


END_STATUSES = frozenset(
    {JobStatus.STORED, JobStatus.REFUSED, JobStatus.DEAD, JobStatus.HELD, JobStatus.SUPERSEDED, JobStatus.CANCELLED}
)
FAILED_STATUSES = frozenset({JobStatus.REFUSED, JobStatus.DEAD, JobStatus.HELD})


class MoneyStatus(StrEnum):
    """What an attempt cost."""

    NOT_SPENT = "not_spent"
    SPENT = "spent"
    UNKNOWN = "unknown"


class AttemptOutcome(StrEnum):
    """How an attempt went."""

    IN_FLIGHT = "in_flight"
    ANSWERED = "answered"
    NOT_TAKEN = "not_taken"
    REJECTED = "rejected"
    LOST = "lost"


class Origin(StrEnum):
    """What a problem stands in the way of: the photo as it lies there, or one request for it."""

    PHOTO = "photo"
    REQUEST = "request"


@record
class Problem(Record):
    """One entry of an error report.

    `instruction_source`, `path`: see InstructionError. `advice`: where it is not its code's.
    """

    code: Code
    message: Sentence
    advice: Advice | None = None
    retryable: bool
    variant: str = ""
    origin: Origin = Origin.PHOTO
    instruction_source: str = ""
    path: str = ""
    money: MoneyStatus = MoneyStatus.NOT_SPENT
    occurrences: int = 1
    first_seen: datetime
    last_seen: datetime

    @classmethod
    def from_error(
        cls, error: BackdropError, now: datetime, money: MoneyStatus = MoneyStatus.NOT_SPENT, *, variant: str = ""
    ) -> "Problem":
        """The report's entry for an error met at `now`."""
        place, path = (error.place, error.path) if isinstance(error, InstructionError) else ("", "")
        return cls(
            variant=variant,
            instruction_source=place,
            path=path,
            code=error.code,
            message=error.message,
            advice=error.advice,
            retryable=ERROR_CATALOG[error.code].disposition is Disposition.WAITING,
            money=money,
            first_seen=now,
            last_seen=now,
        )

    @property
    def hint(self) -> Sentence:
        """What can be done about it, by who fixes the photo or by who sent the request."""
        advice = self.advice or ERROR_CATALOG[self.code].advice
        return advice.text_for_request if self.origin is Origin.REQUEST else advice.text_for_photo

    def with_history(self, earlier: "Problem | None") -> "Problem":
        """The same problem, with when it was first seen and how often since."""
        if earlier is None or earlier.code is not self.code:
            return self
        return replace(self, first_seen=earlier.first_seen, occurrences=earlier.occurrences + 1)


@record
class PictureLink(Record):
    """One picture of an answer: behind `url`, or `result_name` under `_backdrop/work/results/`.

    Withheld where neither is.

    `is_unrecognized`: the provider made the picture, and Backdrop does not find it in the response, which is kept: a
    person can take the picture out of it and put it where the paid file belongs.
    """

    url: str | None
    seed: int | None = None
    expires_at: datetime | None = None
    result_name: str | None = None
    is_unrecognized: bool = False

    @property
    def is_usable(self) -> bool:
        return self.url is not None or self.result_name is not None or self.is_unrecognized

    def is_live(self, now: datetime) -> bool:
        """Whether there may still be a picture to fetch; a link whose end the provider does not state may live."""
        return self.is_usable and not self.is_unrecognized and (self.expires_at is None or now < self.expires_at)


def has_recognized_picture(links: Iterable[PictureLink]) -> bool:
    """Whether there is a picture among these that Backdrop found in its response."""
    return any(link.is_usable and not link.is_unrecognized for link in links)


class Suspicion(StrEnum):
    """Why an answer that cost nothing may be due to the job itself, and not to the provider.

    REFUSAL: the provider refused the call and did not say whether the account or the job is the reason. FAILURE: the
    provider took the call and failed, which often is a value that only the model rejects.
    """

    REFUSAL = "refusal"
    FAILURE = "failure"


@record
class Attempt(Record):
    """One call that may have moved money. Amounts are micro-dollars.

    `provider_id` is what the provider can be asked by. `is_parked`: its worker went in good order while the provider
    was still at work. `send_count`: how often it went out, under the same id. `charge_no`: see Job. `suspicion`: why it
    took nothing, where that may be due to the job itself. `is_probe`: it was to find out whether its lane is well
    again.
    """

    n: int
    provider: str
    provider_id: str | None = None
    submitted_at: datetime
    lease_until: datetime
    budget_day: str
    reserved: int
    charged: int = 0
    unknown: int = 0
    outcome: AttemptOutcome = AttemptOutcome.IN_FLIGHT
    basis: str = "price_list"
    charge_no: int = 0
    send_count: int = 1
    is_parked: bool = False
    suspicion: Suspicion | None = None
    is_probe: bool = False

    @property
    def money(self) -> MoneyStatus:
        if self.unknown or self.outcome is AttemptOutcome.IN_FLIGHT:
            return MoneyStatus.UNKNOWN
        return MoneyStatus.SPENT if self.charged else MoneyStatus.NOT_SPENT


@record
class StoredPicture(Record):
    """One picture in the output bucket."""

    key: str
    version_id: str | None
    n: int
    output: str | None
    width: int
    height: int
    format: str
    bytes: int
    has_alpha: bool
    seed: int | None


@record
class LedgerItem(Record):
    """What the ledger keeps: `lock_version` fences every write, `write_id` recognises our own after a lost answer.

    `v` is the version of the format. A worker waits for an item of any other version, and never reads past it.
    """

    v: Literal[2] = 2
    lock_version: int = 0
    write_id: str = ""


@record
class ContentOwner(Record):
    """The job that pays, since this revision of it, for bytes asked something; others who want the same wait for it."""

    content_id: str
    source_id: str
    job_id: str
    lock_version: int = 0


@record
class Job(LedgerItem):
    """One picture request to one provider: what is asked, how far it is, what it cost.

    `links` are what attempt `paid_attempt_no` was given. `announced`: its failure was counted and, where an operator
    must act, became a dead letter. `end_after_call` is the end (superseded, cancelled) that awaits a job which its
    photo names no more while its call is out. `charge_no` counts the charges that were meant: every resend of an
    unanswered call belongs to the same one. `waits_for` is the job that pays for the same bytes asked the same thing;
    `reused_from` the one whose file it got. `processing_until`: a delivery that came again began with it, has not left
    it in good order, and dies then at the latest; `crash_count` counts such deaths in a row. `last_sent_at`: when the
    message that carries it now was sent. `is_prepared`: see PhotoFacts. `is_execution_scoped`: only requests that gave
    an execution name it, so that it ends unpaid with the last. `requested_at`: when the latest of what it answers to
    came: photo, sidecar, tags, request, or a person's order.
    """

    job_id: str
    content_id: str
    source_id: str
    bucket: str
    key: str
    version_id: str | None
    sha256: str
    is_prepared: bool = False
    variant: str
    status: JobStatus = JobStatus.ACCEPTED
    operation: str
    provider: str
    purchase_spec: dict[str, Any]
    instructions: dict[str, Any]
    provenance: dict[str, str]
    warnings: tuple[JobWarning, ...] = ()
    quoted: int
    attempt_no: int = 0
    attempts: tuple[Attempt, ...] = ()
    links: tuple[PictureLink, ...] = ()
    paid_attempt_no: int = 0
    results: tuple[StoredPicture, ...] = ()
    problem: Problem | None = None
    has_report: bool = False
    announced: bool = False
    end_after_call: JobStatus | None = None
    charge_no: int = 0
    waits_for: ContentOwner | None = None
    reused_from: str | None = None
    processing_until: datetime | None = None
    crash_count: int = 0
    throttled_ms: int = 0
    requested_at: datetime | None = None
    queued_at: datetime
    last_sent_at: datetime | None = None
    is_execution_scoped: bool = False
    submitted_at: datetime | None = None
    paid_at: datetime | None = None
    stored_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in END_STATUSES

    @property
    def wait_reason(self) -> Code | None:
        """Why the job waits, where that is not its provider's lane or its turn in it."""
        if self.status is not JobStatus.ACCEPTED:
            return None
        if self.waits_for:
            return Code.OWNER_AT_WORK
        if self.problem:
            return self.problem.code
        return Code.PROVIDER_THROTTLED if self.throttled_ms else None

    @property
    def charged(self) -> int:
        """What is certain, over all attempts, in micro-dollars."""
        return sum(attempt.charged for attempt in self.attempts)

    @property
    def unknown(self) -> int:
        """What may have been charged besides, calls in flight included, in micro-dollars."""
        return sum(attempt.unknown + attempt.reserved for attempt in self.attempts)

    @property
    def money(self) -> MoneyStatus:
        if self.unknown:
            return MoneyStatus.UNKNOWN
        return MoneyStatus.SPENT if self.charged else MoneyStatus.NOT_SPENT

    @property
    def abandoned_attempts(self) -> tuple[Attempt, ...]:
        """Calls of which the job no longer waits for an answer, because another one brought the pictures."""
        calls = (attempt for attempt in self.attempts if attempt.outcome is AttemptOutcome.IN_FLIGHT)
        return () if self.status is JobStatus.SUBMITTING else tuple(calls)

    @property
    def may_be_charged(self) -> bool:
        """Whether the charge that is meant was, or may have been, made."""
        return any(one.charge_no == self.charge_no and one.money is not MoneyStatus.NOT_SPENT for one in self.attempts)

    @property
    def needs_no_purchase(self) -> bool:
        """Whether asking for it again buys nothing: its file is there, or it ended with a charge made, or in doubt."""
        return self.status in (JobStatus.PAID, JobStatus.STORED) or (self.has_ended and self.may_be_charged)

    @property
    def lost_call_count(self) -> int:
        """How many answers of the charge that is meant were lost and are unknown still."""
        return sum(one.outcome is AttemptOutcome.LOST and one.charge_no == self.charge_no for one in self.attempts)

    def find_attempt(self, n: int) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.n == n), None)


@record
class Source(LedgerItem):
    """One place in an input bucket: the photo (or a folder's defaults) that lies there now, and its jobs by variant.

    `blocked_by_defaults`: the folder defaults that must be mended before the photo is bought. `recent_request_ids`: the
    last that were heard. `was_missing`: the photo was deleted, and what comes in its place is a new one, whatever its
    bytes. `has_tracked_requests`: whether anybody ever waited to hear of one.
    """

    source_id: str
    bucket: str
    key: str
    photo: PhotoFacts | None = None
    instructions_fingerprint: str = ""
    sidecar_etag: str = ""
    jobs: dict[str, str] = field(default_factory=dict[str, str])
    problems: tuple[Problem, ...] = ()
    settling_since: datetime | None = None
    blocked_by_defaults: str = ""
    recent_request_ids: tuple[str, ...] = ()
    has_tracked_requests: bool = False
    has_report: bool = False
    processing_until: datetime | None = None
    crash_count: int = 0
    last_sent_at: datetime | None = None
    was_missing: bool = False

    @classmethod
    def new(cls, bucket: str, key: str) -> "Source":
        """A place of which the ledger knows nothing yet."""
        return cls(source_id=derive_source_id(bucket, key), bucket=bucket, key=key)

    @property
    def needs_instructions(self) -> bool:
        """Whether the photo was looked at in vain: word of what is wanted, or mended defaults, set it going."""
        lacks_instructions = not self.jobs and any(one.code is Code.NO_INSTRUCTIONS for one in self.problems)
        return self.photo is not None and bool(self.blocked_by_defaults or lacks_instructions)
