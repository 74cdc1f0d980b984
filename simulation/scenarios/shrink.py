"""Makes a failing plan smaller: fewer faults and fewer actions that still break the same invariant."""

from collections.abc import Iterator
from dataclasses import replace

from simulation.scenarios.simulation_plan import SimulationPlan
from simulation.scenarios.simulation_run import Simulation


def shrink(plan: SimulationPlan, invariant: str) -> SimulationPlan:
    """Returns the smallest plan found.

    It may still be large, because every part that is left out changes all later draws.
    """
    smaller = next((candidate for candidate in _list_smaller_plans(plan) if _still_fails(candidate, invariant)), None)
    return shrink(smaller, invariant) if smaller else plan


def _list_smaller_plans(plan: SimulationPlan) -> Iterator[SimulationPlan]:
    for index in range(len(plan.faults)):
        yield replace(plan, faults=plan.faults[:index] + plan.faults[index + 1 :])
    for size in (len(plan.actions) // 2, len(plan.actions) // 4, 1):
        for index in range(0, len(plan.actions), max(size, 1)) if size else ():
            yield replace(plan, actions=plan.actions[:index] + plan.actions[index + size :])


def _still_fails(plan: SimulationPlan, invariant: str) -> bool:
    return bool(plan.actions) and invariant in Simulation(plan).run().broken_invariants
