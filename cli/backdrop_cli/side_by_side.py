"""The same work for many things, some at a time, in their order, holding no more than those few in memory."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

AHEAD = 4


def side_by_side[T, R](work: Callable[[T], R], things: Iterable[T], at_once: int = 0) -> Generator[R]:
    """The results in the order of the things; so many at once (0: one for each processor). The first error ends it."""
    workers = at_once or os.cpu_count() or 1
    if workers == 1:
        yield from map(work, things)
        return
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[R]] = deque()
        try:
            for thing in things:
                pending.append(pool.submit(work, thing))
                if len(pending) >= AHEAD * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for one in pending:
                one.cancel()
