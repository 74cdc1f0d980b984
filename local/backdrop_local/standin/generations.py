"""Generations that go on by themselves: what a provider can be asked about after the call that began them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import Enum

from pydantic import JsonValue

from backdrop_local.standin.bill import BilledJob
from backdrop_local.standin.faults import FaultHit
from backdrop_local.standin.generation_request import GeneratedImage, GenerationRequest


class GenerationStatus(Enum):
    """How far a run has come."""

    QUEUED = "it waits for a worker"
    PROCESSING = "it is being made"
    DONE = "it came to its end"


@dataclass(frozen=True)
class GenerationFailure:
    """Why a run came to nothing; `code` in the provider's own words, where it has such.

    `by_safety`: a safety check stopped it.
    """

    message: str
    code: str = ""
    answers_200: bool = False
    uses_detail: bool = False
    is_safety_block: bool = False


@dataclass
class Generation:
    """One accepted call, from its acceptance on; times in Unix seconds of the stand-in's clock.

    `job` is None where a provider takes what cannot be made: there is nothing to bill. `wish` holds no photo.
    `terms` are what the caller said of how to be answered.
    """

    id: str
    provider: str
    account: str
    prompt: str
    accepted_at: float
    job: BilledJob | None = None
    generation_request: GenerationRequest | None = None
    hit: FaultHit | None = None
    failure: GenerationFailure | None = None
    response_options: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    status: GenerationStatus = GenerationStatus.QUEUED
    started_at: float = 0.0
    ended_at: float = 0.0
    images: list[GeneratedImage] = field(default_factory=list[GeneratedImage])
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def is_available(self, seconds: float, now: float) -> bool:
        """Whether its results can still be fetched, so many seconds after its end."""
        expired = self.hit is not None and self.hit.rule.fault == "expired_url"
        return not expired and now <= self.ended_at + seconds

    def begin(self, at: float) -> None:
        """A worker has taken it."""
        self.status, self.started_at = GenerationStatus.PROCESSING, at

    def end(self, at: float) -> None:
        """It came to its end, well or not."""
        self.started_at = self.started_at or at
        self.status, self.ended_at = GenerationStatus.DONE, at
        self.done.set()


class GenerationWorkers:
    """A place for each run that a provider makes at a time; the others wait their turn."""

    def __init__(self) -> None:
        self._busy: dict[tuple[str, str], int] = {}
        self._released = asyncio.Condition()

    async def take(self, account: tuple[str, str], limit: Callable[[], int | None]) -> None:
        """Wait until fewer than `limit` are busy for this account; None is no limit."""
        async with self._released:
            await self._released.wait_for(lambda: _is_below(self._busy.get(account, 0), limit()))
            self._busy[account] = self._busy.get(account, 0) + 1

    async def release(self, account: tuple[str, str]) -> None:
        """Let the next one in."""
        async with self._released:
            self._busy[account] -= 1
            self._released.notify_all()


class Generations:
    """Every run by provider and id, and those that are still going on."""

    def __init__(self) -> None:
        self.workers = GenerationWorkers()
        self._by_id: dict[tuple[str, str], Generation] = {}
        self._by_job: dict[str, Generation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, generation: Generation) -> None:
        """Make it known; a later run of the same id takes the place of an earlier one."""
        self._by_id[(generation.provider, generation.id)] = generation
        if generation.job is not None:
            self._by_job[generation.job.id] = generation

    def start(self, generation: Generation, work: Coroutine[None, None, None]) -> None:
        """Make it known and carry its work out, whoever still waits for it."""
        self.add(generation)
        self.run_in_background(work)

    def run_in_background(self, work: Coroutine[None, None, None]) -> None:
        """Carry something out on the side."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def find(self, provider: str, ident: str, account: str) -> Generation | None:
        """The account's own run of this id."""
        generation = self._by_id.get((provider, ident))
        return generation if generation is not None and generation.account == account else None

    def find_by_job(self, job_id: str) -> Generation | None:
        """The run that a job on the bill came from; None where calls are answered on the spot."""
        return self._by_job.get(job_id)


def _is_below(busy: int, limit: int | None) -> bool:
    return limit is None or busy < limit
