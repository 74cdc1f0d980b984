"""`backdrop download`: saves pictures under the photos' own names in one folder, each complete and only once."""

import errno
from pathlib import Path
from typing import Any

import pytest

from backdrop_cli.local_names import build_local_names
from backdrop_client.file_names import MAX_NAME_BYTES, fold_file_name
from backdrop_client.s3_uploader import PART_BYTES, compute_etag
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, build_client_error
from tests.simulated.command_user import Person


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person whose stack has three pictures."""
    monkeypatch.chdir(tmp_path)
    person = Person(World(), monkeypatch)
    person.upload("shoes/red.jpg", "shoes/blue.jpg", "hats/red.jpg")
    person.world.run_until_empty()
    return person


def list_files(folder: str = "done") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def test_folder_of_an_unknown_user_is_a_folder_of_this_name(person: Person) -> None:
    assert person.run("download", "shoes/", "~unknown-user/done").code == 0
    assert list_files("~unknown-user/done") == ["blue.png", "red.png"]


def test_pictures_are_saved_under_the_photos_names(person: Person) -> None:
    result = person.run("download", "shoes/", "new/done")
    assert (result.code, result.err) == (0, "")
    assert "✓ 2 files (" in result.out
    assert list_files("new/done") == ["blue.png", "red.png"]
    (picture,) = person.world.read_pictures("shoes/red.jpg").values()
    assert Path("new/done/red.png").read_bytes() == picture


def test_pictures_keep_the_folders_of_their_photos(person: Person) -> None:
    person.run("download", "--all", "done")
    assert list_files() == ["hats/red.png", "shoes/blue.png", "shoes/red.png"]


@pytest.mark.parametrize(
    ("keys", "files"),
    [
        (["a/red.jpg/red.png"], ["red.png"]),
        (["a/b/c/red.jpg/red.png", "b/red.jpg/red.png"], ["b/c/red.png", "b/red.png"]),
        (["a/b/RED.jpg/RED.png", "a/B/red.jpg/red.png"], ["b/RED_9bd0c62e.png", "B/red_526c4e10.png"]),
        (["a/red.jpg/red.png", "a/red.tif/red.png"], ["red.jpg_red.png", "red.tif_red.png"]),
        (["a/x:/a:b?.jpg/a:b?.png", "a/../..jpg/..png"], ["x_/a_b_.png", "__/_.png"]),
        (["4711.png", "a/4711.png"], ["4711.png", "a_4711.png"]),
        (["a/white/4711.png"], ["white/4711.png"]),
        (
            ["a/caf\u00e9.jpg/caf\u00e9.png", "a/CAFE\u0301.tif/CAFE\u0301.png"],
            ["caf\u00e9.jpg_caf\u00e9.png", "CAFE\u0301.tif_CAFE\u0301.png"],
        ),
        (["a/CON.jpg/CON.png", "a/_con.jpg/_con.png"], ["_CON.jpg_CON.png", "_con.jpg__con.png"]),
        (["red.png", "shoes/"], ["red.png", "shoes/_"]),
    ],
)
def test_no_two_pictures_get_the_same_name(keys: list[str], files: list[str]) -> None:
    found = build_local_names(keys, "a/")
    assert len({fold_file_name(name) for name in found.values()}) == len(keys)
    assert [found[key] for key in keys] == files


def test_name_too_long_for_disks_is_shortened_and_unique() -> None:
    keys = [f"{'é' * 200}{n}.jpg/{'é' * 200}{n}.png" for n in (1, 2)]
    found = set(build_local_names(keys).values())
    assert len(found) == 2
    assert all(len(name.encode()) <= MAX_NAME_BYTES and name.endswith(".png") for name in found)


def test_only_missing_or_different_files_are_downloaded(person: Person) -> None:
    person.run("download", "shoes/", "done")
    Path("done/red.png").write_bytes(b"half")
    data = person.run("download", "shoes/", "done", "--json").data
    assert (data["downloaded"], data["there_already"]) == (1, 1)
    assert Path("done/red.png").read_bytes() != b"half"


def test_pictures_of_earlier_jobs_stay_in_the_bucket(person: Person) -> None:
    person.world.upload_sidecar("shoes/red.jpg", variants={"cut": {"operation": "remove"}})
    person.world.run_until_empty()
    person.run("download", "shoes/red", "done")
    assert list_files() == ["red-cut.png"]


def test_picks_select_pictures_or_all_of_a_photo(person: Person) -> None:
    Path("picks.csv").write_text("key,output\nshoes/red.jpg,shoes/red.jpg/red.png\nhats/red.jpg,\n", "utf-8-sig")
    person.run("download", "--picks", "picks.csv", "done")
    assert list_files() == ["hats/red.png", "shoes/red.png"]


def test_picked_folder_is_reported_and_others_are_downloaded(person: Person) -> None:
    Path("picks.csv").write_text("key,output\nshoes/red.jpg,shoes/\nshoes/red.jpg,\n")
    result = person.run("download", "--picks", "picks.csv", "done", "--json")
    assert (result.code, result.data["gone"]) == (1, ["shoes/"])
    assert list_files() == ["red.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name\nx\n", "has no column `key`; its first line must be key,output"),
        (b"\xff\xfe\x00", "is not UTF-8; save it as CSV in UTF-8"),
    ],
)
def test_invalid_picks_file_is_reported(person: Person, text: str | bytes, words: str) -> None:
    Path("picks.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    result = person.run("download", "--picks", "picks.csv", "done")
    assert result.code == 2
    assert words in result.err


def test_missing_picture_is_named_and_others_are_downloaded(person: Person) -> None:
    person.world.s3.delete("results", "shoes/red.jpg/red.png")
    result = person.run("download", "shoes/", "done")
    assert (result.code, list_files()) == (1, ["blue.png"])
    assert "! Not in the bucket: shoes/red.jpg/red.png" in result.out


@pytest.mark.parametrize(
    "command", [("download", "shoes/", "done"), ("drop", "shoes", "--remove", "--download", "done")]
)
def test_picture_that_cannot_be_replaced_is_named_and_others_are_downloaded(
    command: tuple[str, ...], person: Person
) -> None:
    Path("done/red.png").mkdir(parents=True)
    for name in ("red", "blue"):
        Path("shoes").mkdir(exist_ok=True)
        Path("shoes", f"{name}.jpg").write_bytes(build_photo(name))
    result = person.run(*command, "--json")
    downloaded = result.data.get("download", result.data)
    assert (result.code, downloaded["downloaded"], [*downloaded["blocked"]]) == (1, 1, ["shoes/red.jpg/red.png"])
    assert [*downloaded["files"]] == ["shoes/blue.jpg/blue.png"]
    assert Path("done/blue.png").is_file()
    assert list_files("done/red.png") == []


@pytest.mark.parametrize(("is_interrupted", "code"), [(False, 1), (True, 130)])
def test_download_that_is_cut_short_says_how_to_go_on(person: Person, is_interrupted: bool, code: int) -> None:
    def end(call: ServiceCall) -> None:
        if call.request.get("Key", "").endswith("/red.png"):
            raise KeyboardInterrupt if is_interrupted else build_client_error("ExpiredToken", call.operation, 400)

    person.world.transport.permanent_faults.append(end)
    result = person.run("download", "shoes/", "done")
    assert (result.code, list_files()) == (code, ["blue.png"])
    assert "1 of 2 files are complete in done. To download the rest, run the same command again" in result.err


def test_nothing_to_download_is_reported(person: Person) -> None:
    result = person.run("download", "bags/", "done")
    assert result.code == 3
    assert "no pictures for bags/, stack shop" in result.err
    assert not Path("done").exists()


@pytest.mark.parametrize("words", [("done",), ("shoes/", "done", "--all"), ("a", "b", "c"), ("--picks", "p.csv")])
def test_download_takes_one_selection_and_a_folder(person: Person, words: tuple[str, ...]) -> None:
    assert person.run("download", *words).code == 2


def test_full_disk_is_reported_and_leaves_only_complete_files(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, written = Path.open, list[Path]()

    def full(path: Path, mode: str = "r") -> Any:
        written.extend([path] if mode == "xb" else [])
        if len(written) > 1 and mode == "xb":
            usual(path, mode).close()
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return usual(path, mode)

    monkeypatch.setattr(Path, "open", full)
    result = person.run("download", "shoes/", "done")
    assert (result.code, list_files()) == (1, ["blue.png"])
    words = "the disk of done is full; 1 of 2 files complete. Free some space and run the command again"
    assert words in result.err


def test_full_disk_counts_files_written_after_the_failed_one(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.run("download", "shoes/", "done")
    (first, *_) = list_files()
    Path("done", first).unlink()

    usual = Path.open

    def full(path: Path, mode: str = "r") -> Any:
        if mode == "xb":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return usual(path, mode)

    monkeypatch.setattr(Path, "open", full)
    assert (
        "the disk of done is full; 1 of 2 files complete. Free some space and run the command again"
        in person.run("download", "shoes/", "done").err
    )


def test_output_folder_that_is_a_file_is_reported(person: Person) -> None:
    Path("done").write_text("x")
    result = person.run("download", "shoes/", "done")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert result.err == "error: the folder done cannot be created: File exists\n"


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1])
def test_etag_of_a_large_file_counts_its_parts(size: int) -> None:
    etag = compute_etag(b"x" * size).strip('"')
    assert etag.partition("-")[2] == ("2" if size > PART_BYTES else "")
