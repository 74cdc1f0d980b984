"""Generations that go on by themselves: what a provider can be asked about after the call that began them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import Enum

from pydantic import JsonValue

from backdrop_local.standin.bill import Job
from backdrop_local.standin.faults import Hit
from backdrop_local.standin.wishes import Made, Wish


class Status(Enum):
    """How far a run has come."""

    QUEUED = "it waits for a worker"
    PROCESSING = "it is being made"
    DONE = "it came to its end"


@dataclass(frozen=True)
class Failure:
    """Why a run came to nothing; `code` in the provider's own words, where it has such.

    `by_safety`: a safety check stopped it.
    """

    message: str
    code: str = ""
    in_200: bool = False
    as_detail: bool = False
    by_safety: bool = False


@dataclass
class Run:
    """One accepted call, from its acceptance on; times in Unix seconds of the stand-in's clock.

    `job` is None where a provider takes what cannot be made: there is nothing to bill. `wish` holds no photo.
    `terms` are what the caller said of how to be answered.
    """

    id: str
    provider: str
    account: str
    prompt: str
    accepted_at: float
    job: Job | None = None
    wish: Wish | None = None
    hit: Hit | None = None
    failure: Failure | None = None
    terms: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    status: Status = Status.QUEUED
    started_at: float = 0.0
    ended_at: float = 0.0
    made: list[Made] = field(default_factory=list[Made])
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def is_kept(self, seconds: float, now: float) -> bool:
        """Whether its results can still be fetched, so many seconds after its end."""
        expired = self.hit is not None and self.hit.rule.fault == "expired_url"
        return not expired and now <= self.ended_at + seconds

    def begin(self, at: float) -> None:
        """A worker has taken it."""
        self.status, self.started_at = Status.PROCESSING, at

    def end(self, at: float) -> None:
        """It came to its end, well or not."""
        self.started_at = self.started_at or at
        self.status, self.ended_at = Status.DONE, at
        self.done.set()


class Workers:
    """A place for each run that a provider makes at a time; the others wait their turn."""

    def __init__(self) -> None:
        self._busy: dict[tuple[str, str], int] = {}
        self._left = asyncio.Condition()

    async def take(self, account: tuple[str, str], limit: Callable[[], int | None]) -> None:
        """Wait until fewer than `limit` are busy for this account; None is no limit."""
        async with self._left:
            await self._left.wait_for(lambda: _below(self._busy.get(account, 0), limit()))
            self._busy[account] = self._busy.get(account, 0) + 1

    async def leave(self, account: tuple[str, str]) -> None:
        """Let the next one in."""
        async with self._left:
            self._busy[account] -= 1
            self._left.notify_all()


class Runs:
    """Every run by provider and id, and those that are still going on."""

    def __init__(self) -> None:
        self.workers = Workers()
        self._runs: dict[tuple[str, str], Run] = {}
        self._by_job: dict[str, Run] = {}
        self._going_on: set[asyncio.Task[None]] = set()

    def add(self, run: Run) -> None:
        """Make it known; a later run of the same id takes the place of an earlier one."""
        self._runs[(run.provider, run.id)] = run
        if run.job is not None:
            self._by_job[run.job.id] = run

    def start(self, run: Run, work: Coroutine[None, None, None]) -> None:
        """Make it known and carry its work out, whoever still waits for it."""
        self.add(run)
        self.background(work)

    def background(self, work: Coroutine[None, None, None]) -> None:
        """Carry something out on the side."""
        task = asyncio.create_task(work)
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)

    def find(self, provider: str, ident: str, account: str) -> Run | None:
        """The account's own run of this id."""
        run = self._runs.get((provider, ident))
        return run if run is not None and run.account == account else None

    def of_job(self, job_id: str) -> Run | None:
        """The run that a job on the bill came from; None where calls are answered on the spot."""
        return self._by_job.get(job_id)


def _below(busy: int, limit: int | None) -> bool:
    return limit is None or busy < limit
