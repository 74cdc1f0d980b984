"""Jobs that only executions requested: once the last execution has stopped, they end cancelled, and nothing is paid."""

from collections.abc import Callable
from typing import Any

import pytest

from backdrop.aws.step_functions import ExecutionMonitor
from backdrop.model.job import JobStatus
from backdrop.operate.redrive import FailureFilter
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error, lose_response, raise_throttle
from tests.simulated.days import codes, pass_time
from tests.simulated.simulation import KEY, REJECTED, after_each_crash, assert_at_rest, the_job
from tests.simulated.waiters import another_asks, asked, heard, wait_for
from tests.simulated.wishes import BEACH, REMOVE, again, ask, bought, repeated, said


def started(**wish: Any) -> tuple[World, str]:
    """Returns a world with a photo in its lane that an execution requested, and the execution's ARN."""
    world = World()
    said(world, KEY)
    world.run_until_empty("intake")
    arn = world.step_functions.start_execution("one")
    wait_for(world, arn=arn, **(wish or REMOVE))
    world.run_until_empty("intake", "deliver")
    assert the_job(world).is_execution_scoped
    return world, arn


def test_job_of_a_stopped_execution_ends_cancelled_and_unpaid() -> None:
    world, arn = started()
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (the_job(world).status, bought(world), codes(world, KEY)) == (JobStatus.CANCELLED, 0, [])
    assert heard(world).error == "cancelled"
    assert_at_rest(world)


def test_job_of_a_running_execution_is_bought() -> None:
    world, _ = started()
    world.run_until_empty()
    assert (the_job(world).status, bought(world)) == (JobStatus.STORED, 1)


def test_job_paid_when_its_execution_stops_is_delivered() -> None:
    world, arn = started()
    world.run_until_empty("ideogram")
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (the_job(world).status, heard(world).output["total_usd"]) == (JobStatus.STORED, 0.01)


@pytest.mark.parametrize("stopped", [1, 2])
def test_job_is_bought_while_one_execution_needs_it(stopped: int) -> None:
    world, first = started()
    second = world.step_functions.start_execution("two")
    wait_for(world, token="another", arn=second, **REMOVE)
    world.run_until_empty("intake", "deliver")
    for arn in (first, second)[:stopped]:
        world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert bought(world) == (1 if stopped == 1 else 0)
    assert all(one.answered_at for one in asked(world))


def test_stop_is_reported_after_a_crash_at_any_call() -> None:
    def stopped() -> World:
        world, arn = started()
        world.step_functions.stop_execution(arn)
        return world

    struck = 0
    for _, world in after_each_crash(stopped, lambda world: pass_time(world, 3600)):
        struck += 1
        assert (the_job(world).status, bought(world), heard(world).error) == (JobStatus.CANCELLED, 0, "cancelled")
        assert_at_rest(world)
    assert struck > 8


def test_execution_requesting_a_job_being_cancelled_gets_it() -> None:
    world, arn = started()
    world.step_functions.stop_execution(arn)

    late = another_asks(world, **REMOVE)
    world.run_until_empty()
    assert (late.hit_count, the_job(world).status, bought(world)) == (1, JobStatus.STORED, 1)
    assert heard(world, "another").output["total_usd"] == 0.01
    assert_at_rest(world)


# -- jobs with other requests -------------------------------------------------------------------------------------


def a_request(world: World) -> None:
    ask(world, KEY, **REMOVE)


def a_request_of_its_own(world: World) -> None:
    wait_for(world, token="another", **REMOVE)


def a_sidecar(world: World) -> None:
    world.upload_sidecar(KEY, **REMOVE)


def the_same_bytes_with_tags(world: World) -> None:
    said(world, KEY, operation="remove")


def a_person(world: World) -> None:
    world.upload_sidecar(KEY, **REMOVE)
    world.queues["intake"].messages.clear()
    again(world, KEY)


@pytest.mark.parametrize(
    "act",
    [a_request, a_request_of_its_own, a_sidecar, the_same_bytes_with_tags, a_person],
    ids=lambda act: act.__name__,
)
def test_job_with_another_request_is_bought(act: Callable[[World], None]) -> None:
    world, arn = started()
    act(world)
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (the_job(world).status, bought(world)) == (JobStatus.STORED, 1)


def test_execution_after_another_request_does_not_end_it() -> None:
    world = World()
    said(world, KEY, operation="remove")
    world.run_until_empty("intake")
    arn = world.step_functions.start_execution("one")
    wait_for(world, arn=arn, **REMOVE)
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (the_job(world).status, bought(world)) == (JobStatus.STORED, 1)


def test_photo_whose_own_event_is_late_is_bought() -> None:
    world = World()
    said(world, KEY, operation="remove")
    mine = list(world.queues["intake"].messages)
    world.queues["intake"].messages.clear()
    arn = world.step_functions.start_execution("one")
    wait_for(world, arn=arn)
    world.run_until_empty("intake")
    world.queues["intake"].messages += mine
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (the_job(world).status, bought(world)) == (JobStatus.STORED, 1)


def test_repeated_event_does_not_revive_a_cancelled_job() -> None:
    world = World()
    said(world, KEY, operation="remove")
    repeated(world, KEY)
    mine = list(world.queues["intake"].messages)
    world.queues["intake"].messages.clear()
    arn = world.step_functions.start_execution("one")
    wait_for(world, arn=arn)
    world.run_until_empty("intake")
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    world.queues["intake"].messages += mine
    world.run_until_empty()
    assert (the_job(world).status, bought(world)) == (JobStatus.CANCELLED, 0)


def test_repeated_event_of_a_photo_without_instructions_revives_nothing() -> None:
    world = World()
    said(world, KEY)
    repeated(world, KEY)
    *_, second = world.queues["intake"].messages
    world.queues["intake"].messages.remove(second)
    world.run_until_empty("intake")
    arn = world.step_functions.start_execution("one")
    wait_for(world, arn=arn, **REMOVE)
    world.run_until_empty("intake")
    world.queues["intake"].messages.append(second)
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    assert (the_job(world).status, bought(world)) == (JobStatus.CANCELLED, 0)


# -- after the end ------------------------------------------------------------------------------------------------


def test_revived_job_is_cancelled_by_a_later_stop() -> None:
    world, arn = started()
    world.step_functions.stop_execution(arn)
    world.run_until_empty()
    second = world.step_functions.start_execution("two")
    wait_for(world, token="another", arn=second, **REMOVE)
    world.run_until_empty("intake")
    assert the_job(world).is_execution_scoped
    world.run_until_empty()
    assert (the_job(world).status, bought(world), heard(world).error) == (JobStatus.STORED, 1, "cancelled")


def test_job_that_a_person_redrives_ignores_its_execution() -> None:
    world, arn = started(**BEACH)
    world.provider.script.append(CallBehavior(accepts_work=False, result=REJECTED))
    world.run_until_empty()
    world.step_functions.stop_execution(arn)
    orders = world.steps.redrive()
    (failure,) = orders.list_failures(FailureFilter())
    assert orders.redrive(orders.plan(failure, pay_again=False))
    assert not the_job(world).is_execution_scoped
    world.run_until_empty()
    assert the_job(world).status is JobStatus.STORED


# -- reading an execution's status --------------------------------------------------------------------------------


def denied(call: ServiceCall) -> None:
    raise build_client_error("AccessDeniedException", call.operation, 400)


@pytest.mark.parametrize("fault", [denied, raise_throttle, lose_response], ids=lambda fault: fault.__name__)
def test_unreadable_execution_counts_as_running(fault: Callable[[ServiceCall], None]) -> None:
    world, arn = started()
    world.step_functions.stop_execution(arn)
    strike = TargetedFault(fault, "describe_execution")
    world.transport.faults_before.append(strike)
    world.run_until_empty()
    assert (strike.hit_count, bought(world)) == (1, 1)


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
    said(world, KEY, operation="remove")
    wait_for(world, **REMOVE)
    world.run_until_empty()
    assert not [call for call in world.transport.calls if call.operation == "describe_execution"]
    assert bought(world) == 1
