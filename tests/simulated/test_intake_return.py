"""A photo that was deleted and comes back is a new one: what lies beside it now decides, and nothing is paid twice."""

import pytest

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.days import codes, pass_time
from tests.simulated.simulation import KEY, PRICE, assert_at_rest, dropped, the_job
from tests.simulated.wishes import FOREST, REMOVE, REPLACED, ask, defaults


def gone(world: World) -> World:
    """The photo and what was said of it is deleted, and intake saw that."""
    world.delete_file(f"{KEY}.json")
    world.delete_file(KEY)
    world.run_until_empty()
    return world


def named(world: World) -> list[tuple[str, JobStatus]]:
    """The photo's current jobs."""
    source = world.read_source(KEY)
    assert source
    jobs = {job.job_id: job for job in world.list_jobs(KEY)}
    return [(jobs[ident].operation, jobs[ident].status) for ident in source.jobs.values()]


def with_sidecar() -> World:
    """A delivered photo whose word lay in a sidecar."""
    world = World()
    world.upload_sidecar(KEY, **REMOVE)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    return world


@pytest.mark.parametrize("paid", [True, False], ids=["delivered", "unpaid"])
def test_without_its_sidecar_it_has_what_its_folder_says(paid: bool) -> None:
    world = World()
    defaults(world, "", FOREST)
    world.upload_sidecar(KEY, **REMOVE)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty(*([] if paid else ["intake"]))
    gone(world)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert named(world) == [("replace", JobStatus.STORED)]
    assert world.provider.charged_micro_usd == PRICE * paid + REPLACED
    assert_at_rest(world)


def test_without_a_word_it_is_reported_and_buys_nothing() -> None:
    world = gone(with_sidecar())
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert (codes(world, KEY), named(world), world.provider.charged_micro_usd) == (["no_instructions"], [], PRICE)
    assert_at_rest(world)


def test_it_waits_for_its_word_like_a_new_one() -> None:
    world = World(settle_seconds=20)
    world.upload_sidecar(KEY, **REMOVE)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    gone(world)
    world.upload_photo(KEY, build_photo())
    world.run_for(10)
    world.upload_sidecar(KEY, **FOREST)
    world.run_until_empty()
    assert (named(world), world.read_report(KEY)) == ([("replace", JobStatus.STORED)], None)
    assert_at_rest(world)


@pytest.mark.parametrize("how", ["with its sidecar", "as the same version"])
def test_with_the_same_word_it_costs_nothing_more(how: str) -> None:
    world = with_sidecar()
    before = world.read_pictures()
    gone(world)
    if how == "with its sidecar":
        world.upload_sidecar(KEY, **REMOVE)
        world.upload_photo(KEY, build_photo())
    else:
        world.s3.delete_newest_version(INPUT_BUCKET, f"{KEY}.json")
        world.s3.delete_newest_version(INPUT_BUCKET, KEY)
    world.run_until_empty()
    pass_time(world, 3600)
    assert (the_job(world).status, world.provider.charged_micro_usd, world.read_pictures()) == (
        JobStatus.STORED,
        PRICE,
        before,
    )
    assert_at_rest(world)


def test_what_came_of_it_anew_stays_as_long_as_it_lies_there() -> None:
    world = gone(with_sidecar())
    world.upload_photo(KEY, build_photo(), **FOREST)
    world.run_until_empty()
    world.s3.set_tags(INPUT_BUCKET, KEY, {})
    world.run_until_empty()
    source = world.read_source(KEY)
    assert source
    assert not source.was_missing
    assert (named(world), world.read_report(KEY)) == ([("replace", JobStatus.STORED)], None)


def test_a_return_that_no_event_told_of_is_found_by_the_sweep() -> None:
    world = gone(with_sidecar())
    world.upload_photo(KEY, build_photo(), **FOREST)
    world.queues["intake"].messages.clear()
    pass_time(world, 3600)
    assert named(world) == [("replace", JobStatus.STORED)]


def test_the_receipt_of_a_deleted_photo_still_says_what_was_bought_for_which_bytes() -> None:
    world = with_sidecar()
    before = world.read_receipt(KEY)
    gone(world)
    assert world.read_receipt(KEY) == before
    assert before
    assert before["source"]["sha256"]


def test_a_request_refused_before_the_event_of_its_return_keeps_none_of_the_old_jobs() -> None:
    world = dropped()
    world.run_until_empty()
    gone(world)
    world.upload_photo(KEY, build_photo())
    mine = list(world.queues["intake"].messages)
    world.queues["intake"].messages.clear()
    ask(world, KEY, colour="red")
    world.run_until_empty()
    world.queues["intake"].messages += mine
    world.run_until_empty()
    assert "unknown_field" in codes(world, KEY)
    assert (named(world), world.provider.charged_micro_usd) == ([], PRICE)
