"""Calibrates the simulated world, so that it takes as long as some runs of the bench."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

from bench.cpu_usage import STAGES
from bench.drain.figures import RunFigures
from bench.drain.scenario import Scenario
from bench.extrapolation.large_world import LargeWorld
from bench.extrapolation.local_timing import TASKS_PER_INVOCATION, MachineCosts, simulate_scenario

NO_COSTS = MachineCosts(dict.fromkeys(STAGES, 0.0), 0.0, 0.0, 0.0, 0.0, 0.0)
SHARING_ROUNDS = 2
"""How much a batch shares depends on the total duration, which is more accurate in the second round."""
MAX_ROUNDS = 6
TOLERANCE = 0.002
"""A fit ends when a step changes the value by less than this fraction."""
INITIAL_GUESSES = {"invocation_delay": 0.02, "cold_start_cpu": 0.5}


def calibrate(runs: Sequence[RunFigures]) -> MachineCosts:
    """Returns the CPU time per request from the warm runs, and fits the other costs to the runs' durations."""
    warm, cold = [one for one in runs if not one.scenario.cold], [one for one in runs if one.scenario.cold]
    costs = NO_COSTS
    for _ in range(SHARING_ROUNDS):
        costs = _mean([_share_cpu_seconds(one, simulate_scenario(one.scenario, costs)) for one in warm])
    costs = _fit(costs, "invocation_delay", warm)
    return _fit(costs, "cold_start_cpu", cold) if cold else costs


def _share_cpu_seconds(run: RunFigures, world: LargeWorld) -> MachineCosts:
    """Divides an image's CPU seconds among its requests, which are counted in the simulated world."""
    photos, spent = run.scenario.photos, {name: used / 1000 for name, used in run.cpu_ms.items()}
    return MachineCosts(
        request_cpu={name: spent[name] * photos / count_requests(world, name) for name in STAGES},
        emulator_cpu=spent["emulator"] * photos / count_emulator_tasks(world, photos),
        upload_cpu=spent["bench"],
        standin_cpu=spent["stand-in"],
        invocation_delay=INITIAL_GUESSES["invocation_delay"],
        cold_start_cpu=INITIAL_GUESSES["cold_start_cpu"],
    )


def _mean(costs: Sequence[MachineCosts]) -> MachineCosts:
    return MachineCosts(
        request_cpu={name: mean(one.request_cpu[name] for one in costs) for name in STAGES},
        emulator_cpu=mean(one.emulator_cpu for one in costs),
        upload_cpu=mean(one.upload_cpu for one in costs),
        standin_cpu=mean(one.standin_cpu for one in costs),
        invocation_delay=INITIAL_GUESSES["invocation_delay"],
        cold_start_cpu=INITIAL_GUESSES["cold_start_cpu"],
    )


def count_requests(world: LargeWorld, name: str) -> int:
    """Returns how many requests a function made to any service."""
    return sum(times for (who, _, _), times in world.diary.requests_by_operation.items() if who == name)


def count_emulator_tasks(world: LargeWorld, photos: int) -> int:
    """Returns how many tasks the emulator handled."""
    asked = sum(world.diary.count_requests(name) for name in STAGES)
    return photos + asked + TASKS_PER_INVOCATION * sum(world.diary.invocations[name] for name in STAGES)


def _fit(costs: MachineCosts, name: str, runs: Sequence[RunFigures]) -> MachineCosts:
    """Fits one cost so that all runs come closest to their durations (least squares, secant method)."""
    aims = [seconds for one in runs for seconds in _measured_seconds(one)]

    def compute_residuals(value: float) -> list[float]:
        tried = _with(costs, name, value)
        found = [seconds for one in runs for seconds in _predict(one.scenario, tried)]
        return [seconds - aim for seconds, aim in zip(found, aims, strict=True)]

    at, step = getattr(costs, name), getattr(costs, name) / 4
    for _ in range(MAX_ROUNDS):
        here, there = compute_residuals(at), compute_residuals(at + step)
        slopes = [(b - a) / step for a, b in zip(here, there, strict=True)]
        steep = sum(slope * slope for slope in slopes)
        by = -sum(slope * miss for slope, miss in zip(slopes, here, strict=True)) / steep if steep else 0.0
        before, at = at, max(0.0, at + by)
        if abs(at - before) <= TOLERANCE * before:
            break
    return _with(costs, name, at)


def _with(costs: MachineCosts, name: str, value: float) -> MachineCosts:
    change: dict[str, Any] = {name: value}
    return replace(costs, **change)


def _measured_seconds(run: RunFigures) -> tuple[float, float]:
    """Returns the seconds of a run, and those in which a slot was empty between calls."""
    return run.measured_seconds, run.lost["between"] * run.scenario.photos * run.scenario.seconds / run.scenario.slots


def _predict(scenario: Scenario, costs: MachineCosts) -> tuple[float, float]:
    """Returns the same two figures from the simulated world."""
    diary = simulate_scenario(scenario, costs).diary
    begins, ends = (sorted(moments) for moments in zip(*diary.calls, strict=True))
    pauses = [begin - end for begin, end in zip(begins[scenario.slots :], ends, strict=False)]
    return max(diary.ended_at.values()), sum(pauses) / scenario.slots


def predict_seconds(scenario: Scenario, costs: MachineCosts) -> float:
    """Returns the predicted seconds from the first upload to the end of the last job."""
    return _predict(scenario, costs)[0]
