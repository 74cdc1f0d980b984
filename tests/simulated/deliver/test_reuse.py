"""A file that another job paid for is delivered like the job's own, whatever has happened to the other photo since."""

import pytest

from backdrop.model.job import Job, JobStatus, MoneyStatus
from backdrop.model.object_keys import PAID_PREFIX
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import OUTPUT_BUCKET, World
from simulation.world.transport import TargetedFault, crash_worker
from tests.simulated.simulated_days import list_event_types, list_report_codes
from tests.simulated.stage_worlds import PRICE, assert_at_rest, find_only_job

FIRST, SECOND = "hats/one.jpg", "shoes/two.jpg"
REMOVE = {"operation": "remove"}


def upload_copy(world: World, key: str) -> None:
    """Uploads the photo that all keys share, with the same instructions."""
    world.upload_sidecar(key, **REMOVE)
    world.upload_photo(key, build_photo())


def world_with_first_stored() -> World:
    """Returns a world in which the first photo has its picture."""
    world = World()
    upload_copy(world, FIRST)
    world.run_until_empty()
    assert find_only_job(world, FIRST).status is JobStatus.STORED
    return world


def list_kept_files(world: World) -> list[str]:
    """Returns the provider's files that are kept."""
    return [key for key in world.output_bucket.list_keys() if key.startswith(f"{PAID_PREFIX}/")]


def delete_kept_files(world: World) -> None:
    """A customer's lifecycle rule deletes the kept files."""
    for key in list_kept_files(world):
        world.s3.delete_object(Bucket=OUTPUT_BUCKET, Key=key)


def find_removal(world: World, key: str) -> Job:
    """Returns the job that removes a photo's background."""
    return next(job for job in world.list_jobs(key) if job.operation == "remove")


def test_nothing_is_downloaded_or_kept_a_second_time() -> None:
    world = world_with_first_stored()
    before = list_kept_files(world)
    upload_copy(world, SECOND)
    world.run_until_empty()
    assert (len(world.downloads.fetched_urls), list_kept_files(world)) == (1, before)
    assert world.read_pictures(SECOND)[f"{SECOND}/two.png"] == world.read_pictures(FIRST)[f"{FIRST}/one.png"]
    assert list_event_types(world) == ["Image Completed", "Image Completed"]


@pytest.mark.parametrize("later_change", ["deleted", "edited", "replaced"])
def test_file_is_reused_after_the_first_photo_was_superseded(later_change: str) -> None:
    world = world_with_first_stored()
    if later_change == "deleted":
        world.delete_file(FIRST)
    elif later_change == "edited":
        world.upload_sidecar(FIRST, prompt="at sea")
    else:
        world.upload_photo(FIRST, build_photo("another"))
    world.run_until_empty()
    before = world.provider.charged_micro_usd
    upload_copy(world, SECOND)
    world.run_until_empty()
    assert (find_only_job(world, SECOND).status, world.provider.charged_micro_usd) == (JobStatus.STORED, before)
    assert list_report_codes(world, SECOND) == []


def test_missing_file_ends_the_reusing_job_without_a_charge() -> None:
    """The old picture stays, and a person may pay for a new one."""
    world = world_with_first_stored()
    delete_kept_files(world)
    upload_copy(world, SECOND)
    world.run_until_empty()
    job = find_only_job(world, SECOND)
    assert (job.status, job.money, world.provider.charged_micro_usd) == (JobStatus.DEAD, MoneyStatus.NOT_SPENT, PRICE)
    report = world.read_report(SECOND)
    assert report
    assert [(one["code"], one["money"]) for one in report["errors"]] == [("paid_file_gone", "not_spent")]
    assert len(world.read_pictures(FIRST)) == 1
    (letter,) = world.dead_letter_queue.messages
    assert letter.attributes["code"] == "paid_file_gone"
    assert_at_rest(world)


def test_reused_file_is_delivered_again_after_reinstating() -> None:
    world = world_with_first_stored()
    upload_copy(world, SECOND)
    world.run_until_empty()
    picture = world.read_pictures(SECOND)
    for fields in ({"prompt": "at sea"}, REMOVE):
        world.upload_sidecar(SECOND, **fields)
        world.run_until_empty()
    assert find_removal(world, SECOND).reused_from == find_only_job(world, FIRST).job_id
    assert world.read_pictures(SECOND) == picture
    assert world.provider.received_job_ids.count(find_removal(world, SECOND).job_id) == 0
    assert_at_rest(world)


def test_several_pictures_are_all_reused() -> None:
    world = World()
    for key in (FIRST, SECOND):
        world.upload_sidecar(key, prompt="on a marble table", num_images=3)
        world.upload_photo(key, build_photo())
        world.run_until_empty()
    assert list(world.read_pictures(SECOND).values()) == list(world.read_pictures(FIRST).values())
    assert len(world.read_pictures(SECOND)) == 3
    assert (len(world.provider.received_job_ids), len(list_kept_files(world))) == (1, 3)


def test_crashed_delivery_continues_with_the_same_file() -> None:
    for nth in range(1, 12):
        world = world_with_first_stored()
        upload_copy(world, SECOND)
        world.run_until_empty("intake")
        world.transport.faults_after.append(TargetedFault(crash_worker, nth=nth))
        world.run_until_empty()
        assert (find_only_job(world, SECOND).status, len(world.downloads.fetched_urls)) == (JobStatus.STORED, 1)
        assert_at_rest(world)
