"""Protocols with several implementations, and the values that they exchange.

If AWS is the only implementation, the stages use the adapter's class itself. The simulated world replaces AWS below
the adapters, with fakes of boto3's clients. Of these protocols, it implements Provider, Downloads, and Clock.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from backdrop.model.job import Job
from backdrop.model.provider_result import LookupStatus, ProviderResult

CLIENT_CONCURRENCY = 10
"""Concurrent calls of one client: botocore keeps this many connections."""


@dataclass(frozen=True)
class StoredObject:
    """One object in a bucket. `data` is None if the bytes were not requested.

    `archive_storage_class`: the storage class if S3 must restore the object before it can be read, else "".
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
    """The photos as they were uploaded."""

    def read(self, bucket: str, key: str, *, max_bytes: int, known_etag: str | None = None) -> StoredObject | None:
        """Returns the object; None if there is none.

        Its bytes are included unless its ETag is `known_etag` or it is larger than `max_bytes`.
        """
        ...

    def read_tags(self, bucket: str, key: str) -> Mapping[str, str]: ...
    def list_folder_keys(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        """Yields the keys after `after` that begin with `prefix`, in their order, except those in subfolders.

        May also yield each subfolder, with its slash: there may be millions, and the caller decides when to stop.
        """
        ...

    def iterate_objects(self, bucket: str, after: str) -> Iterator[ListedObject]:
        """Yields all objects after the key `after`, in the order of their keys."""
        ...


@dataclass(frozen=True)
class ApiKey:
    """A provider's key, or why there is none."""

    value: str = ""
    missing_reason: str = ""


class IdeogramEndpoint(StrEnum):
    """Ideogram's two APIs: v1 responds with the pictures; v2 starts work that is then polled."""

    V1 = "v1"
    V2 = "v2"


class SegmindEndpoint(StrEnum):
    """Segmind's two APIs: v2 starts work that is then polled; v1 responds with the picture itself."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True)
class ProviderOptions:
    """Operator options for calls; the defaults are what the providers recommend.

    `runware_uploads`: Runware uploads a single picture to our bucket itself. `runware_checks_content`: Runware also
    runs its content check.
    """

    ideogram_endpoint: IdeogramEndpoint = IdeogramEndpoint.V1
    segmind_endpoint: SegmindEndpoint = SegmindEndpoint.V2
    runware_uploads: bool = False
    runware_checks_content: bool = False


type Acknowledge = Callable[[str], None]


@dataclass(frozen=True)
class PreparedCall:
    """A paid call, ready to be sent once.

    `send` receives `acknowledge`: if the provider chooses the ID, the adapter passes that ID to it before the first
    poll. It returns PENDING if the provider is still working at the timeout. `endpoint`: the path that the call goes
    to, which the claim records; None if the provider has only one.
    """

    send: Callable[[Acknowledge], ProviderResult | LookupStatus]
    endpoint: str | None = None


class Provider(Protocol):
    """One paid API. It never raises for a provider's behavior: every outcome is a ProviderResult."""

    @property
    def timeout_seconds(self) -> float: ...
    def idempotency_key(self, job: Job) -> str | None:
        """Returns the call's ID, which depends only on the job and its charge number.

        None if the provider chooses the ID.
        """
        ...

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """Returns the call, or a result that explains why it cannot be sent now.

        `references` are the images whose style the result imitates.
        """
        ...

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """Returns the outcome of a call, without a charge.

        PENDING if the lookup itself fails, too: a ProviderResult is about the call, never about the lookup.
        """
        ...


class CallInputStore(Protocol):
    """Bytes that intake saves for render's calls, under names derived from their content. They expire."""

    def put(self, name: str, data: bytes) -> None: ...
    def find(self, name: str) -> bytes | None: ...


class WorkStorage(Protocol):
    """Links into `_backdrop/work/` from which providers read inputs, and to which they write results.

    `provider_url` is the provider's own address. A link is None if a provider on the internet would have to reach
    this machine. Raises RetryLaterError if the storage is unavailable.
    """

    def create_download_link(self, data: bytes, *, provider_url: str) -> str | None:
        """Returns a URL from which the bytes can be read for at least an hour."""
        ...

    def create_upload_link(self, name: str, *, provider_url: str) -> str | None:
        """Returns a URL to which one result can be written (PUT)."""
        ...

    def save_result(self, name: str, data: bytes) -> None:
        """Saves a result that came without a link."""
        ...

    def has_result(self, name: str) -> bool: ...


class Downloads(Protocol):
    """Downloads of results. Raises ResultError, or RetryLaterError if the download may succeed later."""

    def fetch(self, provider: str, url: str) -> bytes: ...


class ManifestReader(Protocol):
    """The manifests that people upload to a bucket."""

    def read_chunks(self, bucket: str, key: str) -> Iterator[bytes] | None:
        """Yields an object's bytes, read chunk by chunk as they are consumed; None if there is no such object."""
        ...


class Run(Protocol):
    """Runs a pure function that decodes strangers' bytes, here or in a process without credentials."""

    def __call__[*A, T](self, function: Callable[[*A], T], *args: *A) -> T: ...


def run_here[*A, T](function: Callable[[*A], T], *args: *A) -> T:
    """Calls the function in this process."""
    return function(*args)


class Clock(Protocol):
    """Injectable clock, so tests need not wait."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...
    def jitter(self, seconds: float) -> float:
        """Returns a random number from 0 to `seconds`."""
        ...
