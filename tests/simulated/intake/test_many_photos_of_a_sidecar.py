"""A sidecar that many photos share, and a message with records of several buckets: each photo is handled by itself."""

import json

import pytest

from backdrop.intake import service
from backdrop.model.job import JobStatus
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.intake.test_unreadable import deny_access
from tests.simulated.stage_worlds import assert_at_rest
from tests.simulated.uploads_and_requests import count_paid_calls, upload_unique_photo


def world_with_shared_sidecar(*suffixes: str) -> World:
    """Returns a world with photos that wait for the sidecar `shoes/fan.json`, which has just been uploaded."""
    world = World(settle_seconds=1)
    for suffix in suffixes:
        upload_unique_photo(world, f"shoes/fan.{suffix}")
    world.run_until_empty()
    world.transport.calls.clear()
    world.s3.upload(INPUT_BUCKET, "shoes/fan.json", b'{"operation": "remove"}')
    return world


def list_checked_keys(world: World) -> list[str]:
    """Returns the photos that intake is to check, each by a message of its own."""
    bodies = [json.loads(one.body) for one in world.queues["intake"].messages]
    return [one["key"] for one in bodies if one.get("kind") in ("check", "recheck")]


@pytest.mark.parametrize("number", [1, 4, 5, 12, 25])
def test_any_number_of_photos_shares_a_sidecar(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each invocation lists and wakes only so many, and its message is followed by one for the others.

    The sidecar may also belong to a photo `shoes/fan`, which is counted too.
    """
    monkeypatch.setattr(service, "MAX_WOKEN_PHOTOS", 10)
    suffixes = [f"{n:05}" for n in range(number)]
    world = world_with_shared_sidecar(*suffixes, *(f"{suffix}.png" for suffix in suffixes))
    world.deliver_next("intake")
    opened = [one for one in world.transport.calls if one.operation == "get_object" and "fan.0" in one.request["Key"]]
    checked = list_checked_keys(world)
    assert (bool(opened), len(checked)) == ((True, 0) if number <= 4 else (False, min(number + 1, 10)))
    world.run_until_empty(max_deliveries=10_000)
    statuses = [[job.status for job in world.list_jobs(f"shoes/fan.{suffix}")] for suffix in suffixes]
    assert (statuses, count_paid_calls(world)) == ([[JobStatus.STORED]] * number, number)
    assert_at_rest(world)


@pytest.mark.parametrize("other", ["fan.{:02}.txt", "fan.{:02}/notes.txt", "fan.{:02}/deep/x.txt"])
def test_other_names_do_not_make_one_invocation_long(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_LISTED_KEYS", 8)
    world = world_with_shared_sidecar("jpg")
    for n in range(40):
        world.s3.upload(INPUT_BUCKET, f"shoes/{other.format(n)}", b"x")
    world.s3.page_size = 4
    world.transport.calls.clear()
    world.deliver_next("intake")
    assert [one.operation for one in world.transport.calls].count("list_objects_v2") == 2
    world.run_until_empty(max_deliveries=10_000)
    assert [job.status for job in world.list_jobs("shoes/fan.jpg")] == [JobStatus.STORED]


def test_page_that_is_delivered_again_does_not_begin_at_the_first_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_WOKEN_PHOTOS", 10)
    world = world_with_shared_sidecar(*(f"{n:05}" for n in range(25)))
    world.deliver_next("intake")
    (page,) = [one for one in world.queues["intake"].messages if '"folder"' in one.body]
    world.queues["intake"].messages[:] = [page]
    page.receive_count = 3
    world.deliver_next("intake")
    assert list_checked_keys(world) == [f"shoes/fan.{n:05}" for n in range(9, 19)]


def test_record_that_cannot_be_handled_leaves_the_others_of_its_message() -> None:
    """One of another bucket becomes a dead letter, and one that S3 does not return is tried again."""
    world = World()
    world.transport.faults_before.append(deny_access("denied.jpg"))
    keys = ["denied.jpg", "red.jpg", "blue.jpg"]
    for key in keys:
        upload_unique_photo(world, key, operation="remove")
    world.queues["intake"].messages.clear()
    records = [{"s3": {"bucket": {"name": INPUT_BUCKET}, "object": {"key": key}}} for key in keys]
    foreign = {"s3": {"bucket": {"name": "others"}, "object": {"key": "x.jpg"}}}
    world.sqs.send_externally(world.queues["intake"], json.dumps({"Records": [foreign, *records]}))
    world.run_for(30)
    assert [[job.status for job in world.list_jobs(key)] for key in keys] == [
        [],
        [JobStatus.STORED],
        [JobStatus.STORED],
    ]
    assert not world.dead_letter_queue.messages
    world.transport.faults_before.clear()
    world.run_until_empty()
    assert [job.status for job in world.list_jobs("denied.jpg")] == [JobStatus.STORED]
    (letter,) = world.dead_letter_queue.messages
    assert json.loads(json.loads(letter.body)["body"]) == {"Records": [foreign]}
    assert count_paid_calls(world) == 3
