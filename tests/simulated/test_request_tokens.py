"""Task tokens: each is answered once, truthfully, when all jobs of its request have ended, whatever happens."""

import json
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.image_request import CallbackOutcome
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from backdrop.operate.redrive import FailureFilter
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.simulated_step_functions import TaskResponse
from simulation.world.transport import TargetedFault
from tests.simulated.days import codes, others_take
from tests.simulated.simulation import KEY, assert_at_rest, the_job
from tests.simulated.test_reconcile_letters import explained
from tests.simulated.waiters import TOKEN, asked, awaited, heard, send, tries, wait_for, waits
from tests.simulated.wishes import BEACH, FOREST, REMOVE, ask, bought, said

REFUSES, WITHHOLDS = build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST), CallBehavior(unsafe_count=1)
SKIPPED = ["shoes/red.jpg.json", "_backdrop.json", "shoes/", "notes.txt", ".DS_Store"]
DAMAGED: list[dict[str, Any]] = [
    {"bucket": "others"},
    {"bucket": None},
    {"key": ""},
    {"key": 7},
    {"key": "x" * 2000},
    {"key": "\ud800"},
    {"instructions": "remove"},
    {"prompt": "x"},
    {"campaign": "no name!"},
    {"execution": "x" * 300},
]


# -- good ends ----------------------------------------------------------------------------------------------------


def test_a_task_is_given_its_jobs_as_the_receipt_has_them() -> None:
    world = awaited(**REMOVE)
    world.run_until_empty()
    receipt = world.read_receipt(KEY)
    assert receipt
    assert heard(world) == TaskResponse(output=receipt)
    assert (receipt["total_usd"], asked(world)[0].outcome) == (0.01, CallbackOutcome.SUCCESS)
    assert_at_rest(world)


def test_a_task_is_told_of_its_own_jobs_alone() -> None:
    world = World()
    said(world, KEY, operation="remove")
    world.run_until_empty()
    wait_for(world, **BEACH)
    world.run_until_empty()
    assert [job["operation"] for job in heard(world).output["jobs"]] == ["replace"]


def test_a_job_that_has_ended_already_is_answered_at_once() -> None:
    world = World()
    said(world, KEY, operation="remove")
    world.run_until_empty()
    wait_for(world, **REMOVE)
    world.run_until_empty()
    assert (heard(world).output["jobs"][0]["status"], bought(world)) == ("stored", 1)


def test_a_request_for_variants_waits_for_all_of_them() -> None:
    world = awaited(variants={"beach": BEACH, "forest": FOREST})
    world.run_until_empty("intake")
    world.deliver_next("ideogram")
    world.run_until_empty("deliver")
    assert sorted(job.status for job in world.list_jobs()) == [JobStatus.ACCEPTED, JobStatus.STORED]
    assert waits(world)
    world.run_until_empty()
    assert [job["status"] for job in heard(world).output["jobs"]] == ["stored", "stored"]


def test_several_tasks_that_wait_for_one_job_are_each_answered_once() -> None:
    world = awaited(**REMOVE)
    tokens = [TOKEN, "another", "a third"]
    for token in tokens[1:]:
        wait_for(world, token=token, **REMOVE)
    world.run_until_empty()
    assert [heard(world, token).output["total_usd"] for token in tokens] == [0.01] * 3
    assert (tries(world), bought(world)) == (3, 1)


def test_a_request_that_is_heard_while_deliver_looks_at_its_photo_waits_for_its_own_job() -> None:
    world = awaited(**REMOVE)
    world.run_until_empty()
    wait_for(world, token="again", **REMOVE)
    world.deliver_next("intake")
    wait_for(world, token="late", **BEACH)
    late = TargetedFault(
        others_take(world, "intake"), "query", matches=lambda call: "asked#" in json.dumps(call.request)
    )
    world.transport.faults_before.append(late)
    world.deliver_next("deliver")
    assert (late.hit_count, waits(world, "again"), waits(world, "late")) == (1, False, True)
    world.run_until_empty()
    assert [job["instructions"]["prompt"] for job in heard(world, "late").output["jobs"]] == [BEACH["prompt"]]


# -- bad ends -----------------------------------------------------------------------------------------------------


def test_a_refused_request_fails_with_its_code_and_everything_that_is_wrong() -> None:
    world = awaited(promt="x", seed="y")
    world.run_until_empty()
    assert heard(world).error in ("unknown_field", "invalid_value")
    assert sorted(one["code"] for one in heard(world).cause) == ["invalid_value", "unknown_field"]
    assert (bought(world), asked(world)[0].outcome) == (0, CallbackOutcome.FAILURE)


def test_a_request_for_a_photo_that_is_not_there_fails() -> None:
    world = World()
    wait_for(world, **REMOVE)
    world.run_until_empty()
    assert (heard(world).error, codes(world, KEY)) == ("photo_not_found", ["photo_not_found"])


@pytest.mark.parametrize(("answer", "code"), [(REFUSES, "unsafe_request"), (WITHHOLDS, "unsafe_result")])
def test_a_job_that_ends_badly_fails_its_task_with_its_own_code_and_money(answer: CallBehavior, code: str) -> None:
    world = awaited(**REMOVE)
    world.provider.script.append(answer)
    world.run_until_empty()
    (error,) = heard(world).cause
    assert (heard(world).error, error["code"], error["job_id"]) == (code, code, the_job(world).job_id)
    assert error["money"] == the_job(world).money


def test_a_task_whose_variant_was_refused_fails_once_the_others_have_ended() -> None:
    world = awaited(variants={"beach": BEACH, "dear": {**FOREST, "max_cost_usd": 0.001}})
    world.run_until_empty("intake", "deliver")
    assert waits(world)
    world.run_until_empty()
    assert (heard(world).error, heard(world).cause[0]["variant"], bought(world)) == ("max_cost_exceeded", "dear", 1)


def test_a_task_whose_photo_is_asked_for_something_else_is_told_so() -> None:
    world = awaited(**BEACH)
    ask(world, KEY, **FOREST)
    world.run_until_empty()
    assert (heard(world).error, heard(world).cause[0]["status"]) == ("superseded", "superseded")


def test_a_task_whose_photo_is_deleted_is_told_so() -> None:
    world = awaited(**BEACH)
    world.run_until_empty("intake")
    world.delete_file(KEY)
    world.run_until_empty()
    assert (heard(world).error, bought(world)) == ("cancelled", 0)


def test_an_answered_request_stays_answered_when_its_job_is_redriven() -> None:
    world = awaited(**REMOVE)
    world.provider.script.append(REFUSES)
    world.run_until_empty()
    orders = world.steps.redrive()
    (failure,) = orders.list_failures(FailureFilter())
    assert orders.redrive(orders.plan(failure, pay_again=False))
    world.run_until_empty()
    assert (the_job(world).status, heard(world).error, tries(world)) == (JobStatus.STORED, "unsafe_request", 1)


# -- keys that are no image, and messages that are no requests ----------------------------------------------------


@pytest.mark.parametrize("key", SKIPPED)
def test_a_key_that_is_no_image_is_skipped_at_once_and_without_a_report(key: str) -> None:
    world = World()
    wait_for(world, key, **REMOVE)
    world.run_until_empty()
    told = heard(world).output
    assert (told["jobs"], told["total_usd"], told["source"]["key"]) == ([], 0, key)
    assert told["skipped"] == str(asked(world)[0].skip_reason)
    assert (world.read_report(key), world.read_receipt(key), world.dead_letter_queue.messages) == (None, None, [])


@pytest.mark.parametrize("changes", DAMAGED, ids=str)
def test_a_damaged_request_is_answered_and_is_no_dead_letter(changes: dict[str, Any]) -> None:
    world = World()
    world.step_functions.issue_token(TOKEN)
    send(world, {"bucket": INPUT_BUCKET, "key": KEY, "instructions": REMOVE, "task_token": TOKEN} | changes)
    world.run_until_empty()
    assert (heard(world).error, len(heard(world).cause)) == ("damaged_message", 1)
    assert not world.dead_letter_queue.messages


@pytest.mark.parametrize("token", [None, 7, "", "x" * 3000], ids=["none", "number", "empty", "long"])
def test_a_damaged_request_whose_token_cannot_be_read_is_a_dead_letter(token: Any) -> None:
    world = World()
    send(world, {"bucket": "others", "key": KEY, "instructions": REMOVE, "task_token": token})
    world.run_until_empty()
    assert explained(world) == ["damaged_message"]
