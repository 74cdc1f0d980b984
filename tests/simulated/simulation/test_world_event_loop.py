"""The event loop runs concurrent workers in simulated time, in an order that depends on the seed, with timeouts."""

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
    """An event loop, a transport, and a log of what happened."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = WorldClock(Random(seed))
        self.event_loop = EventLoop(self.clock)
        self.transport = Transport(self.clock)
        self.log: list[str] = []

    def call_service(self, text: str) -> None:
        """Calls a service that logs the text."""
        self.transport.execute("service", "say", {}, lambda: self.log.append(text))

    def spawn(self, name: str, work: Callable[[], object], **limits: Any) -> None:
        """Starts a worker that logs its own crash."""
        self.event_loop.call_at(
            self.clock.time, lambda: self.event_loop.spawn(name, lambda: self._run(name, work), **limits)
        )

    def _run(self, name: str, work: Callable[[], object]) -> None:
        try:
            work()
        except SimulatedCrash as crash:
            self.log.append(f"{name}: {crash}")


def log_four_texts(stage: Stage, name: str) -> Callable[[], None]:
    """Returns work that makes some calls in sequence."""

    def work() -> None:
        for n in range(4):
            stage.call_service(f"{name}{n}")

    return work


def run_two_workers(seed: int) -> list[str]:
    """Returns the log of two workers that start at the same moment."""
    stage = Stage(seed)
    for name in "ab":
        stage.spawn(name, log_four_texts(stage, name), timeout_seconds=60)
    stage.event_loop.run_until(LATER)
    return stage.log


def test_workers_switch_at_every_call() -> None:
    log = run_two_workers(1)
    assert [text for text in log if text[0] == "a"] == ["a0", "a1", "a2", "a3"]
    assert "".join(text[0] for text in log) not in ("aaaabbbb", "bbbbaaaa")


def test_seed_determines_the_order_of_calls() -> None:
    assert run_two_workers(1) == run_two_workers(1)
    assert len({tuple(run_two_workers(seed)) for seed in range(20)}) > 5


def test_sleep_lets_other_workers_run() -> None:
    stage = Stage()
    stage.spawn("a", lambda: (stage.clock.sleep(10), stage.call_service("a")), timeout_seconds=60)
    stage.spawn("b", lambda: (stage.clock.sleep(5), stage.call_service("b")), timeout_seconds=60)
    stage.event_loop.run_until(LATER)
    assert stage.log == ["b", "a"]
    assert stage.transport.calls[1].started_at >= WORLD_START + timedelta(seconds=10)


def test_events_run_in_the_order_of_their_times() -> None:
    stage = Stage()
    for seconds in (3, 1, 2, -5):
        stage.event_loop.call_later(
            seconds, lambda at=seconds: stage.log.append(f"{at} at {stage.clock.time - WORLD_START}")
        )
    stage.event_loop.call_later(1.5, lambda: stage.log.append("cancelled")).cancel()
    assert stage.event_loop.run_until(WORLD_START + timedelta(seconds=2)) is False
    assert stage.log == ["-5 at 0:00:00", "1 at 0:00:01", "2 at 0:00:02"]
    assert stage.clock.time == WORLD_START + timedelta(seconds=2)


def test_seed_orders_events_of_the_same_moment() -> None:
    def order(seed: int) -> str:
        stage = Stage(seed)
        for text in "abc":
            stage.event_loop.call_later(1, lambda text=text: stage.log.append(text))
        stage.event_loop.run_until(LATER)
        return "".join(stage.log)

    assert order(1) == order(1)
    assert len({order(seed) for seed in range(50)}) == 6


def test_run_stops_on_its_condition() -> None:
    stage = Stage()
    stage.spawn("a", log_four_texts(stage, "a"), timeout_seconds=60)
    assert stage.event_loop.run_until(LATER, should_stop=lambda: len(stage.log) == 2)
    assert stage.log == ["a0", "a1"]
    assert stage.clock.time < LATER


def test_worker_is_killed_at_its_timeout() -> None:
    stage = Stage()
    stage.spawn("a", lambda: stage.clock.sleep(59), timeout_seconds=60)
    stage.spawn("b", lambda: stage.clock.sleep(61), timeout_seconds=60)
    stage.event_loop.run_until(LATER)
    assert stage.log == [f"b: {TIMEOUT_REASON}"]
    assert not stage.event_loop.workers


def test_worker_that_survives_dies_at_its_next_call() -> None:
    stage = Stage()

    def ignore_timeout() -> None:
        try:
            stage.clock.sleep(100)
        except SimulatedCrash:
            stage.clock.sleep(50)
            stage.log.append("still here")

    stage.spawn("a", ignore_timeout, timeout_seconds=10)
    stage.event_loop.run_until(WORLD_START + timedelta(seconds=10))
    assert stage.log == [f"a: {TIMEOUT_REASON}"]


def test_worker_can_be_killed_while_it_waits() -> None:
    stage = Stage()
    stage.spawn("a", log_four_texts(stage, "a"), timeout_seconds=60)
    stage.event_loop.call_later(
        0.001, lambda: stage.event_loop.kill_worker(stage.event_loop.workers[0], SimulatedCrash("killed"))
    )
    stage.event_loop.run_until(LATER)
    assert stage.log == ["a: killed"]


def test_wrong_clock_of_a_worker_leaves_time_correct() -> None:
    stage = Stage()
    seen: list[timedelta] = []
    stage.spawn(
        "a", lambda: seen.append(stage.clock.now() - stage.clock.time), timeout_seconds=60, skew=timedelta(seconds=-3)
    )
    stage.event_loop.run_until(LATER)
    assert seen == [timedelta(seconds=-3)]
    assert stage.clock.now() == stage.clock.time == LATER


def test_exception_in_a_worker_ends_the_run() -> None:
    stage = Stage()
    stage.spawn("a", lambda: divmod(1, 0), timeout_seconds=60)
    with pytest.raises(ZeroDivisionError):
        stage.event_loop.run_until(LATER)
    assert not stage.event_loop.workers


def test_code_outside_of_workers_never_waits() -> None:
    world = World()
    world.s3.put_object(Bucket=INPUT_BUCKET, Key="a", Body=b"", ContentType="x")
    assert world.clock.time == WORLD_START
    world.clock.sleep(5)
    assert world.clock.time == WORLD_START + timedelta(seconds=5)
    assert [call.worker_name for call in world.transport.calls] == [""]
