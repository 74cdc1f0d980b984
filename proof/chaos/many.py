"""Several seeds of the bench, one after another or some at a time, each on a cloud of its own."""

import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from rich.console import Console

from backdrop_local.errors import LocalCloudError
from proof.chaos import bench
from proof.chaos.bench import Result, Size
from proof.chaos.play import NotDrainedError


def played(seeds: Iterable[int], size: Size, *, beside: bool, at_once: int) -> list[Result]:
    """The results of the seeds that came to an end; `beside` also runs the naive pipeline."""
    play = partial(_one, size=size, beside=beside)
    if at_once == 1:
        return [result for result in map(play, seeds) if result]
    with ProcessPoolExecutor(at_once, mp_context=get_context("spawn")) as pool:
        return [result for result in pool.map(play, seeds) if result]


def console() -> Console:
    """Where the bench says what it does."""
    return Console(soft_wrap=True, highlight=False)


def _one(seed: int, *, size: Size, beside: bool) -> Result | None:
    """One seed's result, or None where it did not come to an end, and why."""
    started, screen = time.monotonic(), console()
    try:
        result = bench.run(seed, size, screen.print, beside=beside)
    except (LocalCloudError, NotDrainedError) as error:
        screen.print(f"error: seed {seed}: {error}", style="red", markup=False)
        return None
    for breach in result.breaches:
        screen.print(f"seed {seed}: {breach}", style="red", markup=False)
    screen.print(f"seed {seed}: {len(result.breaches)} broken promises, {time.monotonic() - started:.0f} s")
    return result
