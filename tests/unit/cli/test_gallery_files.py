"""Full-size files in a gallery's folder: downloaded once, as they were delivered, and deleted with their page."""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image

from backdrop_cli.gallery.album import GalleryFile, MissingReason
from backdrop_cli.gallery.gallery_files import SavedFile, list_missing_full_sizes, save_files
from backdrop_cli.gallery.gallery_folder import render_single_file, write_gallery
from tests.corpus.files import heic, saved
from tests.unit.cli.test_gallery_page import FakeBucket, PageReader, build_album, build_image
from tests.unit.demo_scenes import NOON, build_receipt, build_result

PHOTO = Image.effect_noise((70, 50), 80).convert("RGB")


@dataclass
class OneFile:
    """A bucket whose every key has the same bytes; counts the downloads."""

    data: bytes | MissingReason
    reads: list[str] = field(default_factory=list[str])

    def read(self, file: GalleryFile) -> bytes | MissingReason:
        self.reads.append(file.key)
        return self.data


def build_file(key: str = "shoes/red.jpg", fingerprint: str = "") -> GalleryFile:
    return GalleryFile("photos", key, None, fingerprint or key)


def save(folder: Path, bucket: OneFile, *files: GalleryFile, full_size: bool = True) -> list[SavedFile]:
    return list(save_files(folder, files, bucket.read, 1, full_size_of=files if full_size else ()))


def open_full_size(folder: Path, one: SavedFile) -> bytes:
    return (folder / unquote(one.full_size_link)).read_bytes()


def list_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "bmp", "avif"])
def test_file_that_browsers_show_stays_byte_for_byte(tmp_path: Path, kind: str) -> None:
    data = saved(PHOTO, kind)
    (one,) = save(tmp_path, OneFile(data), build_file(f"red.{kind}"))
    assert open_full_size(tmp_path, one) == data
    assert one.full_size_link.endswith(f"/red.{kind}")


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_bytes_after_a_pictures_end_are_not_copied(tmp_path: Path, kind: str) -> None:
    data = saved(PHOTO, kind)
    (one,) = save(tmp_path, OneFile(data + b"<script>alert(1)</script>"), build_file(f"red.{kind}"))
    assert open_full_size(tmp_path, one) == data


@pytest.mark.parametrize(
    ("name", "kind", "written"),
    [
        ("red.JPEG", "jpeg", "red.JPEG"),
        ("menu.html", "jpeg", "menu.html.jpg"),
        ("a.svg", "png", "a.svg.png"),
        ("a.hta", "gif", "a.hta.gif"),
        ("setup.bat", "bmp", "setup.bat.bmp"),
        ("Invoice.pdf.exe", "webp", "Invoice.pdf.exe.webp"),
        ("a.png", "jpeg", "a.png.jpg"),
        ("Invoice\u202egpj.exe", "avif", "Invoice_gpj.exe.avif"),
        ("red.html\u202e.jpg", "jpeg", "red.html_.jpg"),
        ("red.jpg.", "jpeg", "red.jpg..jpg"),
        ("noext", "jpeg", "noext.jpg"),
        ("CON", "tiff", "_CON.jpg"),
        (f"{'x' * 300}.html", "heic", f"{'x' * 242}_{{}}.jpg"),
    ],
)
def test_full_size_file_has_the_suffix_of_its_format(tmp_path: Path, name: str, kind: str, written: str) -> None:
    data = heic(PHOTO) if kind == "heic" else saved(PHOTO, kind)
    (one,) = save(tmp_path, OneFile(data), build_file(f"shoes/{name}"))
    (path,) = (tmp_path / "files").rglob("*.*")
    prefix, _, suffix = written.partition("{}")
    assert path.name.startswith(prefix)
    assert path.name.endswith(suffix)
    assert unquote(one.full_size_link) == str(path.relative_to(tmp_path))


def test_file_that_an_earlier_release_wrote_as_a_web_page_is_replaced(tmp_path: Path) -> None:
    bucket, file = OneFile(saved(PHOTO, "jpeg")), build_file("menu.html")
    (first,) = save(tmp_path, bucket, file)
    safe_path = tmp_path / first.full_size_link
    safe_path.rename(safe_path.with_name("menu.html"))
    assert list_missing_full_sizes(tmp_path, [file]) == [file]
    assert save(tmp_path, bucket, file)[0].full_size_link == first.full_size_link
    assert [path.name for path in safe_path.parent.iterdir()] == ["menu.html.jpg"]


@pytest.mark.parametrize("kind", ["heic", "tiff"])
def test_photo_that_browsers_do_not_show_becomes_a_jpeg_of_its_size(tmp_path: Path, kind: str) -> None:
    data = heic(PHOTO) if kind == "heic" else saved(PHOTO, kind)
    (one,) = save(tmp_path, OneFile(data), build_file(f"red.{kind}"))
    shown = Image.open(BytesIO(open_full_size(tmp_path, one)))
    assert (shown.format, shown.size, one.full_size_link.endswith(f"/red.{kind}.jpg")) == ("JPEG", (70, 50), True)


def test_converted_photo_keeps_its_transparency(tmp_path: Path) -> None:
    data = saved(Image.new("RGBA", (70, 50), (255, 0, 0, 0)), "tiff")
    (one,) = save(tmp_path, OneFile(data), build_file("red.tiff"))
    shown = Image.open(BytesIO(open_full_size(tmp_path, one)))
    assert (shown.format, shown.getchannel("A").getextrema()) == ("WEBP", (0, 0))


@pytest.mark.parametrize("data", [MissingReason.GONE, b"I am a list", b""])
def test_file_without_a_picture_has_no_full_size(tmp_path: Path, data: bytes | MissingReason) -> None:
    (one,) = save(tmp_path, OneFile(data), build_file())
    assert (one.full_size_link, isinstance(one.thumbnail, MissingReason)) == ("", True)
    assert list_files(tmp_path) == []


def test_damaged_heic_has_no_full_size(tmp_path: Path) -> None:
    (one,) = save(tmp_path, OneFile(heic(PHOTO)[:-200]), build_file())
    assert one.full_size_link == ""


def test_only_what_is_missing_is_downloaded(tmp_path: Path) -> None:
    bucket, file = OneFile(build_image()), build_file()
    (small,) = save(tmp_path, bucket, file, full_size=False)
    assert (small.full_size_link, small.is_new) == ("", True)
    save(tmp_path, bucket, file, full_size=False)
    assert len(bucket.reads) == 1
    assert list_missing_full_sizes(tmp_path, [file]) == [file]
    (added,) = save(tmp_path, bucket, file)
    assert (bool(added.full_size_link), added.is_new, added.thumbnail) == (True, False, small.thumbnail)
    assert list_missing_full_sizes(tmp_path, [file]) == []
    (kept,) = save(tmp_path, bucket, file)
    assert kept == added
    assert len(bucket.reads) == 2
    (tmp_path / str(kept.thumbnail)).unlink()
    assert save(tmp_path, bucket, file)[0].is_new


def test_thumbnail_stays_if_its_file_was_deleted_from_the_bucket(tmp_path: Path) -> None:
    (made,) = save(tmp_path, OneFile(build_image()), build_file(), full_size=False)
    (kept,) = save(tmp_path, OneFile(MissingReason.GONE), build_file())
    assert (kept.thumbnail, kept.full_size_link) == (made.thumbnail, "")


def test_files_with_the_same_bytes_are_missing_once(tmp_path: Path) -> None:
    files = [build_file("a.jpg", "same"), build_file("b.jpg"), build_file("c.jpg", "same")]
    assert list_missing_full_sizes(tmp_path, files) == files[:2]


@pytest.mark.parametrize("name", ["a b#c?d%20.jpg", 'x"><img>.jpg', "鞄.jpg", ".hidden.jpg", f"{'x' * 300}.jpg", ".."])
def test_any_key_makes_a_link_that_finds_its_file(tmp_path: Path, name: str) -> None:
    (one,) = save(tmp_path, OneFile(build_image()), build_file(f"shoes/{name}"))
    path = (tmp_path / unquote(one.full_size_link)).resolve()
    assert path.is_file()
    assert path.is_relative_to(tmp_path / "files")
    assert not set('#?" <>') & set(one.full_size_link)


def test_interrupted_download_leaves_no_partial_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    (one,) = save(tmp_path, OneFile(build_image()), build_file(), full_size=False)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="No space left"):
            save(tmp_path, OneFile(build_image()), build_file())
    assert list_missing_full_sizes(tmp_path, [build_file()]) == [build_file()]
    (again,) = save(tmp_path, OneFile(build_image()), build_file())
    assert (again.thumbnail, bool(again.full_size_link)) == (one.thumbnail, True)


def test_files_of_replaced_pictures_are_deleted_with_their_page(tmp_path: Path) -> None:
    def write(version: str, *, full_size: bool = True) -> set[Path]:
        album = build_album(receipts=[build_receipt("a.jpg", build_result("a.png", version_id=version))], reports=[])
        write_gallery(tmp_path, album, FakeBucket().read, NOON, full_size=full_size)
        return {*list_files(tmp_path / "files")}

    first, second = write("one"), write("two")
    assert (len(first), len(second), len(first & second)) == (2, 2, 1)
    assert write("two", full_size=False) == set()
    assert [*(tmp_path / "files").iterdir()] == []


def test_result_counts_full_size_files_and_their_bytes(tmp_path: Path) -> None:
    written = write_gallery(tmp_path, build_album(), FakeBucket().read, NOON)
    sizes = [path.stat().st_size for path in list_files(tmp_path / "files")]
    assert (written.full_size_count, written.full_size_bytes) == (len(sizes), sum(sizes)) == (5, 5 * len(build_image()))
    assert written.page_bytes == written.index_path.stat().st_size


def test_page_in_one_file_has_every_thumbnail_in_it(tmp_path: Path) -> None:
    page = render_single_file(build_album(), FakeBucket().read, NOON)
    assert list_files(tmp_path) == []
    written = page.write(tmp_path / "new" / "page.html")
    assert (written.page_bytes, written.full_size_count) == (page.byte_count, 0)
    assert list_files(tmp_path) == [written.index_path]
    reader = PageReader(written.index_path.read_text("utf-8"))
    links = {one["before"] for one in reader.data["entries"]}
    links |= {file["after"] for one in reader.data["entries"] for file in one.get("files", ())}
    assert len(links) == 6
    assert all(f'"{link}":"data:image/webp;base64,' in page.html for link in links)
    assert reader.loads == ["#pictures"]
