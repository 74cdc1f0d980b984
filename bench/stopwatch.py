"""What a piece of work costs this process: for the benches that compare such costs in one run."""

import time
from collections.abc import Callable

ROUNDS = 15


def measure_cpu_milliseconds(work: Callable[[], object]) -> float:
    """The smallest CPU time of many runs."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best * 1000
