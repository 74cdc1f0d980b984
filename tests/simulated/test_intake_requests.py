"""Direct requests: they win over sidecar and tags, end any waiting, count once, and a broken one takes nothing away."""

import json
from typing import Any

import pytest

from backdrop.aws.events import parse_intake_message
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IncomingRequest, IntakeEvent
from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.days import codes
from tests.simulated.simulation import KEY, assert_at_rest, the_job
from tests.simulated.wishes import (
    BEACH,
    FOREST,
    REMOVE,
    ask,
    bought,
    defaults,
    folder_codes,
    heard,
    origins,
    said,
    wishes,
)


def asked(instructions: dict[str, Any], **tags: str) -> World:
    """A world with a photo that somebody asked something for when its own look was over."""
    world = World()
    said(world, KEY, **tags)
    world.run_until_empty("intake")
    ask(world, KEY, **instructions)
    world.run_until_empty()
    return world


def message(**changes: object) -> str:
    """The body of a request, with something else in it."""
    return json.dumps({"bucket": "photos", "key": KEY, "instructions": REMOVE} | changes)


# -- the message --------------------------------------------------------------------------------------------------


def test_a_request_is_a_look_that_carries_its_instructions_and_its_messages_id() -> None:
    (look,) = parse_intake_message(message(), input_bucket="photos", is_repeated=False, message_id="m-1")
    assert look == IntakeEvent("photos", KEY, request=IncomingRequest("m-1", REMOVE))


@pytest.mark.parametrize(
    "changes",
    [
        {"instructions": None},
        {"instructions": "remove"},
        {"instructions": [REMOVE]},
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
def test_a_request_that_names_no_photo_or_says_nothing_is_a_damaged_message(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessageError):
        parse_intake_message(message(**changes), input_bucket="photos", is_repeated=False, message_id="m-1")


@pytest.mark.parametrize("strange", ["token", "instruction", "\ud800"])
def test_a_request_with_more_than_it_can_have_is_told_the_name(strange: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        parse_intake_message(message(**{strange: None}), input_bucket="photos", is_repeated=False)
    assert str(caught.value) == f"A request has bucket, key, and instructions, but no field {strange!r}."


# -- what it does -------------------------------------------------------------------------------------------------


def test_a_request_runs_a_photo_that_nobody_spoke_for_before_it_settled() -> None:
    world = World(settle_seconds=20)
    said(world, KEY)
    world.run_for(1)
    ask(world, KEY, **BEACH)
    world.run_for(15)
    assert (the_job(world).status, origins(world, KEY)["prompt"]) == (JobStatus.STORED, "request")
    world.run_until_empty()
    assert (codes(world, KEY), bought(world)) == ([], 1)
    assert_at_rest(world)


def test_a_request_wins_over_sidecar_and_tags_and_inherits_what_it_does_not_say() -> None:
    world = World()
    defaults(world, "shoes/", {"seed": 1, "num_images": 2, "rendering_speed": "TURBO"})
    world.upload_sidecar(KEY, prompt="in a forest", seed=2)
    ask(world, KEY, **BEACH)
    said(world, KEY, num_images="1")
    world.run_until_empty()
    assert origins(world, KEY) == {
        "operation": "request",
        "prompt": "request",
        "seed": f"{KEY}.json",
        "num_images": "tags",
        "rendering_speed": "shoes/_backdrop.json",
    }


def test_a_request_for_a_finished_photo_replaces_what_it_was() -> None:
    world = asked(BEACH, operation="remove")
    assert wishes(world, KEY) == {"": "on a beach"}
    assert_at_rest(world)


def test_a_request_may_ask_for_variants() -> None:
    world = asked({"variants": {"beach": BEACH, "forest": FOREST}})
    assert wishes(world, KEY) == {"beach": "on a beach", "forest": "in a forest"}


def test_the_same_message_twice_is_one_request() -> None:
    world = World()
    said(world, KEY)
    world.run_until_empty()
    ask(world, KEY, **BEACH)
    (first,) = world.queues["intake"].messages
    world.deliver_next("intake")
    world.queues["intake"].messages.append(first)
    first.visible_at = world.clock.time
    world.run_until_empty()
    assert (the_job(world).status, bought(world)) == (JobStatus.STORED, 1)
    assert_at_rest(world)


def test_two_messages_that_ask_the_same_are_paid_once() -> None:
    world = World()
    said(world, KEY)
    ask(world, KEY, times=2, **BEACH)
    world.run_until_empty()
    assert (the_job(world).status, bought(world)) == (JobStatus.STORED, 1)


def heard_twice(world: World, key: str, ident: str, **instructions: Any) -> None:
    """A request as its door hands it to the step; called again, it is the same message once more."""
    world.steps.intake.start_batch()
    world.intake.handle(IntakeEvent(INPUT_BUCKET, key, request=IncomingRequest(ident, instructions)))
    world.run_until_empty()


def test_a_late_repeat_changes_nothing_after_the_sidecar_was_edited() -> None:
    world = World()
    said(world, KEY)
    heard_twice(world, KEY, "m-1", **BEACH)
    world.upload_sidecar(KEY, **FOREST)
    world.run_until_empty()
    heard_twice(world, KEY, "m-1", **BEACH)
    assert (wishes(world, KEY), bought(world)) == ({"": "in a forest"}, 2)
    assert_at_rest(world)


def test_the_same_bytes_uploaded_again_do_not_undo_a_request() -> None:
    world = World()
    world.upload_sidecar(KEY, **FOREST)
    said(world, KEY)
    world.run_until_empty()
    ask(world, KEY, **BEACH)
    world.run_until_empty()
    said(world, KEY)
    world.run_until_empty()
    assert (wishes(world, KEY), bought(world)) == ({"": "on a beach"}, 2)


def test_a_foreign_tag_that_comes_later_does_not_undo_a_request() -> None:
    """Virus scanners tag each upload some time after it."""
    world = asked(BEACH, operation="remove")
    before = bought(world)
    world.s3.set_tags(INPUT_BUCKET, KEY, {"operation": "remove", "GuardDutyMalwareScanStatus": "NO_THREATS_FOUND"})
    world.run_until_empty()
    assert (wishes(world, KEY), bought(world)) == ({"": "on a beach"}, before)
    world.s3.set_tags(INPUT_BUCKET, KEY, {"operation": "remove", "revision": "2"})
    world.run_until_empty()
    assert (wishes(world, KEY), bought(world)) == ({"": "remove"}, before + 1)


def test_other_bytes_do_not_inherit_a_request() -> None:
    world = asked(BEACH)
    world.upload_photo(KEY, build_photo("another"))
    world.run_until_empty()
    assert (codes(world, KEY), bought(world)) == (["no_instructions"], 1)


def test_a_photo_that_never_got_an_event_is_found_by_a_request() -> None:
    world = World()
    said(world, KEY)
    world.queues["intake"].messages.clear()
    ask(world, KEY, **REMOVE)
    world.run_until_empty()
    assert the_job(world).status is JobStatus.STORED


# -- what goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, "notes.txt", "sidecar.json", "folder/", "ünïcode +(1) & 100%.jpg"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_request_for_a_photo_that_is_not_there_is_reported_however_often_it_comes(key: str, times: int) -> None:
    world = World()
    for _ in range(times):
        heard_twice(world, key, "m-1", **REMOVE)
    assert codes(world, key) == ["photo_not_found"]
    assert (world.list_jobs(), world.dead_letter_queue.messages) == ([], [])


def test_a_missing_photo_that_comes_after_all_is_looked_at_anew() -> None:
    world = World()
    ask(world, KEY, **REMOVE)
    world.run_until_empty()
    said(world, KEY, operation="remove")
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])
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
def test_a_broken_request_is_reported_and_takes_nothing_away(instructions: dict[str, Any], code: str) -> None:
    world = asked(instructions, operation="remove")
    assert (the_job(world).status, wishes(world, KEY), codes(world, KEY)) == (JobStatus.STORED, {"": "remove"}, [code])
    assert bought(world) == 1
    ask(world, KEY, **BEACH)
    world.run_until_empty()
    assert (wishes(world, KEY), codes(world, KEY)) == ({"": "on a beach"}, [])
    assert_at_rest(world)


def test_a_photo_that_waits_goes_on_waiting_after_a_broken_request() -> None:
    world = World(settle_seconds=20)
    said(world, KEY)
    world.run_for(1)
    ask(world, KEY, promt="x")
    world.run_for(1)
    world.upload_sidecar(KEY, **REMOVE)
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])


def test_a_broken_request_does_not_keep_a_photo_from_the_defaults_that_come_later() -> None:
    world = World()
    said(world, KEY)
    world.run_until_empty()
    ask(world, KEY, promt="x")
    world.run_until_empty()
    assert "unknown_field" in codes(world, KEY)
    defaults(world, "shoes/", REMOVE)
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY)) == (JobStatus.STORED, [])


def test_a_request_under_broken_defaults_takes_nothing_away_and_is_not_forgotten_in_silence() -> None:
    world = asked(REMOVE)
    defaults(world, "shoes/", {"promt": "x"})
    ask(world, KEY, **BEACH)
    world.run_until_empty()
    assert (wishes(world, KEY), folder_codes(world, "shoes/")) == ({"": "remove"}, ["unknown_field"])
    assert codes(world, KEY) == ["folder_defaults_broken"]
    defaults(world, "shoes/", {"seed": 1})
    ask(world, KEY, **BEACH)
    world.run_until_empty()
    assert (wishes(world, KEY), codes(world, KEY)) == ({"": "on a beach"}, [])


@pytest.mark.parametrize("wrong", [FOREST, {"promt": "x"}], ids=["cannot be done now", "a mistake of its own"])
def test_a_request_under_broken_defaults_holds_nothing_that_was_resolved(wrong: dict[str, Any]) -> None:
    """Its photo's event comes again, then the defaults are mended, otherwise than they were: nothing is bought."""
    world = World()
    said(world, KEY, **BEACH)
    event = heard(world)[-1]
    world.run_until_empty()
    defaults(world, "shoes/", {"promt": "x"})
    ask(world, KEY, **wrong)
    world.run_until_empty()
    world.sqs.send_externally(world.queues["intake"], event)
    world.run_until_empty()
    assert wishes(world, KEY) == {"": "on a beach"}
    defaults(world, "shoes/", {"rendering_speed": "TURBO"})
    world.run_until_empty()
    assert (wishes(world, KEY), bought(world)) == ({"": "on a beach"}, 1)
    assert_at_rest(world)


def test_a_reminder_that_finds_nothing_to_do_hides_no_event_of_its_batch() -> None:
    world = asked(REMOVE)
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    world.queues["intake"].messages.clear()
    world.steps.intake.start_batch()
    for look in (IntakeEvent(INPUT_BUCKET, KEY, is_settle_timeout=True), IntakeEvent(INPUT_BUCKET, KEY)):
        world.intake.handle(look)
    world.run_until_empty()
    assert len(world.list_jobs()) == 2
