"""A paid picture that cannot be encoded as requested is reported at once, and can be corrected without a charge."""

from typing import Any

import pytest
from PIL import Image

from backdrop.model.job import Job, JobStatus
from backdrop.model.object_keys import PAID_PREFIX
from simulation.world.simulated_stack import World
from tests.simulated.deliver.test_outputs import (
    ALL,
    RED,
    SHOP,
    THUMB_OUTPUT,
    list_picture_keys,
    world_with_outputs,
    write_sidecar,
)
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job

GIVEN_UP = "output_not_made: The webp of 8×8 cannot be encoded: encoder error -2 when writing image file."


@pytest.fixture(params=[OSError, ValueError])
def no_webp(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises Pillow's own error message for a picture that libwebp cannot encode."""
    save = Image.Image.save

    def encode(picture: Image.Image, file: Any, kind: str, **options: Any) -> None:
        if kind == "WEBP":
            raise request.param("encoder error -2 when writing image file")
        save(picture, file, kind, **options)

    monkeypatch.setattr(Image.Image, "save", encode)


def world_after_delivery(output: object) -> tuple[World, Job]:
    """Returns a world in which a photo was delivered as far as possible."""
    world = world_with_outputs(output)
    world.run_until_empty()
    return world, find_only_job(world)


def list_kept_files(world: World) -> list[str]:
    """Returns the provider's files that are kept."""
    return [key for key in world.output_bucket.list_keys() if key.startswith(PAID_PREFIX)]


@pytest.mark.usefixtures("no_webp")
def test_picture_that_cannot_be_encoded_fails_and_keeps_its_file() -> None:
    world, job = world_after_delivery(THUMB_OUTPUT)
    assert (job.status, job.charged, world.crash_count, world.read_pictures()) == (JobStatus.DEAD, PRICE, 0, {})
    report = world.read_report(KEY)
    assert report
    (error,) = report["errors"]
    assert (error["code"], error["money"], f"{error['code']}: {error['message']}") == (
        "output_not_made", "spent", GIVEN_UP,
    )  # fmt: skip
    assert "without a charge" in error["hint"]
    assert [letter.attributes["code"] for letter in world.dead_letter_queue.messages] == ["output_not_made"]
    assert len(list_kept_files(world)) == len(world.downloads.fetched_urls) == 1
    assert_at_rest(world)


@pytest.mark.usefixtures("no_webp")
def test_another_output_is_then_made_from_the_paid_file_for_free() -> None:
    world, dead = world_after_delivery(THUMB_OUTPUT)
    write_sidecar(world, {"format": "png"})
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.job_id, job.status, list_picture_keys(job), list_report_codes(world, KEY)) == (
        dead.job_id,
        JobStatus.STORED,
        [(RED, None)],
        [],
    )
    assert (
        len(world.provider.received_job_ids),
        len(world.downloads.fetched_urls),
        world.provider.charged_micro_usd,
    ) == (1, 1, PRICE)
    assert_at_rest(world)


@pytest.mark.usefixtures("no_webp")
def test_same_output_requested_again_is_not_retried() -> None:
    world, dead = world_after_delivery(THUMB_OUTPUT)
    write_sidecar(world, [THUMB_OUTPUT])
    world.run_until_empty()
    assert (find_only_job(world).status, find_only_job(world).ended_at) == (JobStatus.DEAD, dead.ended_at)


@pytest.mark.usefixtures("no_webp")
def test_other_outputs_are_delivered_with_a_warning() -> None:
    world, job = world_after_delivery(ALL)
    assert (job.status, list_picture_keys(job)) == (JobStatus.STORED, [(RED, None), (SHOP, "shop")])
    assert [one.text_with_code for one in job.warnings] == [GIVEN_UP]
    write_sidecar(world, ALL[:2])
    world.run_until_empty()
    assert (list_picture_keys(find_only_job(world)), find_only_job(world).warnings) == (
        [(RED, None), (SHOP, "shop")],
        (),
    )
    assert_at_rest(world)
