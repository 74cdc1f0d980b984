"""Many seeds on some processes."""

import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from simulation.scenarios.simulation_plan import draw_plan
from simulation.scenarios.simulation_run import SimulationResult, run_simulation

SEEDS_PER_CHUNK = 10


def run_seeds(
    seeds: Sequence[int], faults: Sequence[str] | None, kind: str, processes: int
) -> Iterator[SimulationResult]:
    """The runs of some seeds, in their order."""
    run_one = partial(run_seed, faults=faults, kind=kind)
    if processes == 1:
        yield from map(run_one, seeds)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run_one, seeds, chunksize=SEEDS_PER_CHUNK)


def run_seed(seed: int, faults: Sequence[str] | None = None, kind: str = "") -> SimulationResult:
    """One seed; what the code itself could not bear stands in its run."""
    plan = draw_plan(seed, faults, kind)
    try:
        return run_simulation(plan)
    except Exception:  # noqa: BLE001 - one seed's end is not that of the others
        return SimulationResult(plan, error=traceback.format_exc())
