"""Waiting photos are recorded and woken: in batches, in any number, and only those under the folder."""

import json
from datetime import timedelta

import pytest

from backdrop.aws.events import parse_intake_message
from backdrop.aws.items import to_item
from backdrop.intake import folder_defaults
from backdrop.model.codes import Code
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import JobStatus, Source
from backdrop.model.schedule import FAILED_ITEMS, NEEDS_INSTRUCTIONS, OPEN_ITEMS, build_index_entry
from backdrop.operate.redrive import FailureFilter
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.simulated_days import cancel_jobs, list_report_codes
from tests.simulated.stage_worlds import KEY, NOW, assert_at_rest
from tests.simulated.uploads_and_requests import (
    BEACH,
    REMOVE,
    count_paid_calls,
    list_intake_messages,
    upload_defaults,
    upload_unique_photo,
)
from tests.unit.ledger_items import build_problem, build_source

NO_INSTRUCTIONS_PROBLEMS = (build_problem(Code.NO_INSTRUCTIONS),)


def world_with_waiting_photos(*keys: str) -> World:
    """Returns a world with photos that were reported because they have no instructions."""
    world = World()
    for key in keys:
        upload_unique_photo(world, key)
    world.run_until_empty(max_deliveries=10_000)
    return world


def list_woken_keys(world: World) -> list[str]:
    """Returns the keys of the photos that intake must check now, in order."""
    bodies = [json.loads(body) for body in list_intake_messages(world)]
    return [body["key"] for body in bodies if body.get("kind") == "check"]


# -- the index ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (build_source(problems=NO_INSTRUCTIONS_PROBLEMS, jobs={}), NEEDS_INSTRUCTIONS),
        (build_source(blocked_by_defaults="shoes/_backdrop.json", jobs={}), NEEDS_INSTRUCTIONS),
        (build_source(problems=NO_INSTRUCTIONS_PROBLEMS, settling_since=NOW), OPEN_ITEMS),
        (build_source(problems=NO_INSTRUCTIONS_PROBLEMS, photo=None), FAILED_ITEMS),
        (build_source(problems=(build_problem(Code.NOT_A_PHOTO),)), FAILED_ITEMS),
    ],
    ids=["without instructions", "held", "still waiting", "gone", "no photo"],
)
def test_photo_without_instructions_is_indexed_by_its_place(source: Source, kind: str) -> None:
    found = build_index_entry(source)
    assert found
    assert found[0] == f"{kind}#s"
    assert (found[1] == f"photos/{KEY}") is (kind == NEEDS_INSTRUCTIONS)
    assert to_item(source)["watch"] == {"S": f"{kind}#s"}


def test_photos_below_a_folder_are_indexed_by_key() -> None:
    keys = ["a.jpg", "shoes/2.jpg", "shoes/10.jpg", "shoes/old/1.jpg", "shoes/ü\uffff\U0001f600.jpg", "shop/1.jpg"]
    world = world_with_waiting_photos(*keys)
    list_needing_instructions = world.steps.ledger_queries.list_needing_instructions
    assert list(list_needing_instructions(INPUT_BUCKET, "")) == sorted(keys)
    assert list(list_needing_instructions(INPUT_BUCKET, "shoes/")) == sorted(
        key for key in keys if key.startswith("shoes/")
    )
    assert list(list_needing_instructions(INPUT_BUCKET, "shoes/", "shoes/2.jpg")) == [
        "shoes/old/1.jpg",
        "shoes/ü\uffff\U0001f600.jpg",
    ]
    assert list(list_needing_instructions("phot", "")) == []
    assert list(list_needing_instructions("others", "shoes/")) == []


def test_photos_without_instructions_are_failures_that_can_be_redriven() -> None:
    world = world_with_waiting_photos(KEY)
    orders = world.steps.redrive()
    (failure,) = orders.list_failures(FailureFilter())
    assert (failure.source.key, failure.problem.code) == (KEY, Code.NO_INSTRUCTIONS)
    assert orders.redrive(orders.plan(failure, pay_again=False))
    world.run_until_empty()
    assert list_report_codes(world, KEY) == ["no_instructions"]


def test_photo_whose_wait_a_person_ended_runs_on_defaults() -> None:
    world = World(settle_seconds=600)
    upload_unique_photo(world, KEY)
    world.run_for(5)
    assert cancel_jobs(world)[0] == [KEY]
    world.run_for(1)
    upload_defaults(world, "shoes/", REMOVE)
    world.run_until_empty()
    assert [job.status for job in world.list_jobs(KEY)] == [JobStatus.STORED]


# -- waking -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 3, 4, 8, 11])
def test_any_number_of_photos_is_woken_in_batches(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 photos are woken in the same way, 500 at a time."""
    monkeypatch.setattr(folder_defaults, "MAX_WOKEN_PHOTOS", 4)
    keys = [f"shoes/{n:02}.jpg" for n in range(number)]
    world = world_with_waiting_photos(*keys)
    upload_defaults(world, "shoes/", REMOVE)
    batches: list[list[str]] = []
    while any("_backdrop.json" in body for body in list_intake_messages(world)):
        before = set(list_woken_keys(world))
        one = next(m for m in world.queues["intake"].messages if "_backdrop.json" in m.body)
        world.queues["intake"].messages.remove(one)
        for event in parse_intake_message(one.body, input_bucket=INPUT_BUCKET, is_repeated=False):
            if not event.start_after and event.is_repeated:
                continue
            world.steps.intake.start_batch()
            world.intake.handle(event)
        batches.append([key for key in list_woken_keys(world) if key not in before])
    assert [key for found in batches for key in found] == keys
    assert max(map(len, batches)) <= 4
    world.run_until_empty(max_deliveries=10_000)
    assert ([job.status for job in world.list_jobs()], count_paid_calls(world)) == ([JobStatus.STORED] * number, number)


def test_waking_continues_after_a_key() -> None:
    body = json.dumps(
        {"kind": "folder", "bucket": INPUT_BUCKET, "key": "shoes/_backdrop.json", "start_after": "shoes/1.jpg"}
    )
    (event,) = parse_intake_message(body, input_bucket=INPUT_BUCKET, is_repeated=False)
    assert event == IntakeEvent(INPUT_BUCKET, "shoes/_backdrop.json", is_repeated=True, start_after="shoes/1.jpg")


def test_photo_settling_while_its_folder_is_woken_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The photo's event read the folder before the defaults arrived, and the index did not contain the photo yet."""
    world = World()
    upload_unique_photo(world, KEY)
    world.deliver_next("intake")
    world.clock.sleep(30)
    settle_message = world.queues["intake"].messages.pop()
    upload_defaults(world, "shoes/", REMOVE)
    world.deliver_next("intake")

    def find_nothing(bucket: str, key: str) -> list[object]:
        return []

    with monkeypatch.context() as before:
        before.setattr(world.intake.photo_intake.resolver.folder_defaults, "read_inherited", find_nothing)
        for event in parse_intake_message(settle_message.body, input_bucket=INPUT_BUCKET, is_repeated=False):
            world.intake.handle(event)
    assert world.read_source(KEY)
    world.run_until_empty()
    assert [job.status for job in world.list_jobs(KEY)] == [JobStatus.STORED]


def test_photo_waits_once_and_runs_at_once_when_woken() -> None:
    world = World(settle_seconds=600)
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    assert list_report_codes(world, KEY) == ["no_instructions"]
    upload_defaults(world, "shoes/", REMOVE)
    world.run_for(60)
    assert [job.status for job in world.list_jobs(KEY)] == [JobStatus.STORED]


def test_folder_without_waiting_photos_wakes_no_photo() -> None:
    world = world_with_waiting_photos("hats/1.jpg")
    before = len(world.transport.calls)
    upload_defaults(world, "shoes/", BEACH)
    world.run_until_empty()
    assert list_report_codes(world, "hats/1.jpg") == ["no_instructions"]
    assert not [call for call in world.transport.calls[before:] if "hats" in str(call.request)]


def test_waiting_photo_is_recorded_not_kept_in_the_queue() -> None:
    world = World(settle_seconds=3_600)
    upload_unique_photo(world, KEY)
    world.run_for(10)
    source = world.read_source(KEY)
    assert source
    assert source.settling_since
    (message,) = world.queues["intake"].messages
    assert json.loads(message.body)["kind"] == "settle"
    assert message.visible_at - world.clock.time <= timedelta(minutes=15)


@pytest.mark.parametrize("what", ["sidecar", "shared sidecar", "tags", "request", "defaults"])
def test_reported_photo_runs_when_any_instructions_arrive(what: str) -> None:
    world = world_with_waiting_photos(KEY)
    if what == "sidecar":
        world.upload_sidecar(KEY, **REMOVE)
    elif what == "shared sidecar":
        world.upload_sidecar("shoes/red", **REMOVE)
    elif what == "tags":
        world.s3.set_tags(INPUT_BUCKET, KEY, REMOVE)
    elif what == "defaults":
        upload_defaults(world, "", REMOVE)
    else:
        world.sqs.send_externally(
            world.queues["intake"], json.dumps({"bucket": INPUT_BUCKET, "key": KEY, "instructions": REMOVE})
        )
    world.run_until_empty()
    assert ([job.status for job in world.list_jobs(KEY)], list_report_codes(world, KEY), count_paid_calls(world)) == (
        [JobStatus.STORED],
        [],
        1,
    )
    assert_at_rest(world)


def test_waiting_photo_that_is_deleted_and_restored_counts_as_new() -> None:
    world = World(settle_seconds=20)
    upload_unique_photo(world, KEY)
    world.run_for(5)
    world.delete_file(KEY)
    world.run_until_empty()
    assert (
        list_report_codes(world, KEY),
        list(world.steps.ledger_queries.list_needing_instructions(INPUT_BUCKET, "")),
        world.list_jobs(),
    ) == (
        [],
        [],
        [],
    )
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert count_paid_calls(world) == 1


def test_replaced_photo_waits_no_longer_than_the_original() -> None:
    world = World(settle_seconds=20)
    upload_unique_photo(world, KEY)
    world.run_for(15)
    world.upload_photo(KEY, build_photo("another"))
    world.run_for(10)
    assert list_report_codes(world, KEY) == ["no_instructions"]
