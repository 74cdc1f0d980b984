"""Photos without a ledger item: one request per batch, and nothing is bought, lost, or opened because of it."""

from collections import Counter
from collections.abc import Sequence

import pytest

from backdrop.imaging.prepare import PreparedPhoto, prepare_photo
from backdrop.intake import photo_reader as opener
from backdrop.intake.batch_prefetch import BatchPrefetch
from backdrop.model.capabilities import PhotoLimits
from backdrop.model.ids import derive_source_id
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import JobStatus, Source
from backdrop.pipeline.crash_guard import MAX_CRASHES
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import TargetedFault, raise_throttle
from tests.simulated.stage_worlds import KEY, find_only_job

OTHER = "shoes/blue.jpg"


def world_with_batch(*keys: str) -> World:
    """Returns a world in which intake has started a batch with these photos."""
    world = World()
    for key in keys:
        world.upload_photo(key, build_photo(key), operation="remove")
    world.queues["intake"].messages.clear()
    world.intake.start_batch([IntakeEvent(INPUT_BUCKET, key) for key in (KEY, OTHER)])
    return world


def list_ledger_calls(world: World, keys: Sequence[str] = (KEY, OTHER)) -> Counter[str]:
    """Returns the requests that the photos' events cause."""
    before = len(world.transport.calls)
    for key in keys:
        world.intake.handle(IntakeEvent(INPUT_BUCKET, key))
    return Counter(call.operation for call in world.transport.calls[before:] if call.service == "dynamodb")


def test_batch_of_new_photos_reads_the_ledger_once() -> None:
    assert list_ledger_calls(world_with_batch(KEY, OTHER)) == {"batch_get_item": 1, "transact_write_items": 2}


def test_single_new_photo_reads_the_ledger_once() -> None:
    world = world_with_batch(KEY)
    world.intake.start_batch([IntakeEvent(INPUT_BUCKET, KEY)])
    assert list_ledger_calls(world, [KEY]) == {"batch_get_item": 1, "transact_write_items": 1}


def test_known_photo_is_read_from_the_ledger() -> None:
    world = world_with_batch(KEY, OTHER)
    list_ledger_calls(world, [KEY])
    world.intake.start_batch([IntakeEvent(INPUT_BUCKET, key) for key in (KEY, OTHER)])
    assert list_ledger_calls(world) == {"batch_get_item": 1, "query": 1, "transact_write_items": 1}


def test_concurrent_writes_are_found_before_anything_is_bought() -> None:
    world = world_with_batch(KEY, OTHER)

    def other_worker(_: object) -> None:
        world.intake.photo_intake.prefetch = BatchPrefetch(world.ledger)
        world.intake.handle(IntakeEvent(INPUT_BUCKET, KEY))

    world.transport.faults_before.append(fault := TargetedFault(other_worker, "get_object"))
    calls = list_ledger_calls(world, [KEY])
    assert (fault.hit_count, calls["query"]) == (1, 1 + 1)
    world.run_until_empty()
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (JobStatus.STORED, 1)


def test_missing_photo_is_looked_up_in_the_ledger() -> None:
    assert list_ledger_calls(world_with_batch(OTHER)) == {"batch_get_item": 1, "query": 1, "transact_write_items": 1}


def test_abandoned_photo_is_not_opened_in_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_with_batch(KEY, OTHER)
    given_up = Source(
        source_id=derive_source_id(INPUT_BUCKET, KEY), bucket=INPUT_BUCKET, key=KEY, crash_count=MAX_CRASHES
    )
    world.ledger.put_source(given_up, ())
    opened: list[bytes] = []

    def record_opening(data: bytes, limits: PhotoLimits, max_megapixels: int) -> PreparedPhoto:
        opened.append(data)
        return prepare_photo(data, limits, max_megapixels)

    monkeypatch.setattr(opener, "prepare_photo", record_opening)
    list_ledger_calls(world)
    assert opened == [build_photo(OTHER)]


def test_unavailable_ledger_is_read_again_for_the_next_event() -> None:
    world = world_with_batch(KEY, OTHER)
    world.transport.faults_before.append(TargetedFault(raise_throttle, "batch_get_item"))
    with pytest.raises(Exception, match="DynamoDB"):
        list_ledger_calls(world, [KEY])
    assert list_ledger_calls(world)["query"] == 0
