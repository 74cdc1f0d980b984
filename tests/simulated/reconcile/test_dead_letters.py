"""Dead letters from the redrive policy: each gets a reason, and no photo or job ends without a report."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from backdrop.model.job import JobStatus, MoneyStatus
from backdrop.model.object_keys import receipt_key
from backdrop.model.transitions import Transition
from backdrop.pipeline.enqueue import enqueue_delivery, enqueue_provider_notification
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, MAX_RECEIVE_COUNTS, OUTPUT_BUCKET, World
from simulation.world.transport import TargetedFault, crash_worker, raise_throttle
from tests.simulated.simulated_days import (
    list_event_types,
    list_provider_codes,
    list_report_codes,
    pass_time,
    run_reconcile,
)
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, claim, find_only_job, world_with_photo

S = JobStatus


def give_up_messages(world: World, name: str) -> None:
    """Makes SQS deliver a queue's messages a thousand times."""
    line = world.queues[name]
    for message in line.messages:
        message.receive_count, message.visible_at = MAX_RECEIVE_COUNTS[name], world.clock.time
    assert world.sqs.receive(line) is None
    assert world.dead_letter_queue.messages


def list_letter_codes(world: World) -> list[str]:
    """Returns the codes of the dead letters, with "" for a letter without a reason."""
    return [letter.attributes.get("code", "") for letter in world.dead_letter_queue.messages]


def world_with_lost_lane_message() -> World:
    """Returns a job whose lane message was given up."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    give_up_messages(world, "ideogram")
    return world


def world_with_lost_deliver_message() -> World:
    """Returns a paid job whose deliver message was given up."""
    world = world_with_photo()
    world.run_until_empty("intake")
    world.run_until_empty("deliver")
    world.run_until_empty("ideogram")
    give_up_messages(world, "deliver")
    return world


# -- jobs --------------------------------------------------------------------------------------------------------


def test_undeliverable_paid_job_ends_dead_with_one_dead_letter() -> None:
    world = world_with_lost_deliver_message()
    assert list_letter_codes(world) == [""]
    pass_time(world, 600)
    job = find_only_job(world)
    assert (job.status, job.money, list_report_codes(world, KEY)) == (S.DEAD, MoneyStatus.SPENT, ["message_given_up"])
    (letter,) = world.dead_letter_queue.messages
    assert letter.attributes == {
        "code": "message_given_up",
        "reason": letter.attributes["reason"],
        "money": "spent",
        "job_id": job.job_id,
        "lock_version": letter.attributes["lock_version"],
        "provider": "ideogram",
    }
    assert letter.attributes["reason"]
    assert list_event_types(world) == ["Image Failed"]
    assert_at_rest(world)


def test_job_whose_message_was_received_too_often_gets_a_new_one() -> None:
    """A lane that was paused for days uses up its messages' receives. The job itself is unaffected."""
    world = world_with_lost_lane_message()
    pass_time(world, 600)
    assert (find_only_job(world).status, list_report_codes(world, KEY), list_letter_codes(world)) == (S.STORED, [], [])
    assert world.provider.charged_micro_usd == PRICE
    assert_at_rest(world)


def test_call_in_flight_survives_the_loss_of_its_message() -> None:
    """The answer may still arrive, and the call may be charged. Reconcile completes the job."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    world.ledger.write_transition(claim(find_only_job(world), world.clock.now()))
    give_up_messages(world, "ideogram")
    run_reconcile(world)
    assert (find_only_job(world).status, list_letter_codes(world)) == (S.SUBMITTING, [])
    pass_time(world, 3600)
    assert (find_only_job(world).status, find_only_job(world).unknown) == (S.STORED, PRICE)
    assert world.read_budget()["reserved"] == 0


@pytest.mark.parametrize("status", [S.STORED, S.REFUSED, S.HELD, S.SUPERSEDED, S.CANCELLED])
def test_job_that_ended_meanwhile_leaves_no_dead_letter(status: JobStatus) -> None:
    world = world_with_lost_lane_message()
    job = find_only_job(world)
    world.ledger.write_transition(Transition(replace(job, status=status, ended_at=world.clock.now())))
    pass_time(world, 600)
    assert (find_only_job(world).status, list_letter_codes(world)) == (status, [])


def test_unknown_job_leaves_no_dead_letter() -> None:
    world = world_with_lost_lane_message()
    for key in [key for key in world.table.items if key[1].startswith("job#")]:
        del world.table.items[key]
    run_reconcile(world)
    assert list_letter_codes(world) == []


# -- photos, documents, and lanes ---------------------------------------------------------------------------------


def test_unsuccessful_event_is_reported_and_is_a_dead_letter() -> None:
    world = world_with_photo()
    give_up_messages(world, "intake")
    run_reconcile(world)
    world.run_for(60)
    assert (list_letter_codes(world), list_report_codes(world, KEY)) == (["message_given_up"], ["message_given_up"])
    (letter,) = world.dead_letter_queue.messages
    assert json.loads(letter.body)["queue"] == "intake"
    assert letter.attributes["money"] == "not_spent"


def test_sweep_finds_a_photo_whose_event_was_lost() -> None:
    world = world_with_photo()
    give_up_messages(world, "intake")
    pass_time(world, 1200)
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (S.STORED, [])


def test_failed_photo_runs_when_it_is_uploaded_again() -> None:
    world = world_with_photo()
    give_up_messages(world, "intake")
    run_reconcile(world)
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (S.STORED, [])


def test_unsuccessful_event_changes_nothing_for_a_photo_with_a_job() -> None:
    world = world_with_photo()
    (message,) = world.queues["intake"].messages
    world.run_until_empty()
    world.sqs.send_externally(world.queues["intake"], message.body)
    give_up_messages(world, "intake")
    pass_time(world, 600)
    assert (find_only_job(world).status, list_report_codes(world, KEY), list_letter_codes(world)) == (
        S.STORED,
        [],
        ["message_given_up"],
    )


@pytest.mark.parametrize("body", ["", "no json", "{}", "[1]", '{"bucket": "others", "key": "a.jpg"}'])
def test_dead_letter_of_an_unreadable_message_says_so(body: str) -> None:
    world = World()
    world.sqs.send_externally(world.dead_letter_queue, body or " ")
    run_reconcile(world)
    (letter,) = world.dead_letter_queue.messages
    assert (letter.attributes["code"], letter.attributes["money"]) == ("damaged_message", "not_spent")
    assert letter.attributes["reason"]


def test_documents_of_a_failed_message_are_written_without_a_job() -> None:
    world = world_with_photo()
    world.run_until_empty()
    world.s3.delete(OUTPUT_BUCKET, receipt_key(KEY))
    enqueue_delivery(world.intake.photo_intake.deliver_queue, find_only_job(world))
    give_up_messages(world, "deliver")
    pass_time(world, 600)
    assert (find_only_job(world).status, list_letter_codes(world)) == (S.STORED, [])
    assert world.read_receipt(KEY)


def test_provider_notification_of_a_failed_message_is_published() -> None:
    world = World()
    world.pause_lane()
    enqueue_provider_notification(world.intake.photo_intake.deliver_queue, "ideogram")
    give_up_messages(world, "deliver")
    pass_time(world, 600)
    assert (list_letter_codes(world), list_provider_codes(world), list_event_types(world)) == (
        [],
        ["paused_by_person"],
        ["Provider Paused"],
    )


# -- undelivered events of EventBridge ----------------------------------------------------------------------------


def send_undelivered(world: World, event: Mapping[str, Any], target: str) -> None:
    """EventBridge puts an event into its target's dead-letter queue, with its own attributes."""
    attributes = {
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": "not allowed",
        "RULE_ARN": "arn",
        "TARGET_ARN": target,
    }
    world.sqs.send_externally(world.dead_letter_queue, json.dumps(event))
    world.dead_letter_queue.messages[-1].attributes = attributes


def build_event(kind: str, detail: Mapping[str, Any], source: str = "shop") -> dict[str, Any]:
    return {"version": "0", "id": "9f3b8c1e", "source": source, "detail-type": kind, "detail": detail}


@pytest.mark.parametrize("source", ["aws.s3", "shop"])
def test_event_that_did_not_reach_intake_is_forwarded(source: str) -> None:
    world = World()
    world.upload_sidecar(KEY, operation="remove")
    world.upload_photo(KEY, build_photo())
    world.queues["intake"].messages.clear()
    s3 = build_event("Object Created", {"bucket": {"name": INPUT_BUCKET}, "object": {"key": KEY}}, "aws.s3")
    request = build_event(
        "Image Requested", {"bucket": INPUT_BUCKET, "key": KEY, "instructions": {"operation": "remove"}}
    )
    send_undelivered(world, s3 if source == "aws.s3" else request, "arn:aws:sqs:eu-central-1:123456789012:intake")
    pass_time(world, 300)
    assert (find_only_job(world).status, list_report_codes(world, KEY), list_letter_codes(world)) == (S.STORED, [], [])


@pytest.mark.parametrize("by", ["rule", "function"])
def test_unreported_campaign_end_is_a_dead_letter_with_instructions(by: str) -> None:
    world = World()
    event = build_event("Step Functions Execution Status Change", {"executionArn": "arn:of:spring-1"}, "aws.states")
    send_undelivered(world, event, "arn:aws:lambda:eu-central-1:123456789012:function:backdrop-campaign")
    if by == "function":
        world.dead_letter_queue.messages[-1].attributes = {
            "RequestID": "1",
            "ErrorCode": "200",
            "ErrorMessage": "no answer",
        }
    run_reconcile(world)
    (letter,) = world.dead_letter_queue.messages
    assert letter.attributes["code"] == "message_given_up"
    assert letter.attributes["reason"].startswith("arn:of:spring-1 ended without a report: no")
    assert json.loads(json.loads(letter.body)["body"]) == event


@pytest.mark.parametrize("body", ["", "no json", "[1]"])
def test_malformed_event_is_an_unreadable_dead_letter(body: str) -> None:
    world = World()
    world.sqs.send_externally(world.dead_letter_queue, body or " ")
    world.dead_letter_queue.messages[-1].attributes = {"TARGET_ARN": "arn:aws:sqs:eu-central-1:123456789012:intake"}
    run_reconcile(world)
    assert list_letter_codes(world) == ["damaged_message"]


# -- dead letters with a reason are left unchanged ---------------------------------------------------------------


def test_dead_letter_with_a_reason_is_left_unchanged() -> None:
    world = world_with_photo()
    world.sqs.send_externally(world.queues["ideogram"], "no json")
    world.run_until_empty()
    (before,) = world.dead_letter_queue.messages
    pass_time(world, 3600)
    assert world.dead_letter_queue.messages == [before]
    assert list_letter_codes(world) == ["damaged_message"]


def test_dead_letters_that_reconcile_read_are_visible_at_once() -> None:
    world = World()
    for n in range(35):
        world.sqs.send_externally(world.dead_letter_queue, f"letter {n}")
    for _ in range(2):
        run_reconcile(world)
        assert [letter for letter in world.dead_letter_queue.messages if letter.visible_at > world.clock.time] == []


@pytest.mark.parametrize(
    ("scene", "status", "events"),
    [(world_with_lost_lane_message, S.STORED, []), (world_with_lost_deliver_message, S.DEAD, ["message_given_up"])],
    ids=["in its lane", "at deliver"],
)
def test_crash_after_any_call_does_not_change_the_outcome(
    scene: Callable[[], World], status: JobStatus, events: list[str]
) -> None:
    for nth in range(1, 30, 2):
        world = scene()
        world.transport.faults_after.append(TargetedFault(crash_worker, nth=nth))
        pass_time(world, 1800)
        assert (find_only_job(world).status, list_report_codes(world, KEY)) == (status, events), nth
        assert sorted(set(list_letter_codes(world))) == events, nth
        assert world.provider.charged_micro_usd == PRICE or find_only_job(world).unknown, nth
        assert_at_rest(world)


def test_many_dead_letters_all_get_their_reasons() -> None:
    world = World()
    for n in range(35):
        world.sqs.send_externally(world.dead_letter_queue, f"letter {n}")
    run_reconcile(world)
    assert list_letter_codes(world) == ["damaged_message"] * 35


def test_unavailable_queue_leaves_dead_letters_for_the_next_run() -> None:
    world = world_with_lost_deliver_message()
    world.transport.faults_before.append(TargetedFault(raise_throttle, "receive_message", times=2))
    pass_time(world, 1800)
    assert list_letter_codes(world) == ["message_given_up"]
