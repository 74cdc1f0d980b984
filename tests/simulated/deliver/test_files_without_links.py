"""Pictures without a link are saved under _backdrop/work/results/ and verified like any other picture."""

from collections.abc import Callable

import pytest

from backdrop.deliver import paid_files
from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.model.job import JobStatus, PictureLink
from backdrop.model.object_keys import result_key
from backdrop.model.provider_result import ProviderResult, RetryClass
from simulation.world.sample_images import build_photo, build_picture
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import OUTPUT_BUCKET, World
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job

NAME = "runware-1"
KEPT = ProviderResult(RetryClass.OK, links=(PictureLink(url=None, result_name=NAME),), charged=PRICE)


def world_with_saved_result(*, before_delivery: Callable[[World], object]) -> World:
    """Returns a world in which the provider's answer has no link."""
    world = World()
    world.provider.default_behavior = CallBehavior(result=KEPT)
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty("intake")
    world.run_until_empty("ideogram")
    before_delivery(world)
    world.run_until_empty()
    return world


def build_result_writer(data: bytes) -> Callable[[World], object]:
    return lambda world: world.s3.upload(OUTPUT_BUCKET, result_key(NAME), data)


def find_failure(world: World) -> str:
    report = world.read_report(KEY)
    assert report
    return report["errors"][0]["code"]


def test_picture_without_a_link_is_delivered_and_its_file_kept() -> None:
    picture = build_picture("https://results.invalid/1.png")
    world = world_with_saved_result(before_delivery=build_result_writer(picture))
    assert (find_only_job(world).status, world.downloads.fetched_urls) == (JobStatus.STORED, [])
    assert [strip_photo_metadata(one) for one in world.read_pictures().values()] == [picture]
    assert_at_rest(world)


def test_missing_result_file_ends_dead_and_spent() -> None:
    world = world_with_saved_result(before_delivery=lambda world: None)
    assert (find_only_job(world).status, find_failure(world)) == (JobStatus.DEAD, "result_gone")


def test_result_file_that_is_not_a_picture_ends_dead_and_spent() -> None:
    world = world_with_saved_result(before_delivery=build_result_writer(b"<html>"))
    assert (find_only_job(world).status, find_failure(world)) == (JobStatus.DEAD, "result_not_an_image")


def test_result_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paid_files, "MAX_RESULT_BYTES", 10)
    world = world_with_saved_result(before_delivery=build_result_writer(build_picture("https://results.invalid/1.png")))
    assert (find_only_job(world).status, find_failure(world)) == (JobStatus.DEAD, "result_too_large")
