"""`backdrop lint` and file names: which files belong together, which are near misses, and which it checks."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person
from tests.simulated.lint_folder import INSTRUCTIONS, LintedFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LintedFolder:
    """An empty folder."""
    return LintedFolder(Person(World(), monkeypatch), tmp_path)


def test_broken_defaults_above_the_linted_folder_are_reported(folder: LintedFolder) -> None:
    folder.write("_backdrop.json", {"seed": -1})
    folder.write("hats/a.jpg", build_photo())
    folder.write("hats/a.jpg.json", INSTRUCTIONS)
    assert list(folder.list_messages("errors", "hats")) == ["_backdrop.json"]


def test_defaults_above_the_linted_folder_are_inherited(folder: LintedFolder) -> None:
    folder.write("_backdrop.json", {"operation": "remove"})
    folder.write("hats/_backdrop.json", {"output": {"format": "webp"}})
    folder.write("hats/autumn/a.jpg", build_photo())
    assert folder.data("hats/autumn")["ready"] == 1


def test_key_too_long_for_its_results_is_an_error(folder: LintedFolder) -> None:
    prefix = "/".join(["f" * 200] * 4)
    folder.write(f"{prefix}/{'x' * 110}.jpg", build_photo())
    ((message,),) = folder.list_messages("errors", "--to=/").values()
    assert "918 bytes long; the limit is 900" in message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Red.jpg.json", "there is Red.jpg.json: names are case-sensitive"),
        ("red.jpgjson", None),
        ("red.jpeg.json", "there is red.jpeg.json: the name should be red.jpg.json"),
        ("red .jpg.json", "there is red .jpg.json: the name should be red.jpg.json"),
    ],
)
def test_near_miss_is_reported_once(folder: LintedFolder, name: str, words: str | None) -> None:
    folder.write("red.jpg", build_photo())
    folder.write(name, INSTRUCTIONS)
    messages = folder.list_messages("warnings")
    (message,) = messages["red.jpg"]
    assert message == ("No instructions found for this photo." if words is None else message)
    assert words is None or words in message
    assert set(messages) == {"red.jpg"}


def test_sidecar_without_a_photo_is_a_warning(folder: LintedFolder) -> None:
    folder.write("shoes/green.jpg.json", INSTRUCTIONS)
    folder.write("shoes/red.jpg", build_photo())
    folder.write("shoes/red.json", INSTRUCTIONS)
    ((name, (words,)),) = folder.list_messages("warnings").items()
    assert name == "shoes/green.jpg.json"
    assert words.startswith("No photo is named green.jpg")


@pytest.mark.parametrize("name", ["backdrop.json", "_Backdrop.json", "_backdrops.json", "_backdrop.jsn"])
def test_misspelled_name_of_folder_defaults_is_reported(folder: LintedFolder, name: str) -> None:
    folder.write(name, {"operation": "remove"})
    ((found, (words,)),) = folder.list_messages("warnings").items()
    assert (found, words) == (name, "This file is not read: folder defaults must be named _backdrop.json.")


def test_single_file_is_checked_with_its_instructions(folder: LintedFolder) -> None:
    folder.write("red.jpg", build_photo())
    folder.write("red.jpg.json", {"seed": -1})
    folder.write("blue.jpg", b"")
    assert list(folder.list_messages("errors", "red.jpg")) == ["red.jpg.json"]
    assert list(folder.list_messages("errors", "red.jpg.json")) == ["red.jpg.json"]
    assert folder.data("red.jpg.json")["photos"] == 1


def test_file_named_twice_counts_once(folder: LintedFolder) -> None:
    folder.write("hats/a.jpg", build_photo())
    folder.write("hats/_backdrop.json", {"operation": "remove"})
    assert folder.data("hats", "hats/a.jpg", "hats/_backdrop.json")["files"] == 2


def test_unreadable_folder_and_file_are_errors(folder: LintedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("red.jpg", build_photo())
    folder.write("red.jpg.json", INSTRUCTIONS)
    folder.write("closed/a.jpg", build_photo())
    monkeypatch.setattr(Path, "read_bytes", deny(Path.read_bytes, "red.jpg"))
    monkeypatch.setattr(os, "scandir", deny(os.scandir, "closed"))
    messages = folder.list_messages()
    assert messages == {
        "closed": ["The folder cannot be listed: Permission denied."],
        "red.jpg": ["The file cannot be read: Permission denied."],
    }


def deny(act: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    """Returns the function with access to one name denied by the operating system."""

    def forbidden(path: Any) -> Any:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied")
        return act(path)

    return forbidden


def test_file_name_that_is_impossible_in_a_key_is_an_error(folder: LintedFolder) -> None:
    folder.write("_backdrop.json", {"operation": "remove"})
    Path(os.fsdecode(os.fsencode(folder.root) + b"/r\xff.jpg")).write_bytes(build_photo())
    assert folder.list_messages() == {"r\ufffd.jpg": ["Its name is not UTF-8, as keys of a bucket must be."]}


def test_circular_symbolic_links_are_followed_once(folder: LintedFolder) -> None:
    folder.write("hats/a.jpg", build_photo())
    folder.write("_backdrop.json", {"operation": "remove"})
    (folder.root / "hats" / "again").symlink_to(folder.root / "hats")
    assert folder.data()["photos"] == 1


def test_link_to_a_folder_above_adds_nothing(folder: LintedFolder) -> None:
    folder.write("_backdrop.json", {"operation": "remove"})
    folder.write("hats/a.jpg", build_photo())
    (folder.root.parent / "other.jpg").write_bytes(build_photo())
    (folder.root / "hats" / "above").symlink_to(folder.root.parent)
    assert folder.data()["photos"] == 1


def test_link_that_cannot_be_followed_hides_no_other_file(
    folder: LintedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("_backdrop.json", {"operation": "remove"})
    for name in ("a.jpg", "z.jpg"):
        folder.write(name, build_photo())
    (folder.root / "loop").symlink_to("loop")
    (folder.root / "ping").symlink_to("pong")
    (folder.root / "pong").symlink_to("ping")
    (folder.root / "broken.jpg").symlink_to("nothing")
    (folder.root / ".#a.jpg.json").symlink_to("me@host.123")
    messages = folder.list_messages()
    assert messages.keys() == {"loop", "ping", "pong", "broken.jpg"}
    assert messages["broken.jpg"] == ["It is a link to a file that does not exist."]
    assert folder.data()["photos"] == 2


def test_folder_with_several_names_is_listed_once_under_its_own(folder: LintedFolder) -> None:
    folder.write("_backdrop.json", {"operation": "remove"})
    folder.write("z/real.jpg", build_photo())
    (folder.root / "a").symlink_to("z")
    (folder.root / "y").mkdir()
    (folder.root / "y" / "also").symlink_to(folder.root / "z")
    assert folder.data()["photos"] == 1
    assert folder.list_messages("warnings").keys() == {"a", "y/also"}


def test_ladder_of_doubled_links_is_listed_in_linear_time(folder: LintedFolder) -> None:
    folder.write("_backdrop.json", {"operation": "remove"})
    folder.write("30/red.jpg", build_photo())
    for level in range(30):
        (folder.root / str(level)).mkdir(exist_ok=True)
        for name in ("left", "right"):
            (folder.root / str(level) / name).symlink_to(folder.root / str(level + 1))
    assert folder.data("0")["photos"] == 1
    assert folder.data()["photos"] == 1


def test_missing_path_is_a_usage_error(folder: LintedFolder) -> None:
    result = folder.lint("nowhere")
    assert (result.code, result.out) == (2, "")
    assert "nowhere does not exist; name folders or files on this machine" in result.err


def test_folder_inside_another_named_folder_counts_once(folder: LintedFolder) -> None:
    folder.write("sub/a.jpg", build_photo())
    folder.write("sub/a.jpg.json", {"promt": "x"})
    found = folder.data("sub", ".", "sub/a.jpg")
    assert (found["files"], len(found["errors"])) == (2, 1)


@pytest.mark.parametrize("name", ["red.jpg.json.txt", "sub/red.json.TXT"])
def test_sidecar_with_a_hidden_suffix_is_always_reported(folder: LintedFolder, name: str) -> None:
    folder.write("_backdrop.json", INSTRUCTIONS)
    folder.write("red.jpg", build_photo())
    folder.write(name, INSTRUCTIONS)
    assert folder.list_messages("warnings") == {name: ["This file is not read: a sidecar's name must end with .json."]}


def test_defaults_with_a_hidden_suffix_are_reported(folder: LintedFolder) -> None:
    folder.write("_backdrop.json.txt", INSTRUCTIONS)
    assert folder.list_messages("warnings") == {
        "_backdrop.json.txt": ["This file is not read: folder defaults must be named _backdrop.json."]
    }


def test_second_sidecar_is_reported_unless_another_photo_reads_it(folder: LintedFolder) -> None:
    for name in ("two.jpg", "three.jpg", "three.png"):
        folder.write(name, build_photo())
    for name in ("two.json", "two.jpg.json", "three.json", "three.jpg.json"):
        folder.write(name, INSTRUCTIONS)
    assert folder.list_messages("warnings") == {
        "two.json": ["This sidecar is not read: two.jpg.json takes precedence."]
    }


def test_error_for_a_missing_reference_explains_the_root_of_keys(folder: LintedFolder) -> None:
    folder.write("red.jpg", build_photo())
    folder.write("red.jpg.json", {**INSTRUCTIONS, "style_reference_images": "shop/blue.jpg"})
    (error,) = folder.data("--to=/")["errors"]
    assert error["message"] == "There is no shop/blue.jpg here; give the key from the bucket's root."
    assert error["hint"] == f"{folder.root} is treated as the root of the bucket."
