"""An execution that stops while its lane is paused: reconcile cancels the jobs that have no other request."""

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
    """Returns a world with jobs in their lane that one execution requested, and its ARN."""
    world = World(budget=budget)
    arn = world.step_functions.start_execution("one")
    for key in keys(photos):
        world.upload_photo(key, build_photo(key))
        world.run_until_empty("intake")
        wait_for(world, key, token(key), arn=arn, **REMOVE)
    world.run_until_empty("intake", "deliver")
    return world, arn


def behind_a_pause(photos: int = 1) -> tuple[World, str]:
    """Returns the same, after a person paused the lane."""
    world, arn = asked_for(photos)
    world.pause_lane()
    return world, arn


def looked_up(world: World) -> int:
    """Returns how often the execution was read from Step Functions."""
    return sum(call.operation == "describe_execution" for call in world.transport.calls)


def statuses(world: World, photos: int) -> list[str]:
    return [the_job(world, key).status.value for key in keys(photos)]


def test_job_of_stopped_execution_ends_in_a_paused_lane() -> None:
    world, arn = behind_a_pause()
    world.step_functions.stop_execution(arn)
    pass_time(world, 2 * A_ROUND)
    assert (reasons(world), the_job(world).status, bought(world)) == (["person"], JobStatus.CANCELLED, 0)
    assert heard(world, token()).error == "cancelled"
    world.resume_lane()
    world.run_until_empty()
    assert (the_job(world).status, bought(world)) == (JobStatus.CANCELLED, 0)
    assert_at_rest(world)


def test_job_of_a_stopped_execution_ends_despite_spent_budget() -> None:
    world, arn = asked_for(2, budget=10_000)
    pass_time(world, A_ROUND)
    assert reasons(world) == ["budget"]
    world.step_functions.stop_execution(arn)
    pass_time(world, 2 * A_ROUND)
    assert (sorted(statuses(world, 2)), bought(world)) == (["cancelled", "stored"], 1)
    assert not any(waits(world, token(key)) for key in keys(2))
    assert_at_rest(world)


def test_paused_lane_keeps_jobs_of_a_running_execution() -> None:
    world, _ = behind_a_pause()
    pass_time(world, 2 * A_ROUND)
    assert (the_job(world).status, waits(world, token())) == (JobStatus.ACCEPTED, True)


def test_paused_lane_keeps_jobs_with_another_request() -> None:
    world, arn = behind_a_pause()
    ask(world, KEY, **REMOVE)
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    pass_time(world, 2 * A_ROUND)
    assert the_job(world).status is JobStatus.ACCEPTED


def test_execution_requesting_a_job_being_cancelled_gets_it() -> None:
    world, arn = behind_a_pause()
    world.step_functions.stop_execution(arn)

    late = another_asks(world, **REMOVE)
    pass_time(world, 2 * A_ROUND)
    assert (late.hit_count, the_job(world).status) == (1, JobStatus.ACCEPTED)
    world.resume_lane()
    world.run_until_empty()
    assert (the_job(world).status, bought(world), heard(world, "another").error) == (JobStatus.STORED, 1, "")


def test_stop_behind_a_pause_is_reported_after_any_crash() -> None:
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


def test_run_reads_an_execution_once_for_all_its_jobs() -> None:
    world, _ = behind_a_pause(4)
    slow = TargetedFault(lambda _: world.clock.sleep(3), "query", times=1000)
    world.transport.faults_after.append(slow)
    set_right(world)
    assert (slow.hit_count > 8, looked_up(world)) == (True, 1)
    pass_time(world, A_ROUND)
    assert looked_up(world) == 2


def test_running_lane_causes_no_reads_of_executions() -> None:
    world, _ = asked_for(2)
    set_right(world)
    assert looked_up(world) == 0


def test_run_has_a_job_limit_and_the_next_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_SCANNED_ITEMS", 2)
    world, arn = behind_a_pause(4)
    world.step_functions.stop_execution(arn)
    set_right(world)
    assert statuses(world, 4).count("cancelled") == 2
    set_right(world)
    assert statuses(world, 4).count("cancelled") == 4
