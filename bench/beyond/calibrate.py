"""Costs from some runs of the bench, so that the simulated world takes as long as they did."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean

from bench.beyond.large import LargeWorld
from bench.beyond.machine import TURNS_OF_AN_INVOCATION, Costs, rehearse
from bench.drain.figures import Figures
from bench.drain.scenario import Scenario
from bench.processors import STAGES

ROUNDS = 6
NEAR = 0.002
"""A fit ends where a step changes what it seeks by less than this share."""
FIRST = {"waits": 0.02, "starts": 0.5}


def calibrated(runs: Sequence[Figures]) -> Costs:
    """What was counted of the processors in warm runs, for each request; the rest fitted to the runs' times."""
    warm, cold = [one for one in runs if not one.scenario.cold], [one for one in runs if one.scenario.cold]
    spent = {name: mean(one.cpu_ms[name] for one in warm) / 1000 for name in warm[0].cpu_ms}
    costs = _fitted(_shared(spent), "waits", warm)
    return _fitted(costs, "starts", cold) if cold else costs


def _shared(spent: Mapping[str, float]) -> Costs:
    """An image's processor seconds, shared among what it asks for; that is counted in a run that takes no time."""
    scenario = Scenario(100, 10, 4.0)
    none = Costs(dict.fromkeys(STAGES, 0.0), 0.0, 0.0, 0.0, 0.0, 0.0)
    world = rehearse(scenario, none)
    return Costs(
        processor={name: spent[name] * scenario.photos / asked_by(world, name) for name in STAGES},
        served=spent["emulator"] * scenario.photos / turns(world, scenario.photos),
        upload=spent["bench"],
        called=spent["stand-in"],
        waits=FIRST["waits"],
        starts=FIRST["starts"],
    )


def asked_by(world: LargeWorld, name: str) -> int:
    """How often a function asked anybody."""
    return sum(times for (who, _, _), times in world.diary.asked.items() if who == name)


def turns(world: LargeWorld, photos: int) -> int:
    """How often the emulator had something to do."""
    asked = sum(world.diary.requests(name) for name in STAGES)
    return photos + asked + TURNS_OF_AN_INVOCATION * sum(world.diary.invoked[name] for name in STAGES)


def _fitted(costs: Costs, name: str, runs: Sequence[Figures]) -> Costs:
    """The costs with the one value of a name that brings all runs nearest to their times (least squares, secants)."""
    aims = [one.measured_seconds for one in runs]

    def missed(value: float) -> list[float]:
        tried = replace(costs, **{name: value})
        return [foretold(one.scenario, tried) - aim for one, aim in zip(runs, aims, strict=True)]

    at, step = getattr(costs, name), getattr(costs, name) / 4
    for _ in range(ROUNDS):
        here, there = missed(at), missed(at + step)
        slopes = [(b - a) / step for a, b in zip(here, there, strict=True)]
        steep = sum(slope * slope for slope in slopes)
        by = -sum(slope * miss for slope, miss in zip(slopes, here, strict=True)) / steep if steep else 0.0
        before, at = at, max(0.0, at + by)
        if abs(at - before) <= NEAR * before:
            break
    return replace(costs, **{name: at})


def foretold(scenario: Scenario, costs: Costs) -> float:
    """The seconds from the first upload to the last end."""
    return max(rehearse(scenario, costs).diary.ended.values())
