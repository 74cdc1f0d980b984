"""A customer's price limit: a job quoted above it is reported and not bought. A paid job is not affected."""

import pytest

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job

THREE = {"prompt": "on a marble table", "num_images": 3}
COSTS = 0.18


def world_with_sidecar(**fields: object) -> World:
    """Returns a world with a photo and this sidecar."""
    world = World()
    world.upload_sidecar(KEY, **fields)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    return world


@pytest.mark.parametrize("limit", [0, 0.01, COSTS - 0.01])
def test_job_quoted_above_its_limit_is_not_bought(limit: float) -> None:
    world = world_with_sidecar(**THREE, max_cost_usd=limit)
    assert (world.list_jobs(), world.provider.received_job_ids, list_report_codes(world, KEY)) == (
        [],
        [],
        ["max_cost_exceeded"],
    )
    report = world.read_report(KEY)
    assert report
    assert "$0.18" in report["errors"][0]["message"]
    assert not world.dead_letter_queue.messages


@pytest.mark.parametrize("limit", [COSTS, 1])
def test_job_within_its_limit_is_bought(limit: float) -> None:
    assert find_only_job(world_with_sidecar(**THREE, max_cost_usd=limit)).status is JobStatus.STORED


def test_raised_limit_lets_the_photo_run() -> None:
    world = world_with_sidecar(**THREE, max_cost_usd=0.1)
    world.upload_sidecar(KEY, **THREE, max_cost_usd=0.2)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])
    assert_at_rest(world)


def test_limit_does_not_affect_a_paid_job() -> None:
    world = world_with_sidecar(**THREE)
    pictures = world.read_pictures()
    world.upload_sidecar(KEY, **THREE, max_cost_usd=0)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY), world.read_pictures()) == (
        JobStatus.STORED,
        [],
        pictures,
    )
    assert len(world.provider.received_job_ids) == 1


def test_limit_added_while_waiting_ends_the_job_unpaid() -> None:
    world = World()
    world.upload_sidecar(KEY, **THREE)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty("intake")
    world.upload_sidecar(KEY, **THREE, max_cost_usd=0.1)
    world.run_until_empty("intake")
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.received_job_ids, list_report_codes(world, KEY)) == (
        JobStatus.SUPERSEDED,
        [],
        ["max_cost_exceeded"],
    )
    assert_at_rest(world)
