"""`backdrop lint`: what intake would refuse is reported before anything is uploaded, with the place and advice."""

import os
from pathlib import Path
from typing import Any

import pytest

from backdrop.model.capabilities import MAX_FILE_BYTES
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.cli_person import Person
from tests.simulated.lint_shop import WISH, Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An empty folder."""
    return Shop(Person(World(), monkeypatch), tmp_path)


def test_clean_folder_has_exit_code_0_and_a_quote(shop: Shop) -> None:
    shop.put("shoes/red.jpg", build_photo("red"))
    shop.put("shoes/red.jpg.json", {**WISH, "num_images": 2})
    shop.put("shoes/blue.jpg", build_photo("blue"))
    shop.put("_backdrop.json", {"operation": "remove"})
    said = shop.lints()
    assert (said.code, said.err) == (0, "")
    assert "photos ready      2   at most $0.13 for 3 images" in said.out
    assert said.out.endswith("✓ No problems found.\n")
    assert shop.person.asked_for == []


def test_every_error_is_reported_under_its_files_name(shop: Shop) -> None:
    shop.put("red.jpg", build_photo())
    wrong = {"promt": "x", "style": "golden hours", "variants": {"beach": {"seed": "7"}}, "output": {"widht": 3}}
    shop.put("red.jpg.json", wrong)
    said = shop.lints()
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
    assert len(shop.told()["red.jpg.json"]) == 4


def test_error_in_shared_instructions_is_reported_once(shop: Shop) -> None:
    for name in ("red.jpg", "red.png", "hats/a.jpg", "hats/b.jpg"):
        shop.put(name, build_photo(name))
    shop.put("red.json", {"seed": -1})
    shop.put("hats/_backdrop.json", '{"prompt": "x",}')
    told = shop.told()
    assert {name: len(words) for name, words in told.items()} == {"red.json": 1, "hats/_backdrop.json": 1}
    assert "line 1, column 15" in told["hats/_backdrop.json"][0]
    assert shop.data()["ready"] == 0


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"operation": "replace"}, "operation is replace, but there is no prompt"),
        ({"operation": "remove", "output": {"format": "jpg"}}, "cannot be transparent"),
        ({**WISH, "negative_prompt": "people"}, "ideogram does not support negative_prompt"),
        ({**WISH, "provider": "segmind", "num_images": 2}, "segmind accepts 1 for num_images, not 2"),
        ({"operation": "remove", "provider": "runware"}, "runware cannot remove a background"),
        ({**WISH, "max_cost_usd": 0.01}, "max_cost_usd allows $0.01"),
        ({**WISH, "style_reference_images": "look.jpg"}, "There is no look.jpg"),
    ],
)
def test_what_cannot_be_bought_is_an_error(shop: Shop, wish: dict[str, Any], words: str) -> None:
    shop.put("red.jpg", build_photo())
    shop.put("red.jpg.json", wish)
    ((message,),) = shop.told("errors", "--to=/").values()
    assert words in message


def test_reference_image_is_found_below_the_root(shop: Shop) -> None:
    shop.put("looks/summer.png", build_photo("summer"))
    shop.put("looks/_backdrop.json", {"operation": "remove"})
    shop.put("red.jpg", build_photo())
    shop.put("red.jpg.json", {**WISH, "style_reference_images": "looks/summer.png"})
    assert shop.lints("--to=/").code == 0


def test_error_in_one_variant_leaves_the_others_ready(shop: Shop) -> None:
    shop.put("red.jpg", build_photo())
    shop.put("red.jpg.json", {"variants": {"a": WISH, "b": {"operation": "replace"}}})
    found = shop.data()
    assert [(one["variant"], one["code"]) for one in found["errors"]] == [("b", "missing_prompt")]
    assert (found["jobs"], found["ready"]) == (1, 0)
    assert "✗ variant b: " in shop.lints().out


def test_file_that_is_no_photo_is_an_error(shop: Shop) -> None:
    shop.put("_backdrop.json", {"operation": "remove"})
    shop.put("notes.docx", "hello")
    shop.put("empty.jpg", b"")
    shop.put("cut.png", build_photo()[:-30])
    shop.put("big.jpg", b"")
    os.truncate(shop.root / "big.jpg", MAX_FILE_BYTES + 1)
    told = shop.told()
    assert {*told} == {"notes.docx", "empty.jpg", "cut.png", "big.jpg"}
    assert told["big.jpg"] == ["The file has 128,000,001 bytes; at most 128,000,000 are allowed."]


def test_quick_reads_instructions_but_no_photo(shop: Shop) -> None:
    shop.put("red.jpg", b"")
    shop.put("red.jpg.json", {"seed": -1})
    shop.put("blue.jpg", b"")
    shop.put("blue.jpg.json", WISH)
    assert list(shop.told("errors", ".", "--quick")) == ["red.jpg.json"]
    assert shop.data("--quick")["ready"] == 1


def test_photos_without_instructions_fail_only_when_strict(shop: Shop) -> None:
    shop.put("red.jpg", build_photo())
    said = shop.lints()
    assert said.code == 0
    assert "no_instructions: Add a sidecar or folder defaults, or upload the photo with object tags." in said.out
    assert "! 1 warning." in said.out
    assert shop.lints("--strict").code == 1


def test_many_findings_are_summarized_unless_all_are_requested(shop: Shop) -> None:
    for n in range(30):
        shop.put(f"{n}.jpg", b"not opened")
    said = shop.lints("--quick").out
    assert said.count("No instructions found") == 10
    assert "… and 20 more; to list them, add --all" in said
    assert shop.lints("--quick", "--all").out.count("No instructions found") == 30


def test_empty_folder_is_clean(shop: Shop) -> None:
    assert shop.lints().code == 0


def test_help_has_an_example(shop: Shop) -> None:
    said = shop.person.types("lint", "--help")
    assert "Example: backdrop lint" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_invalid_photo_is_also_reported_under_broken_defaults(shop: Shop) -> None:
    shop.put("_backdrop.json", {"seed": -1})
    shop.put("red.jpg", b"")
    assert {*shop.told()} == {"_backdrop.json", "red.jpg"}


def test_variant_without_instructions_is_an_error_and_counted_once(shop: Shop) -> None:
    shop.put("red.jpg", build_photo())
    shop.put("red.jpg.json", {"variants": {"a": WISH, "b": {"num_images": 2}}})
    found = shop.data()
    assert [(one["variant"], one["code"]) for one in found["errors"]] == [("b", "no_instructions")]
    assert (found["ready"], found["without_instructions"], found["warnings"]) == (0, 0, [])
