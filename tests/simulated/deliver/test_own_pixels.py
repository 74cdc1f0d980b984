"""New pictures with the photo's own product: its pixels, the size, and what happens if it cannot be placed."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops

from backdrop.imaging import output
from backdrop.model.fidelity import CannotSayReason, Fidelity, FidelityVerdict
from backdrop.model.job import Job, JobStatus
from backdrop.model.job_warning import WarningCode
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault
from tests.simulated.deliver.test_fidelity import (
    CUT_OUT_LANE,
    ON_GRASS,
    PRODUCT,
    SCENE_LANE,
    SIZE,
    TRANSPARENT_PHOTO,
    build_world,
    build_world_with_cut_out,
    draw_on,
    draw_product,
    encode,
    find_fidelity,
    find_job,
)
from tests.simulated.picture_decisions import APPROVED, decide
from tests.simulated.stage_worlds import KEY, assert_at_rest
from tests.unit.ledger_items import list_warning_codes

OWN = {"subject": {"pixels": "own"}}
GRASS = (60, 120, 70)
INSIDE = (PRODUCT[0] + 8, PRODUCT[1] + 30, PRODUCT[2] - 8, PRODUCT[3] - 30)
SMALL_SCENE = encode(draw_on(GRASS).resize((SIZE[0] // 2, SIZE[1] // 2)))


def deliver(photo: bytes = TRANSPARENT_PHOTO, scene: bytes = SMALL_SCENE, **fields: Any) -> World:
    """Returns the world after a picture with the photo's own product was requested and delivered."""
    world = build_world(photo, scene, **(ON_GRASS | OWN | fields))
    world.run_until_empty()
    assert find_job(world).status is JobStatus.STORED
    assert_at_rest(world)
    return world


def read_picture(world: World, job: Job) -> Image.Image:
    (picture,) = job.results
    return Image.open(BytesIO(world.read_pictures()[picture.key]))


def test_product_has_the_photos_own_pixels_at_the_photos_size() -> None:
    world = deliver()
    picture = read_picture(world, find_job(world))
    assert (picture.mode, picture.size) == ("RGB", SIZE)
    photo = draw_product().convert("RGB")
    assert ImageChops.difference(picture.crop(INSIDE), photo.crop(INSIDE)).getbbox() is None
    assert picture.getpixel((4, 4)) == GRASS
    assert list_warning_codes(find_job(world)) == []


def test_verdict_is_about_the_delivered_product() -> None:
    red, green, blue, alpha = draw_product().split()
    recolored = Image.merge("RGB", (blue, green, red))
    scene = Image.new("RGB", SIZE, GRASS)
    scene.paste(recolored, mask=alpha)
    by_the_provider = deliver(scene=encode(scene), subject={"pixels": "provider"})
    assert find_fidelity(find_job(by_the_provider)).verdict is FidelityVerdict.CHANGED
    world = deliver(scene=encode(scene))
    assert find_fidelity(find_job(world)).verdict is FidelityVerdict.SAME


def test_providers_product_is_delivered_unless_requested_otherwise() -> None:
    world = deliver(subject={"pixels": "provider"})
    assert read_picture(world, find_job(world)).size == (SIZE[0] // 2, SIZE[1] // 2)


def test_cut_out_is_the_matte_of_an_opaque_photo() -> None:
    world = build_world_with_cut_out(scene=SMALL_SCENE)
    world.upload_sidecar(KEY, variants={"scene": ON_GRASS | OWN, "cut-out": {"operation": "remove"}})
    world.run_until_empty()
    job = find_job(world, "scene")
    assert read_picture(world, job).size == SIZE
    assert_at_rest(world)


@pytest.mark.parametrize(
    "scene",
    [encode(ImageChops.offset(draw_on(GRASS), 120, 40)), encode(draw_on(GRASS).crop((0, 0, 200, 256)))],
    ids=["moved", "another shape"],
)
def test_product_that_cannot_be_placed_stays_the_providers(scene: bytes) -> None:
    world = deliver(scene=scene)
    job = find_job(world)
    assert WarningCode.SUBJECT_MOVED in list_warning_codes(job)
    assert read_picture(world, job).size == Image.open(BytesIO(scene)).size


def test_translucent_product_stays_the_providers() -> None:
    glass = draw_product()
    glass.putalpha(glass.getchannel("A").point(lambda alpha: alpha * 2 // 3))
    world = deliver(photo=encode(glass))
    assert WarningCode.TRANSLUCENT_SUBJECT in list_warning_codes(find_job(world))


def test_transparent_result_stays_the_providers_and_has_no_verdict() -> None:
    scene = draw_on(GRASS).convert("RGBA")
    scene.paste((0, 0, 0, 0), (0, 0, 40, 40))
    job = find_job(world := deliver(scene=encode(scene)))
    assert WarningCode.TRANSPARENT_RESULT in list_warning_codes(job)
    assert find_fidelity(job) == Fidelity.from_reason(CannotSayReason.TRANSPARENT_RESULT)
    assert read_picture(world, job).mode == "RGBA"


def test_opaque_photo_without_a_cut_out_stays_the_providers() -> None:
    world = deliver(photo=encode(draw_on((200, 210, 220)), "JPEG"))
    assert list_warning_codes(find_job(world)) == [WarningCode.MASK_UNAVAILABLE, WarningCode.SMALLER_RESULT]


def test_cut_out_of_another_photo_is_no_matte() -> None:
    world = build_world_with_cut_out(scene=SMALL_SCENE)
    world.downloads.override_by_provider[CUT_OUT_LANE] = encode(ImageChops.offset(draw_product(), 60, 20))
    world.upload_sidecar(KEY, variants={"scene": ON_GRASS | OWN, "cut-out": {"operation": "remove"}})
    world.run_until_empty()
    job = find_job(world, "scene")
    assert WarningCode.MASK_UNAVAILABLE in list_warning_codes(job)
    assert find_fidelity(job).reason is CannotSayReason.MASK_OF_ANOTHER_PHOTO
    assert read_picture(world, job).size == (SIZE[0] // 2, SIZE[1] // 2)


def test_photo_that_is_gone_stays_the_providers() -> None:
    world = build_world(TRANSPARENT_PHOTO, SMALL_SCENE, **ON_GRASS, **OWN)
    world.run_until_empty("intake", SCENE_LANE)
    del world.input_bucket.objects[KEY]
    world.run_until_empty("deliver")
    assert WarningCode.PHOTO_GONE in list_warning_codes(find_job(world))


def test_photo_that_is_replaced_between_two_outputs_stays_the_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first output's encoder needs the memory of the composed picture, so the second one reads the photo again."""
    monkeypatch.setitem(output.LARGE_PIXELS, "webp", 1_000)
    outputs = [{"name": "small", "format": "webp", "width": 100}, {"name": "whole"}]
    world = build_world(TRANSPARENT_PHOTO, SMALL_SCENE, **ON_GRASS, **OWN, output=outputs)
    world.run_until_empty("intake", SCENE_LANE)
    is_written = TargetedFault(lambda _: world.upload_photo(KEY, build_photo()), matches=is_small_picture)
    world.transport.faults_after.append(is_written)
    world.deliver_next("deliver")
    assert (is_written.hit_count, find_job(world).status) == (1, JobStatus.PAID)
    world.run_until_empty("deliver")
    assert find_job(world).status is JobStatus.STORED
    assert WarningCode.PHOTO_GONE in list_warning_codes(find_job(world))


def is_small_picture(call: ServiceCall) -> bool:
    return call.operation == "put_object" and str(call.request["Key"]).endswith("@small.webp")


def test_own_pixels_are_made_from_the_paid_file_without_another_charge() -> None:
    world = build_world(TRANSPARENT_PHOTO, SMALL_SCENE)
    world.run_until_empty()
    before = find_job(world)
    world.upload_sidecar(KEY, **ON_GRASS, **OWN)
    world.run_until_empty()
    after = find_job(world)
    assert after.attempts == before.attempts
    assert read_picture(world, after).size == SIZE
    assert_at_rest(world)


def test_much_enlarged_scene_is_reported() -> None:
    photo = draw_product().resize((SIZE[0] * 3, SIZE[1] * 3), Image.Resampling.LANCZOS)
    world = deliver(photo=encode(photo), scene=encode(draw_on(GRASS).resize((SIZE[0] * 2 // 3, SIZE[1] * 2 // 3))))
    job = find_job(world)
    assert WarningCode.SCENE_ENLARGED in list_warning_codes(job)
    assert read_picture(world, job).size == photo.size


@pytest.mark.parametrize("approval", [{}, {"approval": "required"}], ids=["delivered", "approved"])
def test_enlarged_output_says_how_much_product_and_background_are_enlarged(approval: dict[str, str]) -> None:
    """The product is the photo's own, and the scene was enlarged to twice its size before."""
    fields = ON_GRASS | OWN | approval | {"output": [{"width": SIZE[0] * 3, "height": SIZE[1] * 3, "fit": "pad"}]}
    world = build_world(TRANSPARENT_PHOTO, SMALL_SCENE, **fields)
    world.run_until_empty()
    if approval:
        decide(world, APPROVED, find_job(world))
        world.run_until_empty()
    receipt = world.read_receipt(KEY)
    assert receipt
    assert receipt["jobs"][0]["warnings"] == [
        f"enlarged: {KEY}/red.png shows its subject at 3.0 times its size in the photo, "
        "and the background at 6.0 times its size in the provider's picture"
    ]


def test_framed_product_is_placed_on_its_canvas() -> None:
    world = build_world(TRANSPARENT_PHOTO, **ON_GRASS, **OWN, frame="1:1")
    world.run_until_empty("intake")
    canvas = find_job(world).canvas
    assert canvas
    scene = Image.new("RGB", (canvas.width, canvas.height), GRASS)
    product = draw_product().resize((canvas.photo_width, canvas.photo_height))
    scene.paste(product, (canvas.photo_left, canvas.photo_top), product)
    world.downloads.override_by_provider[SCENE_LANE] = encode(scene)
    world.run_until_empty()
    picture = read_picture(world, find_job(world))
    assert picture.width == picture.height
    assert WarningCode.SUBJECT_MOVED not in list_warning_codes(find_job(world))
