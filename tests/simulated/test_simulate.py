"""A seed is one run, the same everywhere; a run says which faults struck, what failed, and how small it can be made."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from proof.checker.books import Breach, Promise
from proof.simulate.__main__ import main
from proof.simulate.figures import Figures, document, summary
from proof.simulate.many import played, runs
from proof.simulate.plan import Act, Plan, draw
from proof.simulate.play import Play, Run, play
from proof.simulate.shrink import shrunk
from proof.world.faults import FAULTS, named
from proof.world.hub import Hub

ROOT = Path(__file__).parents[2]
DIGESTS = "from proof.simulate.many import played; print(*(played(seed).digest for seed in range(3)))"


def digests(hash_seed: str) -> str:
    """The histories of some seeds, as a process with this hash seed plays them."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", DIGESTS]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=600).stdout


def test_the_same_seed_gives_the_same_history_byte_for_byte_in_every_process() -> None:
    first = digests("1")
    assert len({*first.split()}) == 3
    assert digests("2") == first


def test_another_seed_is_another_run() -> None:
    assert draw(1) != draw(2)
    assert draw(1) == draw(1)


def test_every_fault_is_announced_in_some_of_the_first_seeds() -> None:
    announced = {named(name).name for seed in range(500) for name in draw(seed).faults}
    assert announced == {*FAULTS}


def test_each_kind_of_provider_and_both_policies_come_up() -> None:
    setups = [draw(seed).setup for seed in range(60)]
    assert {setup["kind"] for setup in setups} == {"unaskable", "acknowledged", "own_id"}
    assert {setup["on_lost_answer"] for setup in setups} == {"retry_once", "hold"}
    assert min(setup["budget"] for setup in setups) == 0
    assert any(setup["account_limit"] * 2 == setup["in_flight"] for setup in setups)


def test_a_run_in_which_an_announced_fault_never_fired_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proof.simulate.play.MOST_LONGER", 1)
    monkeypatch.setitem(FAULTS, "never", FAULTS["hang_up"].__class__("never", "It cannot strike.", lambda _: None))
    run = play(draw(3, ["never"]).but(acts=(), minutes=1))
    assert run.broken[0] == Promise.FAULTS_FIRED.name


def test_what_the_code_cannot_bear_is_told_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Hub, *__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Hub, "run_until", broken)
    run = played(7)
    assert run.error.strip().endswith("RuntimeError: a bug")
    assert run.plan.seed == 7


def test_figures_name_each_broken_seed_and_each_silent_fault() -> None:
    figures = Figures(real_seconds=2.0)
    figures.add(Run(Plan(1, {}, ("hang_up",), (), 1), ends=Counter(stored=3), paid=3))
    figures.add(Run(Plan(2, {}, ("slow_call",), (), 1), fired=Counter(slow_call=1), error="Traceback\nE: gone\n"))
    figures.add(Run(Plan(3, {}, (), (), 1), breaches=[(9, Breach(Promise.PAID_ONCE, "twice"))]))
    assert figures.silent() == ["hang_up"]
    assert figures.broken == {2: ["E: gone"], 3: ["PAID_ONCE: twice"]}
    assert summary(figures)["seeds per second"] == "1.5"
    assert "- seed 3: PAID_ONCE: twice" in document(figures, 0)


def test_a_job_that_waits_to_the_end_of_a_seed_is_not_said_to_have_ended() -> None:
    figures = Figures()
    figures.add(Run(Plan(1, {}, (), (), 1), ends=Counter(stored=3, accepted=2)))
    shown = summary(figures)
    assert (shown["… that ended stored"], shown["… that wait to the end, accepted"]) == ("3", "2")
    assert "… that ended accepted" not in shown


def test_a_seed_alone_says_that_every_promise_was_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["simulate", "--seed", "7"])
    assert main() == 0
    assert "every promise was kept" in capsys.readouterr().out


def test_seeds_come_back_in_their_order_from_several_processes() -> None:
    plans = [run.plan.seed for run in runs(range(100, 104), ["late_event"], "unaskable", 1)]
    assert plans == [100, 101, 102, 103]


def test_a_failing_plan_is_made_smaller_while_it_fails() -> None:
    """A photo of old that somebody tells of is bought, and the checker calls that unasked."""
    acts = (Act(0, "old", ("old.jpg",)), Act(5, "drop", ("new.jpg", "a", "cut")), Act(9, "again", ("old.jpg",)))
    plan = draw(5, ["late_event", "clock_skew"]).but(acts=acts, minutes=5, late=False, asleep=False)
    assert Play(plan).run().broken[0] == Promise.OLD_LEFT_ALONE.name
    small = shrunk(plan, Promise.OLD_LEFT_ALONE.name)
    assert small.faults == ()
    assert [act.deed for act in small.acts] == ["old", "again"]
