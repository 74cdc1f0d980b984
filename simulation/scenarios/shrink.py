"""Makes a failing seed smaller: fewer faults, fewer deeds, while the same promise is still broken."""

from collections.abc import Iterator
from dataclasses import replace

from simulation.scenarios.simulation_plan import SimulationPlan
from simulation.scenarios.simulation_run import Simulation


def shrink(plan: SimulationPlan, invariant: str) -> SimulationPlan:
    """The smallest plan that was found; leaving a part out changes all that is drawn after it, so it may stay large."""
    smaller = next((one for one in _list_smaller_plans(plan) if _still_fails(one, invariant)), None)
    return shrink(smaller, invariant) if smaller else plan


def _list_smaller_plans(plan: SimulationPlan) -> Iterator[SimulationPlan]:
    for index in range(len(plan.faults)):
        yield replace(plan, faults=plan.faults[:index] + plan.faults[index + 1 :])
    for size in (len(plan.actions) // 2, len(plan.actions) // 4, 1):
        for index in range(0, len(plan.actions), max(size, 1)) if size else ():
            yield replace(plan, actions=plan.actions[:index] + plan.actions[index + size :])


def _still_fails(plan: SimulationPlan, invariant: str) -> bool:
    return bool(plan.actions) and invariant in Simulation(plan).run().broken_invariants
