"""Seeds with several lanes: every lane has faults of its own, and each of them must strike."""

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

OF_LANES = sorted(name for name, one in FAULT_TYPES.items() if one.strikes_one_lane and not one.lasts_for_days)
FURTHER = "runware"


@pytest.mark.parametrize("name", OF_LANES)
def test_a_fault_of_one_lane_leaves_the_other_alone(name: str) -> None:
    """What each provider says and does is told by its own calls."""
    kind = sorted(FAULT_TYPES[name].kinds)[0]
    world = World(1, kind=kind, other_providers={FURTHER: kind}, in_flight=4, account_limit=4)
    world.start()
    faults = InstalledFaults(world, (f"{name}@{FURTHER}",))
    for n in range(8):
        key = f"{n}.jpg"
        world.event_loop.call_later(n * 4, lambda key=key: world.upload_sidecar(key, prompt="at sea", provider=FURTHER))
        world.event_loop.call_later(n * 4, lambda key=key: world.upload_photo(key, build_photo(key)))
        world.event_loop.call_later(
            n * 4, lambda key=key: world.upload_photo(f"first/{key}", build_photo(key), operation="remove")
        )
    world.event_loop.run_until(WORLD_START + timedelta(minutes=12))
    assert faults.strike_counts.keys() == {f"{name}@{FURTHER}"}
    assert faults.count_strikes()[name]
    first = [job for job in world.list_jobs() if job.provider == "ideogram"]
    assert [job.status for job in first] == [JobStatus.STORED] * 8
    assert [len(job.attempts) for job in first] == [1] * 8


def test_each_lane_of_a_seed_with_several_has_faults_of_its_own() -> None:
    plans = [plan for plan in map(draw_plan, range(200)) if plan.other_lanes]
    assert len(plans) > 40
    for plan in plans:
        struck = {name.partition("@")[2] for name in plan.faults}
        assert struck == {"", *plan.other_lanes}
        kinds = plan.setup["other_providers"]
        assert all(
            kinds[lane] in find_fault_type(name).kinds
            for name in plan.faults
            for lane in plan.other_lanes
            if lane in name
        )
    assert {
        find_fault_type(name).name for plan in map(draw_plan, range(1500)) for name in plan.faults if "@" in name
    } == {*OF_LANES}


def test_a_seed_with_one_lane_has_no_lanes_in_its_faults() -> None:
    assert not any(
        "@" in name for seed in range(100) for name in draw_plan(seed).faults if not draw_plan(seed).other_lanes
    )
    assert not any("@" in name for seed in range(100) for name in draw_plan(seed, allow_several_lanes=False).faults)


def test_a_run_fails_in_which_a_fault_of_one_lane_alone_never_struck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulation.scenarios.simulation_run.MAX_EXTENSIONS", 0)
    seed = next(seed for seed in range(100) if draw_plan(seed).other_lanes)
    plan = replace(draw_plan(seed), faults=("late_event", f"hang_up@{FURTHER}"), actions=(), fault_minutes=1)
    run = Simulation(plan).run()
    assert run.broken_invariants[0] == Invariant.FAULTS_FIRED.name
    assert f"hang_up@{FURTHER} never struck" in [breach.detail for _, breach in run.violations]


def test_more_photos_come_to_the_lane_that_awaits_its_fault() -> None:
    seed = next(seed for seed in range(100) if draw_plan(seed).other_lanes)
    run = Simulation(
        replace(
            draw_plan(seed),
            faults=(f"hang_up@{FURTHER}",),
            actions=(),
            fault_minutes=1,
            is_old_stack=False,
            starts_before_midnight=False,
        )
    ).run()
    assert run.broken_invariants == []
    assert run.strike_counts[f"hang_up@{FURTHER}"]


def test_figures_count_a_fault_of_all_lanes_together() -> None:
    seed = next(seed for seed in range(100) if draw_plan(seed).other_lanes)
    plan = replace(draw_plan(seed), faults=("hang_up", f"hang_up@{FURTHER}"))
    figures = SeedStatistics()
    figures.add_result(SimulationResult(plan, strike_counts=Counter({"hang_up": 2, f"hang_up@{FURTHER}": 3})))
    assert (
        figures.multi_lane_count,
        figures.announced_counts["hang_up"],
        figures.strike_counts["hang_up"],
        figures.list_unfired_faults(),
    ) == (1, 1, 5, [])
