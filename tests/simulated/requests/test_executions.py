"""Jobs that only executions requested: once the last execution has stopped, they are canceled without a charge."""

from collections.abc import Callable
from typing import Any

import pytest

from backdrop.aws.step_functions import ExecutionMonitor
from backdrop.model.job import JobStatus
from backdrop.operate.redrive import FailureFilter
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error, lose_response, raise_throttle
from tests.simulated.content_waits import (
    list_image_requests,
    read_task_response,
    request_after_status_read,
    send_task_request,
)
from tests.simulated.simulated_days import TWO_RUNS, list_report_codes, pass_time
from tests.simulated.stage_worlds import KEY, REJECTED, assert_at_rest, find_only_job, replay_with_crashes
from tests.simulated.uploads_and_requests import (
    BEACH,
    REMOVE,
    count_paid_calls,
    redeliver_events,
    send_request,
    send_rerun,
    upload_unique_photo,
)


def world_with_execution(**instructions: Any) -> tuple[World, str]:
    """Returns a world with a photo in its lane that an execution requested, and the execution's ARN."""
    world = World()
    upload_unique_photo(world, KEY)
    world.run_until_empty("intake")
    arn = world.step_functions.start_execution("one")
    send_task_request(world, arn=arn, **(instructions or REMOVE))
    world.run_until_empty("intake", "deliver")
    assert find_only_job(world).is_execution_scoped
    return world, arn


def test_job_of_a_stopped_execution_ends_canceled_and_unpaid() -> None:
    world, arn = world_with_execution()
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world), list_report_codes(world, KEY)) == (
        JobStatus.CANCELLED,
        0,
        [],
    )
    assert read_task_response(world).error == "cancelled"
    assert_at_rest(world)


def test_job_of_a_running_execution_is_bought() -> None:
    world, _ = world_with_execution()
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.STORED, 1)


def test_job_paid_when_its_execution_stops_is_delivered() -> None:
    world, arn = world_with_execution()
    world.run_until_empty("ideogram")
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (find_only_job(world).status, read_task_response(world).output["total_usd"]) == (JobStatus.STORED, 0.01)


@pytest.mark.parametrize("stopped", [1, 2])
def test_job_is_bought_while_one_execution_needs_it(stopped: int) -> None:
    world, first = world_with_execution()
    second = world.step_functions.start_execution("two")
    send_task_request(world, token="another", arn=second, **REMOVE)
    world.run_until_empty("intake", "deliver")
    for arn in (first, second)[:stopped]:
        world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert count_paid_calls(world) == (1 if stopped == 1 else 0)
    assert all(one.answered_at for one in list_image_requests(world))


def test_stop_is_reported_after_a_crash_at_any_call() -> None:
    def stop_execution() -> World:
        world, arn = world_with_execution()
        world.step_functions.stop_execution(arn)
        return world

    hit_count = 0
    for _, world in replay_with_crashes(stop_execution, lambda world: pass_time(world, 1800), TWO_RUNS):
        hit_count += 1
        assert (find_only_job(world).status, count_paid_calls(world), read_task_response(world).error) == (
            JobStatus.CANCELLED,
            0,
            "cancelled",
        )
        assert_at_rest(world)
    assert hit_count > 8


def test_execution_that_requests_a_job_being_canceled_gets_it() -> None:
    world, arn = world_with_execution()
    world.step_functions.stop_execution(arn)

    late = request_after_status_read(world, **REMOVE)
    world.run_until_empty()
    assert (late.hit_count, find_only_job(world).status, count_paid_calls(world)) == (1, JobStatus.STORED, 1)
    assert read_task_response(world, "another").output["total_usd"] == 0.01
    assert_at_rest(world)


# -- jobs with other requests -------------------------------------------------------------------------------------


def send_plain_request(world: World) -> None:
    send_request(world, KEY, **REMOVE)


def send_another_request(world: World) -> None:
    send_task_request(world, token="another", **REMOVE)


def add_sidecar(world: World) -> None:
    world.upload_sidecar(KEY, **REMOVE)


def upload_tagged(world: World) -> None:
    upload_unique_photo(world, KEY, operation="remove")


def rerun_by_person(world: World) -> None:
    world.upload_sidecar(KEY, **REMOVE)
    world.queues["intake"].messages.clear()
    send_rerun(world, KEY)


@pytest.mark.parametrize(
    "act",
    [send_plain_request, send_another_request, add_sidecar, upload_tagged, rerun_by_person],
    ids=lambda act: act.__name__,
)
def test_job_with_another_request_is_bought(act: Callable[[World], None]) -> None:
    world, arn = world_with_execution()
    act(world)
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.STORED, 1)


def test_execution_after_another_request_does_not_end_it() -> None:
    world = World()
    upload_unique_photo(world, KEY, operation="remove")
    world.run_until_empty("intake")
    arn = world.step_functions.start_execution("one")
    send_task_request(world, arn=arn, **REMOVE)
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.STORED, 1)


def test_photo_whose_own_event_is_late_is_bought() -> None:
    world = World()
    upload_unique_photo(world, KEY, operation="remove")
    mine = list(world.queues["intake"].messages)
    world.queues["intake"].messages.clear()
    arn = world.step_functions.start_execution("one")
    send_task_request(world, arn=arn)
    world.run_until_empty("intake")
    world.queues["intake"].messages += mine
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.STORED, 1)


def test_repeated_event_does_not_reopen_a_canceled_job() -> None:
    world = World()
    upload_unique_photo(world, KEY, operation="remove")
    redeliver_events(world, KEY)
    mine = list(world.queues["intake"].messages)
    world.queues["intake"].messages.clear()
    arn = world.step_functions.start_execution("one")
    send_task_request(world, arn=arn)
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    world.queues["intake"].messages += mine
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.CANCELLED, 0)


def test_repeated_event_without_instructions_reopens_no_job() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    redeliver_events(world, KEY)
    *_, second = world.queues["intake"].messages
    world.queues["intake"].messages.remove(second)
    world.run_until_empty("intake")
    arn = world.step_functions.start_execution("one")
    send_task_request(world, arn=arn, **REMOVE)
    world.run_until_empty("intake")
    world.queues["intake"].messages.append(second)
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.CANCELLED, 0)


# -- after the final status ---------------------------------------------------------------------------------------


def test_reopened_job_is_canceled_by_a_later_stop() -> None:
    world, arn = world_with_execution()
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    second = world.step_functions.start_execution("two")
    send_task_request(world, token="another", arn=second, **REMOVE)
    world.run_until_empty("intake")
    assert find_only_job(world).is_execution_scoped
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world), read_task_response(world).error) == (
        JobStatus.STORED,
        1,
        "cancelled",
    )


def test_job_that_a_person_redrives_ignores_its_execution() -> None:
    world, arn = world_with_execution(**BEACH)
    world.provider.script.append(CallBehavior(accepts_work=False, result=REJECTED))
    world.run_until_empty()
    world.step_functions.stop_execution(arn)
    orders = world.steps.redrive()
    (failure,) = orders.list_failures(FailureFilter())
    assert orders.redrive(orders.plan(failure, pay_again=False))
    assert not find_only_job(world).is_execution_scoped
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED


# -- reading an execution's status --------------------------------------------------------------------------------


def deny(call: ServiceCall) -> None:
    raise build_client_error("AccessDeniedException", call.operation, 400)


@pytest.mark.parametrize("fault", [deny, raise_throttle, lose_response], ids=lambda fault: fault.__name__)
def test_unreadable_execution_counts_as_running(fault: Callable[[ServiceCall], None]) -> None:
    world, arn = world_with_execution()
    world.step_functions.stop_execution(arn)
    targeted_fault = TargetedFault(fault, "describe_execution")
    world.transport.faults_before.append(targeted_fault)
    world.run_until_empty()
    assert (targeted_fault.hit_count, count_paid_calls(world)) == (1, 1)


@pytest.mark.parametrize(
    ("arn", "runs"),
    [
        ("arn:aws:states:eu-central-1:000000000000:execution:shop:never", False),
        ("arn:aws:states:us-east-1:000000000000:execution:shop:never", True),
        ("whatever", True),
    ],
)
def test_missing_execution_has_stopped_and_foreign_one_is_unknown(arn: str, runs: bool) -> None:
    world = World()
    states: Any = world.step_functions
    assert ExecutionMonitor(states, world.clock).is_running(arn) is runs


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_execution_with_any_final_status_has_stopped(status: str) -> None:
    world = World()
    states: Any = world.step_functions
    arn = world.step_functions.start_execution("one")
    executions = ExecutionMonitor(states, world.clock)
    assert executions.is_running(arn)
    world.step_functions.executions[arn] = status
    world.clock.sleep(6)
    assert not executions.is_running(arn)


def test_execution_is_read_at_most_once_in_five_seconds() -> None:
    world = World()
    states: Any = world.step_functions
    arn = world.step_functions.start_execution("one")
    executions = ExecutionMonitor(states, world.clock)
    for _ in range(20):
        assert executions.is_running(arn)
        world.clock.sleep(1)
    assert sum(call.operation == "describe_execution" for call in world.transport.calls) == 4


def test_jobs_with_other_requests_read_no_executions() -> None:
    world = World()
    upload_unique_photo(world, KEY, operation="remove")
    send_task_request(world, **REMOVE)
    world.run_until_empty()
    assert not [call for call in world.transport.calls if call.operation == "describe_execution"]
    assert count_paid_calls(world) == 1
