"""The asynchronous client: the synchronous one, in threads."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from backdrop_client.batches import BatchItem, BatchProgress
from backdrop_client.client import DEFAULT_IN_FLIGHT, Allowance, Backdrop, Order, Quote
from backdrop_client.jobs import DEFAULT_TIMEOUT_SECONDS, Job, Status
from backdrop_client.outcome import JsonObject
from backdrop_client.results import Result
from backdrop_client.uploads import Photo

MAX_THREADS = 32


class AsyncBackdrop:
    """The methods of Backdrop as coroutines. At most `max_threads` requests run at a time; the others wait.

    A canceled coroutine stops waiting, and the photo continues: ask for its job again. A request that has been sent
    runs to its end. `sleep` waits between two reads of a job's state.
    """

    def __init__(
        self,
        client: Backdrop,
        *,
        max_threads: int = MAX_THREADS,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._client, self.sleep = client, sleep
        self._pool = ThreadPoolExecutor(max_threads, "backdrop-async")

    @classmethod
    async def connect(
        cls,
        stack: str = "backdrop",
        *,
        mandate: str | None = None,
        prefix: str | None = None,
        profile: str | None = None,
        region: str | None = None,
        config: str | Path | None = None,
        max_threads: int = MAX_THREADS,
    ) -> "AsyncBackdrop":
        """Connects to a stack as Backdrop does, in a thread, so that the event loop can run."""
        build = partial(Backdrop, stack, mandate=mandate, prefix=prefix, profile=profile, region=region, config=config)
        return cls(await asyncio.to_thread(build), max_threads=max_threads)

    async def create(self, photo: Photo, /, **instructions: Any) -> "AsyncJob":
        """See Backdrop.create."""
        return AsyncJob(await self.run(partial(self._client.create, photo, **instructions)), self)

    def job(self, key: str) -> "AsyncJob":
        """See Backdrop.job."""
        return AsyncJob(self._client.job(key), self)

    async def map(
        self,
        photos: Iterable[Order],
        *,
        in_flight: int = DEFAULT_IN_FLIGHT,
        timeout: float | None = DEFAULT_TIMEOUT_SECONDS,
        on_progress: Callable[[BatchProgress], object] = lambda _: None,
        **instructions: Any,
    ) -> AsyncGenerator[BatchItem]:
        """See Backdrop.map. `on_progress` is called in another thread."""
        stop = Event()
        batch = self._client.map(
            photos,
            in_flight=in_flight,
            timeout=timeout,
            on_progress=on_progress,
            should_stop=stop.is_set,
            **instructions,
        )
        # One thread, so that a canceled batch is closed as soon as its current step ends.
        with_batch = ThreadPoolExecutor(1, "backdrop-batch")
        try:
            while item := await asyncio.get_running_loop().run_in_executor(with_batch, next, batch, None):
                yield item
        finally:
            # The step may be waiting for pictures, and ends at its next read of their state.
            stop.set()
            with_batch.submit(batch.close)
            with_batch.shutdown(wait=False)

    async def quote(self, photo: Photo, /, **instructions: Any) -> Quote:
        """See Backdrop.quote."""
        return await self.run(partial(self._client.quote, photo, **instructions))

    async def allowance(self) -> Allowance:
        """See Backdrop.allowance."""
        return await self.run(self._client.allowance)

    async def run[R](self, call: Callable[[], R]) -> R:
        """Runs a call in one of the client's threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


class AsyncJob:
    """The methods of Job as coroutines."""

    def __init__(self, job: Job, client: AsyncBackdrop) -> None:
        self.key = job.key
        self._job, self._client = job, client

    async def instructions(self) -> dict[str, Any]:
        """See Job.instructions."""
        return await self._client.run(lambda: self._job.instructions)

    async def read_photo(self) -> bytes:
        """See Job.read_photo."""
        return await self._client.run(self._job.read_photo)

    async def receipt(self) -> JsonObject | None:
        """See Job.receipt."""
        return await self._client.run(self._job.receipt)

    async def status(self) -> Status:
        """See Job.status."""
        return await self._client.run(self._job.status)

    async def wait(self, timeout: float | None = DEFAULT_TIMEOUT_SECONDS) -> Result:
        """See Job.wait. Between two reads, no thread waits, so that it ends as soon as it is canceled."""
        polling = self._job.poll(timeout)
        while not isinstance(step := await self._client.run(partial(next, polling)), Result):
            await self._client.sleep(step)
        return step

    async def cancel(self) -> None:
        """See Job.cancel."""
        await self._client.run(self._job.cancel)

    async def redo(self, /, **fields: Any) -> "AsyncJob":
        """See Job.redo."""
        return AsyncJob(await self._client.run(partial(self._job.redo, **fields)), self._client)
