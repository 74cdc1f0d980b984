"""Intake workers that crash or lose a race: a job in the ledger is never left without a message."""

import json
from collections.abc import Callable

import pytest

from backdrop.model.ids import derive_source_id
from backdrop.model.job import JobStatus, Source
from backdrop.pipeline.crash_guard import INTAKE_TIMEOUT, MAX_CRASHES, begin_photo_processing
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import SimulatedCrash, TargetedFault, crash_worker
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo
from tests.simulated.uploads_and_requests import REMOVE, upload_defaults


def crash_before_sending_messages(world: World) -> World:
    """Makes intake crash after it has written the job to the ledger."""
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items"))
    world.deliver_next("intake")
    world.transport.clear_faults()
    assert find_only_job(world).status is JobStatus.ACCEPTED
    assert not world.queues["ideogram"].messages
    return world


def world_with_sidecar() -> World:
    """Returns a photo with its sidecar."""
    world = World()
    world.upload_sidecar(KEY, operation="remove")
    world.upload_photo(KEY, build_photo())
    return world


def test_crashed_event_is_completed_by_the_next_event() -> None:
    world = crash_before_sending_messages(world_with_photo())
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert_at_rest(world)


def upload_again(world: World) -> None:
    """Uploads the same bytes with the same tags, as another version."""
    world.upload_photo(KEY, build_photo(), operation="remove")


def add_a_tag(world: World) -> None:
    """Adds another tool's tag."""
    world.s3.set_tags(INPUT_BUCKET, KEY, {"operation": "remove", "team": "shoes"})


def change_our_tag(world: World) -> None:
    """Changes one of our tags in a way that does not affect the purchase."""
    world.s3.set_tags(INPUT_BUCKET, KEY, {"operation": "remove", "max_cost_usd": "1"})


@pytest.mark.parametrize("meanwhile", [upload_again, add_a_tag, change_our_tag])
@pytest.mark.parametrize("first", ["the old event", "the new event"])
def test_crashed_event_is_completed_despite_changes_in_between(meanwhile: Callable[[World], None], first: str) -> None:
    world = crash_before_sending_messages(world_with_photo())
    meanwhile(world)
    if first == "the old event":
        old, new = world.queues["intake"].messages
        new.visible_at, old.visible_at = old.visible_at, new.visible_at
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


def test_crashed_event_is_completed_after_its_sidecar_is_deleted() -> None:
    world = crash_before_sending_messages(world_with_sidecar())
    world.delete_file(f"{KEY}.json")
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert_at_rest(world)


def test_photo_that_was_briefly_replaced_is_still_bought() -> None:
    """Render finds other bytes and returns the job to intake. By then, the old version has been restored."""
    world = world_with_photo()
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    world.deliver_next("ideogram")
    world.s3.delete_newest_version(INPUT_BUCKET, KEY)
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


def test_same_bytes_restored_by_an_upload_are_still_bought() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    world.deliver_next("ideogram")
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


def test_photo_replaced_and_restored_while_settling_stops_waiting() -> None:
    """The sidecar is gone, so the other photo has to wait. The bytes of the existing job need no instructions."""
    world = world_with_sidecar()
    world.run_until_empty()
    world.delete_file(f"{KEY}.json")
    world.upload_photo(KEY, build_photo("another"))
    world.deliver_next("intake")
    world.deliver_next("intake")
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    source = world.read_source(KEY)
    assert source
    assert source.settling_since is None
    assert not list(world.steps.ledger_queries.list_open())
    assert (find_only_job(world).status, world.read_report(KEY)) == (JobStatus.STORED, None)
    assert_at_rest(world)


def test_deleted_photos_receipt_is_written_despite_a_crash() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    world.run_until_empty("deliver")
    world.delete_file(KEY)
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items"))
    world.run_until_empty("intake")
    world.run_until_empty()
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [one["status"] for one in receipt["jobs"]] == ["cancelled"]


def test_crashes_are_not_counted_after_a_photo_was_abandoned() -> None:
    world = World()
    now = world.clock.now()
    given_up = Source(
        source_id=derive_source_id(INPUT_BUCKET, KEY),
        bucket=INPUT_BUCKET,
        key=KEY,
        crash_count=MAX_CRASHES,
        processing_until=now - INTAKE_TIMEOUT,
    )
    world.ledger.put_source(given_up, ())
    begin_photo_processing(world.ledger, given_up, now)
    source = world.read_source(KEY)
    assert source
    assert (source.crash_count, source.processing_until) == (MAX_CRASHES, now + INTAKE_TIMEOUT)


def settle(world: World) -> None:
    """Lets the settle time pass."""
    world.clock.sleep(world.setup.settle_seconds)


def write_a_sidecar(world: World) -> None:
    world.upload_sidecar(KEY, **REMOVE)


def write_a_broken_sidecar(world: World) -> None:
    """Writes a sidecar with errors."""
    world.upload_sidecar(KEY, operation="remoev")


@pytest.mark.parametrize(
    ("folder", "meanwhile", "events"),
    [
        (REMOVE, settle, []),
        (None, settle, ["no_instructions"]),
        (None, write_a_sidecar, []),
        (None, write_a_broken_sidecar, ["invalid_value"]),
    ],
)
def test_crashed_event_is_completed_although_its_message_was_deleted(
    folder: dict[str, str] | None, meanwhile: Callable[[World], None], events: list[str]
) -> None:
    """SQS delivers the message twice. The worker with the second delivery finds nothing to do yet, and deletes it."""
    world = World()
    if folder:
        upload_defaults(world, "", folder)
        world.run_until_empty()
    world.upload_photo(KEY, build_photo())
    (message,) = world.queues["intake"].messages

    def handle_elsewhere(_: object) -> None:
        message.visible_at = world.clock.time
        world.deliver_next("intake")
        assert message not in world.queues["intake"].messages
        meanwhile(world)
        world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))

    world.transport.faults_before.append(TargetedFault(handle_elsewhere, "get_object", nth=2))
    world.deliver_next("intake")
    assert world.crash_count == 1
    world.run_until_empty()
    assert (list_report_codes(world, KEY), [job.status for job in world.list_jobs()]) == (
        events,
        [] if events else [JobStatus.STORED],
    )
    assert_at_rest(world)


@pytest.mark.parametrize(("kind", "left"), [("check", 1), ("recheck", 0)])
def test_event_is_repeated_only_if_a_new_photo_lost_a_race(kind: str, left: int) -> None:
    """Otherwise, concurrent events of one photo would cause an endless chain of events."""
    world = World()
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    world.upload_sidecar(KEY, **REMOVE)
    world.queues["intake"].messages.clear()
    world.sqs.send_externally(world.queues["intake"], json.dumps({"kind": kind, "bucket": INPUT_BUCKET, "key": KEY}))

    def write(_: object) -> None:
        source = world.read_source(KEY)
        assert source
        world.ledger.put_source(source, ())

    world.transport.faults_before.append(TargetedFault(write, "get_object", nth=2))
    world.deliver_next("intake")
    assert find_only_job(world).status is JobStatus.ACCEPTED
    assert len(world.queues["intake"].messages) == left


@pytest.mark.parametrize("nth", range(1, 9))
def test_two_concurrent_events_create_one_job(nth: int) -> None:
    """The second one is handled completely between two calls of the first."""
    world = world_with_photo()
    (message,) = world.queues["intake"].messages
    world.sqs.send_externally(world.queues["intake"], message.body)

    def handle_second(_: object) -> None:
        world.deliver_next("intake")

    world.transport.faults_before.append(TargetedFault(handle_second, nth=nth))
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


@pytest.mark.parametrize("nth", range(1, 9))
def test_edit_during_an_event_is_applied(nth: int) -> None:
    world = world_with_sidecar()

    def edit(_: object) -> None:
        world.upload_sidecar(KEY, prompt="on a marble table")

    world.transport.faults_before.append(TargetedFault(edit, nth=nth))
    world.run_until_empty("intake")
    world.run_until_empty()
    current = [job for job in world.list_jobs() if job.status is JobStatus.STORED]
    assert [job.operation for job in current] == ["replace"]
    assert world.provider.charged_micro_usd == 60_000
    assert_at_rest(world)


def test_simulated_crash_cannot_be_caught_as_an_exception() -> None:
    assert not issubclass(SimulatedCrash, Exception)
