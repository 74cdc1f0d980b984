"""`bench.fidelity --buy` buys what a folder lacks, once, and measures it."""

import io
from pathlib import Path

import pytest

from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.providers.downloads import ResultDownloads
from bench.fidelity import __main__ as command
from bench.fidelity.buy_pairs import describe_price, list_missing
from bench.fidelity.purchased_pairs import measure_folder
from tests.contract.standin_client import StandinClient
from tests.imaging.photos import encode_image, scene


@pytest.fixture
def folder(tmp_path: Path, standin_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a folder with one photo, and points the command at the stand-in."""
    (tmp_path / "cup.photo.png").write_bytes(encode_image(scene(), "PNG"))
    monkeypatch.setenv("IDEOGRAM_BASE_URL", f"{standin_url}/ideogram")
    monkeypatch.setenv("IDEOGRAM_API_KEY", "key")
    return tmp_path


def run(folder: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    return command.buy_missing(folder, "on a marble table")


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_missing_pictures_are_bought_once(
    folder: Path, standin: StandinClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert describe_price(list_missing(folder)) == "2 pictures from Ideogram for $0.07"
    assert run(folder, "y\n", monkeypatch)
    assert list_files(folder) == ["cup.mask.png", "cup.photo.png", "cup.result.png"]
    assert run(folder, "", monkeypatch)
    assert len(list_missing(folder)) == 0


def test_paid_picture_that_cannot_be_downloaded_is_named_with_its_link(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> bytes:
        raise RetryLaterError(Code.RESULT_UNREACHABLE, "The download timed out.", 60)

    monkeypatch.setattr(ResultDownloads, "fetch", fail)
    assert not run(folder, "y\n", monkeypatch)
    printed = capsys.readouterr().err
    assert "cup.photo.png: the result is paid for, but cannot be downloaded (" in printed
    assert "): save http" in printed
    assert " as cup.result.png, or it is bought again." in printed


def test_name_with_brackets_is_bought_once(folder: Path) -> None:
    for role in ("photo", "result", "mask"):
        (folder / f"cup [1].{role}.png").write_bytes(encode_image(scene(), "PNG"))
    assert {photo.name for photo, _ in list_missing(folder)} == {"cup.photo.png"}


def test_folder_without_photos_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for option in ("--buy", "--pairs"):
        monkeypatch.setattr("sys.argv", ["fidelity", option, str(tmp_path)])
        assert command.main() == 1


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_nothing_is_bought_without_consent_or_key(folder: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not run(folder, answer, monkeypatch)
    monkeypatch.delenv("IDEOGRAM_API_KEY")
    assert not run(folder, "y\n", monkeypatch)
    assert list_files(folder) == ["cup.photo.png"]


def test_incomplete_pair_is_named(folder: Path) -> None:
    (folder / "cup.mask.png").write_bytes(encode_image(scene(), "PNG"))
    assert list(measure_folder(folder))[1:] == ["cup\t\t\tnot measured: cup.result.* is missing"]


def test_file_that_cannot_be_read_does_not_stop_the_others(folder: Path) -> None:
    for name in ("broken", "cup"):
        for role in ("photo", "result", "mask"):
            (folder / f"{name}.{role}.png").write_bytes(encode_image(scene(), "PNG"))
    (folder / "broken.result.png").write_bytes(b"<html>")
    broken, cup = list(measure_folder(folder))[1:]
    assert "not measured: cannot identify image file" in broken
    assert "not measured" not in cup
