"""Task tokens that accept no answer, and answers despite faults: each task is answered once and delays no others."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backdrop.model.image_request import CallbackOutcome
from backdrop.model.job import JobStatus
from backdrop.pipeline.image_requests import MAX_REMEMBERED_REQUESTS
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import World
from simulation.world.simulated_step_functions import TaskResponse
from simulation.world.transport import (
    FaultAction,
    ServiceCall,
    TargetedFault,
    build_client_error,
    crash_worker,
    lose_response,
    raise_throttle,
)
from tests.simulated.content_waits import (
    TOKEN,
    count_answer_attempts,
    is_waiting,
    list_image_requests,
    read_task_response,
    send_task_request,
    world_with_waiting_task,
)
from tests.simulated.reconcile.test_dead_letters import give_up_messages
from tests.simulated.simulated_days import DAY, TWO_RUNS, pass_time
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job, replay_with_crashes
from tests.simulated.uploads_and_requests import (
    BEACH,
    FOREST,
    REMOVE,
    REMOVED,
    count_paid_calls,
    send_request,
    upload_unique_photo,
)

WITHHOLDS = CallBehavior(unsafe_count=1)


def answers_task(token: str) -> Callable[[ServiceCall], bool]:
    """Matches the calls that answer a task."""
    return lambda call: call.request.get("taskToken") == token


def refuse_answers(code: str) -> FaultAction:
    """Step Functions refuses the answer."""

    def refuse(call: ServiceCall) -> None:
        raise build_client_error(code, call.operation, 400)

    return refuse


# -- invalid tokens -----------------------------------------------------------------------------------------------


def test_unknown_token_is_recorded_without_an_error() -> None:
    world = world_with_waiting_task(**REMOVE)
    world.step_functions.responses.clear()
    world.run_until_empty()
    assert (list_image_requests(world)[0].outcome, find_only_job(world).status, world.returned_messages) == (
        CallbackOutcome.UNDELIVERABLE,
        JobStatus.STORED,
        [],
    )
    assert_at_rest(world)


def test_used_token_is_recorded_and_not_tried_again() -> None:
    world = world_with_waiting_task(**REMOVE)
    send_task_request(world, token="another", **REMOVE)
    world.step_functions.responses["another"] = TaskResponse(error="used")
    world.run_until_empty()
    world.upload_sidecar(KEY, **FOREST)
    world.run_until_empty()
    assert ([one.outcome for one in list_image_requests(world)], count_answer_attempts(world)) == (
        [CallbackOutcome.SUCCESS, CallbackOutcome.UNDELIVERABLE],
        2,
    )


@pytest.mark.parametrize("code", ["InvalidOutput", "KmsAccessDeniedException", "KmsInvalidStateException"])
def test_token_that_accepts_no_answer_does_not_block_others(code: str) -> None:
    world = world_with_waiting_task(**REMOVE)
    send_task_request(world, token="another", **REMOVE)
    world.transport.faults_before.append(TargetedFault(refuse_answers(code), matches=answers_task(TOKEN), times=100))
    world.run_until_empty()
    assert (is_waiting(world), read_task_response(world, "another").output["total_usd"]) == (True, 0.01)
    assert {one.task_token: one.outcome for one in list_image_requests(world)} == {
        TOKEN: CallbackOutcome.UNDELIVERABLE,
        "another": CallbackOutcome.SUCCESS,
    }
    assert (count_answer_attempts(world), world.returned_messages) == (2, [])
    assert_at_rest(world)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "KmsThrottlingException"])
def test_temporarily_unanswerable_token_does_not_block_others(code: str) -> None:
    world = world_with_waiting_task(**REMOVE)
    send_task_request(world, token="another", **REMOVE)
    world.run_until_empty("intake", "deliver")
    world.run_until_empty("ideogram")
    fault = TargetedFault(refuse_answers(code), matches=answers_task(TOKEN), times=3)
    world.transport.faults_before.append(fault)
    world.deliver_next("deliver")
    assert (fault.hit_count, is_waiting(world), is_waiting(world, "another")) == (1, True, False)
    world.run_until_empty()
    assert (fault.hit_count, read_task_response(world).output["total_usd"], count_answer_attempts(world)) == (
        3,
        0.01,
        5,
    )
    assert_at_rest(world)


# -- faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["send_task_success", "transact_write_items"])
def test_task_is_answered_once_despite_a_lost_response(operation: str) -> None:
    world = world_with_waiting_task(**REMOVE)
    world.run_until_empty("intake", "ideogram")
    fault = TargetedFault(lose_response, operation, times=2)
    world.transport.faults_after.append(fault)
    world.run_until_empty()
    assert fault.hit_count
    assert read_task_response(world).output["total_usd"] == 0.01
    assert list_image_requests(world)[0].answered_at


def test_task_is_answered_after_step_functions_recovers() -> None:
    world = world_with_waiting_task(**REMOVE)
    fault = TargetedFault(raise_throttle, "send_task_success", times=5)
    world.transport.faults_before.append(fault)
    world.run_until_empty()
    assert (fault.hit_count, read_task_response(world).output["total_usd"], list_image_requests(world)[0].outcome) == (
        5,
        0.01,
        CallbackOutcome.SUCCESS,
    )
    assert_at_rest(world)


@pytest.mark.parametrize("instructions", [REMOVE, {"promt": "x"}], ids=["bought", "refused"])
def test_task_is_answered_after_a_crash_at_any_call(instructions: dict[str, Any]) -> None:
    hit_count = 0
    for _, world in replay_with_crashes(
        lambda: world_with_waiting_task(**instructions), lambda world: pass_time(world, 1800), TWO_RUNS
    ):
        hit_count += 1
        assert not is_waiting(world)
        assert list_image_requests(world)[0].answered_at
        assert bool(count_paid_calls(world)) is (instructions is REMOVE)
    assert hit_count > 5


@pytest.mark.parametrize(
    ("mine", "others", "stands"),
    [
        (CallbackOutcome.SUCCESS, CallbackOutcome.UNDELIVERABLE, CallbackOutcome.SUCCESS),
        (CallbackOutcome.UNDELIVERABLE, CallbackOutcome.SUCCESS, CallbackOutcome.SUCCESS),
        (CallbackOutcome.UNDELIVERABLE, CallbackOutcome.UNDELIVERABLE, CallbackOutcome.UNDELIVERABLE),
    ],
)
def test_recorded_answer_is_the_one_that_was_accepted(
    mine: CallbackOutcome, others: CallbackOutcome, stands: CallbackOutcome
) -> None:
    world = world_with_waiting_task(**REMOVE)
    world.run_until_empty("intake", "ideogram")
    if mine is CallbackOutcome.UNDELIVERABLE:
        world.step_functions.responses[TOKEN] = TaskResponse(error="used")

    def answer_meanwhile(_: ServiceCall) -> None:
        world.ledger.put_request(replace(list_image_requests(world)[0], answered_at=world.clock.now(), outcome=others))

    fault = TargetedFault(
        answer_meanwhile, "transact_write_items", matches=lambda call: '"outcome":' in json.dumps(call.request), times=1
    )
    world.transport.faults_before.append(fault)
    world.run_until_empty()
    assert (fault.hit_count, [one.outcome for one in list_image_requests(world)], count_answer_attempts(world)) == (
        1,
        [stands],
        1,
    )


@pytest.mark.parametrize("others", [0, MAX_REMEMBERED_REQUESTS + 5])
def test_redelivered_request_is_handled_and_answered_once(others: int) -> None:
    world = world_with_waiting_task(**REMOVE)
    (first,) = world.queues["intake"].messages
    world.run_until_empty()
    for n in range(others):
        send_request(world, KEY, **REMOVE, metadata={"n": n})
    world.run_until_empty()
    world.queues["intake"].messages.append(first)
    first.visible_at = world.clock.time
    world.run_until_empty()
    assert (
        [one.outcome for one in list_image_requests(world)],
        count_answer_attempts(world),
        count_paid_calls(world),
    ) == ([CallbackOutcome.SUCCESS], 1, 1)
    assert not world.queues["intake"].messages


def test_request_that_becomes_a_dead_letter_is_answered() -> None:
    world = World()
    upload_unique_photo(world, KEY, operation="remove")
    world.run_until_empty()
    send_task_request(world, **BEACH)
    give_up_messages(world, "intake")
    pass_time(world, 600)
    assert (read_task_response(world).error, count_paid_calls(world)) == ("message_given_up", 1)


def test_handled_request_that_becomes_a_dead_letter_gets_its_result() -> None:
    world = world_with_waiting_task(**REMOVE)
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items"))
    world.deliver_next("intake")
    world.transport.clear_faults()
    give_up_messages(world, "intake")
    pass_time(world, 4 * DAY, every=3600)
    assert (read_task_response(world).output["total_usd"], count_paid_calls(world)) == (0.01, 1)


def test_no_document_event_or_dead_letter_contains_a_token() -> None:
    world = world_with_waiting_task(**REMOVE)
    world.provider.script.append(WITHHOLDS)
    world.run_until_empty()
    shown = [world.read_receipt(KEY), world.read_report(KEY), [event.detail for event in world.bus.events]]
    letters = [(letter.body, letter.attributes) for letter in world.dead_letter_queue.messages]
    assert letters
    assert TOKEN not in json.dumps([shown, letters], default=str)


def test_stack_without_waiting_tasks_makes_no_additional_calls() -> None:
    world = World()
    upload_unique_photo(world, KEY, operation="remove")
    world.run_until_empty()
    queries = [call.request for call in world.transport.calls if call.operation == "query"]
    assert queries
    assert not any("asked#" in json.dumps(sent) for sent in queries)
    assert find_only_job(world).charged == REMOVED
