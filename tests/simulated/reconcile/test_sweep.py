"""The sweep: finds recent photos and sidecars without an event. Older ones are left to campaigns."""

from datetime import timedelta

import pytest

from backdrop.model.job import JobStatus
from backdrop.reconcile import sweep
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import TargetedFault, raise_throttle
from tests.simulated.simulated_days import DAY, list_report_codes, pass_time, run_reconcile
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job
from tests.simulated.uploads_and_requests import REMOVE, upload_defaults, upload_unique_photo

HOUR = 3600
HAD_TIME = 600


def upload_without_events(world: World, *keys: str) -> None:
    """Uploads photos with their tags, without events."""
    for key in keys or (KEY,):
        world.upload_photo(key, build_photo(key), operation="remove")
    world.queues["intake"].messages.clear()


def count_swept(world: World) -> int:
    """Returns how many photos intake was asked to check."""
    return len(world.queues["intake"].messages)


# -- found -------------------------------------------------------------------------------------------------------


def test_photo_without_an_event_is_found_and_bought_once() -> None:
    world = World()
    upload_without_events(world)
    pass_time(world, HOUR)
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


def test_photo_replaced_without_an_event_is_found() -> None:
    world = World()
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    world.upload_photo(KEY, build_photo("another"), operation="remove")
    world.queues["intake"].messages.clear()
    pass_time(world, HOUR)
    assert [job.status for job in world.list_jobs()] == [JobStatus.STORED, JobStatus.STORED]
    assert_at_rest(world)


def test_sweep_reads_a_hundred_photos_with_one_request() -> None:
    world = World()
    upload_without_events(world, *(f"shoes/{n:03}.jpg" for n in range(250)))
    world.clock.sleep(HAD_TIME)
    before = len(world.transport.calls)
    world.steps.reconcile.sweep.run("")
    reads = [call for call in world.transport.calls[before:] if call.service == "dynamodb"]
    assert ([call.operation for call in reads], count_swept(world)) == (["batch_get_item"] * 3, 250)


@pytest.mark.parametrize("before", ["a report", "a job"])
@pytest.mark.parametrize("name", [f"{KEY}.json", "shoes/red.json"], ids=["own", "shared"])
def test_sidecar_without_an_event_is_found(before: str, name: str) -> None:
    world = World()
    tags = {"operation": "remove"} if before == "a job" else {}
    world.upload_photo(KEY, build_photo(), **tags)
    world.run_until_empty()
    world.s3.upload(INPUT_BUCKET, name, b'{"prompt": "on a marble table"}')
    world.queues["intake"].messages.clear()
    pass_time(world, HOUR)
    stored = [job for job in world.list_jobs() if job.status is JobStatus.STORED and job.operation == "replace"]
    assert (len(stored), list_report_codes(world, KEY)) == (1, [])
    assert_at_rest(world)


def test_old_photo_is_found_by_its_recent_sidecar() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    world.clock.sleep(30 * DAY)
    world.upload_sidecar(KEY, operation="remove")
    world.queues["intake"].messages.clear()
    pass_time(world, HOUR)
    assert find_only_job(world).status is JobStatus.STORED


# -- skipped ------------------------------------------------------------------------------------------------------


def test_recent_photo_gets_time_for_its_event() -> None:
    world = World()
    upload_without_events(world)
    world.clock.sleep(HAD_TIME - 1)
    run_reconcile(world)
    assert count_swept(world) == 0
    world.clock.sleep(1)
    run_reconcile(world)
    assert count_swept(world) == 1


@pytest.mark.parametrize(("hours", "found"), [(47, 1), (48.1, 0), (1000, 0)])
def test_only_photos_younger_than_two_days_are_swept(hours: float, found: int) -> None:
    world = World()
    upload_without_events(world)
    world.clock.sleep(hours * HOUR)
    run_reconcile(world)
    assert count_swept(world) == found


@pytest.mark.parametrize(("minutes", "found"), [(-1, 1), (1, 0)])
def test_photos_older_than_the_stack_are_not_swept(minutes: int, found: int) -> None:
    """An operator who deploys the stack over a full bucket is not billed for all of its photos."""
    world = World()
    upload_without_events(world)
    created = world.clock.time + timedelta(minutes=minutes)
    world.steps.reconcile.sweep.read_stack_created_at = lambda: created
    world.clock.sleep(HOUR)
    run_reconcile(world)
    assert count_swept(world) == found


def test_unchanged_photo_is_not_handled_again() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, operation="remove")
    world.upload_photo("bare.jpg", build_photo("bare"))
    world.upload_photo("broken.jpg", b"no photo", operation="remove")
    world.upload_photo("x" * 897 + ".jpg", build_photo("long"), operation="remove")
    world.run_until_empty()
    before = dict(world.table.items)
    pass_time(world, DAY, every=HOUR)
    swept = [
        call
        for call in world.transport.calls
        if call.operation == "send_message" and "intake" in call.request["QueueUrl"]
    ]
    assert [call for call in swept if not call.request["DelaySeconds"]] == []
    assert {key: item for key, item in world.table.items.items() if key in before and key[0] != "reconcile"} == before


@pytest.mark.parametrize(
    "key", ["a.txt", "folder/", ".hidden.jpg", "_backdrop-old.json", "_backdrop/x.jpg", "a.jpg.part"]
)
def test_sweep_skips_files_that_are_not_photos(key: str) -> None:
    world = World()
    upload_without_events(world, key)
    pass_time(world, HOUR)
    assert (world.list_jobs(), set(world.table.items)) == ([], {("reconcile", "run")})


def test_folder_defaults_without_an_event_wake_their_photos() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    upload_defaults(world, "shoes/", REMOVE)
    world.queues["intake"].messages.clear()
    pass_time(world, HOUR)
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_known_folder_defaults_are_not_handled_again() -> None:
    world = World()
    upload_defaults(world, "shoes/", REMOVE)
    pass_time(world, HOUR)
    assert (count_swept(world), world.dead_letter_queue.messages) == (0, [])
    sent = [call for call in world.transport.calls if call.operation == "send_message"]
    assert len(sent) == 1


# -- limits ------------------------------------------------------------------------------------------------------


def test_large_bucket_is_swept_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "MAX_KEYS", 4)
    world = World()
    upload_without_events(world, *(f"{n:02}.jpg" for n in range(10)))
    world.clock.sleep(HOUR)
    found: list[int] = []
    cursors: list[str] = []
    for _ in range(4):
        run_reconcile(world)
        found.append(count_swept(world))
        cursors.append(world.ledger.read_reconcile_state().sweep_cursor)
    assert (found[:3], cursors[:3]) == ([4, 8, 10], ["03.jpg", "07.jpg", ""])


def test_run_checks_only_as_many_photos_as_time_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "MAX_PHOTOS", 3)
    world = World()
    upload_without_events(world, *(f"{n:02}.jpg" for n in range(8)))
    world.clock.sleep(HOUR)
    found: list[int] = []
    for _ in range(3):
        run_reconcile(world)
        found.append(count_swept(world))
    assert found == [3, 6, 8]


def test_unavailable_bucket_is_swept_later() -> None:
    world = World()
    upload_without_events(world)
    world.transport.faults_before.append(TargetedFault(raise_throttle, "list_objects_v2", times=3))
    pass_time(world, 2 * HOUR)
    assert find_only_job(world).status is JobStatus.STORED


def test_swept_photo_is_handled_like_any_other() -> None:
    """The sweep sends an event and buys nothing itself. If the real event still arrives, it finds the job."""
    world = World()
    world.upload_photo(KEY, build_photo(), operation="remove")
    (message,) = world.queues["intake"].messages
    world.queues["intake"].messages.clear()
    pass_time(world, HOUR)
    world.sqs.send_externally(world.queues["intake"], message.body)
    world.run_until_empty()
    assert (len(world.list_jobs()), world.provider.charged_micro_usd) == (1, PRICE)
