"""An event takes at most 7 requests to S3 and DynamoDB per photo. A folder is read once per batch."""

from collections.abc import Callable

import pytest

from backdrop.model.intake_event import IntakeEvent
from bench.intake_requests import CASES, MAX_REQUESTS, handle_next_message, is_defaults_read, is_folder_read
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import ServiceCall
from tests.simulated.stage_worlds import KEY
from tests.simulated.uploads_and_requests import (
    BEACH,
    FOREST,
    REMOVE,
    count_paid_calls,
    send_request,
    send_rerun,
    upload_defaults,
    upload_unique_photo,
)

Case = Callable[[World], list[ServiceCall]]
SERVICES = ("s3", "dynamodb")


def deliver_photo(world: World, **tags: str) -> None:
    """A photo is bought and delivered."""
    world.upload_photo(KEY, build_photo(), **(tags or REMOVE))
    world.run_until_empty()


def edit_sidecar(world: World) -> list[ServiceCall]:
    deliver_photo(world)
    world.upload_sidecar(KEY, **BEACH)
    return handle_next_message(world)


def replace_bytes(world: World) -> list[ServiceCall]:
    deliver_photo(world)
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    return handle_next_message(world)


def upload_same_bytes_again(world: World) -> list[ServiceCall]:
    deliver_photo(world)
    world.upload_photo(KEY, build_photo(), operation="remove")
    return handle_next_message(world)


def delete_while_waiting(world: World) -> list[ServiceCall]:
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.deliver_next("intake")
    world.delete_file(KEY)
    return handle_next_message(world)


def set_tags_later(world: World) -> list[ServiceCall]:
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    world.s3.set_tags(INPUT_BUCKET, KEY, REMOVE)
    return handle_next_message(world)


def request_photo(world: World) -> list[ServiceCall]:
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    send_request(world, KEY, **BEACH)
    return handle_next_message(world)


def request_missing_photo(world: World) -> list[ServiceCall]:
    send_request(world, KEY, **BEACH)
    return handle_next_message(world)


def rerun_photo(world: World) -> list[ServiceCall]:
    deliver_photo(world)
    send_rerun(world, KEY)
    return handle_next_message(world)


def wake_by_defaults(world: World) -> list[ServiceCall]:
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    upload_defaults(world, "shoes/", REMOVE)
    world.deliver_next("intake")
    return handle_next_message(world)


def upload_other_file(world: World) -> list[ServiceCall]:
    world.upload_photo(KEY, b"this is no photo", operation="remove")
    return handle_next_message(world)


def upload_broken_sidecar(world: World) -> list[ServiceCall]:
    world.upload_sidecar(KEY, promt="x")
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo())
    return handle_next_message(world)


def upload_copy(world: World) -> list[ServiceCall]:
    deliver_photo(world)
    world.upload_photo("shoes/copy.jpg", build_photo(), operation="remove")
    return handle_next_message(world)


OTHERS: tuple[Case, ...] = (
    edit_sidecar,
    replace_bytes,
    upload_same_bytes_again,
    delete_while_waiting,
    set_tags_later,
    request_photo,
    request_missing_photo,
    rerun_photo,
    wake_by_defaults,
    upload_other_file,
    upload_broken_sidecar,
)


@pytest.mark.parametrize("case", [*CASES, *OTHERS])
def test_event_takes_at_most_seven_requests(case: Case) -> None:
    calls = [str(call) for call in case(World(1)) if not is_folder_read(call)]
    assert MAX_REQUESTS == 7
    assert 0 < len(calls) <= MAX_REQUESTS, calls


def test_copy_of_a_photo_needs_no_second_event() -> None:
    """The refused claim takes additional requests: the claim itself, a read of the reason, and a read of the owner's
    job.
    """
    calls = [str(call) for call in upload_copy(World(1)) if not is_defaults_read(call)]
    assert len(calls) <= 10, calls
    assert len([call for call in calls if "tagging" in call]) == 1


def count_batch_requests(world: World, *events: IntakeEvent) -> list[ServiceCall]:
    """Returns the requests to S3 and DynamoDB of one invocation with these events."""
    world.queues["intake"].messages.clear()
    before = len(world.transport.calls)
    world.steps.intake.start_batch()
    for event in events:
        world.intake.handle(event)
    return [call for call in world.transport.calls[before:] if call.service in SERVICES]


def test_folder_defaults_are_read_once_per_batch() -> None:
    world = World()
    upload_defaults(world, "", {"seed": 1})
    upload_defaults(world, "shop/", REMOVE)
    keys = [f"shop/shoes/{n}.jpg" for n in range(10)]
    for key in keys:
        world.upload_sidecar(key, seed=2)
        upload_unique_photo(world, key)
    calls = count_batch_requests(world, *(IntakeEvent(INPUT_BUCKET, key) for key in keys))
    read = [call.request["Key"] for call in calls if is_defaults_read(call)]
    assert sorted(read) == ["_backdrop.json", "shop/_backdrop.json", "shop/shoes/_backdrop.json"]
    assert len(calls) - len(read) <= MAX_REQUESTS * len(keys)
    world.run_until_empty()
    assert count_paid_calls(world) == 10


def test_names_of_a_folder_are_listed_once_per_batch() -> None:
    """Before photos are bought by folder defaults alone, intake looks for misnamed sidecars."""
    world = World(settle_seconds=0)
    upload_defaults(world, "shoes/", REMOVE)
    keys = [f"shoes/{n}.jpg" for n in range(10)]
    for key in keys:
        upload_unique_photo(world, key)
    calls = count_batch_requests(world, *(IntakeEvent(INPUT_BUCKET, key) for key in keys))
    assert [call.request["Prefix"] for call in calls if call.operation == "list_objects_v2"] == ["shoes/"]
    assert len([call for call in calls if not is_folder_read(call)]) <= MAX_REQUESTS * len(keys)


def test_next_batch_reads_folder_defaults_again() -> None:
    world = World()
    for content in (BEACH, FOREST):
        upload_defaults(world, "shoes/", content)
        key = f"shoes/{content['prompt'][-5:]}.jpg"
        world.upload_sidecar(key, seed=1)
        upload_unique_photo(world, key)
        count_batch_requests(world, IntakeEvent(INPUT_BUCKET, key))
    assert [job.instructions["prompt"] for job in world.list_jobs()] == ["on a beach", "in a forest"]


def test_all_events_of_a_photo_in_one_batch_merge() -> None:
    world = World()
    world.upload_sidecar(KEY, **REMOVE)
    world.upload_photo(KEY, build_photo())
    once = count_batch_requests(world, IntakeEvent(INPUT_BUCKET, KEY))
    world = World()
    world.upload_sidecar(KEY, **REMOVE)
    world.upload_photo(KEY, build_photo())
    event, sidecar = IntakeEvent(INPUT_BUCKET, KEY), IntakeEvent(INPUT_BUCKET, f"{KEY}.json")
    calls = count_batch_requests(world, event, sidecar, event, sidecar, event)
    assert len(calls) == len(once) + 2
    assert [call.operation for call in calls[len(once) :]] == ["list_objects_v2"] * 2


@pytest.mark.parametrize(
    "other",
    [
        IntakeEvent(INPUT_BUCKET, KEY, is_repeated=True),
        IntakeEvent(INPUT_BUCKET, KEY, is_rerun=True),
        IntakeEvent(INPUT_BUCKET, KEY, is_settle_timeout=True),
    ],
    ids=str,
)
def test_event_with_its_own_reason_is_never_merged(other: IntakeEvent) -> None:
    first, both = World(), World()
    for world in (first, both):
        world.upload_photo(KEY, build_photo())
    assert len(count_batch_requests(both, IntakeEvent(INPUT_BUCKET, KEY), other)) > len(
        count_batch_requests(first, IntakeEvent(INPUT_BUCKET, KEY))
    )


def test_obsolete_settle_timeout_suppresses_no_event_of_its_batch() -> None:
    world = World()
    deliver_photo(world)
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    count_batch_requests(world, IntakeEvent(INPUT_BUCKET, KEY, is_settle_timeout=True), IntakeEvent(INPUT_BUCKET, KEY))
    assert len(world.list_jobs()) == 2


def test_failed_event_does_not_count_as_handled() -> None:
    world = World()
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.steps.intake.start_batch()
    world.transport.faults_before.append(
        lambda call: (_ for _ in ()).throw(OSError) if call.operation == "get_object" else None
    )
    for _ in range(2):
        before = len(world.transport.calls)
        with pytest.raises(Exception, match="S3"):
            world.intake.handle(IntakeEvent(INPUT_BUCKET, KEY))
        assert len(world.transport.calls) > before
