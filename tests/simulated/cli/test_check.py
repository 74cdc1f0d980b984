"""`backdrop check`: measures pictures on this machine by the rules of marketplaces, without a stack."""

from pathlib import Path

import pytest

from simulation.world.simulated_stack import World
from tests.corpus.certificates import draw_product, encode, label_file
from tests.simulated.command_user import CommandResult, Person

GOOD = encode(draw_product((1000, 1000)))
SMALL = encode(draw_product((600, 600)))


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person with a good picture, a small one, and a sidecar in a folder."""
    monkeypatch.chdir(tmp_path)
    Path("done").mkdir()
    Path("done/good.jpg").write_bytes(GOOD)
    Path("done/small.jpg").write_bytes(SMALL)
    Path("done/small.jpg.json").write_text("{}")
    return Person(World(), monkeypatch)


def read_words(result: CommandResult) -> str:
    return " ".join(result.out.split())


def test_failed_rule_is_shown_with_value_and_requirement(person: Person) -> None:
    result = person.run("check", "done", "--for", "amazon-main,etsy")
    assert (result.code, result.err) == (1, "")
    assert "done/small.jpg" in result.out
    assert "longest_side is 600 (must be 1,000 to 10,000 pixels)" in read_words(result)
    assert "2 pictures for amazon-main, etsy, 4 results: 1 passed, 2 failed, 1 cannot say" in read_words(result)
    assert person.requested_locations == []


def test_rule_that_cannot_be_measured_is_no_failure(person: Person) -> None:
    result = person.run("check", "done/good.jpg", "--for", "amazon-main", "--json")
    assert result.code == 0
    (picture,) = result.data["pictures"]
    (certificate,) = picture["certificates"]
    assert {check["rule"]: check["verdict"] for check in certificate["checks"]}["whole_product"] == "cannot_say"
    assert (result.data["passed"], result.data["failed"], result.data["cannot_say"]) == (0, 0, 1)


def test_label_is_required_only_with_ai_made(person: Person) -> None:
    assert person.run("check", "done/good.jpg", "--for", "google-merchant").code == 0
    assert person.run("check", "done/good.jpg", "--for", "google-merchant", "--ai-made").code == 1
    Path("done/good.jpg").write_bytes(label_file(GOOD, "trainedAlgorithmicMedia"))
    assert person.run("check", "done/good.jpg", "--for", "google-merchant", "--ai-made").code == 0


def test_file_that_is_no_picture_fails(person: Person) -> None:
    Path("done/notes.txt2").write_text("hello")
    result = person.run("check", "done", "--for", "shopify", "--json")
    assert result.code == 1
    (broken,) = [one for one in result.data["pictures"] if one["error"]]
    assert (broken["error"]["code"], broken["certificates"]) == ("not_a_photo", [])


def test_misspelled_marketplace_is_a_usage_error_with_the_nearest_name(person: Person) -> None:
    result = person.run("check", "done", "--for", "amazon")
    assert result.code == 2
    assert "did you mean amazon-main?" in result.err
    assert "the marketplaces are" in person.run("check", "done", "--for", "xyz").err


@pytest.mark.parametrize("options", [(), ("--for", ",")])
def test_missing_marketplace_is_a_usage_error_with_all_names(person: Person, options: tuple[str, ...]) -> None:
    result = person.run("check", "done", *options)
    assert result.code == 2
    names = "amazon-main, ebay, etsy, google-merchant, shopify, walmart"
    assert f"choose a marketplace with --for: {names}" in result.err


def test_folder_without_pictures_is_reported(person: Person) -> None:
    Path("empty").mkdir()
    result = person.run("check", "empty", "--for", "etsy")
    assert result.code == 3
    assert "no pictures found in empty" in result.err
