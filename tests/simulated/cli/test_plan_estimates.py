"""The time that a drop states before it starts, compared with the time that the simulated stack then takes."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backdrop_cli.uploads import plan_estimates, time_estimates
from simulation.world.call_behavior import CallBehavior
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person
from tests.simulated.drop_user import PROMPT, Uploader


@pytest.fixture
def uploader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploader:
    """A person whose stack runs invocations concurrently, as Lambda does."""
    monkeypatch.chdir(tmp_path)
    world = World(settle_seconds=20)
    uploader = Uploader(Person(world, monkeypatch), tmp_path)
    uploader.person.stack = replace(uploader.person.stack, sleep=lambda seconds: advance(world, seconds))
    world.start()
    return uploader


def advance(world: World, seconds: float) -> None:
    world.event_loop.run_until(world.clock.time + timedelta(seconds=seconds))


def drop_folder(
    uploader: Uploader, monkeypatch: pytest.MonkeyPatch, folder: str, count: int, *options: str
) -> tuple[float | None, float]:
    """Drops new photos; returns the estimate and the measured duration, in seconds."""
    for n in range(count):
        uploader.write(f"{folder}/{n}.jpg")
    estimates: list[float | None] = []

    def estimate_and_record(*arguments: object, **named: object) -> float | None:
        estimates.append(plan_estimates.estimate_seconds(*arguments, **named))  # pyrefly: ignore[bad-argument-type]
        return estimates[-1]

    monkeypatch.setattr(time_estimates, "estimate_seconds", estimate_and_record)
    started_at = uploader.world.clock.time
    result = uploader.drop(folder, *options, "--wait", "--yes")
    assert (result.code, len(estimates)) == (0, 1), result.err
    return estimates[0], (uploader.world.clock.time - started_at).total_seconds()


@pytest.mark.parametrize("work_seconds", [2.0, 60.0])
@pytest.mark.parametrize(("first_count", "count"), [(1, 1), (1, 30), (3, 60), (30, 1), (60, 7)])
def test_estimate_is_within_a_factor_of_two(
    uploader: Uploader, monkeypatch: pytest.MonkeyPatch, work_seconds: float, first_count: int, count: int
) -> None:
    uploader.world.provider.default_behavior = CallBehavior(work_seconds=work_seconds)
    drop_folder(uploader, monkeypatch, "first", first_count, *PROMPT)
    advance(uploader.world, 60)
    estimate, seconds = drop_folder(uploader, monkeypatch, "second", count, *PROMPT)
    assert estimate is not None
    assert seconds / 2 <= estimate <= seconds * 2


def test_estimate_includes_the_wait_for_sidecars(uploader: Uploader, monkeypatch: pytest.MonkeyPatch) -> None:
    uploader.world.provider.default_behavior = CallBehavior(work_seconds=3)
    drop_folder(uploader, monkeypatch, "first", 1, *PROMPT)
    uploader.write("second/_backdrop.json", {"prompt": "at sea"})
    estimate, seconds = drop_folder(uploader, monkeypatch, "second", 5)
    assert seconds > 20
    assert estimate == pytest.approx(seconds, rel=0.5)


@pytest.mark.parametrize(("first_count", "count"), [(12, 1), (12, 20), (12, 80), (40, 3)])
def test_estimate_on_a_slow_machine_is_within_a_factor_of_two(
    uploader: Uploader, monkeypatch: pytest.MonkeyPatch, first_count: int, count: int
) -> None:
    world = uploader.world
    world.transport.add_latency = lambda service, _: world.clock.sleep(0.0 if service == "provider" else 1.0)
    world.provider.default_behavior = CallBehavior(work_seconds=1)
    drop_folder(uploader, monkeypatch, "first", first_count, *PROMPT)
    estimate, seconds = drop_folder(uploader, monkeypatch, "second", count, *PROMPT)
    assert estimate is not None
    assert seconds / 2 <= estimate <= seconds * 2


def test_no_estimate_is_shown_before_a_call_was_measured(uploader: Uploader) -> None:
    uploader.write("shoes/red.jpg")
    assert "time unknown until the first pictures" in uploader.drop("shoes", *PROMPT, "--wait").out
    uploader.write("hats/red.jpg")
    result = uploader.drop("hats", *PROMPT)
    assert (" s after the upload" in result.out, "unknown" in result.out) == (True, False)
