"""Photos as phones, agencies, and scanners produce them lead to the right pictures, in a deployed stack."""

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

pytestmark = pytest.mark.usefixtures("composed_pictures")

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
    """Returns a landscape photo of a cup on a saucer."""
    return Image.open(CUP).convert("RGB").resize(size, Image.Resampling.LANCZOS)


def encode(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def phone_photo(picture: Image.Image) -> bytes:
    """Returns a JPEG that is rotated by its EXIF orientation. Its EXIF also contains a location and a camera."""
    exif = Image.Exif()
    exif[0x0112], exif[0xA431] = 6, CAMERA
    exif.get_ifd(0x8825)[1] = "N"
    return encode(picture.transpose(Image.Transpose.ROTATE_90), exif=exif, quality=95, subsampling=0)


def decompression_bomb() -> bytes:
    """Returns a small PNG whose header claims ten billion pixels."""

    def chunk(name: bytes, payload: bytes) -> bytes:
        return len(payload).to_bytes(4) + name + payload + zlib.crc32(name + payload).to_bytes(4)

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(100_000))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def composed_folder(folder: Folder) -> Folder:
    """The test's folder. The stand-in composes pictures from the photos, at a smaller size."""
    folder.stack.standin.control("settings", {"pictures": "composed", "cut_out_pixels": 60_000})
    return folder


def drop_and_wait(folder: Folder, name: str, data: bytes, **instructions: Any) -> dict[str, Any]:
    """Uploads a photo with a sidecar, and returns its job as soon as it is stored."""
    folder.put(f"{name}.json", json.dumps(instructions))
    folder.put(name, data)
    return folder.wait_until_stored(name)


def changes(folder: Folder, name: str) -> list[str]:
    """Returns the changes that the receipt lists for the photo."""
    receipt = folder.receipt(name)
    assert receipt
    return receipt["source"]["changes"]


def photos_sent(folder: Folder) -> list[dict[str, Any]]:
    """Returns the image parts of all calls that the stand-in has received."""
    requests = folder.stack.standin.see("requests")["requests"]
    return [part for request in requests for part in request["parts"] if part["name"] == "image"]


def difference(first: Image.Image, second: Image.Image) -> float:
    """Returns the mean difference (0 to 255) of two pictures, at a size at which noise has averaged out."""
    small = [picture.convert("RGB").resize((24, 16), Image.Resampling.BOX) for picture in (first, second)]
    return float(np.mean(np.asarray(ImageChops.difference(*small))))


def paste_on_white(picture: Image.Image) -> Image.Image:
    """Puts a cut-out on a white background."""
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def test_rotated_phone_photo_is_upright_without_its_location(composed_folder: Folder) -> None:
    data = phone_photo(cup())
    drop_and_wait(composed_folder, "phone.jpg", data, operation="remove")
    assert changes(composed_folder, "phone.jpg") == ["orientation:6", "reencoded:jpeg:kept_quality"]
    picture = composed_folder.picture("phone.jpg", "phone.png")
    assert (picture.size, picture.mode) == ((600, 400), "RGBA")
    left = picture.getchannel("A").point([0] * 250 + [255] * 6)
    compared = [Image.composite(one.convert("RGB"), Image.new("RGB", picture.size), left) for one in (picture, cup())]
    assert difference(*compared) < 3
    sizes = [part["size"] for part in photos_sent(composed_folder)]
    assert sizes[-1] < len(data)


def test_photo_within_the_limits_loses_only_its_metadata(composed_folder: Folder) -> None:
    plain = encode(cup(), quality=90)
    exif = Image.Exif()
    exif[0xA431] = CAMERA
    exif.get_ifd(0x8825)[1] = "N"
    with_metadata = encode(cup(), quality=90, exif=exif, comment=b"at home", icc_profile=b"no profile at all")
    drop_and_wait(composed_folder, "plain.jpg", with_metadata, **composed_folder.instructions)
    assert hashlib.sha256(plain).hexdigest() in {part["sha256"] for part in photos_sent(composed_folder)}


@pytest.mark.parametrize("kind", ["heic", "cmyk", "tiff", "bmp", "gif"])
def test_unsupported_format_is_converted_and_looks_the_same(composed_folder: Folder, kind: str) -> None:
    files = {
        "heic": lambda: heic(cup()),
        "cmyk": lambda: encode(cup().convert("CMYK"), quality=95),
        "tiff": lambda: encode(cup(), "TIFF"),
        "bmp": lambda: encode(cup(), "BMP"),
        "gif": lambda: encode(cup().quantize(), "GIF", save_all=True, append_images=[Image.new("RGB", (600, 400))]),
    }
    name = f"cup.{'jpg' if kind == 'cmyk' else kind}"
    job = drop_and_wait(composed_folder, name, files[kind](), operation="remove")
    expected_change = "colors:cmyk" if kind == "cmyk" else f"converted:{kind}"
    assert expected_change in changes(composed_folder, name)
    assert any(warning.startswith("first_picture") for warning in job["warnings"]) is (kind == "gif")
    picture = composed_folder.picture(name, "cup.png")
    assert picture.size == (600, 400)
    compared = picture.getchannel("A").point([0] * 250 + [255] * 6)
    compared = [
        Image.composite(one.convert("RGB"), Image.new("RGB", picture.size), compared) for one in (picture, cup())
    ]
    assert difference(*compared) < 12


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("cut.jpg", encode(cup(), quality=90)[:-5_000], "truncated_photo"),
        ("cut.heic", heic(cup())[:-3_000], "truncated_photo"),
        ("bomb.png", decompression_bomb(), "too_many_pixels"),
        ("tiny.png", encode(cup((8, 8)), "PNG"), "too_small"),
        ("strip.png", encode(cup((2_000, 20)), "PNG"), "extreme_ratio"),
    ],
)
def test_unusable_photo_is_refused_without_a_charge(folder: Folder, name: str, data: bytes, code: str) -> None:
    folder.put(f"{name}.json", json.dumps(folder.instructions))
    folder.put(name, data)
    entry = folder.wait_for_error(name, code)
    assert (entry["status"], entry["money"]) == ("refused", "not_spent")
    folder.wait_until_queues_empty()
    assert folder.charges() == []


def test_cut_out_is_enlarged_to_the_photos_size(composed_folder: Folder) -> None:
    large = cup((1_800, 1_200))
    job = drop_and_wait(
        composed_folder,
        "cup.png",
        encode(large, "PNG"),
        operation="remove",
        output=[{}, {"name": "small", "size": "provider"}],
    )
    picture, small = composed_folder.picture("cup.png", "cup.png"), composed_folder.picture("cup.png", "cup@small.png")
    assert picture.size == (1_800, 1_200)
    assert small.width * small.height <= 60_000
    assert [warning.partition(":")[0] for warning in job["warnings"]] == ["smaller_result"]
    opaque = picture.getchannel("A").point([0] * 255 + [255])
    visible_difference = Image.composite(
        ImageChops.difference(picture.convert("RGB"), large), Image.new("RGB", picture.size), opaque
    )
    assert opaque.getbbox()
    assert visible_difference.getbbox() is None
    assert difference(paste_on_white(picture), paste_on_white(small)) < 4


def test_result_smaller_than_the_photo_adds_a_warning(composed_folder: Folder) -> None:
    job = drop_and_wait(composed_folder, "cup.png", encode(cup((2_400, 1_600)), "PNG"), **composed_folder.instructions)
    picture = composed_folder.picture("cup.png", "cup.png")
    assert job["warnings"] == [f"smaller_result: {picture.width}×{picture.height} from 2400×1600"]


@pytest.mark.parametrize("operation", ["replace", "remove"])
def test_every_picture_contains_the_ai_edited_marker(composed_folder: Folder, operation: str) -> None:
    instructions = composed_folder.instructions if operation == "replace" else {"operation": "remove"}
    outputs = [{}, {"name": "web", "format": "webp"}, {"name": "shop", **MARKETPLACE}]
    job = drop_and_wait(composed_folder, "cup.jpg", encode(cup(), quality=95), **instructions, output=outputs)
    for result in job["results"]:
        data = composed_folder.stack.clients.s3.get_object(
            Bucket=composed_folder.stack.output_bucket, Key=result["key"]
        )["Body"].read()
        assert len(data) == result["bytes"]
        assert SOURCE_TYPES[operation].encode() in data
    (kept,) = composed_folder.list_outputs(f"_backdrop/paid/{job['job_id']}/")
    untouched = composed_folder.stack.clients.s3.get_object(
        Bucket=composed_folder.stack.output_bucket, Key=f"_backdrop/paid/{job['job_id']}/{kept}"
    )["Body"].read()
    assert SOURCE_TYPES[operation].encode() not in untouched


def test_marketplace_picture_is_white_square_and_85_percent_filled(composed_folder: Folder) -> None:
    drop_and_wait(
        composed_folder, "cup.jpg", encode(cup((1_800, 1_200)), quality=95), operation="remove", output=MARKETPLACE
    )
    picture = composed_folder.picture("cup.jpg", "cup.jpg")
    assert (picture.size, picture.mode, picture.format) == ((1_000, 1_000), "RGB", "JPEG")
    assert all(picture.getpixel(corner) == (255, 255, 255) for corner in ((0, 0), (999, 0), (0, 999), (999, 999)))
    differs = ImageChops.difference(picture, Image.new("RGB", picture.size, "white")).convert("L")
    subject = differs.point([0] * 13 + [255] * 243)
    left, top, right, bottom = subject.getbbox() or (0, 0, 0, 0)
    assert 0.83 <= max(right - left, bottom - top) / 1_000 <= 0.86
    assert abs((left + right) / 2 - 500) < 15
    assert abs((top + bottom) / 2 - 500) < 15
