"""The CPU time of some work in this process, for benches that compare such costs within one run."""

import time
from collections.abc import Callable

ROUNDS = 15


def measure_cpu_milliseconds(work: Callable[[], object]) -> float:
    """Returns the smallest CPU time of many runs."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best * 1000
