"""Any photo in, the right picture out: as phones, agencies and scanners leave them, in a deployed stack."""

import hashlib
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops

from backdrop.imaging.xmp import SOURCE_TYPES
from tests.corpus.files import heic
from tests.e2e.folder import Folder

pytestmark = pytest.mark.usefixtures("composed")

CUP = Path(__file__).parents[2] / "examples" / "photos" / "marketplace" / "cup.jpg"
MARKETPLACE = {
    "format": "jpg",
    "width": 1000,
    "height": 1000,
    "fit": "pad",
    "background": "#ffffff",
    "trim": True,
    "margin": "7.5%",
}
CAMERA = "serial number 0815"


def cup(size: tuple[int, int] = (600, 400)) -> Image.Image:
    """A cup on a saucer, wider than high."""
    return Image.open(CUP).convert("RGB").resize(size, Image.Resampling.LANCZOS)


def file_of(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """A picture's file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def from_a_phone(picture: Image.Image) -> bytes:
    """A JPEG that lies on its side and says so, with where it was taken and by which camera."""
    exif = Image.Exif()
    exif[0x0112], exif[0xA431] = 6, CAMERA
    exif.get_ifd(0x8825)[1] = "N"
    return file_of(picture.transpose(Image.Transpose.ROTATE_90), exif=exif, quality=95, subsampling=0)


def bomb() -> bytes:
    """A PNG of a few bytes that says it has ten thousand million pixels."""

    def chunk(name: bytes, payload: bytes) -> bytes:
        return len(payload).to_bytes(4) + name + payload + zlib.crc32(name + payload).to_bytes(4)

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(100_000))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def real(folder: Folder) -> Folder:
    """A folder whose provider makes real pictures of its photos, in its own smaller size."""
    folder.shop.standin.control("settings", {"pictures": "composed", "cut_out_pixels": 60_000})
    return folder


def dropped(folder: Folder, name: str, data: bytes, **wish: Any) -> dict[str, Any]:
    """The job of a photo with a sidecar, once its pictures are there."""
    folder.put(f"{name}.json", json.dumps(wish))
    folder.put(name, data)
    return folder.stored(name)


def changes(folder: Folder, name: str) -> list[str]:
    """What the receipt says was changed of the photo."""
    receipt = folder.receipt(name)
    assert receipt
    return receipt["source"]["changes"]


def photos_sent(folder: Folder) -> list[dict[str, Any]]:
    """The image parts of all calls that the stand-in heard since the test began."""
    heard = folder.shop.standin.see("requests")["requests"]
    return [part for one in heard for part in one["parts"] if part["name"] == "image"]


def apart(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures differ on the whole, of 255, at a size at which noise is gone."""
    small = [picture.convert("RGB").resize((24, 16), Image.Resampling.BOX) for picture in (one, other)]
    return float(np.mean(np.asarray(ImageChops.difference(*small))))


def on_white(picture: Image.Image) -> Image.Image:
    """A cut-out on white."""
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def test_a_phone_photo_on_its_side_comes_back_upright_and_its_place_stays_at_home(real: Folder) -> None:
    data = from_a_phone(cup())
    dropped(real, "phone.jpg", data, operation="remove")
    assert changes(real, "phone.jpg") == ["orientation:6", "reencoded:jpeg:kept_quality"]
    made = real.picture("phone.jpg", "phone.png")
    assert (made.size, made.mode) == ((600, 400), "RGBA")
    left = made.getchannel("A").point([0] * 250 + [255] * 6)
    seen = [Image.composite(one.convert("RGB"), Image.new("RGB", made.size), left) for one in (made, cup())]
    assert apart(*seen) < 3
    sizes = [part["size"] for part in photos_sent(real)]
    assert sizes[-1] < len(data)


def test_a_photo_that_fits_reaches_the_provider_with_its_own_pixels_and_nothing_else(real: Folder) -> None:
    plain = file_of(cup(), quality=90)
    exif = Image.Exif()
    exif[0xA431] = CAMERA
    exif.get_ifd(0x8825)[1] = "N"
    telling = file_of(cup(), quality=90, exif=exif, comment=b"at home", icc_profile=b"no profile at all")
    dropped(real, "plain.jpg", telling, **real.wish)
    assert hashlib.sha256(plain).hexdigest() in {part["sha256"] for part in photos_sent(real)}


@pytest.mark.parametrize("kind", ["heic", "cmyk", "tiff", "bmp", "gif"])
def test_what_no_provider_takes_is_converted_and_looks_as_it_did(real: Folder, kind: str) -> None:
    files = {
        "heic": lambda: heic(cup()),
        "cmyk": lambda: file_of(cup().convert("CMYK"), quality=95),
        "tiff": lambda: file_of(cup(), "TIFF"),
        "bmp": lambda: file_of(cup(), "BMP"),
        "gif": lambda: file_of(cup().quantize(), "GIF", save_all=True, append_images=[Image.new("RGB", (600, 400))]),
    }
    name = f"cup.{'jpg' if kind == 'cmyk' else kind}"
    job = dropped(real, name, files[kind](), operation="remove")
    said = changes(real, name)
    assert ("colors:cmyk" if kind == "cmyk" else f"converted:{kind}") in said
    assert any(words.startswith("first_picture") for words in job["warnings"]) is (kind == "gif")
    made = real.picture(name, "cup.png")
    assert made.size == (600, 400)
    seen = made.getchannel("A").point([0] * 250 + [255] * 6)
    both = [Image.composite(one.convert("RGB"), Image.new("RGB", made.size), seen) for one in (made, cup())]
    assert apart(*both) < 12


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("cut.jpg", file_of(cup(), quality=90)[:-5_000], "truncated_photo"),
        ("cut.heic", heic(cup())[:-3_000], "truncated_photo"),
        ("bomb.png", bomb(), "too_many_pixels"),
        ("tiny.png", file_of(cup((8, 8)), "PNG"), "too_small"),
        ("strip.png", file_of(cup((2_000, 20)), "PNG"), "extreme_ratio"),
    ],
)
def test_what_cannot_be_right_is_refused_under_its_own_code_for_nothing(
    folder: Folder, name: str, data: bytes, code: str
) -> None:
    folder.put(f"{name}.json", json.dumps(folder.wish))
    folder.put(name, data)
    entry = folder.wrong(name, code)
    assert (entry["status"], entry["money"]) == ("refused", "not_spent")
    folder.settle()
    assert folder.charges() == []


def test_a_cut_out_has_the_photos_own_size_and_pixels_where_the_providers_is_smaller(real: Folder) -> None:
    large = cup((1_800, 1_200))
    job = dropped(
        real, "cup.png", file_of(large, "PNG"), operation="remove", output=[{}, {"name": "small", "size": "provider"}]
    )
    made, small = real.picture("cup.png", "cup.png"), real.picture("cup.png", "cup@small.png")
    assert made.size == (1_800, 1_200)
    assert small.width * small.height <= 60_000
    assert [words.partition(":")[0] for words in job["warnings"]] == ["smaller_result"]
    whole = made.getchannel("A").point([0] * 255 + [255])
    differing = Image.composite(ImageChops.difference(made.convert("RGB"), large), Image.new("RGB", made.size), whole)
    assert whole.getbbox()
    assert differing.getbbox() is None
    assert apart(on_white(made), on_white(small)) < 4


def test_a_smaller_new_background_is_a_warning_that_people_see(real: Folder) -> None:
    job = dropped(real, "cup.png", file_of(cup((2_400, 1_600)), "PNG"), **real.wish)
    made = real.picture("cup.png", "cup.png")
    assert job["warnings"] == [f"smaller_result: {made.width}×{made.height} from 2400×1600"]


@pytest.mark.parametrize("operation", ["replace", "remove"])
def test_every_picture_says_that_a_machine_changed_it(real: Folder, operation: str) -> None:
    wish = real.wish if operation == "replace" else {"operation": "remove"}
    outputs = [{}, {"name": "web", "format": "webp"}, {"name": "shop", **MARKETPLACE}]
    job = dropped(real, "cup.jpg", file_of(cup(), quality=95), **wish, output=outputs)
    for result in job["results"]:
        found = real.shop.clients.s3.get_object(Bucket=real.shop.pictures, Key=result["key"])
        data = found["Body"].read()
        assert len(data) == result["bytes"]
        assert SOURCE_TYPES[operation].encode() in data
    (kept,) = real.listed(f"_backdrop/paid/{job['job_id']}/")
    untouched = real.shop.clients.s3.get_object(
        Bucket=real.shop.pictures, Key=f"_backdrop/paid/{job['job_id']}/{kept}"
    )["Body"].read()
    assert SOURCE_TYPES[operation].encode() not in untouched


def test_the_picture_that_marketplaces_demand_is_white_square_trimmed_and_filled_to_85_percent(real: Folder) -> None:
    dropped(real, "cup.jpg", file_of(cup((1_800, 1_200)), quality=95), operation="remove", output=MARKETPLACE)
    made = real.picture("cup.jpg", "cup.jpg")
    assert (made.size, made.mode, made.format) == ((1_000, 1_000), "RGB", "JPEG")
    assert all(made.getpixel(corner) == (255, 255, 255) for corner in ((0, 0), (999, 0), (0, 999), (999, 999)))
    differs = ImageChops.difference(made, Image.new("RGB", made.size, "white")).convert("L")
    subject = differs.point([0] * 13 + [255] * 243)
    left, top, right, bottom = subject.getbbox() or (0, 0, 0, 0)
    assert 0.83 <= max(right - left, bottom - top) / 1_000 <= 0.86
    assert abs((left + right) / 2 - 500) < 15
    assert abs((top + bottom) / 2 - 500) < 15
