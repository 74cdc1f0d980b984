"""An execution that is stopped while its lane hands nothing out: reconcile calls off what nobody else wants."""

import pytest

from backdrop.model.job import JobStatus
from backdrop.reconcile import service
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault
from tests.simulated.days import pass_time, reasons, set_right
from tests.simulated.simulation import KEY, after_each_crash, assert_at_rest, the_job
from tests.simulated.waiters import another_asks, heard, wait_for, waits
from tests.simulated.wishes import REMOVE, ask, bought

A_ROUND = 300


def keys(photos: int) -> list[str]:
    return [KEY, *(f"shoes/{n}.jpg" for n in range(1, photos))]


def token(key: str = KEY) -> str:
    return f"the token of {key}"


def asked_for(photos: int = 1, *, budget: int = 10**9) -> tuple[World, str]:
    """A world with jobs in their lane that one execution had asked for; its ARN."""
    world = World(budget=budget)
    arn = world.step_functions.start_execution("one")
    for key in keys(photos):
        world.upload_photo(key, build_photo(key))
        world.run_until_empty("intake")
        wait_for(world, key, token(key), arn=arn, **REMOVE)
    world.run_until_empty("intake", "deliver")
    return world, arn


def behind_a_pause(photos: int = 1) -> tuple[World, str]:
    """The same, and a person paused the lane."""
    world, arn = asked_for(photos)
    world.pause_lane()
    return world, arn


def looked_up(world: World) -> int:
    """How often Step Functions was asked for an execution."""
    return sum(call.operation == "describe_execution" for call in world.transport.calls)


def statuses(world: World, photos: int) -> list[str]:
    return [the_job(world, key).status.value for key in keys(photos)]


def test_what_a_stopped_execution_wanted_ends_cancelled_though_its_lane_is_paused() -> None:
    world, arn = behind_a_pause()
    world.step_functions.stop_execution(arn)
    pass_time(world, 2 * A_ROUND)
    assert (reasons(world), the_job(world).status, bought(world)) == (["person"], JobStatus.CANCELLED, 0)
    assert heard(world, token()).error == "cancelled"
    world.resume_lane()
    world.run_until_empty()
    assert (the_job(world).status, bought(world)) == (JobStatus.CANCELLED, 0)
    assert_at_rest(world)


def test_what_a_stopped_execution_wanted_ends_cancelled_though_the_days_budget_is_spent() -> None:
    world, arn = asked_for(2, budget=10_000)
    pass_time(world, A_ROUND)
    assert reasons(world) == ["budget"]
    world.step_functions.stop_execution(arn)
    pass_time(world, 2 * A_ROUND)
    assert (sorted(statuses(world, 2)), bought(world)) == (["cancelled", "stored"], 1)
    assert not any(waits(world, token(key)) for key in keys(2))
    assert_at_rest(world)


def test_a_paused_lane_keeps_what_an_execution_that_runs_waits_for() -> None:
    world, _ = behind_a_pause()
    pass_time(world, 2 * A_ROUND)
    assert (the_job(world).status, waits(world, token())) == (JobStatus.ACCEPTED, True)


def test_a_paused_lane_keeps_what_somebody_else_wants_too() -> None:
    world, arn = behind_a_pause()
    ask(world, KEY, **REMOVE)
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    pass_time(world, 2 * A_ROUND)
    assert the_job(world).status is JobStatus.ACCEPTED


def test_an_execution_that_asks_for_what_reconcile_is_just_calling_off_gets_it() -> None:
    world, arn = behind_a_pause()
    world.step_functions.stop_execution(arn)

    late = another_asks(world, **REMOVE)
    pass_time(world, 2 * A_ROUND)
    assert (late.hit_count, the_job(world).status) == (1, JobStatus.ACCEPTED)
    world.resume_lane()
    world.run_until_empty()
    assert (the_job(world).status, bought(world), heard(world, "another").error) == (JobStatus.STORED, 1, "")


def test_a_stop_behind_a_pause_is_told_whichever_call_its_run_dies_after() -> None:
    def stopped() -> World:
        world, arn = behind_a_pause()
        world.step_functions.stop_execution(arn)
        return world

    struck = 0
    for _, world in after_each_crash(stopped, lambda world: pass_time(world, A_ROUND)):
        struck += 1
        pass_time(world, 3 * A_ROUND)
        assert (the_job(world).status, bought(world)) == (JobStatus.CANCELLED, 0)
        world.resume_lane()
        world.run_until_empty()
        assert (heard(world, token()).error, bought(world)) == ("cancelled", 0)
        assert_at_rest(world)
    assert struck > 8


def test_a_run_asks_once_for_an_execution_however_many_jobs_wait_for_it() -> None:
    world, _ = behind_a_pause(4)
    slow = TargetedFault(lambda _: world.clock.sleep(3), "query", times=1000)
    world.transport.faults_after.append(slow)
    set_right(world)
    assert (slow.hit_count > 8, looked_up(world)) == (True, 1)
    pass_time(world, A_ROUND)
    assert looked_up(world) == 2


def test_a_lane_that_hands_out_its_jobs_asks_nobody_about_executions() -> None:
    world, _ = asked_for(2)
    set_right(world)
    assert looked_up(world) == 0


def test_a_run_looks_at_so_many_jobs_and_the_next_goes_on_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_SCANNED_ITEMS", 2)
    world, arn = behind_a_pause(4)
    world.step_functions.stop_execution(arn)
    set_right(world)
    assert statuses(world, 4).count("cancelled") == 2
    set_right(world)
    assert statuses(world, 4).count("cancelled") == 4
