"""Generations that run in the background and can be looked up after the call that started them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import Enum

from pydantic import JsonValue

from backdrop_local.standin.bill import BilledJob
from backdrop_local.standin.faults import FaultHit
from backdrop_local.standin.generation_request import GeneratedImage, GenerationRequest


class GenerationStatus(Enum):
    """The progress of a generation."""

    QUEUED = "waiting for a worker"
    PROCESSING = "in progress"
    DONE = "ended"


@dataclass(frozen=True)
class GenerationFailure:
    """Why a generation failed. `code` is the provider's own code, if it has one.

    `is_safety_block`: a safety check stopped it.
    """

    message: str
    code: str = ""
    answers_200: bool = False
    uses_detail: bool = False
    is_safety_block: bool = False


@dataclass
class Generation:
    """One accepted call, from its acceptance on. Times are Unix seconds of the stand-in's clock.

    `job` is None if a provider accepted a call that cannot succeed, because there is nothing to bill.
    `generation_request` contains no photo. `response_options` are the fields that specify the format of the response.
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
        """Returns whether its results, which are kept for `seconds` after its end, can still be downloaded."""
        expired = self.hit is not None and self.hit.rule.fault == "expired_url"
        return not expired and now <= self.ended_at + seconds

    def begin(self, at: float) -> None:
        """Marks the generation as in progress."""
        self.status, self.started_at = GenerationStatus.PROCESSING, at

    def end(self, at: float) -> None:
        """Marks the generation as ended, whether it succeeded or failed."""
        self.started_at = self.started_at or at
        self.status, self.ended_at = GenerationStatus.DONE, at
        self.done.set()


class GenerationWorkers:
    """Limits how many generations a provider runs at the same time. The others wait."""

    def __init__(self) -> None:
        self._busy: dict[tuple[str, str], int] = {}
        self._released = asyncio.Condition()

    async def take(self, account: tuple[str, str], limit: Callable[[], int | None]) -> None:
        """Waits until fewer than `limit` workers are busy for this account. None: unlimited."""
        async with self._released:
            await self._released.wait_for(lambda: _is_below(self._busy.get(account, 0), limit()))
            self._busy[account] = self._busy.get(account, 0) + 1

    async def release(self, account: tuple[str, str]) -> None:
        """Releases a worker for the next generation."""
        async with self._released:
            self._busy[account] -= 1
            self._released.notify_all()


class Generations:
    """Every generation by provider and ID, and the tasks of those in progress."""

    def __init__(self) -> None:
        self.workers = GenerationWorkers()
        self._by_id: dict[tuple[str, str], Generation] = {}
        self._by_job: dict[str, Generation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, generation: Generation) -> None:
        """Adds a generation. It replaces an earlier one with the same ID."""
        self._by_id[(generation.provider, generation.id)] = generation
        if generation.job is not None:
            self._by_job[generation.job.id] = generation

    def start(self, generation: Generation, work: Coroutine[None, None, None]) -> None:
        """Adds a generation and runs its work, even if its caller disconnects."""
        self.add(generation)
        self.run_in_background(work)

    def run_in_background(self, work: Coroutine[None, None, None]) -> None:
        """Runs a coroutine in the background."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def find(self, provider: str, ident: str, account: str) -> Generation | None:
        """Returns the account's own generation with this ID."""
        generation = self._by_id.get((provider, ident))
        return generation if generation is not None and generation.account == account else None

    def find_by_job(self, job_id: str) -> Generation | None:
        """Returns the generation of a billed job. None if the provider answers calls synchronously."""
        return self._by_job.get(job_id)


def _is_below(busy: int, limit: int | None) -> bool:
    return limit is None or busy < limit
