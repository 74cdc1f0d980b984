"""Many photos at a time, with a bounded number in flight."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from threading import Event, Thread, current_thread

from backdrop.model.pricing import to_micro_usd, to_usd
from backdrop_client.errors import BackdropClientError
from backdrop_client.results import Cost, Result
from backdrop_client.uploads import Photo


@dataclass(frozen=True)
class BatchItem:
    """One photo of a batch that has ended: with a result, or with the error that it ended with.

    `key`: "" for a photo that was not uploaded.
    """

    photo: Photo
    key: str = ""
    result: Result | None = None
    error: BackdropClientError | OSError | None = None

    @property
    def cost(self) -> Cost:
        if isinstance(self.error, BackdropClientError):
            return Cost(self.error.usd or 0, self.error.unknown_usd)
        return self.result.cost if self.result else Cost()


@dataclass(frozen=True)
class BatchProgress:
    """A batch so far. The amounts are dollars: what its photos cost in all, also in earlier runs."""

    stored: int = 0
    failed: int = 0
    usd: float = 0
    unknown_usd: float = 0


class BatchTotals:
    """Sums up a batch. A photo that is in it twice is one purchase, so its cost counts once."""

    def __init__(self) -> None:
        self._stored = self._failed = self._charged = self._unknown = 0
        self._costs: dict[str, tuple[int, int]] = {}

    def add(self, item: BatchItem) -> BatchProgress:
        """Returns the progress with this item."""
        self._stored += item.error is None
        self._failed += item.error is not None
        is_known = not isinstance(item.error, BackdropClientError) or item.error.usd is not None
        # An error without a cost, such as an outage, does not undo what the same photo cost earlier in the batch.
        if item.key and is_known:
            earlier_charged, earlier_unknown = self._costs.get(item.key, (0, 0))
            charged, unknown = (to_micro_usd(str(usd)) for usd in (item.cost.usd, item.cost.unknown_usd))
            self._costs[item.key] = charged, unknown
            self._charged += charged - earlier_charged
            self._unknown += unknown - earlier_unknown
        return BatchProgress(self._stored, self._failed, to_usd(self._charged), to_usd(self._unknown))


def run_bounded[T, R](run: Callable[[T, Event], R], items: Iterable[T], in_flight: int) -> Generator[R]:
    """Yields the results as they complete. At most `in_flight` items have been taken and are not yet yielded.

    The event is set when the caller stops early: `run` then ends as soon as it can. Raises ValueError if `in_flight` is
    not a positive integer.
    """
    if not isinstance(in_flight, int) or in_flight < 1:
        raise ValueError(f"in_flight is {in_flight!r}; use an integer of at least 1")
    source, stop = iter(items), Event()
    if in_flight == 1:
        yield from (run(item, stop) for item in source)
        return
    done, threads = SimpleQueue[Thread](), dict[Thread, Future[R]]()

    def run_in_thread(item: T, future: Future[R]) -> None:
        try:
            future.set_result(run(item, stop))
        except BaseException as error:  # noqa: BLE001 - `future.result` raises it in the caller's thread
            future.set_exception(error)
        done.put(current_thread())

    try:
        while True:
            for item in islice(source, in_flight - len(threads)):
                future = Future[R]()
                # A daemon, so that a program can exit although it still holds a batch that it left early.
                thread = Thread(target=run_in_thread, args=(item, future), name="backdrop-batch", daemon=True)
                threads[thread] = future
                thread.start()
                # The next item may take long to come. What has ended is yielded before it is taken.
                if not done.empty():
                    break
            if not threads:
                return
            yield threads.pop(done.get()).result()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
