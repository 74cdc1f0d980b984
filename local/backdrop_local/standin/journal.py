"""The record of every request, and a signal for each accepted job, for tests and fault benches."""

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
    """One request. Times are real Unix seconds. `outcome` is what the stand-in did, and why.

    `read`: when the body had arrived completely. `latency_seconds`: the deliberate delay of the response. Any time
    beyond both is the stand-in's own overhead.
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
        """Records the form's parts without their content."""
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
    """A job that was just accepted, and perhaps charged. `request` is its entry's `n`."""

    n: int
    id: str
    request: int
    path: str
    fault: str | None
    at: float


class Journal:
    """The most recent requests and acceptances, in order and in limited number."""

    def __init__(self) -> None:
        self._entries: deque[JournalEntry] = deque(maxlen=MAX_ENTRIES)
        self._count = 0
        self._accepted: deque[Acceptance] = deque(maxlen=MAX_ENTRIES)
        self._accepted_count = 0
        self._acceptance_event = asyncio.Event()
        self._release_event = asyncio.Event()

    def begin_entry(self, scope: Scope) -> JournalEntry:
        """Starts the record of a request."""
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
        """Returns the recorded requests with a number above `after`, oldest first."""
        return [entry for entry in self._entries if entry.n > after]

    def record_acceptance(self, job: str, entry: JournalEntry) -> None:
        """Notifies waiting requests that a job was accepted (and charged)."""
        self._accepted_count += 1
        entry.job = job
        self._accepted.append(Acceptance(self._accepted_count, job, entry.n, entry.path, entry.fault, time.time()))
        self._acceptance_event.set()
        self._acceptance_event = asyncio.Event()

    async def list_acceptances(self, after: int, wait_seconds: float) -> list[Acceptance]:
        """Returns acceptances numbered above `after`. If there is none, waits this long for the first one."""
        if self._accepted_count <= after and wait_seconds > 0:
            await wait_for_event(self._acceptance_event, wait_seconds)
        return [event for event in self._accepted if event.n > after]

    async def hold(self, seconds: float) -> None:
        """Holds an accepted job for this long, or until it is released."""
        await wait_for_event(self._release_event, seconds)

    def release(self) -> None:
        """Releases all jobs that `hold` holds."""
        self._release_event.set()
        self._release_event = asyncio.Event()


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Waits for the event. Returns False after this many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
