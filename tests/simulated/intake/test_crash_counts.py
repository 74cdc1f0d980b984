"""A photo that crashes workers is opened five times and then reported. A photo that only had to wait is not."""

import json
from collections.abc import Callable

import pytest

from backdrop.imaging.prepare import PreparedPhoto, prepare_photo
from backdrop.intake import photo_reader
from backdrop.model.capabilities import PhotoLimits
from backdrop.model.codes import Code
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import JobStatus
from backdrop.pipeline.crash_guard import INTAKE_TIMEOUT
from backdrop.pipeline.isolation import ChildError
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import SimulatedCrash, TargetedFault, raise_throttle
from tests.simulated.simulated_days import DAY, deliver_meanwhile, list_report_codes, pass_time
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo
from tests.simulated.uploads_and_requests import send_rerun

MAX_CRASHES = 5


class CrashingPhoto:
    """Counts how often the photo is opened, and crashes the first few workers."""

    def __init__(self, crash_count: int) -> None:
        self.crash_count = crash_count
        self.times = 0

    def __call__(self, data: bytes, limits: PhotoLimits, max_megapixels: int) -> PreparedPhoto:
        self.times += 1
        if self.times <= self.crash_count:
            raise SimulatedCrash("the decoder")
        return prepare_photo(data, limits, max_megapixels)


type Deadly = Callable[[int], CrashingPhoto]


@pytest.fixture
def crashing_photo(monkeypatch: pytest.MonkeyPatch) -> Deadly:
    """Makes workers crash when they open a photo, this many times."""

    def crash_workers(crash_count: int) -> CrashingPhoto:
        crashing_opener = CrashingPhoto(crash_count)
        monkeypatch.setattr(photo_reader, "prepare_photo", crashing_opener)
        return crashing_opener

    return crash_workers


def test_photo_that_crashes_five_workers_is_reported_and_skipped(crashing_photo: Deadly) -> None:
    world, crashing_opener = world_with_photo(), crashing_photo(1000)
    pass_time(world, DAY, every=3600)
    assert (list_report_codes(world, KEY), world.list_jobs(), world.crash_count) == (["crashed"], [], MAX_CRASHES + 1)
    assert crashing_opener.times == MAX_CRASHES + 1
    report = world.read_report(KEY)
    assert report
    assert [(one["status"], one["money"]) for one in report["errors"]] == [("refused", "not_spent")]
    assert not world.queues["intake"].messages
    assert not world.dead_letter_queue.messages


def test_photo_whose_process_crashes_counts_as_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker lives on, and leaves the mark that a crash of its own would leave."""

    def fail(*_: object) -> PreparedPhoto:
        raise ChildError("The process that opened the photo ended with status -11.")

    world = world_with_photo()
    monkeypatch.setattr(photo_reader, "prepare_photo", fail)
    for crashes in range(MAX_CRASHES):
        with pytest.raises(ChildError):
            world.intake.handle(IntakeEvent(INPUT_BUCKET, KEY, receive_count=2))
        source = world.read_source(KEY)
        assert source
        assert (source.crash_count, source.processing_until is not None) == (crashes, True)
        world.clock.sleep(INTAKE_TIMEOUT.total_seconds())
    refused = world.intake.handle(IntakeEvent(INPUT_BUCKET, KEY, receive_count=2)).refused
    assert [code for _, code in refused] == [Code.CRASHED]


def test_requested_photo_that_crashes_workers_is_also_reported(crashing_photo: Deadly) -> None:
    """The request's message is redelivered like any other."""
    world, crashing_opener = World(), crashing_photo(1000)
    world.s3.upload("photos", KEY, build_photo(), {"team": "spring"})
    world.queues["intake"].messages.clear()
    world.sqs.send_externally(
        world.queues["intake"], json.dumps({"bucket": "photos", "key": KEY, "instructions": {"operation": "remove"}})
    )
    pass_time(world, DAY, every=3600)
    assert (list_report_codes(world, KEY), crashing_opener.times) == (["crashed"], MAX_CRASHES + 1)
    assert not world.queues["intake"].messages
    assert not world.dead_letter_queue.messages


@pytest.mark.parametrize("again", ["the same bytes", "a new tag"])
def test_unchanged_bytes_are_not_opened_again(again: str, crashing_photo: Deadly) -> None:
    world, crashing_opener = world_with_photo(), crashing_photo(1000)
    world.run_until_empty()
    if again == "a new tag":
        world.s3.set_tags("photos", KEY, {"operation": "remove", "max_cost_usd": "1"})
    else:
        world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert (list_report_codes(world, KEY), crashing_opener.times) == (["crashed"], MAX_CRASHES + 1)


def test_rerun_by_a_person_crashes_at_most_one_worker(crashing_photo: Deadly) -> None:
    """The message of a rerun is redelivered when its worker crashes."""
    world, crashing_opener = world_with_photo(), crashing_photo(1000)
    world.run_until_empty()
    send_rerun(world, KEY)
    pass_time(world, DAY, every=3600)
    assert (list_report_codes(world, KEY), crashing_opener.times) == (["crashed"], MAX_CRASHES + 2)
    assert not world.queues["intake"].messages


def test_abandoned_photo_is_not_opened_after_a_successful_event(crashing_photo: Deadly) -> None:
    """The event is delivered twice more. No worker opens the photo just to find that nothing has changed."""
    world, crashing_opener = world_with_photo(), crashing_photo(1000)
    (message,) = world.queues["intake"].messages
    world.run_until_empty()
    for _ in range(2):
        world.sqs.send_externally(world.queues["intake"], message.body)
        world.queues["intake"].messages[0].receive_count = 1
        world.run_until_empty()
    assert (list_report_codes(world, KEY), crashing_opener.times) == (["crashed"], MAX_CRASHES + 1)


def test_photo_that_was_saved_again_is_opened_again(crashing_photo: Deadly) -> None:
    world, _ = world_with_photo(), crashing_photo(MAX_CRASHES + 1)
    world.run_until_empty()
    world.upload_photo(KEY, build_photo("saved again"), operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])
    source = world.read_source(KEY)
    assert source
    assert source.crash_count == 0
    assert_at_rest(world)


@pytest.mark.parametrize("times", [1, 3, MAX_CRASHES])
def test_fewer_than_five_crashes_do_not_block_the_photo(times: int, crashing_photo: Deadly) -> None:
    world, _ = world_with_photo(), crashing_photo(times)
    world.run_until_empty()
    source = world.read_source(KEY)
    assert source
    assert (find_only_job(world).status, source.crash_count, source.processing_until) == (JobStatus.STORED, 0, None)
    assert world.provider.charged_micro_usd == PRICE
    assert_at_rest(world)


# -- not counted as a crash ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["query", "transact_write_items", "get_object", "get_object_tagging"])
def test_service_that_fails_for_an_hour_counts_as_no_crash(operation: str) -> None:
    world = world_with_photo()
    world.transport.faults_before.append(TargetedFault(raise_throttle, operation, times=100_000))
    world.run_for(3600)
    world.transport.clear_faults()
    world.run_until_empty()
    source = world.read_source(KEY)
    assert source
    assert (find_only_job(world).status, source.crash_count, list_report_codes(world, KEY)) == (JobStatus.STORED, 0, [])


def redeliver_nested(world: World, nested: int) -> None:
    """Redelivers messages about one photo so that their processing overlaps, as after an outage."""
    bodies = [message.body for message in world.queues["intake"].messages]
    for _ in range(nested):
        world.sqs.send_externally(world.queues["intake"], bodies[0])
    for message in world.queues["intake"].messages:
        message.receive_count = 1
    world.transport.faults_before.append(
        TargetedFault(deliver_meanwhile(world, "intake"), "get_object_tagging", times=1000)
    )


def test_overlapping_events_count_as_no_crash() -> None:
    """Upload, sidecar, and tags cause three messages. After an outage, they are redelivered at the same time."""
    world = world_with_photo()
    redeliver_nested(world, 3 * MAX_CRASHES)
    world.run_until_empty()
    assert (list_report_codes(world, KEY), find_only_job(world).status) == ([], JobStatus.STORED)


def test_overlapping_events_change_nothing_for_a_finished_photo() -> None:
    world = world_with_photo()
    (message,) = world.queues["intake"].messages
    world.run_until_empty()
    before = world.read_pictures()
    world.sqs.send_externally(world.queues["intake"], message.body)
    redeliver_nested(world, 3 * MAX_CRASHES)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY), world.read_pictures()) == (
        JobStatus.STORED,
        [],
        before,
    )
    assert_at_rest(world)
