"""`backdrop lint --to FOLDER`: a folder is looked at as it will lie in the bucket; and no file is looked at twice."""

from pathlib import Path

import pytest

from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.cli_person import Person
from tests.simulated.lint_shop import WISH, Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An empty folder."""
    return Shop(Person(World(), monkeypatch), tmp_path)


def with_a_reference(shop: Shop, key: str) -> None:
    """A photo in `shoes`, whose sidecar names a reference by its key in the bucket."""
    shop.put("shoes/red.jpg", build_photo())
    shop.put("shoes/red.jpg.json", {**WISH, "style_reference_images": [key]})


@pytest.mark.parametrize("prefix", ["2026/shoes", "2026/shoes/", "/2026/shoes/"])
def test_a_folder_is_looked_at_as_it_will_lie_in_the_bucket(shop: Shop, prefix: str) -> None:
    with_a_reference(shop, "2026/shoes/_backdrop/styles/summer.jpg")
    shop.put("shoes/_backdrop/styles/summer.jpg", build_photo("summer"))
    shop.put("_backdrop.json", b"{")
    found = shop.data("shoes", f"--to={prefix}")
    assert (found["ready"], found["errors"], found["warnings"]) == (1, [], [])


def test_a_reference_that_is_missing_below_the_prefix_is_an_error_that_says_where_the_folder_is_taken_to_lie(
    shop: Shop,
) -> None:
    with_a_reference(shop, "2026/summer.jpg")
    (error,) = shop.data("shoes", "--to=2026/")["errors"]
    assert error["message"] == "There is no 2026/summer.jpg here; give the key from the bucket's root."
    assert error["hint"] == f"{shop.root / 'shoes'} is treated as 2026/ in the bucket."


@pytest.mark.parametrize("key", ["looks/summer.jpg", "_backdrop/styles/summer.jpg"])
def test_a_reference_elsewhere_in_the_bucket_is_a_warning_and_the_photo_is_ready(shop: Shop, key: str) -> None:
    with_a_reference(shop, key)
    found = shop.data("shoes", "--to=2026/")
    assert (found["ready"], found["errors"]) == (1, [])
    ((code, message),) = [(one["code"], one["message"]) for one in found["warnings"]]
    assert (code, message) == (
        "reference_elsewhere",
        f"The reference {key} is outside 2026/ and was not checked.",
    )


def test_the_defaults_of_the_folder_itself_are_its_prefixs(shop: Shop) -> None:
    shop.put("shoes/_backdrop.json", WISH)
    shop.put("shoes/red.jpg", build_photo())
    shop.put("_backdrop.json", b"{")
    assert shop.data("shoes", "--to=2026/")["jobs"] == 1


def test_the_whole_key_is_measured(shop: Shop) -> None:
    shop.put("shoes/red.jpg", build_photo())
    shop.put("shoes/red.jpg.json", WISH)
    (error,) = shop.data("shoes", f"--to={'a' * 899}/")["errors"]
    assert error["code"] == "key_too_long"


def test_files_are_told_where_they_lie_on_this_machine(shop: Shop) -> None:
    shop.put("shoes/sub/red.jpg.json", {"seed": -1})
    assert list(shop.told("errors", "shoes", "--to=2026/")) == ["shoes/sub/red.jpg.json"]


def test_what_cannot_be_a_folder_of_the_bucket_is_refused_with_a_sentence(shop: Shop) -> None:
    shop.put("shoes/red.jpg", build_photo())
    said = shop.lints("shoes", "--to=../x")
    assert (said.code, said.out) == (2, "")
    assert "--to ../x is not a folder of the bucket; use a name such as 2026/shoes" in said.err


def test_two_files_that_would_have_one_key_are_refused_with_a_sentence(shop: Shop) -> None:
    for name in ("shoes", "hats"):
        shop.put(f"{name}/red.jpg", build_photo())
    said = shop.lints("shoes", "hats", "--to=2026/")
    assert (said.code, said.out) == (1, "")
    assert "would both have the key 2026/red.jpg" in said.err


def test_a_folder_keeps_its_name_with_the_highest_one_above_it_that_has_defaults(shop: Shop) -> None:
    with_a_reference(shop, "shoes/summer.jpg")
    shop.put("shoes/summer.jpg", build_photo("summer"))
    assert (shop.data("shoes")["errors"], shop.data("shoes")["warnings"][0]["code"]) == ([], "no_instructions")
    shop.put("_backdrop.json", {"operation": "remove"})
    ((code, message),) = [(one["code"], one["message"]) for one in shop.data("shoes")["warnings"]]
    assert (code, message) == (
        "reference_elsewhere",
        f"The reference shoes/summer.jpg is outside {shop.root.name}/ and was not checked.",
    )


def test_a_hint_that_there_is_not_is_null_in_json(shop: Shop) -> None:
    shop.put("red.jpg.json", {"promt": "x"})
    assert [one["hint"] for one in shop.data()["errors"]] == [None]


def test_a_folder_that_is_named_by_two_names_counts_once(shop: Shop) -> None:
    shop.put("shoes/red.jpg", build_photo())
    shop.put("shoes/red.jpg.json", {"promt": "x"})
    (shop.root / "again").symlink_to(shop.root / "shoes")
    found = shop.data("shoes", "again", "again/red.jpg")
    assert (found["files"], len(found["errors"])) == (2, 1)
