"""Outputs: each is made from the paid file alone, and additional outputs cost nothing."""

from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from backdrop.deliver.pictures import CACHE_CONTROL
from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.instructions.output_schema import SQUARE_OUTPUT
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, ResultError
from backdrop.model.job import Job, JobStatus
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import PAID_PREFIX
from backdrop.model.queue_messages import DeliverMessage
from simulation.world.sample_images import SIDE_PIXELS, build_photo, build_picture
from simulation.world.simulated_stack import OUTPUT_BUCKET, World
from simulation.world.transport import ServiceCall, TargetedFault, crash_worker
from tests.simulated.stage_worlds import KEY, NO_DEADLINE, PRICE, assert_at_rest, find_only_job, replay_with_crashes
from tests.unit.ledger_items import list_warning_codes

JPG = f"{KEY}/red.jpg"
RED, SHOP, THUMB = f"{KEY}/red.png", f"{KEY}/red@shop.jpg", f"{KEY}/red@thumb.webp"
MASTER_OUTPUT: dict[str, Any] = {}
THUMB_OUTPUT: dict[str, Any] = {"name": "thumb", "format": "webp", "width": 8}
SHOP_OUTPUT: dict[str, Any] = SQUARE_OUTPUT | {"name": "shop", "width": 8, "height": 8}
ALL: list[dict[str, Any]] = [MASTER_OUTPUT, SHOP_OUTPUT, THUMB_OUTPUT]


def world_with_outputs(output: object = None, **fields: Any) -> World:
    """Returns a world with a photo for which these outputs are requested."""
    world = World()
    world.upload_photo(KEY, build_photo())
    write_sidecar(world, output, **fields)
    return world


def write_sidecar(world: World, output: object, **fields: Any) -> None:
    instructions = fields or {"operation": "remove"}
    world.upload_sidecar(KEY, **(instructions if output is None else instructions | {"output": output}))


def delivered_world(output: object = None, **fields: Any) -> World:
    """Returns such a world after everything is delivered."""
    world = world_with_outputs(output, **fields)
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    return world


def list_picture_keys(job: Job) -> list[tuple[str, str | None]]:
    """Returns the keys of a job's pictures, each with its output."""
    return [(result.key, result.output) for result in job.results]


def open_picture(world: World, key: str) -> Image.Image:
    """Opens a picture in the bucket."""
    return Image.open(BytesIO(world.read_pictures()[key]))


def lose_paid_file(world: World) -> None:
    """Deletes the files under `_backdrop/paid/`, and lets the links expire."""
    for key in [key for key in world.output_bucket.list_keys() if key.startswith(PAID_PREFIX)]:
        world.s3.delete(OUTPUT_BUCKET, key)


# -- the limit of bytes ------------------------------------------------------------------------------------------


def test_file_is_within_max_bytes_with_its_metadata() -> None:
    output = {"format": "jpg", "background": "white", "width": 400, "height": 400, "fit": "pad"}
    unlimited = delivered_world(output)
    max_bytes = len(unlimited.read_pictures()[JPG]) - 1
    world = delivered_world(output | {"max_bytes": max_bytes})
    (result,) = find_only_job(world).results
    data = world.read_pictures()[JPG]
    assert result.bytes == len(data) <= max_bytes
    assert b"DigitalSourceType" in data
    assert (result.width, result.height) == Image.open(BytesIO(data)).size == (400, 400)
    assert list_warning_codes(find_only_job(world)) == list_warning_codes(find_only_job(unlimited))


def test_file_over_max_bytes_is_delivered_with_a_warning() -> None:
    output = {"format": "jpg", "background": "white", "width": 2_000, "height": 2_000, "fit": "pad"}
    world = delivered_world(output | {"max_bytes": 5_000})
    job = find_only_job(world)
    (warning,) = [one for one in job.warnings if one.code is WarningCode.OVER_MAX_BYTES]
    size = len(world.read_pictures()[JPG])
    assert size > 5_000
    assert warning.text_with_code == (
        f"over_max_bytes: {JPG} has {size:,} bytes at the lowest quality that is acceptable; max_bytes is 5,000"
    )
    write_sidecar(world, output)
    world.run_until_empty()
    assert WarningCode.OVER_MAX_BYTES not in list_warning_codes(find_only_job(world))
    assert_at_rest(world)


def test_max_bytes_of_a_png_is_refused_before_the_purchase() -> None:
    world = world_with_outputs({"max_bytes": 50_000})
    world.run_until_empty()
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["money"]) for one in report["errors"]] == [(Code.INVALID_VALUE, "not_spent")]
    assert "choose webp or jpg" in report["errors"][0]["message"]
    assert world.read_pictures() == {}


# -- what is delivered -------------------------------------------------------------------------------------------


def test_every_output_of_every_picture_is_in_the_receipt() -> None:
    world = delivered_world(ALL, prompt="on a marble table", num_images=2)
    job = find_only_job(world)
    second = [f"{KEY}/red_2.png", f"{KEY}/red_2@shop.jpg", f"{KEY}/red_2@thumb.webp"]
    assert [key for key, _ in list_picture_keys(job)] == [RED, SHOP, THUMB, *second]
    assert sorted(world.read_pictures()) == sorted(key for key, _ in list_picture_keys(job))
    receipt = world.read_receipt(KEY)
    assert receipt
    shown = [
        (one["n"], one["output"], one["format"], one["width"], one["has_alpha"])
        for one in receipt["jobs"][0]["results"]
    ]
    assert shown[:3] == [
        (1, None, "png", SIDE_PIXELS, True),
        (1, "shop", "jpg", 8, False),
        (1, "thumb", "webp", 8, True),
    ]
    assert [one[0] for one in shown[3:]] == [2, 2, 2]
    assert len([key for key in world.output_bucket.list_keys() if key.startswith(PAID_PREFIX)]) == 2
    assert_at_rest(world)


def _three_pictures() -> list[tuple[str, str | None]]:
    return [(RED, None), (SHOP, "shop"), (THUMB, "thumb")]


def test_each_picture_matches_its_output_and_master_is_the_paid_file() -> None:
    world = delivered_world(ALL)
    assert strip_photo_metadata(world.read_pictures()[RED]) == build_picture(world.downloads.fetched_urls[0])
    assert (open_picture(world, SHOP).format, open_picture(world, SHOP).size) == ("JPEG", (8, 8))
    assert (open_picture(world, THUMB).format, open_picture(world, THUMB).size) == ("WEBP", (8, 8))
    for result in find_only_job(world).results:
        found = world.output_bucket.find_current(result.key)
        assert found
        assert (result.version_id, result.bytes) == (found.id, len(found.data or b""))


def test_each_picture_has_its_content_type_and_short_caching() -> None:
    world = delivered_world(ALL)
    types = {RED: "image/png", SHOP: "image/jpeg", THUMB: "image/webp"}
    for key, kind in types.items():
        found = world.s3.head_object(Bucket=OUTPUT_BUCKET, Key=key)
        assert (found["ContentType"], found["CacheControl"]) == (kind, CACHE_CONTROL)


def test_enlarged_picture_has_a_warning() -> None:
    world = delivered_world([MASTER_OUTPUT, {"name": "big", "fit": "pad", "width": 64, "height": 64}])
    assert [one.text_with_code for one in find_only_job(world).warnings] == [
        f"enlarged: {KEY}/red@big.png shows its subject at 4.0 times its size in the provider's picture"
    ]
    write_sidecar(world, None)
    world.run_until_empty()
    assert WarningCode.ENLARGED not in list_warning_codes(find_only_job(world))


def test_crash_between_outputs_repeats_no_payment_and_no_download() -> None:
    def paid() -> World:
        world = world_with_outputs(ALL)
        world.run_until_empty("intake", "ideogram")
        return world

    for call, world in replay_with_crashes(paid, lambda world: world.run_until_empty()):
        assert (find_only_job(world).status, list_picture_keys(find_only_job(world))) == (
            JobStatus.STORED,
            _three_pictures(),
        ), call
        assert world.provider.charged_micro_usd == PRICE
        assert_at_rest(world)


# -- editing outputs ---------------------------------------------------------------------------------------------


def test_changed_outputs_are_delivered_again_for_free() -> None:
    world = delivered_world()
    first = find_only_job(world)
    write_sidecar(world, ALL)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.job_id, job.status, list_picture_keys(job)) == (first.job_id, JobStatus.STORED, _three_pictures())
    assert (
        len(world.provider.received_job_ids),
        len(world.downloads.fetched_urls),
        world.provider.charged_micro_usd,
    ) == (1, 1, PRICE)
    assert (job.stored_at, job.warnings) == (first.stored_at, ())
    ends = [event for event in world.bus.events if event.detail_type == "Image Completed"]
    assert len(ends) == 2
    assert_at_rest(world)


def test_changed_output_replaces_only_its_own_picture() -> None:
    world = delivered_world(ALL)
    before = {result.key: result.version_id for result in find_only_job(world).results}
    write_sidecar(world, [MASTER_OUTPUT, SHOP_OUTPUT, THUMB_OUTPUT | {"width": 4}])
    world.run_until_empty()
    after = {result.key: result.version_id for result in find_only_job(world).results}
    assert open_picture(world, THUMB).size == (4, 4)
    assert {key for key in before if before[key] != after[key]} == {THUMB}
    written = [call.request["Key"] for call in world.transport.calls if call.operation == "put_object"]
    assert [written.count(key) for key in (RED, SHOP, THUMB)] == [1, 1, 2]


@pytest.mark.parametrize("same", [{"format": "png"}, [{}], {"fit": "contain"}])
def test_same_outputs_written_differently_are_not_delivered_again(same: object) -> None:
    world = delivered_world({})
    ended = find_only_job(world).ended_at
    world.clock.sleep(60)
    write_sidecar(world, same)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.ended_at, job.instructions["output"]) == (JobStatus.STORED, ended, same)


def test_removed_output_keeps_its_picture_with_a_warning() -> None:
    world = delivered_world(ALL)
    write_sidecar(world, [MASTER_OUTPUT])
    world.run_until_empty()
    job = find_only_job(world)
    assert list_picture_keys(job) == [(RED, None)]
    assert {SHOP, THUMB} <= {*world.read_pictures()}
    assert [one.picture_key for one in job.warnings] == [SHOP, THUMB]
    assert list_warning_codes(job) == [WarningCode.OLD_PICTURE] * 2
    write_sidecar(world, [MASTER_OUTPUT, THUMB_OUTPUT])
    world.run_until_empty()
    assert [one.picture_key for one in find_only_job(world).warnings] == [SHOP]
    assert_at_rest(world)


def test_missing_paid_file_keeps_the_old_picture_and_is_reported() -> None:
    world = delivered_world()
    old = world.read_pictures()
    lose_paid_file(world)
    world.downloads.override = ResultError(Code.LINK_EXPIRED, "the link answers 410")
    write_sidecar(world, ALL)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, world.read_pictures(), list_picture_keys(job)) == (JobStatus.DEAD, old, [(RED, None)])
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["money"]) for one in report["errors"]] == [("paid_file_gone", "spent")]
    assert len(world.provider.received_job_ids) == 1
    assert_at_rest(world)


def test_outputs_changed_before_delivery_are_delivered() -> None:
    world = world_with_outputs(ALL)
    world.run_until_empty("intake", "ideogram")
    assert find_only_job(world).status is JobStatus.PAID
    write_sidecar(world, THUMB_OUTPUT)
    world.run_until_empty()
    assert list_picture_keys(find_only_job(world)) == [(THUMB, "thumb")]
    assert_at_rest(world)


def count_delivery_calls() -> int:
    """Returns how many calls it takes to deliver two outputs a second time."""
    world = edited_world()
    before = len(world.transport.calls)
    deliver_job(world)
    return len(world.transport.calls) - before


def deliver_job(world: World) -> None:
    """Delivers the photo's job in a separate worker."""
    job = find_only_job(world)
    world.deliver.deliver(DeliverMessage(source_id=job.source_id, job_id=job.job_id), NO_DEADLINE)


def edited_world() -> World:
    """Returns a world whose photo is stored with one output. A second output is requested but not delivered yet."""
    world = delivered_world(THUMB_OUTPUT | {"width": 4})
    write_sidecar(world, [MASTER_OUTPUT, THUMB_OUTPUT])
    world.run_until_empty("intake")
    assert find_only_job(world).status is JobStatus.PAID
    return world


@pytest.mark.parametrize("nth", range(1, count_delivery_calls() + 1))
def test_outputs_changed_during_delivery_are_never_overwritten(nth: int) -> None:
    """The newer instructions are processed and delivered completely between any two calls of the older delivery."""
    world = edited_world()

    def overtake(_: ServiceCall) -> None:
        write_sidecar(world, [MASTER_OUTPUT, THUMB_OUTPUT | {"width": 6}])
        world.run_until_empty("intake")
        deliver_job(world)

    world.transport.faults_before.append(fault := TargetedFault(overtake, nth=nth))
    with suppress(ConflictError):
        deliver_job(world)
    world.transport.clear_faults()
    world.run_until_empty()
    assert (fault.hit_count, world.crash_count) == (1, 0)
    assert open_picture(world, THUMB).size == (6, 6)
    for result in find_only_job(world).results:
        found = world.output_bucket.find_current(result.key)
        assert found
        assert found.id == result.version_id
    assert_at_rest(world)


def test_superseded_job_keeps_its_pictures_in_the_receipt() -> None:
    world = delivered_world(ALL)
    write_sidecar(world, [MASTER_OUTPUT, THUMB_OUTPUT])
    world.run_until_empty("intake")
    write_sidecar(world, None, prompt="on a marble table")
    world.run_until_empty()
    old, new = world.list_jobs()
    assert (old.status, {*list_picture_keys(old)}) == (JobStatus.STORED, {*_three_pictures()})
    assert WarningCode.NOT_CURRENT in list_warning_codes(old)
    assert WarningCode.OLD_PICTURE not in list_warning_codes(old)
    assert list_picture_keys(new) == [(RED, None)]
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [(job["job_id"], job["current"]) for job in receipt["jobs"]] == [(new.job_id, True), (old.job_id, False)]
    assert receipt["total_usd"] == 0.07
    assert_at_rest(world)


def test_crash_during_redelivery_of_outputs_delivers_all() -> None:
    world = edited_world()
    world.transport.faults_after.append(TargetedFault(crash_worker, "put_object"))
    world.run_until_empty()
    assert world.crash_count == 1
    assert list_picture_keys(find_only_job(world)) == [(RED, None), (THUMB, "thumb")]
    assert_at_rest(world)
