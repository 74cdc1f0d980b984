"""A seed is a reproducible run that reports which faults occurred, what failed, and the smallest plan that fails."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from simulation.invariants.violations import Invariant, Violation
from simulation.scenarios.__main__ import main
from simulation.scenarios.seed_runner import run_seed, run_seeds
from simulation.scenarios.seed_statistics import SeedStatistics, format_page, format_summary
from simulation.scenarios.shrink import shrink
from simulation.scenarios.simulation_plan import DELIVERY_FAULT_SEEDS, PlannedAction, SimulationPlan, draw_plan
from simulation.scenarios.simulation_run import Simulation, SimulationResult
from simulation.world.event_loop import EventLoop
from simulation.world.fault_profile import FAULT_TYPES, find_fault_type

ROOT = Path(__file__).parents[3]
DIGESTS = """
from simulation.scenarios.simulation_plan import draw_plan
from simulation.scenarios.simulation_run import Simulation
for seed in (3, 5, 9):  # short runs with more faults than most
    simulation = Simulation(draw_plan(seed))
    simulation.run()
    print(simulation.hash_history())
"""


def digests(hash_seed: str) -> str:
    """Returns the digests of some seeds' histories, from a process with this hash seed."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", DIGESTS]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=600).stdout


def test_seed_has_the_same_history_in_every_process() -> None:
    first = digests("1")
    assert len({*first.split()}) == 3
    assert digests("2") == first


def test_seeds_have_different_plans() -> None:
    assert draw_plan(1) != draw_plan(2)
    assert draw_plan(1) == draw_plan(1)


def test_first_seeds_plan_every_fault() -> None:
    seeds = (*range(500), *DELIVERY_FAULT_SEEDS[:5])
    planned = {find_fault_type(name).name for seed in seeds for name in draw_plan(seed).faults}
    assert planned == {*FAULT_TYPES}


def test_plans_have_all_provider_kinds_and_policies() -> None:
    setups = [draw_plan(seed).setup for seed in range(60)]
    assert {setup["kind"] for setup in setups} == {"unaskable", "acknowledged", "own_id"}
    assert {setup["on_lost_answer"] for setup in setups} == {"retry_once", "hold"}
    assert min(setup["budget"] for setup in setups) == 0
    assert any(setup["account_limit"] * 2 == setup["in_flight"] for setup in setups)


def test_run_in_which_its_fault_does_not_occur_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulation.scenarios.simulation_run.MAX_EXTENSIONS", 1)
    monkeypatch.setitem(
        FAULT_TYPES, "never", FAULT_TYPES["hang_up"].__class__("never", "It cannot occur.", lambda _: None)
    )
    run = Simulation(replace(draw_plan(3, ["never"]), actions=(), fault_minutes=1)).run()
    assert run.broken_invariants[0] == Invariant.FAULTS_FIRED.name


def test_exception_is_reported_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_error(_: EventLoop, *__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(EventLoop, "run_until", raise_error)
    run = run_seed(7)
    assert run.error.strip().endswith("RuntimeError: a bug")
    assert run.plan.seed == 7


def test_statistics_name_broken_seeds_and_unfired_faults() -> None:
    statistics = SeedStatistics(wall_seconds=2.0)
    statistics.add_result(
        SimulationResult(SimulationPlan(1, {}, ("hang_up",), (), 1), end_counts=Counter(stored=3), paid_call_count=3)
    )
    statistics.add_result(
        SimulationResult(
            SimulationPlan(2, {}, ("slow_call",), (), 1),
            strike_counts=Counter(slow_call=1),
            error="Traceback\nE: gone\n",
        )
    )
    statistics.add_result(
        SimulationResult(SimulationPlan(3, {}, (), (), 1), violations=[(9, Violation(Invariant.PAID_ONCE, "twice"))])
    )
    assert statistics.list_unfired_faults() == ["hang_up"]
    assert statistics.violations_by_seed == {2: ["E: gone"], 3: ["PAID_ONCE: twice"]}
    assert format_summary(statistics)["seeds per second"] == "1.5"
    assert "- seed 3: PAID_ONCE: twice" in format_page(statistics, 0)


def test_statistics_count_worlds_whose_budget_has_shares() -> None:
    statistics = SeedStatistics()
    for setup in ({}, {"budget_shares": 3}):
        statistics.add_result(SimulationResult(SimulationPlan(1, setup, (), (), 1)))
    assert format_summary(statistics)["… with shares of the budget"] == "1"


def test_statistics_count_waiting_jobs_as_waiting() -> None:
    statistics = SeedStatistics()
    statistics.add_result(SimulationResult(SimulationPlan(1, {}, (), (), 1), end_counts=Counter(stored=3, accepted=2)))
    summary = format_summary(statistics)
    assert (summary["… that ended stored"], summary["… that wait to the end, accepted"]) == ("3", "2")
    assert "… that ended accepted" not in summary


def test_single_seed_prints_that_promises_were_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["simulate", "--seed", "7"])
    assert main() == 0
    assert "every promise was kept" in capsys.readouterr().out


def test_results_are_returned_in_the_order_of_seeds() -> None:
    seeds = [run.plan.seed for run in run_seeds(range(100, 104), ["late_event"], "unaskable", 1)]
    assert seeds == [100, 101, 102, 103]


def test_failing_plan_is_shrunk_while_it_fails() -> None:
    """An old photo with a new event is bought, and the check reports it as a purchase without a request."""
    actions = (
        PlannedAction(0, "place_old_photo", ("old.jpg",)),
        PlannedAction(5, "upload", ("new.jpg", "a", "cut")),
        PlannedAction(9, "upload_again", ("old.jpg",)),
    )
    plan = replace(
        draw_plan(5, ["late_event", "clock_skew"]),
        actions=actions,
        fault_minutes=5,
        starts_before_midnight=False,
        is_old_stack=False,
    )
    assert Simulation(plan).run().broken_invariants[0] == Invariant.OLD_PHOTOS_IGNORED.name
    smaller_plan = shrink(plan, Invariant.OLD_PHOTOS_IGNORED.name)
    assert smaller_plan.faults == ()
    assert [action.name for action in smaller_plan.actions] == ["place_old_photo", "upload_again"]
