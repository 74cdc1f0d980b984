"""The hub plays workers beside one another in simulated time: in order, by the seed, each as long as it may."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from simulation.world.event_loop import TIMEOUT_REASON, EventLoop, SimulatedCrash
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import Transport
from simulation.world.world_clock import WORLD_START, WorldClock

LATER = WORLD_START + timedelta(hours=1)


class Stage:
    """A hub, a wire, and what was said on it."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = WorldClock(Random(seed))
        self.hub = EventLoop(self.clock)
        self.wire = Transport(self.clock)
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """One call to a service that writes down what it hears."""
        self.wire.execute("service", "say", {}, lambda: self.said.append(text))

    def spawn(self, name: str, work: Callable[[], object], **limits: Any) -> None:
        """Have a worker begin now, which survives its death."""
        self.hub.call_at(self.clock.time, lambda: self.hub.spawn(name, lambda: self._live(name, work), **limits))

    def _live(self, name: str, work: Callable[[], object]) -> None:
        try:
            work()
        except SimulatedCrash as crash:
            self.said.append(f"{name}: {crash}")


def talk(stage: Stage, name: str) -> Callable[[], None]:
    """Some calls one after another."""

    def work() -> None:
        for n in range(4):
            stage.say(f"{name}{n}")

    return work


def conversation(seed: int) -> list[str]:
    """Two workers that begin at the same moment."""
    stage = Stage(seed)
    for name in "ab":
        stage.spawn(name, talk(stage, name), timeout_seconds=60)
    stage.hub.run_until(LATER)
    return stage.said


def test_workers_give_way_to_one_another_at_every_call() -> None:
    said = conversation(1)
    assert [text for text in said if text[0] == "a"] == ["a0", "a1", "a2", "a3"]
    assert "".join(text[0] for text in said) not in ("aaaabbbb", "bbbbaaaa")


def test_one_seed_is_one_run_and_seeds_differ() -> None:
    assert conversation(1) == conversation(1)
    assert len({tuple(conversation(seed)) for seed in range(20)}) > 5


def test_a_worker_that_sleeps_lets_time_pass_for_all() -> None:
    stage = Stage()
    stage.spawn("a", lambda: (stage.clock.sleep(10), stage.say("a")), timeout_seconds=60)
    stage.spawn("b", lambda: (stage.clock.sleep(5), stage.say("b")), timeout_seconds=60)
    stage.hub.run_until(LATER)
    assert stage.said == ["b", "a"]
    assert stage.wire.calls[1].started_at >= WORLD_START + timedelta(seconds=10)


def test_events_come_in_the_order_of_their_time_and_those_of_the_past_come_now() -> None:
    stage = Stage()
    for seconds in (3, 1, 2, -5):
        stage.hub.call_later(seconds, lambda at=seconds: stage.said.append(f"{at} at {stage.clock.time - WORLD_START}"))
    stage.hub.call_later(1.5, lambda: stage.said.append("called off")).cancel()
    assert stage.hub.run_until(WORLD_START + timedelta(seconds=2)) is False
    assert stage.said == ["-5 at 0:00:00", "1 at 0:00:01", "2 at 0:00:02"]
    assert stage.clock.time == WORLD_START + timedelta(seconds=2)


def test_events_of_one_moment_come_in_an_order_that_the_seed_decides() -> None:
    def order(seed: int) -> str:
        stage = Stage(seed)
        for text in "abc":
            stage.hub.call_later(1, lambda text=text: stage.said.append(text))
        stage.hub.run_until(LATER)
        return "".join(stage.said)

    assert order(1) == order(1)
    assert len({order(seed) for seed in range(50)}) == 6


def test_a_run_stops_when_it_is_told_to() -> None:
    stage = Stage()
    stage.spawn("a", talk(stage, "a"), timeout_seconds=60)
    assert stage.hub.run_until(LATER, should_stop=lambda: len(stage.said) == 2)
    assert stage.said == ["a0", "a1"]
    assert stage.clock.time < LATER


def test_a_worker_dies_at_its_time_limit_and_no_sooner() -> None:
    stage = Stage()
    stage.spawn("a", lambda: stage.clock.sleep(59), timeout_seconds=60)
    stage.spawn("b", lambda: stage.clock.sleep(61), timeout_seconds=60)
    stage.hub.run_until(LATER)
    assert stage.said == [f"b: {TIMEOUT_REASON}"]
    assert not stage.hub.workers


def test_a_worker_that_resists_its_death_dies_at_its_next_call() -> None:
    stage = Stage()

    def stubborn() -> None:
        try:
            stage.clock.sleep(100)
        except SimulatedCrash:
            stage.clock.sleep(50)
            stage.said.append("still here")

    stage.spawn("a", stubborn, timeout_seconds=10)
    stage.hub.run_until(WORLD_START + timedelta(seconds=10))
    assert stage.said == [f"a: {TIMEOUT_REASON}"]


def test_a_worker_can_be_killed_while_it_waits() -> None:
    stage = Stage()
    stage.spawn("a", talk(stage, "a"), timeout_seconds=60)
    stage.hub.call_later(0.001, lambda: stage.hub.kill_worker(stage.hub.workers[0], SimulatedCrash("killed")))
    stage.hub.run_until(LATER)
    assert stage.said == ["a: killed"]


def test_a_workers_clock_may_be_wrong_and_time_itself_is_not() -> None:
    stage = Stage()
    seen: list[timedelta] = []
    stage.spawn(
        "a", lambda: seen.append(stage.clock.now() - stage.clock.time), timeout_seconds=60, skew=timedelta(seconds=-3)
    )
    stage.hub.run_until(LATER)
    assert seen == [timedelta(seconds=-3)]
    assert stage.clock.now() == stage.clock.time == LATER


def test_a_bug_in_a_worker_ends_the_run() -> None:
    stage = Stage()
    stage.spawn("a", lambda: divmod(1, 0), timeout_seconds=60)
    with pytest.raises(ZeroDivisionError):
        stage.hub.run_until(LATER)
    assert not stage.hub.workers


def test_outside_the_hub_nothing_waits_and_nothing_switches() -> None:
    world = World()
    world.s3.put_object(Bucket=INPUT_BUCKET, Key="a", Body=b"", ContentType="x")
    assert world.clock.time == WORLD_START
    world.clock.sleep(5)
    assert world.clock.time == WORLD_START + timedelta(seconds=5)
    assert [call.worker_name for call in world.transport.calls] == [""]
