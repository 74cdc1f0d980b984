"""`backdrop lint` and the names of files: which belong together, which nearly do, and which it is asked to look at."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.cli_person import Person
from tests.simulated.lint_shop import WISH, Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An empty folder."""
    return Shop(Person(World(), monkeypatch), tmp_path)


def test_a_broken_default_above_what_is_linted_is_told_too(shop: Shop) -> None:
    shop.put("_backdrop.json", {"seed": -1})
    shop.put("hats/a.jpg", build_photo())
    shop.put("hats/a.jpg.json", WISH)
    assert list(shop.told("errors", "hats")) == ["_backdrop.json"]


def test_what_is_inherited_counts_also_from_above_what_is_linted(shop: Shop) -> None:
    shop.put("_backdrop.json", {"operation": "remove"})
    shop.put("hats/_backdrop.json", {"output": {"format": "webp"}})
    shop.put("hats/autumn/a.jpg", build_photo())
    assert shop.data("hats/autumn")["ready"] == 1


def test_a_key_that_is_too_long_for_its_results_is_an_error(shop: Shop) -> None:
    folder = "/".join(["f" * 200] * 4)
    shop.put(f"{folder}/{'x' * 110}.jpg", build_photo())
    ((message,),) = shop.told("errors", "--to=/").values()
    assert "918 bytes; at most 900" in message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Red.jpg.json", "there is Red.jpg.json: names are case-sensitive"),
        ("red.jpgjson", None),
        ("red.jpeg.json", "there is red.jpeg.json: the name should be red.jpg.json"),
        ("red .jpg.json", "there is red .jpg.json: the name should be red.jpg.json"),
    ],
)
def test_a_near_miss_is_named_once(shop: Shop, name: str, words: str | None) -> None:
    shop.put("red.jpg", build_photo())
    shop.put(name, WISH)
    told = shop.told("warnings")
    (said,) = told["red.jpg"]
    assert said == ("No instructions found for this photo." if words is None else said)
    assert words is None or words in said
    assert set(told) == {"red.jpg"}


def test_a_sidecar_without_a_photo_is_a_warning(shop: Shop) -> None:
    shop.put("shoes/green.jpg.json", WISH)
    shop.put("shoes/red.jpg", build_photo())
    shop.put("shoes/red.json", WISH)
    ((name, (words,)),) = shop.told("warnings").items()
    assert name == "shoes/green.jpg.json"
    assert words.startswith("No photo is named green.jpg")


@pytest.mark.parametrize("name", ["backdrop.json", "_Backdrop.json", "_backdrops.json", "_backdrop.jsn"])
def test_defaults_whose_name_is_nearly_right_are_named(shop: Shop, name: str) -> None:
    shop.put(name, {"operation": "remove"})
    ((found, (words,)),) = shop.told("warnings").items()
    assert (found, words) == (name, "This file is not read: folder defaults must be named _backdrop.json.")


def test_a_single_file_is_looked_at_with_those_that_speak_for_it(shop: Shop) -> None:
    shop.put("red.jpg", build_photo())
    shop.put("red.jpg.json", {"seed": -1})
    shop.put("blue.jpg", b"")
    assert list(shop.told("errors", "red.jpg")) == ["red.jpg.json"]
    assert list(shop.told("errors", "red.jpg.json")) == ["red.jpg.json"]
    assert shop.data("red.jpg.json")["photos"] == 1


def test_what_is_named_twice_counts_once(shop: Shop) -> None:
    shop.put("hats/a.jpg", build_photo())
    shop.put("hats/_backdrop.json", {"operation": "remove"})
    assert shop.data("hats", "hats/a.jpg", "hats/_backdrop.json")["files"] == 2


def test_a_folder_that_cannot_be_listed_and_a_file_that_cannot_be_read_are_errors(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put("red.jpg", build_photo())
    shop.put("red.jpg.json", WISH)
    shop.put("closed/a.jpg", build_photo())
    monkeypatch.setattr(Path, "read_bytes", refused(Path.read_bytes, "red.jpg"))
    monkeypatch.setattr(os, "scandir", refused(os.scandir, "closed"))
    told = shop.told()
    assert told == {
        "closed": ["The folder cannot be listed: Permission denied."],
        "red.jpg": ["The file cannot be read: Permission denied."],
    }


def refused(act: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    """The act, which the machine forbids for one name."""

    def forbidden(path: Any) -> Any:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied")
        return act(path)

    return forbidden


def test_a_name_that_no_key_can_have_is_an_error(shop: Shop) -> None:
    shop.put("_backdrop.json", {"operation": "remove"})
    Path(os.fsdecode(os.fsencode(shop.root) + b"/r\xff.jpg")).write_bytes(build_photo())
    assert shop.told() == {"r\ufffd.jpg": ["Its name is not UTF-8, as keys of a bucket must be."]}


def test_links_that_lead_in_circles_are_followed_once(shop: Shop) -> None:
    shop.put("hats/a.jpg", build_photo())
    shop.put("_backdrop.json", {"operation": "remove"})
    (shop.root / "hats" / "again").symlink_to(shop.root / "hats")
    assert shop.data()["photos"] == 1


def test_what_does_not_exist_and_a_stack_cannot_be_meant(shop: Shop) -> None:
    said = shop.lints("nowhere")
    assert (said.code, said.out) == (2, "")
    assert "nowhere does not exist; name folders or files on this machine" in said.err
    assert shop.person.types("--stack", "shop", "lint", str(shop.root)).code == 2


def test_a_folder_that_lies_in_another_that_is_named_counts_once(shop: Shop) -> None:
    shop.put("sub/a.jpg", build_photo())
    shop.put("sub/a.jpg.json", {"promt": "x"})
    found = shop.data("sub", ".", "sub/a.jpg")
    assert (found["files"], len(found["errors"])) == (2, 1)


@pytest.mark.parametrize("name", ["red.jpg.json.txt", "sub/red.json.TXT"])
def test_a_sidecar_with_a_hidden_suffix_is_told_of_also_where_its_photo_has_defaults(shop: Shop, name: str) -> None:
    shop.put("_backdrop.json", WISH)
    shop.put("red.jpg", build_photo())
    shop.put(name, WISH)
    assert shop.told("warnings") == {name: ["This file is not read: a sidecar's name must end with .json."]}


def test_defaults_with_a_hidden_suffix_are_told_of(shop: Shop) -> None:
    shop.put("_backdrop.json.txt", WISH)
    assert shop.told("warnings") == {
        "_backdrop.json.txt": ["This file is not read: folder defaults must be named _backdrop.json."]
    }


def test_the_second_of_two_sidecars_is_told_of_and_one_that_another_photo_reads_is_not(shop: Shop) -> None:
    for name in ("two.jpg", "three.jpg", "three.png"):
        shop.put(name, build_photo())
    for name in ("two.json", "two.jpg.json", "three.json", "three.jpg.json"):
        shop.put(name, WISH)
    assert shop.told("warnings") == {"two.json": ["This sidecar is not read: two.jpg.json takes precedence."]}


def test_a_reference_that_is_not_there_is_told_with_where_keys_begin(shop: Shop) -> None:
    shop.put("red.jpg", build_photo())
    shop.put("red.jpg.json", {**WISH, "style_reference_images": "shop/blue.jpg"})
    (error,) = shop.data("--to=/")["errors"]
    assert error["message"] == "There is no shop/blue.jpg here; give the key from the bucket's root."
    assert error["hint"] == f"{shop.root} is treated as the root of the bucket."
