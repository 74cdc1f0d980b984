"""Rerun resolves photos again. Only changes are bought, and photos without instructions stay unchanged."""

from typing import Any

import pytest

from backdrop.aws.events import parse_intake_message
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job
from tests.simulated.uploads_and_requests import (
    BEACH,
    FOREST,
    REMOVE,
    count_paid_calls,
    read_current_instructions,
    send_request,
    send_rerun,
    upload_defaults,
)


def world_with_defaults(content: dict[str, Any], **tags: str) -> World:
    """Returns a world with a photo that ran on its folder's defaults."""
    world = World()
    upload_defaults(world, "shoes/", content)
    world.upload_photo(KEY, build_photo(), **tags)
    world.run_until_empty()
    return world


def rerun(world: World) -> None:
    """A person reruns the photo, and everything is processed."""
    send_rerun(world, KEY)
    world.run_until_empty()


def test_rerun_message_says_that_a_person_sent_it() -> None:
    body = '{"kind": "rerun", "bucket": "photos", "key": "a.jpg"}'
    assert parse_intake_message(body, input_bucket="photos", is_repeated=False) == [
        IntakeEvent("photos", "a.jpg", is_rerun=True)
    ]


def test_changed_default_is_used() -> None:
    world = world_with_defaults(BEACH)
    upload_defaults(world, "shoes/", FOREST)
    world.run_until_empty()
    rerun(world)
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"": "in a forest"}, 2)
    assert_at_rest(world)


@pytest.mark.parametrize("times", [1, 3])
def test_nothing_is_bought_if_nothing_changed(times: int) -> None:
    world = world_with_defaults(BEACH)
    before = world.read_pictures()
    for _ in range(times):
        rerun(world)
    assert (count_paid_calls(world), world.read_pictures(), len(world.list_jobs())) == (1, before, 1)
    assert_at_rest(world)


def test_reverted_folder_default_costs_nothing() -> None:
    world = world_with_defaults(BEACH)
    before = world.read_pictures()
    for content in (FOREST, BEACH):
        upload_defaults(world, "shoes/", content)
        world.run_until_empty()
        rerun(world)
    assert (count_paid_calls(world), world.read_pictures()) == (2, before)


def test_waiting_photo_runs_at_once_on_existing_instructions() -> None:
    world = World(settle_seconds=600)
    upload_defaults(world, "shoes/", REMOVE)
    world.upload_photo(KEY, build_photo())
    world.run_for(5)
    send_rerun(world, KEY)
    world.run_for(60)
    assert find_only_job(world).status is JobStatus.STORED


def test_photo_without_instructions_is_reported_and_keeps_its_jobs() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    rerun(world)
    assert list_report_codes(world, KEY) == ["no_instructions"]


def test_requested_photo_without_other_instructions_keeps_its_job() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    send_request(world, KEY, **BEACH)
    world.run_until_empty()
    before = world.read_pictures()
    rerun(world)
    assert (read_current_instructions(world, KEY), list_report_codes(world, KEY), world.read_pictures()) == (
        {"": "on a beach"},
        [],
        before,
    )
    assert count_paid_calls(world) == 1


def test_variant_without_instructions_does_not_block_the_others() -> None:
    world = World()
    upload_defaults(world, "shoes/", {"style": "aura"})
    world.upload_sidecar(KEY, variants={"beach": BEACH, "bare": {"seed": 1}})
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    upload_defaults(world, "shoes/", {"style": "bauhaus"})
    world.run_until_empty()
    assert count_paid_calls(world) == 1
    rerun(world)
    (now,) = (job for job in world.list_jobs() if job.instructions["style_preset"] == "BAUHAUS")
    assert (now.status, count_paid_calls(world), list_report_codes(world, KEY)) == (
        JobStatus.STORED,
        2,
        ["no_instructions"],
    )


def test_refused_photo_runs_again() -> None:
    world = World()
    world.upload_sidecar(KEY, **BEACH, max_cost_usd=0)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    world.s3.upload("photos", f"{KEY}.json", b'{"prompt": "on a beach"}')
    world.queues["intake"].messages.clear()
    rerun(world)
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_missing_photo_is_skipped() -> None:
    world = World()
    rerun(world)
    assert (world.table.items, world.output_bucket.objects) == ({}, {})


def test_job_that_is_being_paid_is_not_bought_twice() -> None:
    world = world_with_defaults(REMOVE)
    world.upload_photo(KEY, build_photo("another"))
    world.run_until_empty("intake")
    world.provider.script.append(
        CallBehavior(run_during_call=lambda: (send_rerun(world, KEY), world.run_until_empty("intake"))[1])
    )
    world.run_until_empty()
    assert (count_paid_calls(world), [job.status for job in world.list_jobs()]) == (2, [JobStatus.STORED] * 2)
    assert_at_rest(world)
