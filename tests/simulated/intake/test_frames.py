"""Frames: the provider receives the photo on a canvas of the frame's shape, and the picture has that shape."""

import json
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw

from backdrop.model import frame
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, JobStatus
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import INPUTS_PREFIX
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job, record_sent_photos, replay_with_crashes
from tests.simulated.uploads_and_requests import count_paid_calls
from tests.unit.ledger_items import list_warning_codes

PROMPT: dict[str, Any] = {"prompt": "on a marble table"}
REMOVE: dict[str, Any] = {"operation": "remove"}
PICTURE = f"{KEY}/red.png"
SUBJECT_BOX = (60, 30, 100, 110)


def encode(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def draw_photo(size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Returns a red box in front of a background that changes from left to right."""
    photo = Image.merge("RGB", [Image.linear_gradient("L").resize(size)] * 3)
    ImageDraw.Draw(photo).rectangle(SUBJECT_BOX, fill="red")
    return photo


def draw_cut_out(box: tuple[int, int, int, int] = SUBJECT_BOX) -> Image.Image:
    """Returns a red box on a transparent background."""
    cut_out = Image.new("RGBA", (160, 120))
    cut_out.paste((255, 0, 0, 255), box)
    return cut_out


@pytest.fixture
def world() -> World:
    """A world whose provider returns pictures of 64 × 80 pixels."""
    world = World()
    world.downloads.override = encode(draw_photo((64, 80)))
    return world


@pytest.fixture
def sent(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The files that the provider received."""
    return record_sent_photos(world, monkeypatch)


def order(world: World, photo: Image.Image, **instructions: Any) -> Job:
    """Uploads a photo with a sidecar, and returns its only job after everything is delivered."""
    world.upload_photo(KEY, encode(photo))
    world.upload_sidecar(KEY, **instructions)
    world.run_until_empty()
    assert_at_rest(world)
    return find_only_job(world)


def open_picture(world: World, key: str = PICTURE) -> Image.Image:
    return Image.open(BytesIO(world.read_pictures()[key]))


def list_inputs(world: World) -> list[str]:
    return [key for key in world.output_bucket.list_keys() if key.startswith(INPUTS_PREFIX)]


def read_errors(world: World) -> list[tuple[str, str]]:
    report = world.read_report(KEY)
    assert report
    return [(one["code"], one["money"]) for one in report["errors"]]


def test_provider_receives_the_photo_on_a_canvas_of_the_frame(world: World, sent: list[bytes]) -> None:
    photo = draw_photo()
    job = order(world, photo, **PROMPT, frame="4:5")
    (data,) = sent
    canvas = Image.open(BytesIO(data))
    assert canvas.size == (160, 200)
    shown = canvas.crop((0, 40, 160, 160)).convert("RGB")
    assert ImageChops.difference(shown, photo).getbbox() is None
    assert job.status is JobStatus.STORED
    receipt = world.read_receipt(KEY)
    assert receipt
    assert receipt["jobs"][0]["frame"] == {
        "ratio": "4:5",
        "canvas": {"width": 160, "height": 200},
        "photo": {"left": 0, "top": 40, "width": 160, "height": 120},
    }
    assert open_picture(world).size == (64, 80)
    assert list_warning_codes(job) == [WarningCode.SMALLER_RESULT]
    assert job.warnings[0].text_with_code == "smaller_result: 64×48 from 160×120"


def test_frame_size_is_the_size_of_the_picture_but_never_enlarges(world: World) -> None:
    world.downloads.override = encode(draw_photo((1200, 630)))
    order(world, draw_photo(), **PROMPT, frame="600x314")
    assert open_picture(world).size == (600, 314)
    world.upload_sidecar(KEY, **PROMPT, frame="2400x1256")
    world.run_until_empty()
    assert open_picture(world).size == (1200, 628)
    assert count_paid_calls(world) == 1


def test_other_shape_is_padded_with_a_warning_and_without_a_hard_edge(world: World) -> None:
    world.downloads.override = encode(draw_photo((80, 80)))
    job = order(world, draw_photo(), **PROMPT, frame="4:5")
    picture = open_picture(world).convert("RGB")
    assert (picture.mode, picture.size) == ("RGB", (80, 100))
    assert WarningCode.FRAME_PADDED in list_warning_codes(job)
    for inside, outside in ((10, 9), (89, 90)):
        rows = [picture.crop((0, row, 80, row + 1)) for row in (inside, outside)]
        assert ImageChops.difference(*rows).getbbox() is None


def test_output_size_and_background_take_precedence_over_the_frame(world: World) -> None:
    world.downloads.override = encode(draw_photo((80, 80)))
    order(world, draw_photo(), **PROMPT, frame="40x50", output={"width": 60, "background": "#00ff00"})
    picture = open_picture(world).convert("RGB")
    assert picture.size == (60, 75)
    assert picture.getpixel((30, 2)) == (0, 255, 0)


def test_each_frame_of_a_variant_is_a_purchase_of_its_own(world: World, sent: list[bytes]) -> None:
    variants = {name: {"frame": frame} for name, frame in (("feed", "4:5"), ("story", "9:16"), ("plain", "160x120"))}
    world.upload_photo(KEY, encode(draw_photo()))
    world.upload_sidecar(KEY, **PROMPT, variants=variants)
    world.run_until_empty()
    assert_at_rest(world)
    assert count_paid_calls(world) == 3
    assert sorted(Image.open(BytesIO(data)).size for data in sent) == [(160, 120), (160, 200), (160, 285)]


def test_same_shape_in_other_words_is_the_same_purchase(world: World) -> None:
    job = order(world, draw_photo(), **PROMPT, frame="4:5")
    world.upload_sidecar(KEY, **PROMPT, frame="32x40")
    world.run_until_empty()
    assert_at_rest(world)
    assert find_only_job(world).job_id == job.job_id
    assert open_picture(world).size == (32, 40)
    assert count_paid_calls(world) == 1


def test_subject_of_a_transparent_photo_is_placed_before_the_purchase(world: World, sent: list[bytes]) -> None:
    order(world, draw_cut_out(), **PROMPT, frame="1:1", subject_size="50%", position="bottom")
    canvas = Image.open(BytesIO(sent[0]))
    assert canvas.size == (160, 160)
    assert canvas.getchannel("A").getbbox() == (60, 40, 100, 120)


def test_unknown_subject_is_an_error_before_the_purchase(world: World) -> None:
    world.upload_photo(KEY, encode(draw_photo()))
    world.upload_sidecar(KEY, **PROMPT, frame="1:1", subject_size=0.8)
    world.run_until_empty()
    assert read_errors(world) == [(Code.FRAME_NEEDS_MASK, "not_spent")]
    assert count_paid_calls(world) == 0


def test_opaque_photo_with_an_alpha_channel_has_no_known_subject(world: World) -> None:
    photo = draw_photo()
    photo.putalpha(255)
    world.upload_photo(KEY, encode(photo))
    world.upload_sidecar(KEY, **PROMPT, frame="1:1", position="top")
    world.run_until_empty()
    assert read_errors(world) == [(Code.FRAME_NEEDS_MASK, "not_spent")]


def test_subject_at_the_border_is_a_warning_before_the_purchase(world: World) -> None:
    world.upload_photo(KEY, encode(draw_cut_out((0, 30, 100, 120))))
    world.upload_sidecar(KEY, **PROMPT, frame="4:5")
    world.run_until_empty("intake")
    (warning,) = find_only_job(world).warnings
    assert warning.code is WarningCode.SUBJECT_AT_BORDER
    assert "left and bottom borders" in str(warning.text)
    assert count_paid_calls(world) == 0


@pytest.mark.parametrize(("frame", "codes"), [("1:3", [WarningCode.SMALL_IN_FRAME]), ("1:1", []), ("3:1", [])])
def test_photo_that_fills_little_of_its_frame_is_a_warning_before_the_purchase(
    world: World, frame: str, codes: list[WarningCode]
) -> None:
    world.upload_photo(KEY, encode(draw_photo().resize((300, 100))))
    world.upload_sidecar(KEY, **PROMPT, frame=frame)
    world.run_until_empty("intake")
    assert [one.code for one in find_only_job(world).warnings] == codes
    assert count_paid_calls(world) == 0


@pytest.mark.parametrize(("size", "codes"), [((20, 20), [WarningCode.TINY_PHOTO]), ((160, 120), [])])
def test_tiny_photo_is_a_warning_before_the_purchase(
    world: World, size: tuple[int, int], codes: list[WarningCode]
) -> None:
    world.upload_photo(KEY, encode(draw_photo(size)))
    world.upload_sidecar(KEY, **PROMPT, frame="1:1")
    world.run_until_empty("intake")
    assert [one.code for one in find_only_job(world).warnings] == codes
    assert count_paid_calls(world) == 0


def test_frame_of_a_cut_out_is_free(world: World, sent: list[bytes]) -> None:
    world.downloads.override = encode(draw_cut_out())
    job = order(world, draw_photo(), **REMOVE)
    world.upload_sidecar(KEY, **REMOVE, frame="1:1", subject_size=0.8, position="bottom")
    world.run_until_empty()
    assert_at_rest(world)
    picture = open_picture(world)
    assert picture.size == (100, 100)
    assert picture.getchannel("A").getbbox() == (30, 10, 70, 90)
    assert find_only_job(world).job_id == job.job_id
    assert find_only_job(world).canvas is None
    assert (count_paid_calls(world), len(sent)) == (1, 1)


def test_expired_framed_photo_is_drawn_again_and_paid_once(world: World, sent: list[bytes]) -> None:
    world.upload_photo(KEY, encode(draw_photo()))
    world.upload_sidecar(KEY, **PROMPT, frame="4:5")
    world.run_until_empty("intake")
    (kept,) = list_inputs(world)
    world.s3.delete(OUTPUT_BUCKET, kept)
    world.run_until_empty()
    assert Image.open(BytesIO(sent[0])).size == (160, 200)
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.STORED, 1)
    assert_at_rest(world)


def test_other_bytes_are_never_sent_on_the_old_canvas(world: World, sent: list[bytes]) -> None:
    world.upload_photo(KEY, encode(draw_photo()))
    world.upload_sidecar(KEY, **PROMPT, frame="4:5")
    world.run_until_empty("intake")
    other = draw_photo((120, 120))
    world.upload_photo(KEY, encode(other))
    world.run_until_empty()
    assert [Image.open(BytesIO(data)).size for data in sent] == [(120, 150)]
    assert_at_rest(world)


def test_other_outputs_of_a_bought_frame_draw_no_canvas(world: World) -> None:
    order(world, draw_photo(), **PROMPT, frame="4:5")
    (kept,) = list_inputs(world)
    world.s3.delete(OUTPUT_BUCKET, kept)
    world.upload_sidecar(KEY, **PROMPT, frame="4:5", output={"width": 32})
    world.run_until_empty()
    assert_at_rest(world)
    assert open_picture(world).size == (32, 40)
    assert list_inputs(world) == []


def test_canvas_that_another_release_draws_differently_is_bought_once(
    world: World, sent: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.upload_photo(KEY, encode(draw_photo()))
    world.upload_sidecar(KEY, **PROMPT, frame="4:5")
    world.run_until_empty("intake")
    (kept,) = list_inputs(world)
    world.s3.delete(OUTPUT_BUCKET, kept)
    monkeypatch.setattr(frame, "MAX_FRAME_SIDE", 100)
    world.run_until_empty()
    assert [Image.open(BytesIO(data)).size for data in sent] == [(80, 100)]
    canvas = find_only_job(world).canvas
    assert canvas
    assert (canvas.width, canvas.height) == (80, 100)
    assert count_paid_calls(world) == 1
    assert_at_rest(world)


def test_canvas_is_never_drawn_from_other_bytes(world: World) -> None:
    world.upload_photo(KEY, encode(draw_photo()))
    framed_photos = world.intake.photo_intake.resolver.framed_photos
    with pytest.raises(ConflictError):
        framed_photos.draw_and_store(INPUT_BUCKET, KEY, "0" * 64, {"frame": "4:5"})
    with pytest.raises(ConflictError):
        framed_photos.draw_and_store(INPUT_BUCKET, "missing.jpg", "0" * 64, {"frame": "4:5"})
    assert list_inputs(world) == []


def test_worker_that_crashes_after_any_call_buys_one_framed_picture() -> None:
    def make() -> World:
        world = World()
        world.upload_sidecar(KEY, **PROMPT, frame="4:5")
        world.upload_photo(KEY, encode(draw_photo()))
        world.downloads.override = encode(draw_photo((64, 80)))
        return world

    for call, world in replay_with_crashes(make, lambda world: world.run_until_empty("intake")):
        world.run_until_empty()
        job = find_only_job(world)
        assert (job.status, count_paid_calls(world)) == (JobStatus.STORED, 1), call
        assert job.canvas, call
        assert_at_rest(world)


def test_damaged_photo_with_a_frame_is_refused_without_a_charge(world: World) -> None:
    file = BytesIO()
    draw_photo((640, 480)).save(file, "JPEG", quality=95)
    data = bytearray(file.getvalue())
    world.upload_photo(KEY, bytes(data[: len(data) // 2]))
    world.upload_sidecar(KEY, **PROMPT, frame="4:5")
    world.run_until_empty()
    assert read_errors(world) == [(Code.TRUNCATED_PHOTO, "not_spent")]


@pytest.mark.parametrize(
    ("fields", "code", "suggestion"),
    [
        ({"frame": "100:1"}, Code.INVALID_VALUE, "'3:1'"),
        ({"frame": "1x5000"}, Code.INVALID_VALUE, "4,096"),
        ({"frame": "4-5"}, Code.INVALID_VALUE, "'4:5'"),
        ({"frame": ["4:5", "1:1"]}, Code.INVALID_VALUE, "one variant for each"),
        ({"frame": "1:1", "position": "bottom-lft"}, Code.INVALID_VALUE, "'bottom-left'"),
        ({"frame": "1:1", "subject_size": 85}, Code.INVALID_VALUE, "0.1 to 1"),
        ({"subject_size": 0.5}, Code.CONFLICTING_FIELDS, "needs a frame"),
    ],
)
def test_impossible_frame_is_an_error_and_costs_nothing(
    world: World, fields: dict[str, Any], code: Code, suggestion: str
) -> None:
    world.upload_photo(KEY, encode(draw_cut_out()))
    world.upload_sidecar(KEY, **PROMPT, **fields)
    world.run_until_empty()
    assert read_errors(world) == [(code, "not_spent")]
    assert suggestion in json.dumps(world.read_report(KEY))
    assert count_paid_calls(world) == 0


def test_no_frame_keeps_the_job_id(world: World) -> None:
    job = order(world, draw_photo(), **PROMPT)
    assert job.purchase_spec == {**PROMPT, "operation": "replace"}
    assert job.sha256 == sha256_hex(encode(draw_photo()))
