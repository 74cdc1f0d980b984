"""A photo that was deleted and uploaded again is new: its current instructions apply, and nothing is paid twice."""

import pytest

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.simulated_days import list_report_codes, pass_time
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo
from tests.simulated.uploads_and_requests import FOREST, REMOVE, REPLACED, send_request, upload_defaults


def delete_photo(world: World) -> World:
    """Deletes the photo and its instructions, and lets intake record that."""
    world.delete_file(f"{KEY}.json")
    world.delete_file(KEY)
    world.run_until_empty()
    return world


def list_current_jobs(world: World) -> list[tuple[str, JobStatus]]:
    """Returns the photo's current jobs."""
    source = world.read_source(KEY)
    assert source
    jobs = {job.job_id: job for job in world.list_jobs(KEY)}
    return [(jobs[ident].operation, jobs[ident].status) for ident in source.jobs.values()]


def delivered_world() -> World:
    """Returns a delivered photo whose instructions were in a sidecar."""
    world = World()
    world.upload_sidecar(KEY, **REMOVE)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    return world


@pytest.mark.parametrize("paid", [True, False], ids=["delivered", "unpaid"])
def test_photo_without_its_sidecar_runs_on_folder_defaults(paid: bool) -> None:
    world = World()
    upload_defaults(world, "", FOREST)
    world.upload_sidecar(KEY, **REMOVE)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty(*([] if paid else ["intake"]))
    delete_photo(world)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert list_current_jobs(world) == [("replace", JobStatus.STORED)]
    assert world.provider.charged_micro_usd == PRICE * paid + REPLACED
    assert_at_rest(world)


def test_photo_without_instructions_is_reported_and_not_bought() -> None:
    world = delete_photo(delivered_world())
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert (list_report_codes(world, KEY), list_current_jobs(world), world.provider.charged_micro_usd) == (
        ["no_instructions"],
        [],
        PRICE,
    )
    assert_at_rest(world)


def test_returned_photo_waits_for_instructions_like_a_new_one() -> None:
    world = World(settle_seconds=20)
    world.upload_sidecar(KEY, **REMOVE)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    delete_photo(world)
    world.upload_photo(KEY, build_photo())
    world.run_for(10)
    world.upload_sidecar(KEY, **FOREST)
    world.run_until_empty()
    assert (list_current_jobs(world), world.read_report(KEY)) == ([("replace", JobStatus.STORED)], None)
    assert_at_rest(world)


@pytest.mark.parametrize("how", ["with its sidecar", "as the same version"])
def test_returned_photo_with_the_same_instructions_costs_nothing(how: str) -> None:
    world = delivered_world()
    before = world.read_pictures()
    delete_photo(world)
    if how == "with its sidecar":
        world.upload_sidecar(KEY, **REMOVE)
        world.upload_photo(KEY, build_photo())
    else:
        world.s3.delete_newest_version(INPUT_BUCKET, f"{KEY}.json")
        world.s3.delete_newest_version(INPUT_BUCKET, KEY)
    world.run_until_empty()
    pass_time(world, 3600)
    assert (find_only_job(world).status, world.provider.charged_micro_usd, world.read_pictures()) == (
        JobStatus.STORED,
        PRICE,
        before,
    )
    assert_at_rest(world)


def test_new_picture_remains_as_long_as_the_photo_exists() -> None:
    world = delete_photo(delivered_world())
    world.upload_photo(KEY, build_photo(), **FOREST)
    world.run_until_empty()
    world.s3.set_tags(INPUT_BUCKET, KEY, {})
    world.run_until_empty()
    source = world.read_source(KEY)
    assert source
    assert not source.was_missing
    assert (list_current_jobs(world), world.read_report(KEY)) == ([("replace", JobStatus.STORED)], None)


def test_photo_that_returns_without_an_event_is_found_by_the_sweep() -> None:
    world = delete_photo(delivered_world())
    world.upload_photo(KEY, build_photo(), **FOREST)
    world.queues["intake"].messages.clear()
    pass_time(world, 3600)
    assert list_current_jobs(world) == [("replace", JobStatus.STORED)]


def test_receipt_of_a_deleted_photo_keeps_its_purchases() -> None:
    world = delivered_world()
    before = world.read_receipt(KEY)
    delete_photo(world)
    assert world.read_receipt(KEY) == before
    assert before
    assert before["source"]["sha256"]


def test_returned_photo_has_no_old_job_despite_a_refused_request() -> None:
    world = world_with_photo()
    world.run_until_empty()
    delete_photo(world)
    world.upload_photo(KEY, build_photo())
    mine = list(world.queues["intake"].messages)
    world.queues["intake"].messages.clear()
    send_request(world, KEY, colour="red")
    world.run_until_empty()
    world.queues["intake"].messages += mine
    world.run_until_empty()
    assert "unknown_field" in list_report_codes(world, KEY)
    assert (list_current_jobs(world), world.provider.charged_micro_usd) == ([], PRICE)
