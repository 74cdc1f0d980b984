"""Photos are fitted to limits with few full encodings, close to the limit, and only by the decoder of their format."""

import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageFile

from backdrop.imaging import compress, encode
from backdrop.imaging.encode import Encoding, encode_picture
from backdrop.imaging.formats.jpeg import transpose_tables
from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.imaging.prepare import prepare_photo
from backdrop.imaging.strip_resize import downscale
from backdrop.model.capabilities import PHOTO_LIMITS, PROVIDER_PHOTO_LIMITS, PROVIDERS, PhotoLimits, find_common_limits
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from tests.imaging import photos

CONVERTED = {
    "gif": photos.encode_image(photos.scene("P"), "GIF"),
    "gif-interlaced": photos.encode_image(photos.scene("P"), "GIF", interlace=1),
    "bmp": photos.encode_image(photos.scene(), "BMP"),
    "bmp-palette": photos.encode_image(photos.scene("P"), "BMP"),
    "tiff-raw": photos.encode_image(photos.scene(), "TIFF"),
    "tiff-lzw": photos.encode_image(photos.scene(), "TIFF", compression="tiff_lzw"),
    "tiff-deflate": photos.encode_image(photos.scene(), "TIFF", compression="tiff_adobe_deflate"),
    "tiff-packbits": photos.encode_image(photos.scene(), "TIFF", compression="packbits"),
    "tiff-jpeg": photos.encode_image(photos.scene(), "TIFF", compression="jpeg"),
    "avif": photos.encode_image(photos.scene(), "AVIF"),
}
FORMATS = ("jpeg", "png", "webp")


def build_noise(width: int, height: int) -> Image.Image:
    return Image.merge("RGB", [Image.effect_noise((width, height), 60) for _ in range(3)])


def test_prepared_photo_fits_the_limits_of_every_provider() -> None:
    assert set(PROVIDER_PHOTO_LIMITS) == set(PROVIDERS)
    for limits in PROVIDER_PHOTO_LIMITS.values():
        assert find_common_limits([PHOTO_LIMITS, limits]) == PHOTO_LIMITS


def test_strictest_limit_of_each_kind_applies() -> None:
    wide, narrow = PhotoLimits(10_000_000, FORMATS), PhotoLimits(5_000_000, ("png", "jpeg"), 4096)
    assert find_common_limits([wide, narrow]) == PhotoLimits(5_000_000, ("jpeg", "png"), 4096)
    assert find_common_limits([narrow, replace(wide, max_side_pixels=2048)]).max_side_pixels == 2048
    assert find_common_limits([wide]) == wide


def test_scaled_photo_takes_two_full_encodings_and_fills_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    def counted(picture: Image.Image, encoding: Encoding) -> bytes:
        sizes.append(picture.width * picture.height)
        return encode_picture(picture, encoding)

    monkeypatch.setattr(compress, "encode_picture", counted)
    # Half of the photo is empty, so that its tiles differ.
    shown = Image.new("RGB", (2_400, 1_600), "white")
    shown.paste(build_noise(1_200, 1_600), (0, 0))
    data = photos.encode_image(shown, "JPEG", quality=95)
    found = prepare_photo(data, PhotoLimits(400_000, FORMATS), 100)

    sent = found.width * found.height
    assert sum(size == sent for size in sizes) <= 2
    assert len(sizes) <= 12
    assert found.data
    assert 0.85 * 400_000 <= len(found.data) <= 400_000


def test_scaling_in_strips_equals_scaling_the_whole_picture() -> None:
    shown = build_noise(700, 900)
    scaled = downscale(shown, 0.8)
    whole = shown.resize(scaled.size, Image.Resampling.LANCZOS)

    difference = max(
        abs(made_byte - whole_byte) for made_byte, whole_byte in zip(scaled.tobytes(), whole.tobytes(), strict=True)
    )
    assert scaled.size == (560, 720)
    assert difference <= 1


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "BMP"])
def test_convertible_format_is_opened_only_by_its_own_decoder(kind: str) -> None:
    script = (
        "import sys; from io import BytesIO; from PIL import Image; import importlib\n"
        f"importlib.import_module('PIL.{kind.title()}ImagePlugin')\n"
        f"file = BytesIO(); Image.new('RGB', (32, 32)).save(file, '{kind}')\n"
        "Image.OPEN.clear()\n"
        "from backdrop.imaging.prepare import prepare_photo\n"
        "from backdrop.model.capabilities import PHOTO_LIMITS\n"
        "assert prepare_photo(file.getvalue(), PHOTO_LIMITS, 1).data\n"
        "print(*[name for name in sys.modules if 'pillow_heif' in name or 'FpxImage' in name])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == ""


def test_image_libraries_are_imported_only_for_a_photo() -> None:
    script = "import sys, backdrop.imaging.prepare; print('PIL' in sys.modules, 'pillow_heif' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout.split() == ["False", "False"]


def test_format_without_a_converter_is_refused() -> None:
    with pytest.raises(PhotoError) as caught:
        prepare_photo(b"\xff\x0a" + bytes(64), PHOTO_LIMITS, 100)

    assert caught.value.code is Code.UNSUPPORTED_FORMAT
    assert "JPEG XL" in str(caught.value)


@pytest.mark.parametrize("name", CONVERTED)
def test_truncated_convertible_file_is_never_accepted(name: str) -> None:
    whole = CONVERTED[name]
    assert prepare_photo(whole, PHOTO_LIMITS, 100).data
    # A GIF may lack its trailer and the empty block before it, because they contain no pixels.
    last = len(whole) - (2 if name.startswith("gif") else 0)
    step = max(1, last // 40)

    codes = {read_error_code(whole[:length]) for length in (*range(12, last, step), *range(last - 8, last))}

    assert codes <= {Code.TRUNCATED_PHOTO, Code.DAMAGED_PHOTO, Code.TOO_SMALL}


def read_error_code(data: bytes) -> Code:
    with pytest.raises(PhotoError) as caught:
        prepare_photo(data, PHOTO_LIMITS, 100)
    return caught.value.code


def test_quantization_tables_are_transposed_for_sideways_photos() -> None:
    table = list(range(64))

    assert transpose_tables([table])[0][:9] == [0, 8, 16, 24, 32, 40, 48, 56, 1]


def test_fitting_jpeg_is_not_decoded_and_impossible_size_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = photos.encode_image(build_noise(640, 480), "JPEG", quality=60)
    frame = data.index(b"\xff\xc0") + 5
    assert (int.from_bytes(data[frame : frame + 2]), int.from_bytes(data[frame + 2 : frame + 4])) == (480, 640)
    false_claim = data[:frame] + (9_000).to_bytes(2) * 2 + data[frame + 4 :]
    assert len(false_claim) * 512 < 9_000 * 9_000
    assert read_error_code(false_claim) is Code.TRUNCATED_PHOTO

    def fail(_: ImageFile.ImageFile) -> None:
        pytest.fail("it was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    assert prepare_photo(data, PHOTO_LIMITS, 100).data is None


def test_transparent_photo_is_scaled_to_what_the_encoder_can_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encode, "MAX_TRANSPARENT_WEBP_PIXELS", 60_000)
    shown = build_noise(480, 320)
    shown.putalpha(Image.linear_gradient("L").resize(shown.size))
    found = prepare_photo(photos.encode_image(shown, "PNG"), PhotoLimits(90_000, FORMATS), 100)

    assert (found.format, found.original_size) == ("webp", (480, 320))
    assert 59_000 <= found.width * found.height <= 60_000
    assert f"scaled:480x320:{found.width}x{found.height}" in map(str, found.changes)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_file_that_fits_without_metadata_keeps_compressed_pixels(kind: str) -> None:
    shown = build_noise(200, 150)
    exif = Image.Exif()
    exif[0x010E] = "w" * 40_000
    heavy, light = photos.encode_image(shown, kind, exif=exif.tobytes()), photos.encode_image(shown, kind)
    found = prepare_photo(heavy, PhotoLimits(len(heavy) - 1, FORMATS), 100)

    assert len(heavy) > len(light) + 30_000
    assert (found.data, [str(one) for one in found.changes]) == (strip_photo_metadata(heavy), ["metadata:cut"])


def test_file_too_large_without_metadata_is_encoded_again() -> None:
    exif = Image.Exif()
    exif[0x010E] = "w" * 40_000
    heavy = photos.encode_image(build_noise(200, 150), "JPEG", exif=exif.tobytes(), quality=95)
    found = prepare_photo(heavy, PhotoLimits(len(heavy) - 50_000, FORMATS), 100)

    assert "metadata:cut" not in map(str, found.changes)
    assert found.data
    assert len(found.data) <= len(heavy) - 50_000


@pytest.mark.parametrize(
    ("mode", "kind", "has_alpha"),
    [
        ("RGB", "JPEG", False),
        ("RGB", "PNG", False),
        ("RGBA", "PNG", True),
        ("RGB", "WEBP", False),
        ("RGBA", "WEBP", True),
        ("RGB", "TIFF", False),
        ("RGBA", "TIFF", True),
    ],
)
def test_photo_that_may_be_transparent_is_known_before_it_is_read_again(mode: str, kind: str, has_alpha: bool) -> None:
    picture, file = Image.new(mode, (40, 30), "#aa4422"), BytesIO()
    if mode == "RGBA":
        picture.putpixel((3, 3), (0, 0, 0, 0))
    picture.save(file, kind)
    assert prepare_photo(file.getvalue(), PHOTO_LIMITS, 100).has_alpha is has_alpha
