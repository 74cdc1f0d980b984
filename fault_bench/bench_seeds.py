"""Runs several seeds of the bench, in sequence or in parallel, each on its own local cloud."""

import time
from collections.abc import Iterable
from functools import partial

from rich.console import Console

from backdrop_local.errors import LocalCloudError
from fault_bench import bench_run
from fault_bench.bench_run import BenchResult, BenchSettings
from fault_bench.faulted_run import NotDrainedError
from simulation.process_pool import map_in_processes


def run_bench_seeds(
    seeds: Iterable[int], settings: BenchSettings, *, include_naive: bool, parallel_runs: int
) -> list[BenchResult]:
    """Returns the results of the seeds that finished; `include_naive` also runs the naive pipeline."""
    run_one = partial(_run_seed_and_report, settings=settings, include_naive=include_naive)
    return [result for result in map_in_processes(run_one, seeds, parallel_runs) if result]


def build_console() -> Console:
    return Console(soft_wrap=True, highlight=False)


def _run_seed_and_report(seed: int, *, settings: BenchSettings, include_naive: bool) -> BenchResult | None:
    """Returns one seed's result. If it did not finish, prints why and returns None."""
    started, output = time.monotonic(), build_console()
    try:
        result = bench_run.run_bench_seed(seed, settings, output.print, include_naive=include_naive)
    except (LocalCloudError, NotDrainedError) as error:
        output.print(f"error: seed {seed}: {error}", style="red", markup=False)
        return None
    for violation in result.violations:
        output.print(f"seed {seed}: {violation}", style="red", markup=False)
    output.print(f"seed {seed}: {len(result.violations)} violations, {time.monotonic() - started:.0f} s")
    return result
