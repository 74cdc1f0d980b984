"""What the steps need of the world, one small Protocol each; doors bring the real ones, tests the simulated world."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from backdrop.core.answer import Answer
from backdrop.core.job import Job, Source
from backdrop.core.transitions import Step


@dataclass(frozen=True)
class Stored:
    """One object as the bucket holds it; `data` is None where the bytes were not asked for."""

    etag: str
    version_id: str | None
    size: int
    modified: datetime
    data: bytes | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


class PreconditionError(Exception):
    """Somebody wrote the object since it was looked at; nothing was written."""


class InputBucket(Protocol):
    """The photos, as somebody put them."""

    def read(self, bucket: str, key: str, *, limit: int, known_etag: str | None = None) -> Stored | None:
        """The object, or None when there is none; its bytes only if it is not the known one and within `limit`."""
        ...

    def tags(self, bucket: str, key: str) -> Mapping[str, str]: ...
    def keys(self, bucket: str, prefix: str) -> Iterator[str]: ...


class OutputBucket(Protocol):
    """Pictures, receipts, reports, and the provider's files."""

    def head(self, key: str) -> Stored | None: ...
    def read(self, key: str) -> bytes: ...
    def find(self, prefix: str) -> str | None: ...
    def put(self, key: str, data: bytes, content_type: str) -> None: ...
    def replace(
        self,
        key: str,
        data: bytes,
        content_type: str,
        *,
        known: Stored | None,
        metadata: Mapping[str, str],
    ) -> str | None:
        """Write where the object still is the `known` one (None: no object); returns the version's id.

        Raises PreconditionError where somebody was faster.
        """
        ...

    def delete(self, key: str, *, known: Stored) -> None: ...


class Ledger(Protocol):
    """The items of core/job.py; every write is fenced, and all of one call or nothing is written.

    Raises StaleError when the items changed since they were read, and WaitError when the day's budget does not
    cover a claim or the table does not answer.
    """

    def photo(self, source_id: str) -> tuple[Source | None, Sequence[Job]]: ...
    def job(self, source_id: str, job_id: str) -> Job | None: ...
    def advance(self, step: Step) -> Job: ...
    def put_source(self, source: Source, steps: Sequence[Step]) -> None: ...


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


class Provider(Protocol):
    """One paid API. It never raises for what the provider does: every end is an Answer."""

    @property
    def timeout_seconds(self) -> float: ...
    def prepare(self, job: Job, photo: bytes) -> Callable[[], Answer] | Answer:
        """The call, ready to be sent once, or the Answer that tells why it cannot be sent now."""
        ...


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
