"""What the steps need of the world, one small Protocol each; doors bring the real ones, tests the simulated world."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from backdrop.core.answer import Answer, KeptAnswer, Standing
from backdrop.core.asked import Asked
from backdrop.core.job import Job, Owner, Source
from backdrop.core.lane import Lane
from backdrop.core.transitions import Step
from backdrop.core.watch import Day, Ref, Run

AT_ONCE = 10
"""Calls of one client at a time: for so many botocore keeps connections."""


@dataclass(frozen=True)
class Stored:
    """One object as the bucket holds it; `data` is None where the bytes were not asked for.

    `archived`: the storage class from which S3 reads nothing at once. `tagged`: whether it may have tags.
    """

    etag: str
    version_id: str | None
    size: int
    modified: datetime
    data: bytes | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    archived: str = ""
    tagged: bool = True


class Listed(NamedTuple):
    """One object as a bucket lists it."""

    key: str
    etag: str
    modified: datetime


class Written(NamedTuple):
    """What a write made of an object."""

    etag: str
    version_id: str | None


class Letter(NamedTuple):
    """A dead letter; `queue`: which one gave it up, "" where none did; `ident`: its message id, kept by the move."""

    body: str
    attributes: Mapping[str, str]
    queue: str
    handle: str
    ident: str


class PreconditionError(Exception):
    """Somebody wrote the object since it was looked at; nothing was written."""


class InputBucket(Protocol):
    """The photos, as somebody put them."""

    def read(self, bucket: str, key: str, *, limit: int, known_etag: str | None = None) -> Stored | None:
        """The object, or None when there is none; its bytes only if it is not the known one and within `limit`."""
        ...

    def tags(self, bucket: str, key: str) -> Mapping[str, str]: ...
    def keys(self, bucket: str, prefix: str) -> Iterator[str]: ...
    def listed(self, bucket: str, after: str) -> Iterator[Listed]:
        """All objects in the order of their keys, from the one that follows `after`."""
        ...


class OutputBucket(Protocol):
    """Pictures, receipts, reports, and the provider's files."""

    def head(self, key: str) -> Stored | None: ...
    def read(self, key: str) -> bytes: ...
    def find(self, prefix: str, since: datetime | None = None) -> str | None: ...
    def put(self, key: str, data: bytes, content_type: str) -> None: ...
    def replace(
        self,
        key: str,
        data: bytes,
        content_type: str,
        *,
        over: str | None,
        metadata: Mapping[str, str],
        cache_control: str | None = None,
    ) -> Written:
        """Write where the object still is the one with the ETag `over` (None: no object).

        Raises PreconditionError where somebody was faster.
        """
        ...

    def delete(self, key: str, *, known: Stored) -> None: ...


class Ledger(Protocol):
    """The items of core/job.py and core/lane.py; every write is fenced, and all of one call or nothing is written.

    Raises StaleError when the items changed since they were read, OwnedError when other bytes' owner stands where a
    step wants to own, WaitError when the day's budget does not cover a claim or the table does not answer, and
    UnwritableError when no later try would be taken either.
    """

    def photo(self, source_id: str) -> tuple[Source | None, Sequence[Job]]: ...
    def unknown(self, source_ids: Sequence[str]) -> Sequence[str]:
        """Those photos, of up to a hundred, of which nothing was ever written."""
        ...

    def job(self, source_id: str, job_id: str) -> Job | None: ...
    def job_in_lane(self, source_id: str, job_id: str, provider: str) -> tuple[Job | None, Lane]:
        """One job, and a lane's item, in one request."""
        ...

    def owner(self, content_key: str) -> Owner | None: ...
    def followers(self, content_key: str, after: str = "") -> Iterator[Job]:
        """The jobs that wait for the owner of some content, in the order of their IDs, from the ID `after` on."""
        ...

    def advance(self, step: Step) -> Job: ...
    def put_source(self, source: Source, steps: Sequence[Step], asked: Asked | None = None) -> None: ...
    def asked(self, source_id: str) -> Sequence[Asked]:
        """Who ever waited to hear of a photo."""
        ...

    def waiting(self, source_id: str) -> Sequence[Asked]:
        """Who waits still."""
        ...

    def request(self, source_id: str, ident: str) -> Asked | None: ...
    def put_asked(self, asked: Asked) -> Asked: ...
    def lane(self, provider: str) -> Lane:
        """The lane's item; an open one where nothing was ever written."""
        ...

    def put_lane(self, lane: Lane) -> Lane: ...


class Books(Protocol):
    """The ledger as reconcile and people look through it: what is due, what failed, what a day may cost."""

    def due(self, now: datetime, most: int) -> Sequence[Ref]:
        """Open items whose time has come, the oldest first."""
        ...

    def open(self) -> Iterator[Ref]: ...
    def open_from(self, place: str) -> Iterator[tuple[str, Ref]]:
        """All that has not ended yet, from a place in their order on, each behind its own; "" is before all."""
        ...

    def failed(self) -> Iterator[Ref]: ...
    def wanting(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        """The keys of the photos below a prefix that want instructions, in their order, behind a key."""
        ...

    def asked(self, name: str) -> Iterator[Asked]:
        """All items of a campaign, in the order of their photos."""
        ...

    def jobs(self, refs: Sequence[Ref]) -> Mapping[Ref, Job]: ...

    def day(self, day: str) -> Day: ...
    def raise_budget(self, day: str, cap: int) -> None: ...
    def run(self) -> Run: ...
    def put_run(self, run: Run) -> Run: ...


class Queue(Protocol):
    """Where a message waits for its stage."""

    def send(
        self,
        body: Mapping[str, Any],
        *,
        group: str,
        delay_seconds: int = 0,
        attributes: Mapping[str, str] | None = None,
    ) -> None: ...


class Letters(Protocol):
    """The dead-letter queue."""

    def receive(self) -> Sequence[Letter]:
        """Some letters, out of others' sight for a minute; none where none is to be had."""
        ...

    def delete(self, letter: Letter) -> None: ...
    def give_back(self, letter: Letter) -> None:
        """This one stays: everybody sees it again at once."""
        ...


type Acknowledge = Callable[[str], None]
type Call = Callable[[Acknowledge], Answer | Standing]


class Provider(Protocol):
    """One paid API. It never raises for what the provider does: every end is an Answer."""

    @property
    def timeout_seconds(self) -> float: ...
    def request_id(self, job: Job) -> str | None:
        """The id under which the call will be known, where we choose it: the same again for the same generation."""
        ...

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> Call | Answer:
        """The call, ready to be sent once, or the Answer that tells why it cannot be sent now.

        `references` are the pictures whose style is taken over.

        The call is given `acknowledge`: a provider that names its work itself passes the name on before it polls.
        It gives PENDING where the work outlives the time-out.
        """
        ...

    def look_up(self, job: Job, provider_id: str) -> Answer | Standing:
        """What became of a call, for nothing; asked only where there is an id to ask by.

        PENDING also where the provider does not say just now: an Answer is about the call, never about the question.
        """
        ...


class Answers(Protocol):
    """Answers that the ledger did not take, kept beside the pictures until reconcile finds them."""

    def keep(self, job: Job, n: int, answer: Answer) -> None: ...
    def find(self, job: Job, n: int) -> Answer | None: ...
    def kept(self) -> Iterator[KeptAnswer]: ...
    def drop(self, kept: KeptAnswer) -> None: ...
    def keep_response(self, job: Job, n: int, raw: bytes) -> None:
        """Keep what the provider sent for attempt `n`, for a person to find the paid picture in. Raises WaitError."""
        ...


class Inputs(Protocol):
    """Bytes that a call needs, put aside by intake for render under names that belong to their content; they expire."""

    def put(self, name: str, data: bytes) -> None: ...
    def find(self, name: str) -> bytes | None: ...


class Work(Protocol):
    """`_backdrop/work/` as providers come to know it: links to what they shall read, places for what they write.

    `by` is the provider's own address: None where a provider out there would have to reach into this machine.
    Raises WaitError where the storage does not answer.
    """

    def link(self, data: bytes, *, by: str) -> str | None:
        """An address from which the bytes can be read for an hour and more."""
        ...

    def opening(self, name: str, *, by: str) -> str | None:
        """An address to which one result can be written (PUT)."""
        ...

    def keep_result(self, name: str, data: bytes) -> None:
        """Put a result aside that came without a link."""
        ...

    def has_result(self, name: str) -> bool:
        """Whether there is a result of that name."""
        ...


class Lanes(Protocol):
    """The lanes' event source mappings: off, a lane hands out no message."""

    def is_on(self, provider: str) -> bool | None:
        """None while it is being switched."""
        ...

    def switch(self, provider: str, *, on: bool) -> None: ...


class Downloads(Protocol):
    """The provider's result links; raises ResultError or WaitError."""

    def fetch(self, provider: str, url: str) -> bytes: ...


class Events(Protocol):
    """The bus on which others listen."""

    def announce(self, detail_type: str, detail: Mapping[str, Any]) -> None: ...


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...
    def jitter(self, seconds: float) -> float: ...
