"""`backdrop lint`: what intake would refuse is reported before anything is uploaded, with the place and advice."""

import os
from pathlib import Path
from typing import Any

import pytest

from backdrop.model.capabilities import MAX_FILE_BYTES
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.cli_person import Person
from tests.simulated.lint_shop import INSTRUCTIONS, LintedFolder


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LintedFolder:
    """An empty folder."""
    return LintedFolder(Person(World(), monkeypatch), tmp_path)


def test_clean_folder_has_exit_code_0_and_a_quote(shop: LintedFolder) -> None:
    shop.write("shoes/red.jpg", build_photo("red"))
    shop.write("shoes/red.jpg.json", {**INSTRUCTIONS, "num_images": 2})
    shop.write("shoes/blue.jpg", build_photo("blue"))
    shop.write("_backdrop.json", {"operation": "remove"})
    said = shop.lint()
    assert (said.code, said.err) == (0, "")
    assert "photos ready      2   at most $0.13 for 3 images" in said.out
    assert said.out.endswith("✓ No problems found.\n")
    assert shop.person.requested_locations == []


def test_every_error_is_reported_under_its_files_name(shop: LintedFolder) -> None:
    shop.write("red.jpg", build_photo())
    wrong = {"promt": "x", "style": "golden hours", "variants": {"beach": {"seed": "7"}}, "output": {"widht": 3}}
    shop.write("red.jpg.json", wrong)
    said = shop.lint()
    assert said.code == 1
    lines = said.out.splitlines()
    assert lines[0].endswith("red.jpg.json")
    for words in (
        "Did you mean 'prompt'? (unknown_field)",
        "Did you mean 'golden_hour'?",
        "variants.beach.seed is",
        "'widht' is not a field of output. Did you mean 'width'?",
    ):
        assert words in " ".join(said.out.split()), words
    assert "automatically" not in said.out
    assert "red.jpg.json: " not in said.out
    assert len(shop.list_messages()["red.jpg.json"]) == 4


def test_error_in_shared_instructions_is_reported_once(shop: LintedFolder) -> None:
    for name in ("red.jpg", "red.png", "hats/a.jpg", "hats/b.jpg"):
        shop.write(name, build_photo(name))
    shop.write("red.json", {"seed": -1})
    shop.write("hats/_backdrop.json", '{"prompt": "x",}')
    told = shop.list_messages()
    assert {name: len(words) for name, words in told.items()} == {"red.json": 1, "hats/_backdrop.json": 1}
    assert "line 1, column 15" in told["hats/_backdrop.json"][0]
    assert shop.data()["ready"] == 0


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"operation": "replace"}, "operation is replace, but there is no prompt"),
        ({"operation": "remove", "output": {"format": "jpg"}}, "cannot be transparent"),
        ({**INSTRUCTIONS, "negative_prompt": "people"}, "ideogram does not support negative_prompt"),
        ({**INSTRUCTIONS, "provider": "segmind", "num_images": 2}, "segmind accepts 1 for num_images, not 2"),
        ({"operation": "remove", "provider": "runware"}, "runware cannot remove a background"),
        ({**INSTRUCTIONS, "max_cost_usd": 0.01}, "max_cost_usd allows $0.01"),
        ({**INSTRUCTIONS, "style_reference_images": "look.jpg"}, "There is no look.jpg"),
    ],
)
def test_what_cannot_be_bought_is_an_error(shop: LintedFolder, wish: dict[str, Any], words: str) -> None:
    shop.write("red.jpg", build_photo())
    shop.write("red.jpg.json", wish)
    ((message,),) = shop.list_messages("errors", "--to=/").values()
    assert words in message


def test_reference_image_is_found_below_the_root(shop: LintedFolder) -> None:
    shop.write("looks/summer.png", build_photo("summer"))
    shop.write("looks/_backdrop.json", {"operation": "remove"})
    shop.write("red.jpg", build_photo())
    shop.write("red.jpg.json", {**INSTRUCTIONS, "style_reference_images": "looks/summer.png"})
    assert shop.lint("--to=/").code == 0


def test_error_in_one_variant_leaves_the_others_ready(shop: LintedFolder) -> None:
    shop.write("red.jpg", build_photo())
    shop.write("red.jpg.json", {"variants": {"a": INSTRUCTIONS, "b": {"operation": "replace"}}})
    found = shop.data()
    assert [(one["variant"], one["code"]) for one in found["errors"]] == [("b", "missing_prompt")]
    assert (found["jobs"], found["ready"]) == (1, 0)
    assert "✗ variant b: " in shop.lint().out


def test_file_that_is_no_photo_is_an_error(shop: LintedFolder) -> None:
    shop.write("_backdrop.json", {"operation": "remove"})
    shop.write("notes.docx", "hello")
    shop.write("empty.jpg", b"")
    shop.write("cut.png", build_photo()[:-30])
    shop.write("big.jpg", b"")
    os.truncate(shop.root / "big.jpg", MAX_FILE_BYTES + 1)
    told = shop.list_messages()
    assert {*told} == {"notes.docx", "empty.jpg", "cut.png", "big.jpg"}
    assert told["big.jpg"] == ["The file has 128,000,001 bytes; at most 128,000,000 are allowed."]


def test_quick_reads_instructions_but_no_photo(shop: LintedFolder) -> None:
    shop.write("red.jpg", b"")
    shop.write("red.jpg.json", {"seed": -1})
    shop.write("blue.jpg", b"")
    shop.write("blue.jpg.json", INSTRUCTIONS)
    assert list(shop.list_messages("errors", ".", "--quick")) == ["red.jpg.json"]
    assert shop.data("--quick")["ready"] == 1


def test_photos_without_instructions_fail_only_when_strict(shop: LintedFolder) -> None:
    shop.write("red.jpg", build_photo())
    said = shop.lint()
    assert said.code == 0
    assert "no_instructions: Add a sidecar or folder defaults, or upload the photo with object tags." in said.out
    assert "! 1 warning." in said.out
    assert shop.lint("--strict").code == 1


def test_many_findings_are_summarized_unless_all_are_requested(shop: LintedFolder) -> None:
    for n in range(30):
        shop.write(f"{n}.jpg", b"not opened")
    said = shop.lint("--quick").out
    assert said.count("No instructions found") == 10
    assert "… and 20 more; to list them, add --all" in said
    assert shop.lint("--quick", "--all").out.count("No instructions found") == 30


def test_empty_folder_is_clean(shop: LintedFolder) -> None:
    assert shop.lint().code == 0


def test_help_has_an_example(shop: LintedFolder) -> None:
    said = shop.person.run("lint", "--help")
    assert "Example: backdrop lint" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_invalid_photo_is_also_reported_under_broken_defaults(shop: LintedFolder) -> None:
    shop.write("_backdrop.json", {"seed": -1})
    shop.write("red.jpg", b"")
    assert {*shop.list_messages()} == {"_backdrop.json", "red.jpg"}


def test_variant_without_instructions_is_an_error_and_counted_once(shop: LintedFolder) -> None:
    shop.write("red.jpg", build_photo())
    shop.write("red.jpg.json", {"variants": {"a": INSTRUCTIONS, "b": {"num_images": 2}}})
    found = shop.data()
    assert [(one["variant"], one["code"]) for one in found["errors"]] == [("b", "no_instructions")]
    assert (found["ready"], found["without_instructions"], found["warnings"]) == (0, 0, [])
