"""An execution that stops while its lane is paused: reconcile cancels the jobs that have no other request."""

import pytest

from backdrop.model.job import JobStatus
from backdrop.reconcile import service
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import build_charged_hang_up
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, crash_worker
from tests.simulated.content_waits import is_waiting, read_task_response, request_after_status_read, send_task_request
from tests.simulated.simulated_days import list_pause_reasons, pass_time, run_reconcile
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job, replay_with_crashes
from tests.simulated.uploads_and_requests import REMOVE, count_paid_calls, send_request

RECONCILE_SECONDS = 300


def list_keys(photos: int) -> list[str]:
    return [KEY, *(f"shoes/{n}.jpg" for n in range(1, photos))]


def build_token(key: str = KEY) -> str:
    return f"the token of {key}"


def world_with_requested_jobs(photos: int = 1, *, budget: int = 10**9) -> tuple[World, str]:
    """Returns a world with jobs in their lane that one execution requested, and its ARN."""
    world = World(budget=budget)
    arn = world.step_functions.start_execution("one")
    for key in list_keys(photos):
        world.upload_photo(key, build_photo(key))
        world.run_until_empty("intake")
        send_task_request(world, key, build_token(key), arn=arn, **REMOVE)
    world.run_until_empty("intake", "deliver")
    return world, arn


def world_with_paused_lane(photos: int = 1) -> tuple[World, str]:
    """Returns the same world after a person has paused the lane."""
    world, arn = world_with_requested_jobs(photos)
    world.pause_lane()
    return world, arn


def count_execution_reads(world: World) -> int:
    """Returns how often the execution was read from Step Functions."""
    return sum(call.operation == "describe_execution" for call in world.transport.calls)


def list_statuses(world: World, photos: int) -> list[str]:
    return [find_only_job(world, key).status.value for key in list_keys(photos)]


def test_job_of_stopped_execution_ends_in_a_paused_lane() -> None:
    world, arn = world_with_paused_lane()
    world.step_functions.stop_execution(arn)
    pass_time(world, 2 * RECONCILE_SECONDS)
    assert (list_pause_reasons(world), find_only_job(world).status, count_paid_calls(world)) == (
        ["person"],
        JobStatus.CANCELLED,
        0,
    )
    assert read_task_response(world, build_token()).error == "cancelled"
    world.resume_lane()
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.CANCELLED, 0)
    assert_at_rest(world)


def test_job_of_a_stopped_execution_ends_despite_spent_budget() -> None:
    world, arn = world_with_requested_jobs(2, budget=10_000)
    pass_time(world, RECONCILE_SECONDS)
    assert list_pause_reasons(world) == ["budget"]
    world.step_functions.stop_execution(arn)
    pass_time(world, 2 * RECONCILE_SECONDS)
    assert (sorted(list_statuses(world, 2)), count_paid_calls(world)) == (["cancelled", "stored"], 1)
    assert not any(is_waiting(world, build_token(key)) for key in list_keys(2))
    assert_at_rest(world)


def test_lost_call_of_a_stopped_execution_is_not_repeated() -> None:
    world, arn = world_with_requested_jobs()
    world.provider.script.append(build_charged_hang_up())
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))
    world.deliver_next("ideogram")
    assert find_only_job(world).status is JobStatus.UNKNOWN
    world.step_functions.stop_execution(arn)
    pass_time(world, 3600)
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (JobStatus.HELD, 1)
    assert_at_rest(world)


def test_paused_lane_keeps_jobs_of_a_running_execution() -> None:
    world, _ = world_with_paused_lane()
    pass_time(world, 2 * RECONCILE_SECONDS)
    assert (find_only_job(world).status, is_waiting(world, build_token())) == (JobStatus.ACCEPTED, True)


def test_paused_lane_keeps_jobs_with_another_request() -> None:
    world, arn = world_with_paused_lane()
    send_request(world, KEY, **REMOVE)
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    pass_time(world, 2 * RECONCILE_SECONDS)
    assert find_only_job(world).status is JobStatus.ACCEPTED


def test_execution_that_requests_a_job_being_canceled_gets_it() -> None:
    world, arn = world_with_paused_lane()
    world.step_functions.stop_execution(arn)

    late = request_after_status_read(world, **REMOVE)
    pass_time(world, 2 * RECONCILE_SECONDS)
    assert (late.hit_count, find_only_job(world).status) == (1, JobStatus.ACCEPTED)
    world.resume_lane()
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world), read_task_response(world, "another").error) == (
        JobStatus.STORED,
        1,
        "",
    )


def test_stop_during_a_pause_is_reported_despite_any_crash() -> None:
    def stop_execution() -> World:
        world, arn = world_with_paused_lane()
        world.step_functions.stop_execution(arn)
        return world

    hit_count = 0
    for _, world in replay_with_crashes(stop_execution, lambda world: pass_time(world, RECONCILE_SECONDS)):
        hit_count += 1
        pass_time(world, 3 * RECONCILE_SECONDS)
        assert find_only_job(world).status is JobStatus.CANCELLED
        assert read_task_response(world, build_token()).error == "cancelled"
        world.resume_lane()
        world.run_until_empty()
        assert count_paid_calls(world) == 0
        assert_at_rest(world)
    assert hit_count > 8


def test_run_reads_an_execution_once_for_all_its_jobs() -> None:
    world, _ = world_with_paused_lane(4)
    slow = TargetedFault(lambda _: world.clock.sleep(3), "query", times=1000)
    world.transport.faults_after.append(slow)
    run_reconcile(world)
    assert (slow.hit_count > 8, count_execution_reads(world)) == (True, 1)
    pass_time(world, RECONCILE_SECONDS)
    assert count_execution_reads(world) == 2


def test_running_lane_causes_no_reads_of_executions() -> None:
    world, _ = world_with_requested_jobs(2)
    run_reconcile(world)
    assert count_execution_reads(world) == 0


def test_run_has_a_job_limit_and_the_next_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_SCANNED_ITEMS", 2)
    world, arn = world_with_paused_lane(4)
    world.step_functions.stop_execution(arn)
    run_reconcile(world)
    assert list_statuses(world, 4).count("cancelled") == 2
    run_reconcile(world)
    assert list_statuses(world, 4).count("cancelled") == 4
