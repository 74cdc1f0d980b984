"""The verdict on a new picture: whether it shows the photo's product, which mask shows that, and what waits for it."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw

from backdrop.model.fidelity import CannotSayReason, Fidelity, FidelityVerdict
from backdrop.model.job import Job, JobStatus
from backdrop.model.job_warning import WarningCode
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, crash_worker
from tests.simulated.stage_worlds import KEY, assert_at_rest, replay_with_crashes
from tests.unit.ledger_items import list_warning_codes

SIZE, PRODUCT = (320, 256), (80, 48, 240, 208)
CUT_OUT_LANE, SCENE_LANE = "ideogram", "segmind"
ON_GRASS = {"prompt": "on grass", "provider": SCENE_LANE}
NAMES = ("scene", "cut-out")


def draw_product(*, is_changed: bool = False) -> Image.Image:
    """Returns a product with stripes and a label, or another label, on a transparent background."""
    picture = Image.new("RGBA", SIZE)
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle(PRODUCT, 24, fill=(190, 60, 50, 255))
    for n, x in enumerate(range(96, 224, 12)):
        draw.line((x, 60, x + (9 if is_changed else 0), 196), fill=(240, 220, 190, 255), width=2 + n % 4)
    for y in range(100, 150, 10):
        for x in range(110, 210, 9):
            draw.rectangle((x, y, x + (x * y) % 7, y + 5), fill=(20, 30, 60 + (110 if is_changed else 0), 255))
    return picture


def draw_on(color: tuple[int, int, int], *, is_changed: bool = False) -> Image.Image:
    """Returns the product in front of a color."""
    scene = Image.new("RGB", SIZE, color)
    product = draw_product(is_changed=is_changed)
    scene.paste(product, mask=product)
    return scene


def encode(picture: Image.Image, file_format: str = "PNG") -> bytes:
    file = BytesIO()
    picture.save(file, file_format, quality=95)
    return file.getvalue()


CUT_OUT, TRANSPARENT_PHOTO = encode(draw_product()), encode(draw_product())
PHOTO, SCENE, CHANGED_SCENE = (
    encode(draw_on((200, 210, 220)), "JPEG"),
    encode(draw_on((60, 120, 70))),
    encode(draw_on((60, 120, 70), is_changed=True)),
)


def build_world(photo: bytes = PHOTO, scene: bytes = SCENE, **fields: Any) -> World:
    """Returns a world in which a photo with one new background was uploaded."""
    world = World(other_providers={SCENE_LANE: ProviderKind.LOOKUP_BY_PROVIDER_ID})
    world.downloads.override_by_provider |= {SCENE_LANE: scene, CUT_OUT_LANE: CUT_OUT}
    world.upload_photo(KEY, photo)
    world.upload_sidecar(KEY, **(fields or ON_GRASS))
    return world


def build_world_with_cut_out(photo: bytes = PHOTO, scene: bytes = SCENE) -> World:
    """Returns a world in which the photo also gets a cut-out, in a lane of its own."""
    return build_world(photo, scene, variants={"scene": ON_GRASS, "cut-out": {"operation": "remove"}})


def find_job(world: World, variant: str = "") -> Job:
    (job,) = [job for job in world.list_jobs(KEY) if job.variant == variant]
    return job


def find_fidelity(job: Job) -> Fidelity:
    (picture,) = job.results
    assert picture.fidelity
    return picture.fidelity


def test_product_of_a_transparent_photo_is_compared_and_its_map_is_kept() -> None:
    world = build_world(TRANSPARENT_PHOTO)
    world.run_until_empty()
    job = find_job(world)
    fidelity = find_fidelity(job)
    assert fidelity.verdict is FidelityVerdict.SAME
    assert fidelity.map_key == f"_backdrop/changes/{job.job_id}/1_1.png"
    stored = world.output_bucket.objects[fidelity.map_key or ""][-1].data
    assert stored
    assert Image.open(BytesIO(stored)).mode == "L"
    receipt = world.read_receipt(KEY)
    assert receipt
    assert receipt["jobs"][0]["results"][0]["fidelity"]["verdict"] == "same"
    assert WarningCode.PRODUCT_CHANGED not in list_warning_codes(job)
    assert_at_rest(world)


def test_changed_product_is_delivered_with_a_warning() -> None:
    world = build_world(TRANSPARENT_PHOTO, CHANGED_SCENE)
    world.run_until_empty()
    job = find_job(world)
    assert job.status is JobStatus.STORED
    assert find_fidelity(job).verdict is FidelityVerdict.CHANGED
    (warning,) = [one for one in job.warnings if one.code is WarningCode.PRODUCT_CHANGED]
    assert str(find_fidelity(job).map_key) in str(warning.text)


def test_photo_without_a_mask_gets_no_verdict_and_is_not_read() -> None:
    world = build_world()
    world.run_until_empty()
    fidelity = find_fidelity(find_job(world))
    assert fidelity == Fidelity.from_reason(CannotSayReason.NO_MASK)
    assert list_warning_codes(find_job(world)) == []
    assert_at_rest(world)


def test_cut_out_has_no_verdict() -> None:
    world = build_world_with_cut_out()
    world.run_until_empty()
    assert [one.fidelity for one in find_job(world, "cut-out").results] == [None]


def test_cut_out_among_the_current_jobs_is_the_mask() -> None:
    world = build_world_with_cut_out()
    world.run_until_empty()
    assert find_fidelity(find_job(world, "scene")).verdict is FidelityVerdict.SAME
    assert_at_rest(world)


def test_cut_out_that_was_bought_earlier_is_the_mask() -> None:
    world = build_world(operation="remove")
    world.run_until_empty()
    world.upload_sidecar(KEY, **ON_GRASS)
    world.run_until_empty()
    scene = next(job for job in world.list_jobs(KEY) if job.operation == "replace")
    assert find_fidelity(scene).verdict is FidelityVerdict.SAME


def test_picture_waits_for_its_cut_out_and_follows_it_at_once() -> None:
    world = build_world_with_cut_out()
    world.pause_lane(provider=CUT_OUT_LANE)
    world.run_for(300)
    assert find_job(world, "scene").status is JobStatus.PAID
    world.resume_lane(provider=CUT_OUT_LANE)
    world.run_until_empty()
    scene, cut_out = (find_job(world, name) for name in NAMES)
    assert find_fidelity(scene).verdict is FidelityVerdict.SAME
    assert scene.stored_at
    assert cut_out.stored_at
    assert (scene.stored_at - cut_out.stored_at).total_seconds() < 5
    assert_at_rest(world)


def test_picture_waits_for_its_cut_out_for_fifteen_minutes_at_most() -> None:
    world = build_world_with_cut_out()
    world.pause_lane(provider=CUT_OUT_LANE)
    world.run_for(1000)
    scene = find_job(world, "scene")
    assert scene.stored_at
    assert scene.paid_at
    assert 900 <= (scene.stored_at - scene.paid_at).total_seconds() < 960
    assert find_fidelity(scene).reason is CannotSayReason.MASK_UNAVAILABLE
    assert WarningCode.MASK_UNAVAILABLE in list_warning_codes(scene)


def test_failed_cut_out_leaves_the_picture_without_a_verdict() -> None:
    world = build_world_with_cut_out()
    world.downloads.override_by_provider[CUT_OUT_LANE] = b"no picture"
    world.run_until_empty()
    assert find_job(world, "cut-out").status is JobStatus.DEAD
    assert find_fidelity(find_job(world, "scene")).reason is CannotSayReason.MASK_UNAVAILABLE


@pytest.mark.parametrize("photo", [TRANSPARENT_PHOTO, PHOTO], ids=["transparent", "with a cut-out"])
def test_photo_that_is_gone_leaves_the_picture_without_a_verdict(photo: bytes) -> None:
    world = build_world_with_cut_out(photo)
    world.run_until_empty("intake", SCENE_LANE, CUT_OUT_LANE)
    del world.input_bucket.objects[KEY]
    world.run_until_empty("deliver")
    assert find_fidelity(find_job(world, "scene")).reason is CannotSayReason.PHOTO_GONE


def draw_faint_product() -> Image.Image:
    """Returns a product that is hardly visible on its transparent background."""
    faint = draw_product()
    faint.putalpha(faint.getchannel("A").point(lambda alpha: alpha // 4))
    return faint


def draw_cut_out_of_everything() -> Image.Image:
    """Returns a cut-out of the photo that leaves nothing of it out but a corner."""
    cut_out = draw_on((200, 210, 220)).convert("RGBA")
    cut_out.paste((0, 0, 0, 0), (0, 0, 24, 24))
    return cut_out


def draw_scene_with_hole() -> Image.Image:
    scene = draw_on((60, 120, 70)).convert("RGBA")
    scene.paste((0, 0, 0, 0), (0, 0, 24, 24))
    return scene


@pytest.mark.parametrize(
    ("reason", "photo", "cut_out", "scene"),
    [
        (CannotSayReason.MASK_OF_ANOTHER_PHOTO, PHOTO, encode(ImageChops.offset(draw_product(), 60, 20)), SCENE),
        (CannotSayReason.MASK_EMPTY, encode(draw_faint_product()), CUT_OUT, SCENE),
        (CannotSayReason.SUBJECT_FILLS_FRAME, PHOTO, encode(draw_cut_out_of_everything()), SCENE),
        (CannotSayReason.OTHER_SHAPE, PHOTO, CUT_OUT, encode(draw_on((60, 120, 70)).crop((0, 0, 200, 256)))),
        (CannotSayReason.TRANSPARENT_RESULT, PHOTO, CUT_OUT, encode(draw_scene_with_hole())),
    ],
    ids=["another photo's mask", "empty mask", "full frame", "another shape", "transparent result"],
)
def test_bad_input_is_delivered_without_a_verdict(
    reason: CannotSayReason, photo: bytes, cut_out: bytes, scene: bytes
) -> None:
    world = build_world_with_cut_out(photo, scene)
    world.downloads.override_by_provider[CUT_OUT_LANE] = cut_out
    world.run_until_empty()
    job = find_job(world, "scene")
    assert find_fidelity(job) == Fidelity.from_reason(reason)
    assert job.status is JobStatus.STORED
    assert WarningCode.PRODUCT_CHANGED not in list_warning_codes(job)
    assert_at_rest(world)


def test_framed_picture_is_compared_where_it_shows_the_photo() -> None:
    world = build_world(TRANSPARENT_PHOTO, **ON_GRASS, frame="1:1")
    world.run_until_empty("intake")
    canvas = find_job(world).canvas
    assert canvas
    scene = Image.new("RGB", (canvas.width, canvas.height), (60, 120, 70))
    product = draw_product().resize((canvas.photo_width, canvas.photo_height))
    scene.paste(product, (canvas.photo_left, canvas.photo_top), product)
    world.downloads.override_by_provider[SCENE_LANE] = encode(scene)
    world.run_until_empty()
    assert find_fidelity(find_job(world)).verdict is FidelityVerdict.SAME


def test_other_required_score_delivers_again_without_a_purchase() -> None:
    world = build_world(TRANSPARENT_PHOTO, CHANGED_SCENE)
    world.run_until_empty()
    before = find_job(world)
    world.upload_sidecar(KEY, **ON_GRASS, subject={"min": 0})
    world.run_until_empty()
    after = find_job(world)
    assert find_fidelity(after) == replace(find_fidelity(before), verdict=FidelityVerdict.SAME)
    assert after.attempts == before.attempts
    assert WarningCode.PRODUCT_CHANGED not in list_warning_codes(after)
    assert_at_rest(world)


def test_crash_at_any_call_leads_to_the_same_verdict() -> None:
    for call, world in replay_with_crashes(
        build_world_with_cut_out, lambda world: world.run_until_empty(max_deliveries=3000)
    ):
        for _ in range(3):
            world.run_for(1800)
            world.run_reconcile()
            world.run_until_empty(max_deliveries=3000)
        scene = find_job(world, "scene")
        assert scene.status is JobStatus.STORED, call
        assert find_fidelity(scene).verdict is FidelityVerdict.SAME, call


def test_outdated_picture_and_the_newer_cut_out_do_not_deliver_each_other_forever() -> None:
    """The outdated picture has its own file in the way of the cut-out, and crashes its worker after it is written."""
    world = build_world(prompt="on grass", num_images=2)
    recursions: list[object] = []
    world.lambda_service.recursion_listeners.append(lambda function, _: recursions.append(function))
    world.run_until_empty("intake", CUT_OUT_LANE)
    second_url = find_job(world).links[1].url
    poison = TargetedFault(crash_worker, "fetch", times=1000, matches=lambda call: call.request["url"] == second_url)
    world.transport.faults_before.append(poison)
    world.deliver_next("deliver")
    world.upload_sidecar(KEY, operation="remove", output={"name_template": "cut-out.png"})
    world.run_until_empty("intake", CUT_OUT_LANE)
    world.run_until_empty()
    assert poison.hit_count > 1
    assert recursions == []
    assert sorted(job.status for job in world.list_jobs(KEY)) == [JobStatus.DEAD, JobStatus.STORED]
