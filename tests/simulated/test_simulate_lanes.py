"""Seeds with several lanes: every lane has faults of its own, and each of them must strike."""

from collections import Counter
from datetime import timedelta

import pytest

from backdrop.model.job import JobStatus
from proof.checker.books import Promise
from proof.simulate.figures import Figures
from proof.simulate.plan import draw
from proof.simulate.play import Run, play
from proof.world.clock import START
from proof.world.faults import FAULTS, Faults, named
from proof.world.pictures import photo
from proof.world.stack import World

OF_LANES = sorted(name for name, one in FAULTS.items() if one.of_lane and not one.slow)
FURTHER = "runware"


@pytest.mark.parametrize("name", OF_LANES)
def test_a_fault_of_one_lane_leaves_the_other_alone(name: str) -> None:
    """What each provider says and does is told by its own calls."""
    kind = sorted(FAULTS[name].kinds)[0]
    world = World(1, kind=kind, besides={FURTHER: kind}, in_flight=4, account_limit=4)
    world.start()
    faults = Faults(world, (f"{name}@{FURTHER}",))
    for n in range(8):
        key = f"{n}.jpg"
        world.hub.after(n * 4, lambda key=key: world.sidecar(key, prompt="at sea", provider=FURTHER))
        world.hub.after(n * 4, lambda key=key: world.drop(key, photo(key)))
        world.hub.after(n * 4, lambda key=key: world.drop(f"first/{key}", photo(key), operation="remove"))
    world.hub.run_until(START + timedelta(minutes=12))
    assert faults.fired.keys() == {f"{name}@{FURTHER}"}
    assert faults.struck()[name]
    first = [job for job in world.jobs() if job.provider == "ideogram"]
    assert [job.status for job in first] == [JobStatus.STORED] * 8
    assert [len(job.attempts) for job in first] == [1] * 8


def test_each_lane_of_a_seed_with_several_has_faults_of_its_own() -> None:
    plans = [plan for plan in map(draw, range(200)) if plan.lanes]
    assert len(plans) > 40
    for plan in plans:
        struck = {name.partition("@")[2] for name in plan.faults}
        assert struck == {"", *plan.lanes}
        kinds = plan.setup["besides"]
        assert all(kinds[lane] in named(name).kinds for name in plan.faults for lane in plan.lanes if lane in name)
    assert {named(name).name for plan in map(draw, range(1500)) for name in plan.faults if "@" in name} == {*OF_LANES}


def test_a_seed_with_one_lane_has_no_lanes_in_its_faults() -> None:
    assert not any("@" in name for seed in range(100) for name in draw(seed).faults if not draw(seed).lanes)
    assert not any("@" in name for seed in range(100) for name in draw(seed, mixed=False).faults)


def test_a_run_fails_in_which_a_fault_of_one_lane_alone_never_struck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proof.simulate.play.MOST_LONGER", 0)
    seed = next(seed for seed in range(100) if draw(seed).lanes)
    plan = draw(seed).but(faults=("late_event", f"hang_up@{FURTHER}"), acts=(), minutes=1)
    run = play(plan)
    assert run.broken[0] == Promise.FAULTS_FIRED.name
    assert f"hang_up@{FURTHER} never struck" in [breach.words for _, breach in run.breaches]


def test_more_photos_come_to_the_lane_that_awaits_its_fault() -> None:
    seed = next(seed for seed in range(100) if draw(seed).lanes)
    run = play(draw(seed).but(faults=(f"hang_up@{FURTHER}",), acts=(), minutes=1, asleep=False, late=False))
    assert run.broken == []
    assert run.fired[f"hang_up@{FURTHER}"]


def test_figures_count_a_fault_of_all_lanes_together() -> None:
    seed = next(seed for seed in range(100) if draw(seed).lanes)
    plan = draw(seed).but(faults=("hang_up", f"hang_up@{FURTHER}"))
    figures = Figures()
    figures.add(Run(plan, fired=Counter({"hang_up": 2, f"hang_up@{FURTHER}": 3})))
    assert (figures.mixed, figures.announced["hang_up"], figures.fired["hang_up"], figures.silent()) == (1, 1, 5, [])
