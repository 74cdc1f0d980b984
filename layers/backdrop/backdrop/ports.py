"""Protocols of what has several implementations, and the values that these exchange.

Where AWS is the only implementation, a step names the adapter itself. The simulated world replaces AWS below the
adapters, by fakes of boto3's clients. Of what is here, it implements Provider, Downloads, and Clock.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from backdrop.model.job import Job
from backdrop.model.provider_result import LookupStatus, ProviderResult

CLIENT_CONCURRENCY = 10
"""Calls of one client at a time: for so many botocore keeps connections."""


@dataclass(frozen=True)
class StoredObject:
    """One object as the bucket holds it; `data` is None where the bytes were not asked for.

    `archive_storage_class`: the storage class from which S3 reads nothing at once. `may_have_tags`: whether it may have
    tags.
    """

    etag: str
    version_id: str | None
    size: int
    modified_at: datetime
    data: bytes | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    archive_storage_class: str = ""
    may_have_tags: bool = True


class ListedObject(NamedTuple):
    """One object as a bucket lists it."""

    key: str
    etag: str
    modified_at: datetime


class InputBucket(Protocol):
    """The photos, as somebody put them."""

    def read(self, bucket: str, key: str, *, max_bytes: int, known_etag: str | None = None) -> StoredObject | None:
        """The object, or None when there is none; its bytes only if it is not the known one and within `max_bytes`."""
        ...

    def read_tags(self, bucket: str, key: str) -> Mapping[str, str]: ...
    def list_folder_keys(self, bucket: str, prefix: str) -> Iterator[str]: ...
    def iterate_objects(self, bucket: str, after: str) -> Iterator[ListedObject]:
        """All objects in the order of their keys, from the one that follows `after`."""
        ...


type Acknowledge = Callable[[str], None]
type PreparedCall = Callable[[Acknowledge], ProviderResult | LookupStatus]


class Provider(Protocol):
    """One paid API. It never raises for what the provider does: every end is an Answer."""

    @property
    def timeout_seconds(self) -> float: ...
    def idempotency_key(self, job: Job) -> str | None:
        """The id under which the call will be known, where we choose it: the same again for the same generation."""
        ...

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """The call, ready to be sent once, or the Answer that tells why it cannot be sent now.

        `references` are the pictures whose style is taken over.

        The call is given `acknowledge`: a provider that names its work itself passes the name on before it polls.
        It gives PENDING where the work outlives the time-out.
        """
        ...

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """What became of a call, for nothing; asked only where there is an id to ask by.

        PENDING also where the provider does not say just now: an Answer is about the call, never about the question.
        """
        ...


class CallInputStore(Protocol):
    """Bytes that a call needs, put aside by intake for render under names that belong to their content; they expire."""

    def put(self, name: str, data: bytes) -> None: ...
    def find(self, name: str) -> bytes | None: ...


class WorkStorage(Protocol):
    """`_backdrop/work/` as providers come to know it: links to what they shall read, places for what they write.

    `by` is the provider's own address: None where a provider out there would have to reach into this machine.
    Raises RetryLaterError where the storage does not answer.
    """

    def create_download_link(self, data: bytes, *, provider_url: str) -> str | None:
        """An address from which the bytes can be read for an hour and more."""
        ...

    def create_upload_link(self, name: str, *, provider_url: str) -> str | None:
        """An address to which one result can be written (PUT)."""
        ...

    def save_result(self, name: str, data: bytes) -> None:
        """Put a result aside that came without a link."""
        ...

    def has_result(self, name: str) -> bool:
        """Whether there is a result of that name."""
        ...


class Downloads(Protocol):
    """The provider's result links; raises ResultError or RetryLaterError."""

    def fetch(self, provider: str, url: str) -> bytes: ...


class ManifestReader(Protocol):
    """The lists that people put into a bucket."""

    def read_chunks(self, bucket: str, key: str) -> Iterator[bytes] | None:
        """An object's bytes, read chunk by chunk as the caller asks for them; None if there is no such object."""
        ...


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...
    def jitter(self, seconds: float) -> float: ...
