"""The options that stand for JSON, from the command line to the pixels of the delivered picture."""

from pathlib import Path

import pytest
from PIL import Image

from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person
from tests.simulated.drop_user import Uploader
from tests.simulated.lint_folder import LintedFolder

MARKETPLACE = ("--remove", "--format", "jpg", "--size", "200x200", "--fit", "pad", "--background", "white")


@pytest.fixture
def uploader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploader:
    (tmp_path / "shoes").mkdir()
    monkeypatch.chdir(tmp_path)
    return Uploader(Person(World(), monkeypatch), tmp_path / "shoes")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LintedFolder:
    return LintedFolder(Person(World(), monkeypatch), tmp_path)


def test_drop_without_json_delivers_a_white_square(uploader: Uploader) -> None:
    uploader.write("red.jpg")
    result = uploader.drop("shoes", *MARKETPLACE, "--trim", "--margin", "10%", "--download", "done")
    assert (result.code, result.err) == (0, "")
    with Image.open("done/red.jpg") as picture:
        assert (picture.format, picture.size, picture.getpixel((2, 2))) == ("JPEG", (200, 200), (255, 255, 255))


def test_variants_are_bought_and_named_one_by_one(uploader: Uploader) -> None:
    uploader.write("red.jpg")
    variants = ("--variants", "beach=on a beach", "--variants", "cut-out=remove")
    result = uploader.drop("shoes", *variants, "--format", "webp", "--download", "done", "--json")
    assert (result.code, result.data["usd"]) == (0, 0.07)
    assert sorted(path.name for path in Path("done").iterdir()) == ["red-beach.webp", "red-cut-out.webp"]


def test_options_take_precedence_over_folder_defaults_field_by_field(uploader: Uploader) -> None:
    uploader.write("red.jpg")
    uploader.write("_backdrop.json", {"prompt": "at sea", "output": {"format": "webp", "width": 50}})
    result = uploader.drop("shoes", "--format", "jpg", "--background", "white", "--download", "done")
    assert (result.code, [job.instructions["prompt"] for job in uploader.world.list_jobs()]) == (0, ["at sea"])
    assert [path.name for path in Path("done").iterdir()] == ["red.jpg"]


def test_lint_checks_what_the_options_describe(folder: LintedFolder) -> None:
    folder.write("a.jpg", build_photo("a"))
    assert folder.data()["without_instructions"] == 1
    result = folder.person.run("lint", str(folder.root), "--remove", "--format", "jpg", "--json")
    assert (result.code, [one["code"] for one in result.data["errors"]]) == (1, ["conflicting_fields"])
    result = folder.person.run("lint", str(folder.root), *MARKETPLACE, "--json")
    assert (result.code, result.data["ready"], result.data["most_usd"]) == (0, 1, 0.01)


def test_lint_keeps_sidecars_without_the_option_replace(folder: LintedFolder) -> None:
    folder.write("a.jpg", build_photo("a"))
    folder.write("a.json", '{"promt": "x"}')
    kept = folder.person.run("lint", str(folder.root), "--remove", "--json")
    assert (kept.code, kept.data["sidecars_kept"], kept.data["ready"]) == (1, 1, 0)
    replaced = folder.person.run("lint", str(folder.root), "--remove", "--replace", "--json")
    assert (replaced.code, replaced.data["sidecars_kept"], replaced.data["ready"]) == (0, 0, 1)


def test_quote_prices_what_the_options_describe(folder: LintedFolder) -> None:
    folder.write("a.jpg", b"")
    words = ("quote", "--quick", str(folder.root), "--variants", "sea=at sea", "--variants", "sand=on sand", "--remove")
    assert folder.person.run(*words, "--json").data["most_usd"] == 0.12
