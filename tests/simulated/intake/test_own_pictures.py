"""Backdrop's own pictures come back as photos: nothing is bought for them without instructions of their own."""

import json

import pytest

from backdrop.model.job import JobStatus
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.world_inspector import OUTPUT_BUCKET
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import assert_at_rest
from tests.simulated.uploads_and_requests import (
    REMOVE,
    count_paid_calls,
    send_request,
    send_rerun,
    upload_defaults,
    upload_unique_photo,
)

FORMATS = ["png", "webp", "jpg"]


def world_with_delivered_pictures() -> World:
    """Returns a folder with defaults and a photo, whose pictures have just been delivered in each format."""
    world = World()
    white = {"background": "#ffffff"}
    outputs = [{"format": "png"}, {"name": "b", "format": "webp"}, {"name": "c", "format": "jpg", **white}]
    upload_defaults(world, "shoes/", REMOVE | {"output": outputs})
    upload_unique_photo(world, "shoes/red.jpg")
    world.run_until_empty()
    assert count_paid_calls(world) == 1
    return world


def list_output_keys(world: World) -> list[str]:
    keys = world.s3.buckets[OUTPUT_BUCKET].list_keys()
    return [key for key in keys if not key.startswith("_backdrop/")]


def read_output(world: World, key: str) -> bytes:
    return world.s3.buckets[OUTPUT_BUCKET].objects[key][-1].data or b""


def test_output_synced_to_the_input_buys_nothing() -> None:
    """Reports and receipts are synced, too."""
    world = world_with_delivered_pictures()
    for _ in range(2):
        for key in world.s3.buckets[OUTPUT_BUCKET].list_keys():
            world.s3.upload(INPUT_BUCKET, key, read_output(world, key))
        world.run_until_empty()
    assert count_paid_calls(world) == 1
    pictures = list_output_keys(world)
    assert len(pictures) == 3
    assert [list_report_codes(world, key) for key in pictures] == [["own_picture"]] * 3
    assert_at_rest(world)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_picture_that_was_renamed_on_a_laptop_is_recognized(n: int) -> None:
    world = world_with_delivered_pictures()
    world.s3.upload(INPUT_BUCKET, "shoes/new", read_output(world, list_output_keys(world)[n]))
    world.run_until_empty()
    reports = len([one for one in world.transport.calls if one.operation == "put_object"])
    world.s3.set_tags(INPUT_BUCKET, "shoes/new", {"scanned": "yes"})
    world.run_until_empty()
    assert (list_report_codes(world, "shoes/new"), count_paid_calls(world)) == (["own_picture"], 1)
    assert len([one for one in world.transport.calls if one.operation == "put_object"]) == reports
    send_rerun(world, "shoes/new")
    world.run_until_empty()
    assert (list_report_codes(world, "shoes/new"), count_paid_calls(world)) == (["own_picture"], 1)


@pytest.mark.parametrize("way", ["sidecar", "tags", "request"])
def test_own_picture_is_bought_with_instructions_of_its_own(way: str) -> None:
    world = world_with_delivered_pictures()
    world.s3.upload(INPUT_BUCKET, "shoes/new.png", read_output(world, list_output_keys(world)[0]))
    world.run_until_empty()
    match way:
        case "sidecar":
            world.upload_sidecar("shoes/new.png", prompt="on a beach")
        case "tags":
            world.s3.set_tags(INPUT_BUCKET, "shoes/new.png", {"prompt": "on a beach"})
        case _:
            send_request(world, "shoes/new.png", prompt="on a beach")
    world.run_until_empty()
    assert [job.status for job in world.list_jobs("shoes/new.png")] == [JobStatus.STORED]
    assert count_paid_calls(world) == 2
    assert json.loads(world.input_bucket.objects["shoes/_backdrop.json"][-1].data or b"")["operation"] == "remove"


def test_campaign_over_a_prefix_buys_no_own_picture_although_its_manifest_may_name_one() -> None:
    """The request is the first that intake sees of the file, as if it were older than the stack."""
    world = world_with_delivered_pictures()
    picture = read_output(world, list_output_keys(world)[0])
    for named_by, codes, paid in (("prefix", ["own_picture"], 1), ("manifest", [], 2)):
        key = f"elsewhere/{named_by}.png"
        body = {"bucket": INPUT_BUCKET, "key": key, "instructions": {"prompt": "on a beach"}, "named_by": named_by}
        world.s3.upload(INPUT_BUCKET, key, picture)
        world.queues["intake"].messages.clear()
        world.sqs.send_externally(world.queues["intake"], json.dumps(body))
        world.run_until_empty()
        assert (list_report_codes(world, key), count_paid_calls(world)) == (codes, paid)


def test_copy_by_s3_is_recognized_even_without_its_metadata_in_the_file() -> None:
    """S3's copies and replication keep the object's metadata; an image optimizer keeps nothing in the file."""
    world = world_with_delivered_pictures()
    picture = world.s3.buckets[OUTPUT_BUCKET].objects[list_output_keys(world)[0]][-1]
    stripped = picture.data.replace(b"Backdrop", b"GIMP2.10") if picture.data else b""
    world.s3.put_object(
        Bucket=INPUT_BUCKET,
        Key="shoes/copy.png",
        Body=stripped,
        ContentType="image/png",
        Metadata=dict(picture.metadata),
    )
    world.run_until_empty()
    assert count_paid_calls(world) == 1
