"""The record of every request, and the signal of each accepted job, for tests and chaos runs."""

import asyncio
import hashlib
import time
from collections import deque
from dataclasses import dataclass, field

from starlette.types import Scope

from backdrop_local.standin.keys import format_label
from backdrop_local.standin.multipart import FormPart

MAX_ENTRIES = 5_000
KEY_HEADERS = frozenset({"api-key", "x-api-key", "authorization"})


@dataclass
class JournalEntry:
    """One request; times are real Unix seconds, `outcome` says what the stand-in did and why.

    `read`: when the last of it had come. `latency_seconds`: how long its answer was kept back on purpose; whatever it
    took beyond both is the stand-in's own doing.
    """

    n: int
    method: str
    path: str
    headers: list[str]
    key: str | None
    started: float
    read: float | None = None
    latency_seconds: float = 0.0
    ended: float | None = None
    status: int | None = None
    outcome: str = ""
    fault: str | None = None
    job: str | None = None
    parts: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    def note_parts(self, parts: list[FormPart]) -> None:
        """Record the form's parts without their content."""
        self.parts = [
            {
                "name": part.name,
                "filename": part.filename,
                "content_type": part.content_type,
                "size": len(part.data),
                "sha256": hashlib.sha256(part.data).hexdigest(),
            }
            for part in parts
        ]


@dataclass(frozen=True)
class Acceptance:
    """A job that was accepted, and perhaps charged, a moment ago; `request` is its entry's n."""

    n: int
    id: str
    request: int
    path: str
    fault: str | None
    at: float


class Journal:
    """The last requests, and every acceptance in order; bounded."""

    def __init__(self) -> None:
        self._entries: deque[JournalEntry] = deque(maxlen=MAX_ENTRIES)
        self._count = 0
        self._accepted: deque[Acceptance] = deque(maxlen=MAX_ENTRIES)
        self._accepted_count = 0
        self._acceptance_event = asyncio.Event()
        self._release_event = asyncio.Event()

    def begin_entry(self, scope: Scope) -> JournalEntry:
        """Open the record of a request."""
        self._count += 1
        headers: list[tuple[str, str]] = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        keys = [format_label(value) for name, value in headers if name in KEY_HEADERS]
        entry = JournalEntry(
            n=self._count,
            method=str(scope["method"]),
            path=str(scope["path"]),
            headers=[name for name, _ in headers],
            key=keys[0] if keys else None,
            started=time.time(),
        )
        self._entries.append(entry)
        return entry

    def list_entries(self, after: int = 0) -> list[JournalEntry]:
        """The kept requests with a number above `after`, oldest first."""
        return [entry for entry in self._entries if entry.n > after]

    def record_acceptance(self, job: str, entry: JournalEntry) -> None:
        """Tell those who wait that a job has been accepted (and charged)."""
        self._accepted_count += 1
        entry.job = job
        self._accepted.append(Acceptance(self._accepted_count, job, entry.n, entry.path, entry.fault, time.time()))
        self._acceptance_event.set()
        self._acceptance_event = asyncio.Event()

    async def list_acceptances(self, after: int, wait_seconds: float) -> list[Acceptance]:
        """Acceptances numbered above `after`; waits so long for the first one if there is none."""
        if self._accepted_count <= after and wait_seconds > 0:
            await wait_for_event(self._acceptance_event, wait_seconds)
        return [event for event in self._accepted if event.n > after]

    async def hold(self, seconds: float) -> None:
        """Keep an accepted job waiting for so long or until it is released."""
        await wait_for_event(self._release_event, seconds)

    def release(self) -> None:
        """Let every job go on that `hold` keeps waiting."""
        self._release_event.set()
        self._release_event = asyncio.Event()


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, but no longer; False when the time ran out."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
