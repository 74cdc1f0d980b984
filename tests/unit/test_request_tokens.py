"""Task tokens: each is answered once, truthfully, when all jobs of its request have ended, whatever happens."""

import json
from typing import Any

import pytest

from backdrop.core.answer import Class
from backdrop.core.asked import Answered
from backdrop.core.codes import Code
from backdrop.core.job import Status
from backdrop.steps.hearing import MOST_REQUESTS
from backdrop.steps.orders import Wanted
from proof.world.provider import Reaction, refuses
from proof.world.stack import INPUT, World
from proof.world.states import TaskAnswer
from proof.world.wire import Strike, die, lose_answer, throttle
from tests.unit.days import DAY, codes, others_take, pass_time
from tests.unit.simulation import KEY, after_each_crash, assert_at_rest, the_job
from tests.unit.test_reconcile_letters import explained, given_up
from tests.unit.waiters import TOKEN, asked, awaited, heard, send, tries, wait_for, waits
from tests.unit.wishes import BEACH, FOREST, REMOVE, REMOVED, ask, bought, said

REFUSES, WITHHOLDS = refuses(Class.PERM, Code.UNSAFE_REQUEST), Reaction(unsafe=1)
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
    world.run()
    receipt = world.receipt(KEY)
    assert receipt
    assert heard(world) == TaskAnswer(output=receipt)
    assert (receipt["total_usd"], asked(world)[0].answer) == (0.01, Answered.SUCCESS)
    assert_at_rest(world)


def test_a_task_is_told_of_its_own_jobs_alone() -> None:
    world = World()
    said(world, KEY, operation="remove")
    world.run()
    wait_for(world, **BEACH)
    world.run()
    assert [job["operation"] for job in heard(world).output["jobs"]] == ["replace"]


def test_a_job_that_has_ended_already_is_answered_at_once() -> None:
    world = World()
    said(world, KEY, operation="remove")
    world.run()
    wait_for(world, **REMOVE)
    world.run()
    assert (heard(world).output["jobs"][0]["status"], bought(world)) == ("stored", 1)


def test_a_request_for_variants_waits_for_all_of_them() -> None:
    world = awaited(variants={"beach": BEACH, "forest": FOREST})
    world.run("intake")
    world.turn("ideogram")
    world.run("deliver")
    assert sorted(job.status for job in world.jobs()) == [Status.ACCEPTED, Status.STORED]
    assert waits(world)
    world.run()
    assert [job["status"] for job in heard(world).output["jobs"]] == ["stored", "stored"]


def test_several_tasks_that_wait_for_one_job_are_each_answered_once() -> None:
    world = awaited(**REMOVE)
    tokens = [TOKEN, "another", "a third"]
    for token in tokens[1:]:
        wait_for(world, token=token, **REMOVE)
    world.run()
    assert [heard(world, token).output["total_usd"] for token in tokens] == [0.01] * 3
    assert (tries(world), bought(world)) == (3, 1)


def test_a_request_that_is_heard_while_deliver_looks_at_its_photo_waits_for_its_own_job() -> None:
    world = awaited(**REMOVE)
    world.run()
    wait_for(world, token="again", **REMOVE)
    world.turn("intake")
    wait_for(world, token="late", **BEACH)
    late = Strike(others_take(world, "intake"), "query", matches=lambda call: "asked#" in json.dumps(call.sent))
    world.wire.before.append(late)
    world.turn("deliver")
    assert (late.hits, waits(world, "again"), waits(world, "late")) == (1, False, True)
    world.run()
    assert [job["instructions"]["prompt"] for job in heard(world, "late").output["jobs"]] == [BEACH["prompt"]]


# -- bad ends -----------------------------------------------------------------------------------------------------


def test_a_refused_request_fails_with_its_code_and_everything_that_is_wrong() -> None:
    world = awaited(promt="x", seed="y")
    world.run()
    assert heard(world).error in ("unknown_field", "invalid_value")
    assert sorted(one["code"] for one in heard(world).cause) == ["invalid_value", "unknown_field"]
    assert (bought(world), asked(world)[0].answer) == (0, Answered.FAILURE)


def test_a_request_for_a_photo_that_is_not_there_fails() -> None:
    world = World()
    wait_for(world, **REMOVE)
    world.run()
    assert (heard(world).error, codes(world, KEY)) == ("photo_not_found", ["photo_not_found"])


@pytest.mark.parametrize(("answer", "code"), [(REFUSES, "unsafe_request"), (WITHHOLDS, "unsafe_result")])
def test_a_job_that_ends_badly_fails_its_task_with_its_own_code_and_money(answer: Reaction, code: str) -> None:
    world = awaited(**REMOVE)
    world.provider.script.append(answer)
    world.run()
    (error,) = heard(world).cause
    assert (heard(world).error, error["code"], error["job_id"]) == (code, code, the_job(world).job_id)
    assert error["money"] == the_job(world).money


def test_a_task_whose_variant_was_refused_fails_once_the_others_have_ended() -> None:
    world = awaited(variants={"beach": BEACH, "dear": {**FOREST, "max_cost_usd": 0.001}})
    world.run("intake", "deliver")
    assert waits(world)
    world.run()
    assert (heard(world).error, heard(world).cause[0]["variant"], bought(world)) == ("max_cost_exceeded", "dear", 1)


def test_a_task_whose_photo_is_asked_for_something_else_is_told_so() -> None:
    world = awaited(**BEACH)
    ask(world, KEY, **FOREST)
    world.run()
    assert (heard(world).error, heard(world).cause[0]["status"]) == ("superseded", "superseded")


def test_a_task_whose_photo_is_deleted_is_told_so() -> None:
    world = awaited(**BEACH)
    world.run("intake")
    world.remove(KEY)
    world.run()
    assert (heard(world).error, bought(world)) == ("cancelled", 0)


def test_an_answered_request_stays_answered_when_its_job_is_redriven() -> None:
    world = awaited(**REMOVE)
    world.provider.script.append(REFUSES)
    world.run()
    orders = world.steps.orders()
    (failure,) = orders.failures(Wanted())
    assert orders.redrive(orders.plan(failure, pay_again=False))
    world.run()
    assert (the_job(world).status, heard(world).error, tries(world)) == (Status.STORED, "unsafe_request", 1)


# -- keys that are no image, and messages that are no requests ----------------------------------------------------


@pytest.mark.parametrize("key", SKIPPED)
def test_a_key_that_is_no_image_is_skipped_at_once_and_without_a_report(key: str) -> None:
    world = World()
    wait_for(world, key, **REMOVE)
    world.run()
    told = heard(world).output
    assert (told["jobs"], told["total_usd"], told["source"]["key"]) == ([], 0, key)
    assert told["skipped"] == asked(world)[0].skipped != ""
    assert (world.report(key), world.receipt(key), world.dead_letters.messages) == (None, None, [])


@pytest.mark.parametrize("changes", DAMAGED, ids=str)
def test_a_damaged_request_is_answered_and_is_no_dead_letter(changes: dict[str, Any]) -> None:
    world = World()
    world.states.hand_out(TOKEN)
    send(world, {"bucket": INPUT, "key": KEY, "instructions": REMOVE, "task_token": TOKEN} | changes)
    world.run()
    assert (heard(world).error, len(heard(world).cause)) == ("damaged_message", 1)
    assert not world.dead_letters.messages


@pytest.mark.parametrize("token", [None, 7, "", "x" * 3000], ids=["none", "number", "empty", "long"])
def test_a_damaged_request_whose_token_cannot_be_read_is_a_dead_letter(token: Any) -> None:
    world = World()
    send(world, {"bucket": "others", "key": KEY, "instructions": REMOVE, "task_token": token})
    world.run()
    assert explained(world) == ["damaged_message"]


# -- tokens that are none -----------------------------------------------------------------------------------------


def test_a_token_that_nobody_handed_out_is_noted_and_is_no_error() -> None:
    world = awaited(**REMOVE)
    world.states.answers.clear()
    world.run()
    assert (asked(world)[0].answer, the_job(world).status, world.waits) == (Answered.FOREIGN, Status.STORED, [])
    assert_at_rest(world)


def test_a_token_that_was_used_is_noted_and_nobody_asks_again() -> None:
    world = awaited(**REMOVE)
    wait_for(world, token="another", **REMOVE)
    world.states.answers["another"] = TaskAnswer(error="used")
    world.run()
    world.sidecar(KEY, **FOREST)
    world.run()
    assert ([one.answer for one in asked(world)], tries(world)) == ([Answered.SUCCESS, Answered.FOREIGN], 2)


# -- what happens to machinery ------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["send_task_success", "put_item", "transact_write_items"])
def test_a_task_is_answered_once_though_an_answer_to_us_is_lost(operation: str) -> None:
    world = awaited(**REMOVE)
    world.run("intake", "ideogram")
    strike = Strike(lose_answer, operation, times=2)
    world.wire.after.append(strike)
    world.run()
    assert strike.hits or operation == "put_item"
    assert heard(world).output["total_usd"] == 0.01
    assert asked(world)[0].answered_at


def test_a_task_is_answered_when_step_functions_answers_again() -> None:
    world = awaited(**REMOVE)
    strike = Strike(throttle, "send_task_success", times=5)
    world.wire.before.append(strike)
    world.run()
    assert (strike.hits, heard(world).output["total_usd"], asked(world)[0].answer) == (5, 0.01, Answered.SUCCESS)
    assert_at_rest(world)


@pytest.mark.parametrize("wish", [REMOVE, {"promt": "x"}], ids=["bought", "refused"])
def test_a_task_is_answered_whichever_call_its_worker_dies_after(wish: dict[str, Any]) -> None:
    struck = 0
    for _, world in after_each_crash(lambda: awaited(**wish), lambda world: pass_time(world, 3600)):
        struck += 1
        assert not waits(world)
        assert asked(world)[0].answered_at
        assert bool(bought(world)) is (wish is REMOVE)
    assert struck > 5


@pytest.mark.parametrize("others", [0, MOST_REQUESTS + 5])
def test_a_request_whose_message_comes_again_is_heard_and_answered_once(others: int) -> None:
    world = awaited(**REMOVE)
    (first,) = world.lines["intake"].messages
    world.run()
    for n in range(others):
        ask(world, KEY, **REMOVE, metadata={"n": n})
    world.run()
    world.lines["intake"].messages.append(first)
    first.visible_at = world.clock.time
    world.run()
    assert ([one.answer for one in asked(world)], tries(world), bought(world)) == ([Answered.SUCCESS], 1, 1)
    assert not world.lines["intake"].messages


def test_a_request_that_its_queue_gave_up_is_answered() -> None:
    world = World()
    said(world, KEY, operation="remove")
    world.run()
    wait_for(world, **BEACH)
    given_up(world, "intake")
    pass_time(world, 600)
    assert (heard(world).error, bought(world)) == ("message_given_up", 1)


def test_a_request_that_was_heard_before_its_queue_gave_it_up_is_answered_with_what_came_of_it() -> None:
    world = awaited(**REMOVE)
    world.wire.after.append(Strike(die, "transact_write_items"))
    world.turn("intake")
    world.wire.calm()
    given_up(world, "intake")
    pass_time(world, 4 * DAY, every=3600)
    assert (heard(world).output["total_usd"], bought(world)) == (0.01, 1)


def test_tokens_stand_in_no_view_event_or_letter() -> None:
    world = awaited(**REMOVE)
    world.provider.script.append(WITHHOLDS)
    world.run()
    shown = [world.receipt(KEY), world.report(KEY), [event.detail for event in world.bus.events]]
    letters = [(letter.body, letter.attributes) for letter in world.dead_letters.messages]
    assert letters
    assert TOKEN not in json.dumps([shown, letters], default=str)


def test_what_waits_for_a_request_costs_nothing_where_nobody_does() -> None:
    world = World()
    said(world, KEY, operation="remove")
    world.run()
    queries = [call.sent for call in world.wire.calls if call.operation == "query"]
    assert queries
    assert not any("asked#" in json.dumps(sent) for sent in queries)
    assert the_job(world).charged == REMOVED
