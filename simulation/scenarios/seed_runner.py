"""Runs many seeds on several processes."""

import traceback
from collections.abc import Iterator, Sequence
from functools import partial

from simulation.process_pool import map_in_processes
from simulation.scenarios.simulation_plan import draw_plan
from simulation.scenarios.simulation_run import Simulation, SimulationResult

SEEDS_PER_CHUNK = 10


def run_seeds(
    seeds: Sequence[int], faults: Sequence[str] | None, kind: str, processes: int
) -> Iterator[SimulationResult]:
    """Yields the results of the seeds, in their order."""
    run_one = partial(run_seed, faults=faults, kind=kind)
    yield from map_in_processes(run_one, seeds, processes, chunk_size=SEEDS_PER_CHUNK)


def run_seed(seed: int, faults: Sequence[str] | None = None, kind: str = "") -> SimulationResult:
    """Runs one seed. An exception is part of the result."""
    plan = draw_plan(seed, faults, kind)
    try:
        return Simulation(plan).run()
    except Exception:  # noqa: BLE001 - one seed's exception must not end the others
        return SimulationResult(plan, error=traceback.format_exc())
