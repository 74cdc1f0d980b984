"""The size of pictures: a cut-out has its photo's size, and every smaller picture has a warning."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageFilter

from backdrop.imaging import output
from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.model.job import Job, JobStatus
from backdrop.model.job_warning import WarningCode
from bench.cutout_scenes import build_scenes
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error
from simulation.world.world_inspector import INPUT_BUCKET
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job
from tests.unit.ledger_items import list_warning_codes

PICTURE = f"{KEY}/red.png"
SCENE = build_scenes(160, 120)[0]
SMALL = (80, 60)
REMOVE: dict[str, Any] = {"operation": "remove"}
REPLACE: dict[str, Any] = {"prompt": "on a marble table"}

SMALLER, ENLARGED = WarningCode.SMALLER_RESULT, WarningCode.ENLARGED


def encode_png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


SHOT = SCENE.draw_photo()
PHOTO, ANSWER = encode_png(SHOT), encode_png(SCENE.draw_provider_answer(SMALL))


def paid_world(answer: bytes = ANSWER, **instructions: Any) -> World:
    """Returns a world with a paid photo of 160 × 120 pixels. The provider's picture has 80 × 60 pixels."""
    world = World(other_providers={"runware": ProviderKind.LOOKUP_BY_OUR_ID})
    world.upload_photo(KEY, PHOTO)
    world.upload_sidecar(KEY, **(instructions or REMOVE))
    world.downloads.override = answer
    world.run_until_empty("intake", "ideogram", "runware")
    assert find_only_job(world).status is JobStatus.PAID
    return world


def find_stored_job(world: World) -> Job:
    """Returns the job after everything is delivered."""
    world.run_until_empty()
    job = find_only_job(world)
    assert job.status is JobStatus.STORED
    assert_at_rest(world)
    return job


def open_picture(world: World) -> Image.Image:
    return Image.open(BytesIO(world.read_pictures()[PICTURE]))


@pytest.mark.parametrize("provider", ["ideogram", "runware"])
def test_cut_out_has_the_size_and_pixels_of_its_photo(provider: str) -> None:
    world = paid_world(**REMOVE, provider=provider)
    job = find_stored_job(world)
    cut_out = open_picture(world)
    assert (cut_out.size, job.results[0].width, job.results[0].height) == (SHOT.size, 160, 120)
    assert job.warnings == ()
    kept = cut_out.getchannel("A").point([0] * 255 + [255])
    assert kept.getbbox()
    apart = ImageChops.difference(cut_out.convert("RGB"), SHOT.convert("RGB"))
    assert Image.composite(apart, Image.new("RGB", cut_out.size), kept).getbbox() is None


def test_cut_out_of_a_transparent_photo_shows_no_more_than_it() -> None:
    photo = SCENE.draw_photo()
    photo.putalpha(SCENE.draw_matte())
    too_wide = photo.convert("RGB")
    too_wide.putalpha(SCENE.draw_matte().filter(ImageFilter.MaxFilter(13)))
    world = World()
    world.upload_photo(KEY, encode_png(photo))
    world.upload_sidecar(KEY, **REMOVE)
    world.downloads.override = encode_png(too_wide)
    job = find_stored_job(world)
    cut_out = open_picture(world)
    assert ImageChops.subtract(cut_out.getchannel("A"), photo.getchannel("A")).getbbox() is None
    assert cut_out.getchannel("A").getextrema() == (0, 255)
    assert job.warnings == ()


def test_output_in_the_providers_size_has_a_size_warning() -> None:
    world = paid_world(**REMOVE, output={"size": "provider"})
    job = find_stored_job(world)
    assert strip_photo_metadata(world.read_pictures()[PICTURE]) == ANSWER
    assert [one.text_with_code for one in job.warnings] == [f"{SMALLER}: 80×60 from 160×120"]


def test_smaller_replaced_background_is_a_warning_in_the_receipt() -> None:
    world = paid_world(**REPLACE)
    find_stored_job(world)
    receipt = world.read_receipt(KEY)
    assert receipt
    assert receipt["jobs"][0]["warnings"] == [f"{SMALLER}: 80×60 from 160×120"]


def delete_photo(world: World) -> None:
    world.s3.delete(INPUT_BUCKET, KEY)


def deny_photo(world: World) -> None:
    def deny(_: ServiceCall) -> None:
        raise build_client_error("AccessDenied", "GetObject", 403)

    world.transport.faults_before.append(
        TargetedFault(deny, "get_object", times=99, matches=lambda call: call.request["Key"] == KEY)
    )


@pytest.mark.parametrize("happens", [delete_photo, deny_photo])
def test_cut_out_without_its_photo_has_the_providers_size(
    happens: Callable[[World], None],
) -> None:
    world = paid_world()
    happens(world)
    world.run_until_empty("deliver")
    job = find_only_job(world)
    assert job.status is JobStatus.STORED
    assert open_picture(world).size == SMALL
    why = "the photo can no longer be read, so it was not cut out at its own size"
    assert [one.text_with_code for one in job.warnings] == [f"{SMALLER}: 80×60 from 160×120; {why}"]


def test_result_of_another_shape_is_delivered_unchanged_with_a_warning() -> None:
    world = paid_world(encode_png(SCENE.draw_provider_answer(SMALL).resize((60, 60))))
    job = find_stored_job(world)
    assert open_picture(world).size == (60, 60)
    (warning,) = job.warnings
    assert warning.text_with_code.startswith(
        f"{SMALLER}: 60×60 from 160×120; the provider's picture is 60×60, a different shape"
    )


def test_outdated_warning_of_an_earlier_delivery_is_removed() -> None:
    world = paid_world(**REMOVE)
    delete_photo(world)
    world.run_until_empty("deliver")
    assert find_only_job(world).warnings
    world.upload_photo(KEY, PHOTO)
    world.run_until_empty()
    world.upload_sidecar(KEY, **REMOVE, output={"format": "png", "width": 40})
    world.run_until_empty()
    job = find_only_job(world)
    assert {SMALLER, ENLARGED}.isdisjoint(list_warning_codes(job))


def test_webp_above_the_size_limit_is_reduced_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output, "_MAX_WEBP_PIXELS", {"RGBA": 5_000, "RGB": 10_000})
    monkeypatch.setitem(output.LARGE_PIXELS, "webp", 1_000)
    white = {"name": "white", "format": "webp", "background": "#ffffff"}
    world = paid_world(**REMOVE, output=[{"format": "webp"}, white, {"name": "full"}])
    job = find_stored_job(world)

    assert [(one.output, one.width, one.height) for one in job.results] == [
        (None, 81, 61), ("white", 115, 86), ("full", 160, 120),
    ]  # fmt: skip
    assert [one.text_with_code.split(",")[0] for one in job.warnings] == [
        f"{SMALLER}: {KEY}/red.webp is 81 × 61 pixels", f"{SMALLER}: {KEY}/red@white.webp is 115 × 86 pixels",
    ]  # fmt: skip
