"""Seeds with several lanes: every lane has its own faults, and each of them must occur."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model.job import JobStatus
from simulation.invariants.violations import Invariant
from simulation.scenarios.seed_statistics import SeedStatistics
from simulation.scenarios.simulation_plan import draw_plan
from simulation.scenarios.simulation_run import Simulation, SimulationResult
from simulation.world.fault_profile import FAULT_TYPES, InstalledFaults, find_fault_type
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.world_clock import WORLD_START

LANE_FAULTS = sorted(
    name for name, fault_type in FAULT_TYPES.items() if fault_type.strikes_one_lane and not fault_type.lasts_for_days
)
OTHER_LANE = "runware"


@pytest.mark.parametrize("name", LANE_FAULTS)
def test_fault_of_one_lane_does_not_affect_the_other(name: str) -> None:
    kind = sorted(FAULT_TYPES[name].kinds)[0]
    world = World(1, kind=kind, other_providers={OTHER_LANE: kind}, in_flight=4, account_limit=4)
    world.start()
    faults = InstalledFaults(world, (f"{name}@{OTHER_LANE}",))
    for n in range(8):
        key = f"{n}.jpg"
        world.event_loop.call_later(
            n * 4, lambda key=key: world.upload_sidecar(key, prompt="at sea", provider=OTHER_LANE)
        )
        world.event_loop.call_later(n * 4, lambda key=key: world.upload_photo(key, build_photo(key)))
        world.event_loop.call_later(
            n * 4, lambda key=key: world.upload_photo(f"first/{key}", build_photo(key), operation="remove")
        )
    world.event_loop.run_until(WORLD_START + timedelta(minutes=12))
    assert faults.strike_counts.keys() == {f"{name}@{OTHER_LANE}"}
    assert faults.count_strikes()[name]
    first_lane_jobs = [job for job in world.list_jobs() if job.provider == "ideogram"]
    assert [job.status for job in first_lane_jobs] == [JobStatus.STORED] * 8
    assert [len(job.attempts) for job in first_lane_jobs] == [1] * 8


def test_every_lane_of_a_plan_has_its_own_faults() -> None:
    plans = [plan for plan in map(draw_plan, range(200)) if plan.other_lanes]
    assert len(plans) > 40
    for plan in plans:
        struck_lanes = {name.partition("@")[2] for name in plan.faults}
        assert struck_lanes == {"", *plan.other_lanes}
        kinds = plan.setup["other_providers"]
        assert all(
            kinds[lane] in find_fault_type(name).kinds
            for name in plan.faults
            for lane in plan.other_lanes
            if lane in name
        )
    assert {
        find_fault_type(name).name for plan in map(draw_plan, range(1500)) for name in plan.faults if "@" in name
    } == {*LANE_FAULTS}


def test_faults_in_a_run_with_one_lane_name_no_lane() -> None:
    assert not any(
        "@" in name for seed in range(100) for name in draw_plan(seed).faults if not draw_plan(seed).other_lanes
    )
    assert not any("@" in name for seed in range(100) for name in draw_plan(seed, allow_several_lanes=False).faults)


def test_unfired_fault_of_one_lane_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulation.scenarios.simulation_run.MAX_EXTENSIONS", 0)
    seed = next(seed for seed in range(100) if draw_plan(seed).other_lanes)
    plan = replace(draw_plan(seed), faults=("late_event", f"hang_up@{OTHER_LANE}"), actions=(), fault_minutes=1)
    run = Simulation(plan).run()
    assert run.broken_invariants[0] == Invariant.FAULTS_FIRED.name
    assert f"hang_up@{OTHER_LANE} never struck" in [violation.detail for _, violation in run.violations]


def test_lane_with_an_unfired_fault_gets_more_photos() -> None:
    seed = next(seed for seed in range(100) if draw_plan(seed).other_lanes)
    run = Simulation(
        replace(
            draw_plan(seed),
            faults=(f"hang_up@{OTHER_LANE}",),
            actions=(),
            fault_minutes=1,
            is_old_stack=False,
            starts_before_midnight=False,
        )
    ).run()
    assert run.broken_invariants == []
    assert run.strike_counts[f"hang_up@{OTHER_LANE}"]


def test_statistics_sum_a_fault_over_all_lanes() -> None:
    seed = next(seed for seed in range(100) if draw_plan(seed).other_lanes)
    plan = replace(draw_plan(seed), faults=("hang_up", f"hang_up@{OTHER_LANE}"))
    statistics = SeedStatistics()
    statistics.add_result(SimulationResult(plan, strike_counts=Counter({"hang_up": 2, f"hang_up@{OTHER_LANE}": 3})))
    assert (
        statistics.multi_lane_count,
        statistics.planned_counts["hang_up"],
        statistics.strike_counts["hang_up"],
        statistics.list_unfired_faults(),
    ) == (1, 1, 5, [])
