"""Costs from some runs of the bench, so that the simulated world takes as long as they did."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

from bench.beyond.large import LargeWorld
from bench.beyond.machine import TURNS_OF_AN_INVOCATION, Costs, rehearse
from bench.drain.figures import Figures
from bench.drain.scenario import Scenario
from bench.processors import STAGES

NOTHING = Costs(dict.fromkeys(STAGES, 0.0), 0.0, 0.0, 0.0, 0.0, 0.0)
SHARINGS = 2
"""How much a batch shares depends on how long all takes, which is known better the second time."""
ROUNDS = 6
NEAR = 0.002
"""A fit ends where a step changes what it seeks by less than this share."""
FIRST = {"waits": 0.02, "starts": 0.5}


def calibrated(runs: Sequence[Figures]) -> Costs:
    """What was counted of the processors in warm runs, for each request; the rest fitted to the runs' times."""
    warm, cold = [one for one in runs if not one.scenario.cold], [one for one in runs if one.scenario.cold]
    costs = NOTHING
    for _ in range(SHARINGS):
        costs = _mean([_shared(one, rehearse(one.scenario, costs)) for one in warm])
    costs = _fitted(costs, "waits", warm)
    return _fitted(costs, "starts", cold) if cold else costs


def _shared(run: Figures, world: LargeWorld) -> Costs:
    """An image's processor seconds, shared among what it asks for; that is counted in the world."""
    photos, spent = run.scenario.photos, {name: used / 1000 for name, used in run.cpu_ms.items()}
    return Costs(
        processor={name: spent[name] * photos / asked_by(world, name) for name in STAGES},
        served=spent["emulator"] * photos / turns(world, photos),
        upload=spent["bench"],
        called=spent["stand-in"],
        waits=FIRST["waits"],
        starts=FIRST["starts"],
    )


def _mean(costs: Sequence[Costs]) -> Costs:
    return Costs(
        processor={name: mean(one.processor[name] for one in costs) for name in STAGES},
        served=mean(one.served for one in costs),
        upload=mean(one.upload for one in costs),
        called=mean(one.called for one in costs),
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
    aims = [seconds for one in runs for seconds in _measured(one)]

    def missed(value: float) -> list[float]:
        tried = _with(costs, name, value)
        found = [seconds for one in runs for seconds in _foretold(one.scenario, tried)]
        return [seconds - aim for seconds, aim in zip(found, aims, strict=True)]

    at, step = getattr(costs, name), getattr(costs, name) / 4
    for _ in range(ROUNDS):
        here, there = missed(at), missed(at + step)
        slopes = [(b - a) / step for a, b in zip(here, there, strict=True)]
        steep = sum(slope * slope for slope in slopes)
        by = -sum(slope * miss for slope, miss in zip(slopes, here, strict=True)) / steep if steep else 0.0
        before, at = at, max(0.0, at + by)
        if abs(at - before) <= NEAR * before:
            break
    return _with(costs, name, at)


def _with(costs: Costs, name: str, value: float) -> Costs:
    change: dict[str, Any] = {name: value}
    return replace(costs, **change)


def _measured(run: Figures) -> tuple[float, float]:
    """The seconds of a run, and those that a slot stood empty between its calls."""
    return run.measured_seconds, run.lost["between"] * run.scenario.photos * run.scenario.seconds / run.scenario.slots


def _foretold(scenario: Scenario, costs: Costs) -> tuple[float, float]:
    """The same of the world."""
    diary = rehearse(scenario, costs).diary
    begins, ends = (sorted(moments) for moments in zip(*diary.calls, strict=True))
    pauses = [begin - end for begin, end in zip(begins[scenario.slots :], ends, strict=False)]
    return max(diary.ended.values()), sum(pauses) / scenario.slots


def foretold(scenario: Scenario, costs: Costs) -> float:
    """The seconds from the first upload to the last end."""
    return _foretold(scenario, costs)[0]
