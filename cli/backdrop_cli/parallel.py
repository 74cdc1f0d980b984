"""A map over many items with several threads, in order, with bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

MAX_QUEUED_PER_THREAD = 4
ONE_PER_PROCESSOR = 0


def parallel_map[T, R](
    function: Callable[[T], R], items: Iterable[T], max_workers: int = ONE_PER_PROCESSOR
) -> Generator[R]:
    """Yields the results in the items' order. The first error ends the map."""
    thread_count = max_workers or os.cpu_count() or 1
    if thread_count == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(thread_count) as pool:
        pending: deque[Future[R]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= MAX_QUEUED_PER_THREAD * thread_count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
