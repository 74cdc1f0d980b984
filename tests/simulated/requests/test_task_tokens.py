"""Task tokens: each is answered once and correctly when all jobs of its request have ended."""

import json
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.image_request import CallbackOutcome
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from backdrop.operate.redrive import FailureFilter
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.simulated_step_functions import TaskResponse
from simulation.world.transport import TargetedFault
from tests.simulated.content_waits import (
    TOKEN,
    count_answer_attempts,
    is_waiting,
    list_image_requests,
    read_task_response,
    send_task_request,
    send_to_intake,
    world_with_waiting_task,
)
from tests.simulated.reconcile.test_dead_letters import list_letter_codes
from tests.simulated.simulated_days import deliver_meanwhile, list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job
from tests.simulated.uploads_and_requests import (
    BEACH,
    FOREST,
    REMOVE,
    count_paid_calls,
    send_request,
    upload_unique_photo,
)

REFUSES, WITHHOLDS = build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST), CallBehavior(unsafe_count=1)
SKIPPED = ["shoes/red.jpg.json", "_backdrop.json", "shoes/", "notes.txt", ".DS_Store"]
DAMAGED: list[dict[str, Any]] = [
    {"bucket": "others"},
    {"bucket": None},
    {"key": ""},
    {"key": 7},
    {"key": "x" * 2000},
    {"key": "\ud800"},
    {"prompt": "x"},
    {"campaign": "no name!"},
    {"execution": "x" * 300},
]


# -- successful ends ----------------------------------------------------------------------------------------------


def test_task_receives_its_jobs_as_in_the_receipt() -> None:
    world = world_with_waiting_task(**REMOVE)
    world.run_until_empty()
    receipt = world.read_receipt(KEY)
    assert receipt
    assert read_task_response(world) == TaskResponse(output=receipt)
    assert (receipt["total_usd"], list_image_requests(world)[0].outcome) == (0.01, CallbackOutcome.SUCCESS)
    assert_at_rest(world)


def test_task_receives_only_its_own_jobs() -> None:
    world = World()
    upload_unique_photo(world, KEY, operation="remove")
    world.run_until_empty()
    send_task_request(world, **BEACH)
    world.run_until_empty()
    assert [job["operation"] for job in read_task_response(world).output["jobs"]] == ["replace"]


def test_request_for_an_ended_job_is_answered_at_once() -> None:
    world = World()
    upload_unique_photo(world, KEY, operation="remove")
    world.run_until_empty()
    send_task_request(world, **REMOVE)
    world.run_until_empty()
    assert (read_task_response(world).output["jobs"][0]["status"], count_paid_calls(world)) == ("stored", 1)


def test_request_for_variants_waits_for_all_of_them() -> None:
    world = world_with_waiting_task(variants={"beach": BEACH, "forest": FOREST})
    world.run_until_empty("intake")
    world.deliver_next("ideogram")
    world.run_until_empty("deliver")
    assert sorted(job.status for job in world.list_jobs()) == [JobStatus.ACCEPTED, JobStatus.STORED]
    assert is_waiting(world)
    world.run_until_empty()
    assert [job["status"] for job in read_task_response(world).output["jobs"]] == ["stored", "stored"]


def test_several_tasks_waiting_for_one_job_are_each_answered() -> None:
    world = world_with_waiting_task(**REMOVE)
    tokens = [TOKEN, "another", "a third"]
    for token in tokens[1:]:
        send_task_request(world, token=token, **REMOVE)
    world.run_until_empty()
    assert [read_task_response(world, token).output["total_usd"] for token in tokens] == [0.01] * 3
    assert (count_answer_attempts(world), count_paid_calls(world)) == (3, 1)


def test_request_handled_during_a_delivery_waits_for_its_job() -> None:
    world = world_with_waiting_task(**REMOVE)
    world.run_until_empty()
    send_task_request(world, token="again", **REMOVE)
    world.deliver_next("intake")
    send_task_request(world, token="late", **BEACH)
    late = TargetedFault(
        deliver_meanwhile(world, "intake"), "query", matches=lambda call: "asked#" in json.dumps(call.request)
    )
    world.transport.faults_before.append(late)
    world.deliver_next("deliver")
    assert (late.hit_count, is_waiting(world, "again"), is_waiting(world, "late")) == (1, False, True)
    world.run_until_empty()
    assert [job["instructions"]["prompt"] for job in read_task_response(world, "late").output["jobs"]] == [
        BEACH["prompt"]
    ]


# -- failed ends --------------------------------------------------------------------------------------------------


def test_refused_request_fails_with_its_code_and_every_error() -> None:
    world = world_with_waiting_task(promt="x", seed="y")
    world.run_until_empty()
    assert read_task_response(world).error in ("unknown_field", "invalid_value")
    assert sorted(one["code"] for one in read_task_response(world).cause) == ["invalid_value", "unknown_field"]
    assert (count_paid_calls(world), list_image_requests(world)[0].outcome) == (0, CallbackOutcome.FAILURE)


def test_request_for_a_missing_photo_fails() -> None:
    world = World()
    send_task_request(world, **REMOVE)
    world.run_until_empty()
    assert (read_task_response(world).error, list_report_codes(world, KEY)) == ("photo_not_found", ["photo_not_found"])


@pytest.mark.parametrize(("answer", "code"), [(REFUSES, "unsafe_request"), (WITHHOLDS, "unsafe_result")])
def test_failed_job_fails_its_task_with_code_and_cost(answer: CallBehavior, code: str) -> None:
    world = world_with_waiting_task(**REMOVE)
    world.provider.script.append(answer)
    world.run_until_empty()
    (error,) = read_task_response(world).cause
    assert (read_task_response(world).error, error["code"], error["job_id"]) == (
        code,
        code,
        find_only_job(world).job_id,
    )
    assert error["money"] == find_only_job(world).money


def test_task_with_a_refused_variant_fails_after_the_others() -> None:
    world = world_with_waiting_task(variants={"beach": BEACH, "dear": {**FOREST, "max_cost_usd": 0.001}})
    world.run_until_empty("intake", "deliver")
    assert is_waiting(world)
    world.run_until_empty()
    assert (
        read_task_response(world).error,
        read_task_response(world).cause[0]["variant"],
        count_paid_calls(world),
    ) == ("max_cost_exceeded", "dear", 1)


def test_task_of_a_superseded_job_receives_that_reason() -> None:
    world = world_with_waiting_task(**BEACH)
    send_request(world, KEY, **FOREST)
    world.run_until_empty()
    assert (read_task_response(world).error, read_task_response(world).cause[0]["status"]) == (
        "superseded",
        "superseded",
    )


def test_task_of_a_deleted_photo_receives_that_reason() -> None:
    world = world_with_waiting_task(**BEACH)
    world.run_until_empty("intake")
    world.delete_file(KEY)
    world.run_until_empty()
    assert (read_task_response(world).error, count_paid_calls(world)) == ("cancelled", 0)


def test_redrive_does_not_answer_a_request_again() -> None:
    world = world_with_waiting_task(**REMOVE)
    world.provider.script.append(REFUSES)
    world.run_until_empty()
    orders = world.steps.redrive()
    (failure,) = orders.list_failures(FailureFilter())
    assert orders.redrive(orders.plan(failure, pay_again=False))
    world.run_until_empty()
    assert (find_only_job(world).status, read_task_response(world).error, count_answer_attempts(world)) == (
        JobStatus.STORED,
        "unsafe_request",
        1,
    )


# -- keys that are not images, and malformed requests -------------------------------------------------------------


@pytest.mark.parametrize("key", SKIPPED)
def test_key_that_is_not_an_image_is_skipped_without_a_report(key: str) -> None:
    world = World()
    send_task_request(world, key, **REMOVE)
    world.run_until_empty()
    output = read_task_response(world).output
    assert (output["jobs"], output["total_usd"], output["source"]["key"]) == ([], 0, key)
    assert output["skipped"] == str(list_image_requests(world)[0].skip_reason)
    assert (world.read_report(key), world.read_receipt(key), world.dead_letter_queue.messages) == (None, None, [])


@pytest.mark.parametrize("changes", DAMAGED, ids=str)
def test_malformed_request_is_answered_without_a_dead_letter(changes: dict[str, Any]) -> None:
    world = World()
    world.step_functions.issue_token(TOKEN)
    send_to_intake(world, {"bucket": INPUT_BUCKET, "key": KEY, "instructions": REMOVE, "task_token": TOKEN} | changes)
    world.run_until_empty()
    assert (read_task_response(world).error, len(read_task_response(world).cause)) == ("damaged_message", 1)
    assert not world.dead_letter_queue.messages


def test_task_is_answered_if_its_instructions_are_no_object() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.step_functions.issue_token(TOKEN)
    send_to_intake(world, {"bucket": INPUT_BUCKET, "key": KEY, "instructions": "remove", "task_token": TOKEN})
    world.run_until_empty()
    assert read_task_response(world).error == "invalid_value"
    assert not world.dead_letter_queue.messages


@pytest.mark.parametrize("token", [None, 7, "", "x" * 3000], ids=["none", "number", "empty", "long"])
def test_malformed_request_without_a_token_becomes_a_dead_letter(token: Any) -> None:
    world = World()
    send_to_intake(world, {"bucket": "others", "key": KEY, "instructions": REMOVE, "task_token": token})
    world.run_until_empty()
    assert list_letter_codes(world) == ["damaged_message"]
