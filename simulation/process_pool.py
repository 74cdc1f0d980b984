"""The same function for many items, on several processes."""

import gc
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

# Worlds create many objects and few cycles: with Python's default thresholds, a tenth of the time goes to searching.
GC_THRESHOLDS = (50_000, 20, 10)


def map_in_processes[Item, Result](
    function: Callable[[Item], Result], items: Iterable[Item], processes: int, *, chunk_size: int = 1
) -> Iterator[Result]:
    """Yields the results in the order of the items. With one process, everything runs in the caller's own."""
    if processes == 1:
        yield from map(function, items)
        return
    # A forked process would inherit the locks of the caller's threads.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=prepare_worker) as pool:
        yield from pool.map(function, items, chunksize=chunk_size)


def prepare_worker() -> None:
    """Prepares a new process for worlds."""
    gc.set_threshold(*GC_THRESHOLDS)
    # Ctrl-C ends a worker at once and without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
