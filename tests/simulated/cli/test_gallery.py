"""`backdrop gallery`: a page that shows the contents of the two buckets, updated only where something is new."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from backdrop.model.codes import Code
from backdrop.model.object_keys import provider_report_key
from backdrop_cli.formatting import format_bytes
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error
from simulation.world.world_inspector import INPUT_BUCKET
from tests.corpus.files import heic
from tests.simulated.command_user import CommandResult, Person

SETTLED = 60


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Person:
    monkeypatch.chdir(tmp_path)
    return Person(World(), monkeypatch)


@pytest.fixture
def shop(person: Person) -> Person:
    """Two photos of shoes that were delivered, and one file that is not a photo."""
    person.upload("shoes/red.jpg", "shoes/ölig & <b>.jpg", "hats/top.jpg")
    person.world.upload_photo("shoes/list.jpg", b"I am a list", operation="remove")
    person.world.run_until_empty()
    return person


def read_page(folder: Path) -> dict[str, Any]:
    text = (folder / "index.html").read_text("utf-8")
    return json.loads(text.split('id="album">')[1].split("</script>")[0])


def list_thumbnails(folder: Path) -> list[tuple[str, str]]:
    return [(one["kind"], one["name"]) for one in read_page(folder)["entries"]]


def test_page_of_all_photos_is_written_to_the_gallery_folder(shop: Person) -> None:
    result = shop.run("gallery")
    assert result.code == 0, result.err
    assert result.out.splitlines()[:2] == [
        "To download: 6 full-size files, about 2 KB. To leave them out, use --no-files.",
        "3 pictures, 1 problem, stack shop",
    ]
    assert str(Path("gallery/index.html").resolve()) in result.out
    assert list_thumbnails(Path("gallery")) == [
        ("image", "hats/top.jpg"),
        ("problem", "shoes/list.jpg"),
        ("image", "shoes/red.jpg"),
        ("image", "shoes/ölig & <b>.jpg"),
    ]


def test_prefix_and_output_folder_can_be_chosen(shop: Person) -> None:
    assert shop.run("gallery", "shoes/", "--output", "a/b").code == 0
    assert [name for _, name in list_thumbnails(Path("a/b"))] == ["list.jpg", "red.jpg", "ölig & <b>.jpg"]


def test_every_link_works_and_the_failure_has_its_hint(shop: Person) -> None:
    shop.run("gallery")
    for one in read_page(Path("gallery"))["entries"]:
        sides = [one["before"], *(file["after"] for file in one.get("files", ()))]
        if one["kind"] == "problem":
            assert (one["code"], one["hint"]) == (
                "not_a_photo",
                "Replace the file. The photo then runs again automatically.",
            )
        else:
            assert all(Path("gallery", side).is_file() for side in sides)


def test_second_run_downloads_no_picture_again(shop: Person) -> None:
    first = shop.run("gallery", "--json").data
    shop.upload("shoes/new.jpg")
    shop.world.run_until_empty()
    again = shop.run("gallery", "--json").data
    assert (first["thumbs_made"], first["thumbs_kept"]) == (6, 0)
    assert (again["thumbs_made"], again["thumbs_kept"], again["pictures"]) == (2, 6, 4)


def test_deleted_photo_is_shown_in_its_earlier_version(shop: Person) -> None:
    shop.world.s3.delete(INPUT_BUCKET, "hats/top.jpg")
    (one,) = (one for one in create_gallery(shop) if one["name"] == "hats/top.jpg")
    assert one["before"]


def test_permanently_deleted_photo_is_named(shop: Person) -> None:
    del shop.world.input_bucket.objects["hats/top.jpg"]
    result = shop.run("gallery")
    assert "Without a preview, because this version is no longer in the bucket: hats/top.jpg\n" in result.out
    data = shop.run("gallery", "--json").data["without_thumb"]
    assert data == [{"bucket": INPUT_BUCKET, "key": "hats/top.jpg", "reason": "gone"}]


def test_denied_access_to_one_photo_does_not_stop_the_page(shop: Person) -> None:
    def deny(call: ServiceCall) -> None:
        if call.operation == "get_object" and call.request.get("Key") == "hats/top.jpg":
            raise build_client_error("AccessDenied", "GetObject", 403)

    shop.world.transport.faults_before.append(TargetedFault(deny, times=1000))
    result = shop.run("gallery")
    assert "Without a preview, because S3 denies access: hats/top.jpg\n" in result.out
    assert len(read_page(Path("gallery"))["entries"]) == 4


def test_iphone_photo_is_shown_next_to_its_picture(person: Person) -> None:
    person.world.upload_photo("cup.heic", heic(Image.new("RGB", (40, 30), "navy")), operation="remove")
    person.world.run_until_empty()
    assert "Without a preview" not in person.run("gallery").out
    (one,) = read_page(Path("gallery"))["entries"]
    assert Path("gallery", one["before"]).is_file()


def test_receipts_with_denied_access_are_reported_in_one_sentence(shop: Person) -> None:
    def deny(call: ServiceCall) -> None:
        if call.operation == "get_object":
            raise build_client_error("AccessDenied", "GetObject", 403, "not you")

    shop.world.transport.faults_before.append(TargetedFault(deny, times=1000))
    result = shop.run("gallery")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert result.err.startswith("error: your AWS credentials do not allow GetObject: not you; first get ")


def test_paused_provider_is_reported_for_any_prefix(shop: Person) -> None:
    shop.run("pause", "ideogram")
    shop.world.run_until_empty()
    assert shop.world.output_bucket.find_current(provider_report_key("ideogram"))
    assert shop.run("gallery", "shoes/").code == 0
    (paused,) = read_page(Path("gallery"))["stopped"]
    assert (paused["name"], paused["code"]) == ("ideogram", Code.PAUSED_BY_PERSON)


def test_broken_folder_defaults_above_the_prefix_are_reported(shop: Person) -> None:
    shop.world.s3.upload(INPUT_BUCKET, "_backdrop.json", b"{")
    shop.world.upload_photo("shoes/late.jpg", build_photo("late"))
    shop.world.run_for(SETTLED)
    assert shop.run("gallery", "shoes/").code == 0
    assert ("problem", "_backdrop.json") in list_thumbnails(Path("gallery"))


def test_page_of_another_program_is_left_unchanged(shop: Person) -> None:
    Path("index.html").write_text("<title>My shop</title>")
    result = shop.run("gallery", "--output", ".")
    assert (result.code, Path("index.html").read_text()) == (2, "<title>My shop</title>")
    assert "choose another folder with --output" in result.err


def test_page_of_one_prefix_is_not_overwritten_by_another(shop: Person) -> None:
    shop.run("gallery", "shoes/")
    before = read_files(Path("gallery"))
    for words in (["hats/"], ["hats/", "--json"], ["shoes/r"]):
        result = shop.run("gallery", *words)
        assert (result.code, result.out) == (2, "")
        assert result.err == (
            "error: nothing was written: gallery has the page of shoes/, which would be lost;"
            " choose another folder with --output\n"
        )
    assert read_files(Path("gallery")) == before


def test_page_of_all_photos_replaces_that_of_a_prefix(shop: Person) -> None:
    shop.run("gallery", "shoes/")
    before = read_files(Path("gallery/thumbs"))
    data = shop.run("gallery", "--json").data
    assert (data["thumbs_kept"], data["pictures"]) == (4, 3)
    assert before.items() <= read_files(Path("gallery/thumbs")).items()
    assert shop.run("gallery", "shoes/").code == 2


def test_unwritable_folder_is_reported_in_one_sentence(shop: Person) -> None:
    Path("gallery").write_text("a file")
    code, words = assert_refused(shop.run("gallery"))
    assert (code, words) == (
        1,
        "error: gallery cannot be written (Not a directory); existing files are kept, so run the command again",
    )


def test_prefix_without_photos_writes_nothing(shop: Person) -> None:
    shop.run("pause", "ideogram")
    shop.world.run_until_empty()
    result = shop.run("gallery", "boots/")
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith(
        "error: nothing was written: stack shop has no receipt and no error report of photos whose keys begin with "
        "boots/;"
    )
    assert not Path("gallery").exists()
    shop.run("gallery")
    before = read_files(Path("gallery"))
    assert shop.run("gallery", "boots/").code == 3
    assert read_files(Path("gallery")) == before


def test_stack_without_photos_has_no_page(person: Person) -> None:
    result = person.run("gallery")
    assert (result.code, Path("gallery").exists()) == (3, False)
    assert "stack shop has no receipt and no error report of any photo;" in result.err


def test_photo_in_progress_already_has_a_page(person: Person) -> None:
    person.run("pause", "ideogram")
    person.upload("shoes/red.jpg")
    person.world.run_until_empty()
    result = person.run("gallery", "shoes/")
    assert (result.code, result.out.splitlines()[0]) == (
        0,
        "0 pictures, 1 problem, 1 image in progress or awaiting approval of shoes/, stack shop",
    )


def test_json_states_the_path_and_the_contents_of_the_page(shop: Person) -> None:
    data = shop.run("gallery", "--json").data
    assert data["page"] == str(Path("gallery/index.html").resolve())
    assert (data["pictures"], data["problems"], data["total_usd"]) == (3, 1, 0.03)


def test_full_size_files_are_those_that_were_delivered(shop: Person) -> None:
    shop.run("gallery")
    delivered = shop.world.read_pictures()
    files = [file for one in read_page(Path("gallery"))["entries"] for file in one.get("files", ())]
    assert {file["key"]: Path("gallery", unquote(file["full"])).read_bytes() for file in files} == delivered


def test_page_without_full_size_files_has_thumbnails_only(shop: Person) -> None:
    result = shop.run("gallery", "--no-files")
    assert "To download" not in result.out
    assert {path.suffix for path in Path("gallery").rglob("*") if path.is_file()} == {".html", ".webp"}
    assert [entry["before_full"] for entry in create_gallery(shop, "--no-files") if entry["kind"] == "image"] == [
        ""
    ] * 3


def test_many_full_size_files_are_downloaded_only_if_agreed(shop: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdrop_cli.gallery.make_gallery.MAX_UNASKED_DOWNLOAD_BYTES", 1000)
    declined = shop.run("gallery", answer="n")
    assert (declined.code, "Download 6 full-size files, about 2 KB?" in declined.out) == (1, True)
    assert not Path("gallery").exists()
    assert (shop.run("gallery", "--json").code, Path("gallery").exists()) == (1, False)
    assert shop.run("gallery", "--yes", "--json").data["full_size_files"] == 6
    assert "To download" not in shop.run("gallery").out


def test_page_in_one_file_shows_its_size_before_it_is_written(shop: Person) -> None:
    result = shop.run("gallery", "shoes/", "--one-file", "mail/shoes.html")
    assert result.code == 0, result.err
    size = Path("mail/shoes.html").stat().st_size
    assert result.out.splitlines()[0] == f"Size of the page: {format_bytes(size)}."
    assert [path for path in Path().rglob("*") if path.is_file()] == [Path("mail/shoes.html")]
    assert shop.run("gallery", "shoes/", "--one-file", "mail/shoes.html", "--json").data["page_bytes"] == size


def test_large_page_in_one_file_is_written_only_if_agreed(shop: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdrop_cli.gallery.make_gallery.MAX_UNASKED_PAGE_BYTES", 1000)
    declined = shop.run("gallery", "--one-file", "all.html", answer="n")
    assert (declined.code, Path("all.html").exists()) == (1, False)
    assert "Many mail servers refuse attachments above 1 KB." in declined.out
    assert shop.run("gallery", "--one-file", "all.html", "--yes").code == 0


def test_page_in_one_file_overwrites_no_other_file(shop: Person) -> None:
    Path("report.html").write_text("my report")
    result = shop.run("gallery", "--one-file", "report.html")
    assert (result.code, Path("report.html").read_text()) == (2, "my report")
    assert result.err == (
        "error: nothing was written: report.html has content that this command did not write, which would be lost;"
        " choose another file with --one-file\n"
    )
    assert shop.run("gallery", "--one-file", "a.html", "--output", "b").code == 2


def create_gallery(person: Person, *options: str) -> list[dict[str, Any]]:
    assert person.run("gallery", *options).code == 0
    return read_page(Path("gallery"))["entries"]


def read_files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(result: CommandResult) -> tuple[int, str]:
    return result.code, result.err.split(", and the next run")[0].strip().split("; and")[0]


def test_page_shows_the_texts_of_a_picture(person: Person) -> None:
    texts = {"alt": "A red shoe on white", "title": "Red shoe", "copyright": "© 2026 Example"}
    person.world.upload_photo("shoes/red.jpg", build_photo())
    person.world.upload_sidecar("shoes/red.jpg", operation="remove", **texts)
    person.world.run_until_empty()
    assert person.run("gallery").code == 0
    (entry,) = read_page(Path("gallery"))["entries"]
    assert entry["files"][0]["alt"] == texts["alt"]
    assert {("Title", texts["title"]), ("Copyright", texts["copyright"])} <= {tuple(fact) for fact in entry["facts"]}
