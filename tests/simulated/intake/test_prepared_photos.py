"""Any photo can be sent. The provider receives it upright, without metadata, and in an accepted format, for one
payment.
"""

from io import BytesIO

import pytest
from PIL import Image

from backdrop.model.codes import Code
from backdrop.model.ids import sha256_hex
from backdrop.model.job import JobStatus
from backdrop.model.object_keys import INPUTS_PREFIX, input_key, prepared_photo_name
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import OUTPUT_BUCKET
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, record_sent_photos

SECRET = b"serial number 0815"


def build_photo_with_metadata(*, turned: int = 1) -> bytes:
    """Returns a JPEG of 64 × 48, stored with red on the left and blue on the right, with metadata about camera and
    location.
    """
    picture = Image.new("RGB", (64, 48), (200, 30, 30))
    picture.paste((30, 30, 200), (32, 0, 64, 48))
    exif = Image.Exif()
    exif[0x0112], exif[0xA431] = turned, SECRET.decode()
    exif.get_ifd(0x8825)[1] = "N"
    file = BytesIO()
    picture.save(file, "JPEG", exif=exif, quality=95, subsampling=0)
    return file.getvalue()


def build_animation() -> bytes:
    """Returns a GIF of three frames, the first one red."""
    frames = [Image.new("RGB", (64, 48), color) for color in ("red", "green", "blue")]
    file = BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def sent(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The files that the provider received."""
    return record_sent_photos(world, monkeypatch)


def list_prepared(world: World) -> list[str]:
    return [key for key in world.output_bucket.list_keys() if key.startswith(INPUTS_PREFIX)]


def test_photo_within_the_limits_keeps_its_pixels_but_no_metadata(world: World, sent: list[bytes]) -> None:
    data = build_photo_with_metadata()
    world.upload_photo(KEY, data, operation="remove")
    world.run_until_empty()
    scan = data[data.index(b"\xff\xdb") :]
    (data_sent,) = sent
    assert data_sent.endswith(scan)
    assert SECRET in data
    assert SECRET not in data_sent
    assert b"Exif" not in data_sent
    assert list_prepared(world) == []
    receipt = world.read_receipt(KEY)
    assert receipt
    assert receipt["source"]["changes"] == []
    assert_at_rest(world)


def test_rotated_photo_is_sent_upright_and_the_receipt_says_so(world: World, sent: list[bytes]) -> None:
    world.upload_photo(KEY, build_photo_with_metadata(turned=6), operation="remove")
    world.run_until_empty()
    (data_sent,) = sent
    picture = Image.open(BytesIO(data_sent))
    assert (picture.size, dict(picture.getexif())) == ((48, 64), {})
    top, bottom = picture.getpixel((24, 8)), picture.getpixel((24, 56))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 150 > bottom[0]
    assert SECRET not in data_sent
    receipt = world.read_receipt(KEY)
    assert receipt
    assert receipt["source"]["changes"] == ["orientation:6", "reencoded:jpeg:kept_quality"]
    assert (receipt["source"]["width"], receipt["source"]["height"]) == (48, 64)
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


def test_first_frame_of_several_is_used_with_a_warning(world: World, sent: list[bytes]) -> None:
    world.upload_photo("shoes/red.gif", build_animation(), operation="remove")
    world.run_until_empty()
    (data_sent,) = sent
    picture = Image.open(BytesIO(data_sent))
    assert (picture.format, picture.convert("RGB").getpixel((5, 5))) == ("PNG", (255, 0, 0))
    receipt = world.read_receipt("shoes/red.gif")
    assert receipt
    assert "first_of_pictures:3" in receipt["source"]["changes"]
    warnings = [words for words in receipt["jobs"][0]["warnings"] if words.startswith("first_picture")]
    assert warnings == ["first_picture: the file contains 3 pictures; Backdrop uses the first one"]


def test_expired_prepared_photo_is_prepared_again_and_paid_once(world: World, sent: list[bytes]) -> None:
    data = build_photo_with_metadata(turned=8)
    world.upload_photo(KEY, data, operation="remove")
    world.run_until_empty("intake")
    kept = input_key(prepared_photo_name(sha256_hex(data)))
    assert list_prepared(world) == [kept]
    world.s3.delete(OUTPUT_BUCKET, kept)
    world.run_until_empty()
    (data_sent,) = sent
    assert Image.open(BytesIO(data_sent)).size == (48, 64)
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)


def test_other_bytes_replacing_a_prepared_photo_are_never_sent(world: World, sent: list[bytes]) -> None:
    world.upload_photo(KEY, build_photo_with_metadata(turned=6), operation="remove")
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo_with_metadata(turned=3), operation="remove")
    world.run_until_empty()
    (data_sent,) = sent
    assert Image.open(BytesIO(data_sent)).size == (64, 48)
    assert world.provider.charged_micro_usd == PRICE
    assert_at_rest(world)


def test_truncated_photo_is_refused_without_a_charge(world: World) -> None:
    world.upload_photo(KEY, build_photo_with_metadata(turned=6)[:-200], operation="remove")
    world.run_until_empty()
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["money"]) for one in report["errors"]] == [(Code.TRUNCATED_PHOTO.value, "not_spent")]
    assert world.provider.charged_micro_usd == 0


@pytest.mark.parametrize("fields", [{"operation": "remove"}, {"prompt": "on a table"}, {"prompt": "x", "frame": "1:1"}])
def test_photo_that_shows_nothing_is_never_bought(world: World, sent: list[bytes], fields: dict[str, str]) -> None:
    file = BytesIO()
    Image.new("RGBA", (64, 48), (200, 30, 30, 15)).save(file, "PNG")
    world.upload_photo(KEY, file.getvalue())
    world.upload_sidecar(KEY, **fields)
    world.run_until_empty()
    assert (list_report_codes(world, KEY), sent, world.provider.charged_micro_usd) == (["photo_shows_nothing"], [], 0)
    assert_at_rest(world)
