"""Thumbnails are upright, small, in the intended colors, and never incomplete."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Barrier, Semaphore
from time import sleep
from typing import cast

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image, ImageColor
from PIL.EpsImagePlugin import EpsImageFile

from backdrop.imaging.xmp import is_own_picture
from backdrop_cli.gallery.album import GalleryFile, MissingReason
from backdrop_cli.gallery.gallery_files import SavedFile, save_files
from backdrop_cli.gallery.thumbnails import MAX_SIDE_PIXELS, encode_small_file, encode_thumbnail
from tests.imaging.output_pictures import swapped_profile


def encode_image(image: Image.Image, kind: str, **options: object) -> bytes:
    pillow_heif.register_heif_opener()
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def open_thumb(data: bytes) -> Image.Image:
    thumb = encode_thumbnail(data)
    assert isinstance(thumb, bytes)
    return Image.open(BytesIO(thumb))


def build_file(key: str) -> GalleryFile:
    return GalleryFile("", key, None, key)


def save_thumbnails(folder: Path, files: list[GalleryFile], max_workers: int) -> list[SavedFile]:
    def read(_file: GalleryFile) -> bytes:
        return encode_image(Image.new("RGB", (9, 9)), "PNG")

    return list(save_files(folder, files, read, max_workers))


@pytest.mark.parametrize("is_map", [False, True])
def test_small_file_is_marked_as_backdrops_own(is_map: bool) -> None:
    """A gallery that is copied into a bucket would be bought as photos."""
    file = encode_small_file(
        replace(build_file("a"), is_change_map=is_map), encode_image(Image.new("L", (9, 9)), "PNG")
    )
    assert isinstance(file, bytes)
    assert is_own_picture(file)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
@pytest.mark.parametrize("color", ["navy", "white"])
def test_large_picture_is_reduced_and_keeps_shape_and_color(kind: str, color: str) -> None:
    small = open_thumb(encode_image(Image.new("RGB", (2400, 1200), color), kind))
    assert (small.format, small.size) == ("WEBP", (MAX_SIDE_PIXELS, MAX_SIDE_PIXELS // 2))
    assert small.convert("RGB").getpixel((9, 9)) == pytest.approx(ImageColor.getrgb(color), abs=6)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_photo_is_shown_in_its_colors(kind: str) -> None:
    small = open_thumb(encode_image(Image.new("CMYK", (60, 40), (0, 255, 255, 0)), kind))
    red, green, blue = cast("tuple[int, int, int]", small.convert("RGB").getpixel((9, 9)))
    assert (red > 180, green < 90, blue < 90) == (True, True, True)


@pytest.mark.parametrize("channels", [1, 3])
def test_scan_of_16_bits_keeps_its_brightness(channels: int) -> None:
    file = BytesIO()
    shape = (40, 60) if channels == 1 else (40, 60, channels)
    kind = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(file, np.full(shape, 0x8080, "<u2"), photometric=kind)
    assert open_thumb(file.getvalue()).convert("RGB").getpixel((9, 9)) == pytest.approx((128, 128, 128), abs=4)


def test_small_picture_is_not_enlarged() -> None:
    assert open_thumb(encode_image(Image.new("RGB", (30, 20)), "PNG")).size == (30, 20)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "AVIF", "HEIF"])
def test_photo_with_an_orientation_is_shown_upright(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.new("RGB", (300, 200), "white")
    photo.paste((255, 0, 0), (0, 0, 100, 200))
    shown = open_thumb(encode_image(photo, kind, exif=exif.tobytes(), quality=95))
    assert shown.size == (200, 300)
    assert shown.convert("RGB").getpixel((100, 20)) == pytest.approx((255, 0, 0), abs=12)


def test_transparent_picture_stays_transparent() -> None:
    shown = open_thumb(encode_image(Image.new("RGBA", (40, 40), (255, 0, 0, 0)), "PNG"))
    assert shown.mode == "RGBA"
    assert shown.getchannel("A").getextrema() == (0, 0)


def test_colors_follow_the_embedded_profile() -> None:
    photo = encode_image(Image.new("RGB", (9, 9), (200, 30, 30)), "PNG", icc_profile=swapped_profile())
    shown = open_thumb(photo)
    assert shown.info.get("icc_profile") is None
    assert shown.convert("RGB").getpixel((4, 4)) == pytest.approx((30, 30, 200), abs=12)


@pytest.mark.parametrize("data", [b"", b"I am a list", encode_image(Image.new("RGB", (900, 900)), "PNG")[:200]])
def test_unreadable_file_has_no_thumb(data: bytes) -> None:
    assert encode_thumbnail(data) is MissingReason.UNREADABLE


def test_heic_whose_picture_is_of_no_kind_has_no_thumb() -> None:
    photo = encode_image(Image.new("RGB", (64, 48), "navy"), "HEIF")
    at = photo.index(b"hvc1", photo.index(b"infe"))
    damaged = photo[:at] + b"\xff\xfe\xfd\xfc" + photo[at + 4 :]
    assert encode_thumbnail(damaged) is MissingReason.UNREADABLE


def called_ghostscript(_picture: EpsImageFile) -> None:
    pytest.fail("A PostScript file reached Ghostscript.")


@pytest.mark.parametrize("kind", ["EPS", "PDF", "JPEG2000"])
def test_no_other_decoder_ever_opens_a_photo(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_image(Image.new("RGB", (64, 48), "navy"), kind)
    monkeypatch.setattr(EpsImageFile, "load", called_ghostscript)
    assert encode_thumbnail(data) is MissingReason.UNREADABLE


def test_large_photos_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdrop_client.thumbnails._LARGE_IMAGE_PIXELS", 1000)
    at_work = Semaphore(1)

    def decode(_data: bytes, _limit: int) -> Image.Image:
        assert at_work.acquire(blocking=False)
        sleep(0.05)
        at_work.release()
        return Image.new("RGB", (9, 9))

    monkeypatch.setattr("backdrop_client.thumbnails.load_upright_photo", decode)
    monkeypatch.setattr("backdrop_client.thumbnails.DECODE_LIMIT", Semaphore(4))
    photo = encode_image(Image.new("RGB", (64, 48)), "HEIF")
    with ThreadPoolExecutor(4) as pool:
        assert all(isinstance(one, bytes) for one in pool.map(encode_thumbnail, [photo] * 4))


def test_truncated_jpeg_or_noise_does_not_stop_page_generation() -> None:
    photo = encode_image(Image.effect_noise((300, 300), 80).convert("RGB"), "JPEG")
    random_source = random.Random(7)
    for _ in range(60):
        damaged = bytearray(photo)
        for _ in range(20):
            damaged[random_source.randrange(len(damaged))] = random_source.randrange(256)
        encode_thumbnail(bytes(damaged[: random_source.randrange(len(damaged))]))


def test_full_disk_leaves_no_thumb_and_no_partial_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        save_thumbnails(tmp_path, [build_file("a")], max_workers=2)
    assert [*(tmp_path / "thumbs").iterdir()] == []


def test_thumbs_have_the_order_of_their_files(tmp_path: Path) -> None:
    files = [build_file(str(n)) for n in range(20)]
    found = save_thumbnails(tmp_path, files, max_workers=4)
    assert [one.file for one in found] == files
    assert len({one.thumbnail for one in found}) == 20


def test_same_photo_under_two_keys_has_one_thumb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both_have_written, replace = Barrier(2, timeout=60), Path.replace

    def replace_together(self: Path, target: Path) -> Path:
        both_have_written.wait()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_together)
    files = [GalleryFile("photos", f"{n}.jpg", None, "the same") for n in range(2)]
    found = save_thumbnails(tmp_path, files, max_workers=2)
    assert len({one.thumbnail for one in found}) == 1
    assert [path.suffix for path in (tmp_path / "thumbs").iterdir()] == [".webp"]
