"""`backdrop lint --to FOLDER`: checks a folder as it will be in the bucket, and each file once."""

from pathlib import Path

import pytest

from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person
from tests.simulated.lint_folder import INSTRUCTIONS, LintedFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LintedFolder:
    """An empty folder."""
    return LintedFolder(Person(World(), monkeypatch), tmp_path)


def write_photo_with_reference(folder: LintedFolder, key: str) -> None:
    """Writes a photo in `shoes` whose sidecar names a reference by its key in the bucket."""
    folder.write("shoes/red.jpg", build_photo())
    folder.write("shoes/red.jpg.json", {**INSTRUCTIONS, "style_reference_images": [key]})


@pytest.mark.parametrize("prefix", ["2026/shoes", "2026/shoes/", "/2026/shoes/"])
def test_folder_is_checked_under_its_keys_in_the_bucket(folder: LintedFolder, prefix: str) -> None:
    write_photo_with_reference(folder, "2026/shoes/_backdrop/styles/summer.jpg")
    folder.write("shoes/_backdrop/styles/summer.jpg", build_photo("summer"))
    folder.write("_backdrop.json", b"{")
    found = folder.data("shoes", f"--to={prefix}")
    assert (found["ready"], found["errors"], found["warnings"]) == (1, [], [])


def test_missing_reference_below_the_prefix_is_an_explained_error(
    folder: LintedFolder,
) -> None:
    write_photo_with_reference(folder, "2026/summer.jpg")
    (error,) = folder.data("shoes", "--to=2026/")["errors"]
    assert error["message"] == "There is no 2026/summer.jpg here; give the key from the bucket's root."
    assert error["hint"] == f"{folder.root / 'shoes'} is treated as 2026/ in the bucket."


@pytest.mark.parametrize("key", ["looks/summer.jpg", "_backdrop/styles/summer.jpg"])
def test_reference_elsewhere_in_the_bucket_is_only_a_warning(folder: LintedFolder, key: str) -> None:
    write_photo_with_reference(folder, key)
    found = folder.data("shoes", "--to=2026/")
    assert (found["ready"], found["errors"]) == (1, [])
    ((code, message),) = [(one["code"], one["message"]) for one in found["warnings"]]
    assert (code, message) == (
        "reference_elsewhere",
        f"The reference {key} is outside 2026/ and was not checked.",
    )


def test_folders_own_defaults_apply_to_its_prefix(folder: LintedFolder) -> None:
    folder.write("shoes/_backdrop.json", INSTRUCTIONS)
    folder.write("shoes/red.jpg", build_photo())
    folder.write("_backdrop.json", b"{")
    assert folder.data("shoes", "--to=2026/")["jobs"] == 1


def test_length_of_the_whole_key_is_checked(folder: LintedFolder) -> None:
    folder.write("shoes/red.jpg", build_photo())
    folder.write("shoes/red.jpg.json", INSTRUCTIONS)
    (error,) = folder.data("shoes", f"--to={'a' * 899}/")["errors"]
    assert error["code"] == "key_too_long"


def test_files_are_reported_by_their_path_on_this_machine(folder: LintedFolder) -> None:
    folder.write("shoes/sub/red.jpg.json", {"seed": -1})
    assert list(folder.list_messages("errors", "shoes", "--to=2026/")) == ["shoes/sub/red.jpg.json"]


def test_invalid_destination_folder_is_refused_with_an_explanation(folder: LintedFolder) -> None:
    folder.write("shoes/red.jpg", build_photo())
    result = folder.lint("shoes", "--to=../x")
    assert (result.code, result.out) == (2, "")
    assert "--to ../x is not a folder of photos in the bucket; use a name such as 2026/shoes" in result.err


def test_two_files_with_the_same_key_are_refused(folder: LintedFolder) -> None:
    for name in ("shoes", "hats"):
        folder.write(f"{name}/red.jpg", build_photo())
    result = folder.lint("shoes", "hats", "--to=2026/")
    assert (result.code, result.out) == (1, "")
    assert "would both have the key 2026/red.jpg" in result.err


def test_folder_keeps_its_name_under_the_topmost_defaults(folder: LintedFolder) -> None:
    write_photo_with_reference(folder, "shoes/summer.jpg")
    folder.write("shoes/summer.jpg", build_photo("summer"))
    assert (folder.data("shoes")["errors"], folder.data("shoes")["warnings"][0]["code"]) == ([], "no_instructions")
    folder.write("_backdrop.json", {"operation": "remove"})
    ((code, message),) = [(one["code"], one["message"]) for one in folder.data("shoes")["warnings"]]
    assert (code, message) == (
        "reference_elsewhere",
        f"The reference shoes/summer.jpg is outside {folder.root.name}/ and was not checked.",
    )


def test_missing_hint_is_null_in_json(folder: LintedFolder) -> None:
    folder.write("red.jpg.json", {"promt": "x"})
    assert [one["hint"] for one in folder.data()["errors"]] == [None]


def test_folder_given_under_two_names_counts_once(folder: LintedFolder) -> None:
    folder.write("shoes/red.jpg", build_photo())
    folder.write("shoes/red.jpg.json", {"promt": "x"})
    (folder.root / "again").symlink_to(folder.root / "shoes")
    found = folder.data("shoes", "again", "again/red.jpg")
    assert (found["files"], len(found["errors"])) == (2, 1)
