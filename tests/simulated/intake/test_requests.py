"""Direct requests override sidecar and tags, end any waiting, and count once. A broken one changes nothing."""

import json
from typing import Any

import pytest

from backdrop.aws.events import parse_intake_message
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IncomingRequest, IntakeEvent
from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job
from tests.simulated.uploads_and_requests import (
    BEACH,
    FOREST,
    REMOVE,
    count_paid_calls,
    list_folder_codes,
    list_intake_messages,
    read_current_instructions,
    read_provenance,
    send_request,
    upload_defaults,
    upload_unique_photo,
)


def world_with_request(instructions: dict[str, Any], **tags: str) -> World:
    """Returns a world with a photo that was requested after its own event was handled."""
    world = World()
    upload_unique_photo(world, KEY, **tags)
    world.run_until_empty("intake")
    send_request(world, KEY, **instructions)
    world.run_until_empty()
    return world


def build_request(**changes: object) -> str:
    """Returns the body of a request with these changes."""
    return json.dumps({"bucket": "photos", "key": KEY, "instructions": REMOVE} | changes)


# -- the message --------------------------------------------------------------------------------------------------


def test_request_event_has_its_instructions_and_message_id() -> None:
    (event,) = parse_intake_message(build_request(), input_bucket="photos", is_repeated=False, message_id="m-1")
    assert event == IntakeEvent("photos", KEY, request=IncomingRequest("m-1", REMOVE))


@pytest.mark.parametrize(
    "changes",
    [
        {"key": None},
        {"key": 7},
        {"key": ""},
        {"key": "x" * 1025},
        {"bucket": None},
        {"bucket": "others"},
        {"prompt": "x"},
    ],
    ids=str,
)
def test_incomplete_request_is_a_malformed_message(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessageError):
        parse_intake_message(build_request(**changes), input_bucket="photos", is_repeated=False, message_id="m-1")


@pytest.mark.parametrize("unknown_field", ["token", "instruction", "\ud800"])
def test_unknown_field_of_a_request_is_named(unknown_field: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        parse_intake_message(build_request(**{unknown_field: None}), input_bucket="photos", is_repeated=False)
    assert str(caught.value) == f"A request has bucket, key, and instructions, but no field {unknown_field!r}."


@pytest.mark.parametrize(
    ("instructions", "kind"),
    [
        (["x"], "a list"),
        ([], "a list"),
        ("remove", "a string"),
        (None, "null"),
        (7, "a number"),
        (True, "true or false"),
    ],
)
def test_instructions_that_are_no_object_become_a_report_of_the_photo(instructions: object, kind: str) -> None:
    world = World()
    upload_unique_photo(world, KEY)
    world.run_until_empty("intake")
    body = build_request(bucket=INPUT_BUCKET, instructions=instructions)
    world.sqs.send_externally(world.queues["intake"], body)
    world.run_until_empty()
    report = world.read_report(KEY)
    assert report
    (error,) = [each for each in report["errors"] if each["code"] == "invalid_value"]
    assert f'the instructions are {kind}, not an object in braces such as {{"prompt": ' in error["message"]
    assert count_paid_calls(world) == 0
    assert_at_rest(world)


# -- its effect ---------------------------------------------------------------------------------------------------


def test_request_runs_a_photo_before_its_settle_time() -> None:
    world = World(settle_seconds=20)
    upload_unique_photo(world, KEY)
    world.run_for(1)
    send_request(world, KEY, **BEACH)
    world.run_for(15)
    assert (find_only_job(world).status, read_provenance(world, KEY)["prompt"]) == (JobStatus.STORED, "request")
    world.run_until_empty()
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == ([], 1)
    assert_at_rest(world)


def test_request_overrides_sidecar_and_tags_and_inherits_the_rest() -> None:
    world = World()
    upload_defaults(world, "shoes/", {"seed": 1, "num_images": 2, "rendering_speed": "TURBO"})
    world.upload_sidecar(KEY, prompt="in a forest", seed=2)
    send_request(world, KEY, **BEACH)
    upload_unique_photo(world, KEY, num_images="1")
    world.run_until_empty()
    assert read_provenance(world, KEY) == {
        "operation": "request",
        "prompt": "request",
        "seed": f"{KEY}.json",
        "num_images": "tags",
        "rendering_speed": "shoes/_backdrop.json",
    }


def test_request_for_a_finished_photo_replaces_its_job() -> None:
    world = world_with_request(BEACH, operation="remove")
    assert read_current_instructions(world, KEY) == {"": "on a beach"}
    assert_at_rest(world)


def test_request_may_name_variants() -> None:
    world = world_with_request({"variants": {"beach": BEACH, "forest": FOREST}})
    assert read_current_instructions(world, KEY) == {"beach": "on a beach", "forest": "in a forest"}


def test_redelivered_message_counts_as_one_request() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    send_request(world, KEY, **BEACH)
    (first,) = world.queues["intake"].messages
    world.deliver_next("intake")
    world.queues["intake"].messages.append(first)
    first.visible_at = world.clock.time
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.STORED, 1)
    assert_at_rest(world)


def test_two_equal_requests_are_paid_once() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    send_request(world, KEY, times=2, **BEACH)
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.STORED, 1)


def handle_request(world: World, key: str, ident: str, **instructions: Any) -> None:
    """Handles a request as intake's handler does. A second call is a redelivery of the same message."""
    world.steps.intake.start_batch()
    world.intake.handle(IntakeEvent(INPUT_BUCKET, key, request=IncomingRequest(ident, instructions)))
    world.run_until_empty()


def test_late_redelivery_changes_nothing_after_the_sidecar_was_edited() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    handle_request(world, KEY, "m-1", **BEACH)
    world.upload_sidecar(KEY, **FOREST)
    world.run_until_empty()
    handle_request(world, KEY, "m-1", **BEACH)
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"": "in a forest"}, 2)
    assert_at_rest(world)


def test_same_bytes_uploaded_again_do_not_undo_a_request() -> None:
    world = World()
    world.upload_sidecar(KEY, **FOREST)
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    send_request(world, KEY, **BEACH)
    world.run_until_empty()
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"": "on a beach"}, 2)


def test_foreign_tag_added_later_does_not_undo_a_request() -> None:
    """Virus scanners tag each upload some time later."""
    world = world_with_request(BEACH, operation="remove")
    before = count_paid_calls(world)
    world.s3.set_tags(INPUT_BUCKET, KEY, {"operation": "remove", "GuardDutyMalwareScanStatus": "NO_THREATS_FOUND"})
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"": "on a beach"}, before)
    world.s3.set_tags(INPUT_BUCKET, KEY, {"operation": "remove", "revision": "2"})
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"": "remove"}, before + 1)


def test_other_bytes_do_not_inherit_a_request() -> None:
    world = world_with_request(BEACH)
    world.upload_photo(KEY, build_photo("another"))
    world.run_until_empty()
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == (["no_instructions"], 1)


def test_request_finds_a_photo_that_never_had_an_event() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    world.queues["intake"].messages.clear()
    send_request(world, KEY, **REMOVE)
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED


# -- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, "notes.txt", "sidecar.json", "folder/", "ünïcode +(1) & 100%.jpg"])
@pytest.mark.parametrize("times", [1, 2])
def test_request_for_a_missing_photo_is_reported_every_time(key: str, times: int) -> None:
    world = World()
    for _ in range(times):
        handle_request(world, key, "m-1", **REMOVE)
    assert list_report_codes(world, key) == ["photo_not_found"]
    assert (world.list_jobs(), world.dead_letter_queue.messages) == ([], [])


def test_missing_photo_that_arrives_later_is_handled() -> None:
    world = World()
    send_request(world, KEY, **REMOVE)
    world.run_until_empty()
    upload_unique_photo(world, KEY, operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])
    assert_at_rest(world)


@pytest.mark.parametrize(
    ("instructions", "code"),
    [
        ({"promt": "x"}, "unknown_field"),
        ({"prompt": " "}, "missing_prompt"),
        ({"operation": "replace"}, "missing_prompt"),
        ({"operation": "remove", "prompt": "x"}, "conflicting_fields"),
        ({**BEACH, "negative_prompt": "people"}, "not_expressible"),
        ({**BEACH, "max_cost_usd": 0}, "max_cost_exceeded"),
        ({**BEACH, "provider": "segmind"}, "provider_not_configured"),
    ],
)
def test_broken_request_is_reported_and_changes_nothing(instructions: dict[str, Any], code: str) -> None:
    world = world_with_request(instructions, operation="remove")
    assert (find_only_job(world).status, read_current_instructions(world, KEY), list_report_codes(world, KEY)) == (
        JobStatus.STORED,
        {"": "remove"},
        [code],
    )
    assert count_paid_calls(world) == 1
    send_request(world, KEY, **BEACH)
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), list_report_codes(world, KEY)) == ({"": "on a beach"}, [])
    assert_at_rest(world)


def test_waiting_photo_continues_to_wait_after_a_broken_request() -> None:
    world = World(settle_seconds=20)
    upload_unique_photo(world, KEY)
    world.run_for(1)
    send_request(world, KEY, promt="x")
    world.run_for(1)
    world.upload_sidecar(KEY, **REMOVE)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_photo_with_a_broken_request_runs_on_later_defaults() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    send_request(world, KEY, promt="x")
    world.run_until_empty()
    assert "unknown_field" in list_report_codes(world, KEY)
    upload_defaults(world, "shoes/", REMOVE)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_request_under_broken_defaults_is_reported_and_changes_nothing() -> None:
    world = world_with_request(REMOVE)
    upload_defaults(world, "shoes/", {"promt": "x"})
    send_request(world, KEY, **BEACH)
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), list_folder_codes(world, "shoes/")) == (
        {"": "remove"},
        ["unknown_field"],
    )
    assert list_report_codes(world, KEY) == ["folder_defaults_broken"]
    upload_defaults(world, "shoes/", {"seed": 1})
    send_request(world, KEY, **BEACH)
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), list_report_codes(world, KEY)) == ({"": "on a beach"}, [])


@pytest.mark.parametrize("wrong", [FOREST, {"promt": "x"}], ids=["not possible now", "with an error"])
def test_request_under_broken_defaults_does_not_hold_resolved_photos(wrong: dict[str, Any]) -> None:
    """Its photo's event is repeated, and then the defaults are corrected with other content: nothing is bought."""
    world = World()
    upload_unique_photo(world, KEY, **BEACH)
    event = list_intake_messages(world)[-1]
    world.run_until_empty()
    upload_defaults(world, "shoes/", {"promt": "x"})
    send_request(world, KEY, **wrong)
    world.run_until_empty()
    world.sqs.send_externally(world.queues["intake"], event)
    world.run_until_empty()
    assert read_current_instructions(world, KEY) == {"": "on a beach"}
    upload_defaults(world, "shoes/", {"rendering_speed": "TURBO"})
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"": "on a beach"}, 1)
    assert_at_rest(world)


def test_obsolete_settle_timeout_hides_no_event_of_its_batch() -> None:
    world = world_with_request(REMOVE)
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    world.queues["intake"].messages.clear()
    world.steps.intake.start_batch()
    for event in (IntakeEvent(INPUT_BUCKET, KEY, is_settle_timeout=True), IntakeEvent(INPUT_BUCKET, KEY)):
        world.intake.handle(event)
    world.run_until_empty()
    assert len(world.list_jobs()) == 2
