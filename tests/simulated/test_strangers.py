"""Photos of which the ledger knows nothing: one request for a batch, and nothing is bought, lost or opened for it."""

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
from tests.simulated.simulation import KEY, the_job

OTHER = "shoes/blue.jpg"


def stack(*keys: str) -> World:
    """Photos lie there, and intake knows what its batch will look at."""
    world = World()
    for key in keys:
        world.upload_photo(key, build_photo(key), operation="remove")
    world.queues["intake"].messages.clear()
    world.intake.start_batch([IntakeEvent(INPUT_BUCKET, key) for key in (KEY, OTHER)])
    return world


def looked(world: World, keys: Sequence[str] = (KEY, OTHER)) -> Counter[str]:
    """What looks at photos ask for."""
    before = len(world.transport.calls)
    for key in keys:
        world.intake.handle(IntakeEvent(INPUT_BUCKET, key))
    return Counter(call.operation for call in world.transport.calls[before:] if call.service == "dynamodb")


def test_a_batch_of_new_photos_asks_the_ledger_once() -> None:
    assert looked(stack(KEY, OTHER)) == {"batch_get_item": 1, "transact_write_items": 2}


def test_one_photo_alone_is_asked_for_at_once() -> None:
    world = stack(KEY)
    world.intake.start_batch([IntakeEvent(INPUT_BUCKET, KEY)])
    assert looked(world, [KEY]) == {"query": 1, "transact_write_items": 1}


def test_a_photo_that_is_known_is_read() -> None:
    world = stack(KEY, OTHER)
    looked(world, [KEY])
    world.intake.start_batch([IntakeEvent(INPUT_BUCKET, key) for key in (KEY, OTHER)])
    assert looked(world) == {"batch_get_item": 1, "query": 1, "transact_write_items": 1}


def test_what_others_write_in_between_is_found_before_anything_is_bought() -> None:
    world = stack(KEY, OTHER)

    def other_worker(_: object) -> None:
        world.intake.photo_intake.prefetch = BatchPrefetch(world.ledger)
        world.intake.handle(IntakeEvent(INPUT_BUCKET, KEY))

    world.transport.faults_before.append(strike := TargetedFault(other_worker, "get_object"))
    asked = looked(world, [KEY])
    assert (strike.hit_count, asked["query"]) == (1, 1 + 1)
    world.run_until_empty()
    assert (the_job(world).status, len(world.provider.received_job_ids)) == (JobStatus.STORED, 1)


def test_a_photo_that_is_not_there_is_looked_for_in_the_ledger() -> None:
    assert looked(stack(OTHER)) == {"batch_get_item": 1, "query": 1, "transact_write_items": 1}


def test_a_photo_that_was_given_up_is_not_opened_in_a_batch_either(monkeypatch: pytest.MonkeyPatch) -> None:
    world = stack(KEY, OTHER)
    given_up = Source(
        source_id=derive_source_id(INPUT_BUCKET, KEY), bucket=INPUT_BUCKET, key=KEY, crash_count=MAX_CRASHES
    )
    world.ledger.put_source(given_up, ())
    opened: list[bytes] = []

    def noted(data: bytes, limits: PhotoLimits, max_megapixels: int) -> PreparedPhoto:
        opened.append(data)
        return prepare_photo(data, limits, max_megapixels)

    monkeypatch.setattr(opener, "prepare_photo", noted)
    looked(world)
    assert opened == [build_photo(OTHER)]


def test_a_ledger_that_does_not_answer_is_asked_again_at_the_next_look() -> None:
    world = stack(KEY, OTHER)
    world.transport.faults_before.append(TargetedFault(raise_throttle, "batch_get_item"))
    with pytest.raises(Exception, match="DynamoDB"):
        looked(world, [KEY])
    assert looked(world)["query"] == 0
