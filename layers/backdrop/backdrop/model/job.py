"""The ledger's items: a source, its jobs, and the attempts that moved money."""

from collections.abc import Iterable
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from backdrop.model.advice import Advice
from backdrop.model.codes import Code, End
from backdrop.model.error_catalog import CODES
from backdrop.model.errors import BackdropError, InstructionError
from backdrop.model.ids import source_id
from backdrop.model.job_warning import JobWarning
from backdrop.model.photo_facts import PhotoFacts
from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence
from backdrop.model.stored_picture import Result


class Status(StrEnum):
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


ENDS = frozenset({Status.STORED, Status.REFUSED, Status.DEAD, Status.HELD, Status.SUPERSEDED, Status.CANCELLED})
FAILED = frozenset({Status.REFUSED, Status.DEAD, Status.HELD})


class Money(StrEnum):
    """What an attempt cost."""

    NOT_SPENT = "not_spent"
    SPENT = "spent"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
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
    """One entry of an error report. `place`, `path`: see InstructionError. `advice`: where it is not its code's."""

    code: Code
    message: Sentence
    advice: Advice | None = None
    retryable: bool
    variant: str = ""
    origin: Origin = Origin.PHOTO
    place: str = ""
    path: str = ""
    money: Money = Money.NOT_SPENT
    times: int = 1
    first_seen: datetime
    last_seen: datetime

    @classmethod
    def of(cls, error: BackdropError, now: datetime, money: Money = Money.NOT_SPENT, *, variant: str = "") -> "Problem":
        """The report's entry for an error met at `now`."""
        place, path = (error.place, error.path) if isinstance(error, InstructionError) else ("", "")
        return cls(
            variant=variant,
            place=place,
            path=path,
            code=error.code,
            message=error.message,
            advice=error.advice,
            retryable=CODES[error.code].end is End.WAITING,
            money=money,
            first_seen=now,
            last_seen=now,
        )

    @property
    def hint(self) -> Sentence:
        """What can be done about it, by who fixes the photo or by who sent the request."""
        advice = self.advice or CODES[self.code].advice
        return advice.for_request if self.origin is Origin.REQUEST else advice.for_photo

    def since(self, earlier: "Problem | None") -> "Problem":
        """The same problem, with when it was first seen and how often since."""
        if earlier is None or earlier.code is not self.code:
            return self
        return self.but(first_seen=earlier.first_seen, times=earlier.times + 1)


@record
class Link(Record):
    """One picture of an answer: behind `url`, or `kept` under `_backdrop/work/results/`; withheld where neither is.

    `unrecognized`: the provider made the picture, and Backdrop does not find it in the response, which is kept: a
    person can take the picture out of it and put it where the paid file belongs.
    """

    url: str | None
    seed: int | None = None
    expires_at: datetime | None = None
    kept: str | None = None
    unrecognized: bool = False

    @property
    def usable(self) -> bool:
        return self.url is not None or self.kept is not None or self.unrecognized

    def lives(self, now: datetime) -> bool:
        """Whether there may still be a picture to fetch; a link whose end the provider does not state may live."""
        return self.usable and not self.unrecognized and (self.expires_at is None or now < self.expires_at)


def shows(links: Iterable[Link]) -> bool:
    """Whether there is a picture among these that Backdrop found in its response."""
    return any(link.usable and not link.unrecognized for link in links)


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

    `provider_id` is what the provider can be asked by. `parked`: its worker went in good order while the provider was
    still at work. `sends`: how often it went out, under the same id. `generation`: see Job. `suspicion`: why it took
    nothing, where that may be due to the job itself. `probe`: it was to find out whether its lane is well again.
    """

    n: int
    provider: str
    provider_id: str | None = None
    submitted_at: datetime
    lease_until: datetime
    day: str
    reserved: int
    charged: int = 0
    unknown: int = 0
    outcome: Outcome = Outcome.IN_FLIGHT
    basis: str = "price_list"
    generation: int = 0
    sends: int = 1
    parked: bool = False
    suspicion: Suspicion | None = None
    probe: bool = False

    @property
    def money(self) -> Money:
        if self.unknown or self.outcome is Outcome.IN_FLIGHT:
            return Money.UNKNOWN
        return Money.SPENT if self.charged else Money.NOT_SPENT


@record
class Item(Record):
    """What the ledger keeps: `rev` fences every write, `write_id` recognises our own after a lost answer.

    `v` is the version of the format. A worker waits for an item of any other version, and never reads past it.
    """

    v: Literal[2] = 2
    rev: int = 0
    write_id: str = ""


@record
class Owner(Record):
    """The job that pays, since this revision of it, for bytes asked something; others who want the same wait for it."""

    content_key: str
    source_id: str
    job_id: str
    rev: int = 0


@record
class Job(Item):
    """One picture request to one provider: what is asked, how far it is, what it cost.

    `links` are what attempt `answered` was given. `told`: its failure was counted and, where an operator must act,
    became a dead letter.
    `unwanted` is the end (superseded, cancelled) that awaits a job which its photo names no more while its call is out.
    `generation` counts the charges that were meant: every resend of an unanswered call belongs to the same one.
    `follows` is the job that pays for the same bytes asked the same thing; `reused_from` the one whose file it got.
    `begun_until`: a delivery that came again began with it, has not left it in good order, and dies then at the latest;
    `crashes` counts such deaths in a row. `put_at`: when the message that carries it now was sent. `prepared`: see
    PhotoFacts. `for_executions`: only requests that gave an execution name it, so that it ends unpaid with the last.
    `said_at`: when the latest of what it answers to came: photo, sidecar, tags, request, or a person's order.
    """

    job_id: str
    content_key: str
    source_id: str
    bucket: str
    key: str
    version_id: str | None
    sha256: str
    prepared: bool = False
    variant: str
    status: Status = Status.ACCEPTED
    operation: str
    provider: str
    asked: dict[str, Any]
    instructions: dict[str, Any]
    provenance: dict[str, str]
    warnings: tuple[JobWarning, ...] = ()
    quoted: int
    attempt: int = 0
    attempts: tuple[Attempt, ...] = ()
    links: tuple[Link, ...] = ()
    answered: int = 0
    results: tuple[Result, ...] = ()
    problem: Problem | None = None
    reported: bool = False
    told: bool = False
    unwanted: Status | None = None
    generation: int = 0
    follows: Owner | None = None
    reused_from: str | None = None
    begun_until: datetime | None = None
    crashes: int = 0
    throttled_ms: int = 0
    said_at: datetime | None = None
    queued_at: datetime
    put_at: datetime | None = None
    for_executions: bool = False
    submitted_at: datetime | None = None
    paid_at: datetime | None = None
    stored_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.status in ENDS

    @property
    def waits_because(self) -> Code | None:
        """Why the job waits, where that is not its provider's lane or its turn in it."""
        if self.status is not Status.ACCEPTED:
            return None
        if self.follows:
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
    def money(self) -> Money:
        if self.unknown:
            return Money.UNKNOWN
        return Money.SPENT if self.charged else Money.NOT_SPENT

    @property
    def orphans(self) -> tuple[Attempt, ...]:
        """Calls of which the job no longer waits for an answer, because another one brought the pictures."""
        open_calls = (attempt for attempt in self.attempts if attempt.outcome is Outcome.IN_FLIGHT)
        return () if self.status is Status.SUBMITTING else tuple(open_calls)

    @property
    def at_stake(self) -> bool:
        """Whether the charge that is meant was, or may have been, made."""
        return any(one.generation == self.generation and one.money is not Money.NOT_SPENT for one in self.attempts)

    @property
    def costs_nothing_more(self) -> bool:
        """Whether asking for it again buys nothing: its file is there, or it ended with a charge made, or in doubt."""
        return self.status in (Status.PAID, Status.STORED) or (self.ended and self.at_stake)

    @property
    def losses(self) -> int:
        """How many answers of the charge that is meant were lost and are unknown still."""
        return sum(one.outcome is Outcome.LOST and one.generation == self.generation for one in self.attempts)

    def attempt_of(self, n: int) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.n == n), None)


@record
class Source(Item):
    """One place in an input bucket: the photo (or a folder's defaults) that lies there now, and its jobs by variant.

    `held_by`: the folder defaults that must be mended before the photo is bought. `requests`: the last that were heard.
    `seen_gone`: the photo was deleted, and what comes in its place is a new one, whatever its bytes. `awaited`: whether
    anybody ever waited to hear of one.
    """

    source_id: str
    bucket: str
    key: str
    photo: PhotoFacts | None = None
    asked_from: str = ""
    sidecar_etag: str = ""
    jobs: dict[str, str] = field(default_factory=dict[str, str])
    problems: tuple[Problem, ...] = ()
    waiting_since: datetime | None = None
    held_by: str = ""
    requests: tuple[str, ...] = ()
    awaited: bool = False
    reported: bool = False
    begun_until: datetime | None = None
    crashes: int = 0
    put_at: datetime | None = None
    seen_gone: bool = False

    @classmethod
    def at(cls, bucket: str, key: str) -> "Source":
        """A place of which the ledger knows nothing yet."""
        return cls(source_id=source_id(bucket, key), bucket=bucket, key=key)

    @property
    def wanting(self) -> bool:
        """Whether the photo was looked at in vain: word of what is wanted, or mended defaults, set it going."""
        wordless = not self.jobs and any(one.code is Code.NO_INSTRUCTIONS for one in self.problems)
        return self.photo is not None and bool(self.held_by or wordless)
