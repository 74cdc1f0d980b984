"""Protocols of what has several implementations, and the values that these exchange.

Where AWS is the only implementation, a step names the adapter itself. The simulated world replaces AWS below the
adapters, by fakes of boto3's clients. Of what is here, it implements Provider, Downloads, and Clock.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from backdrop.model.job import Job
from backdrop.model.provider_result import Answer, Standing

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


class Downloads(Protocol):
    """The provider's result links; raises ResultError or WaitError."""

    def fetch(self, provider: str, url: str) -> bytes: ...


class Manifests(Protocol):
    """The lists that people put into a bucket."""

    def chunks(self, bucket: str, key: str) -> Iterator[bytes] | None:
        """An object's bytes, read chunk by chunk as the caller asks for them; None if there is no such object."""
        ...


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...
    def jitter(self, seconds: float) -> float: ...
