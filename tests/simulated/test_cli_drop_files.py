"""Which files `drop` selects, which keys they get, and which options it accepts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from simulation.world.simulated_stack import World
from tests.simulated.cli_person import Person
from tests.simulated.drop_shop import PROMPT, Uploader


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploader:
    monkeypatch.chdir(tmp_path)
    uploader = Uploader(Person(World(), monkeypatch), tmp_path)
    uploader.write("shoes/red.jpg")
    uploader.write("shoes/blue.jpg")
    return uploader


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (("shoes", "--to", "autumn/2026"), ["autumn/2026/blue.jpg", "autumn/2026/red.jpg"]),
        (("shoes", "--to", "/"), ["blue.jpg", "red.jpg"]),
        (("shoes/red.jpg",), ["red.jpg"]),
        (("shoes/red.jpg", "--to", "a"), ["a/red.jpg"]),
        (("./shoes/../shoes/",), ["shoes/blue.jpg", "shoes/red.jpg"]),
        ((".",), ["{here}/shoes/blue.jpg", "{here}/shoes/red.jpg"]),
    ],
)
def test_files_are_uploaded_under_the_expected_keys(shop: Uploader, words: tuple[str, ...], keys: list[str]) -> None:
    shop.drop(*words)
    assert shop.keys == [key.format(here=shop.folder.name) for key in keys]


def test_photo_is_uploaded_with_its_sidecar(shop: Uploader) -> None:
    shop.write("shoes/red.json", {"operation": "remove"})
    shop.drop("shoes/red.jpg")
    assert shop.keys == ["red.jpg", "red.json"]


def test_folder_defaults_above_are_uploaded_with_their_folders_names(shop: Uploader) -> None:
    shop.write("2026/_backdrop.json", {"operation": "remove"})
    shop.write("2026/shoes/green.jpg")
    shop.write("2026/hats/top.jpg")
    for words in (("2026/shoes",), ("2026/hats/top.jpg",)):
        assert shop.drop(*words).code == 0
    assert shop.keys == ["2026/_backdrop.json", "2026/hats/top.jpg", "2026/shoes/green.jpg"]


def test_folder_defaults_above_are_not_uploaded_to_other_prefixes(shop: Uploader) -> None:
    shop.write("2026/_backdrop.json", {"operation": "remove"})
    shop.write("2026/shoes/green.jpg")
    for words in (("2026/shoes", "--to", "/"), ("2026/shoes/green.jpg", "--to", "a")):
        said = shop.drop(*words)
        assert f"{shop.folder / '2026' / '_backdrop.json'} is not part of this drop" in said.out
    assert shop.keys == ["a/green.jpg", "green.jpg"]
    shop.write("2026/top.jpg")
    assert "is not part of this drop" in shop.drop("2026/top.jpg", "--to", "c").out
    assert "c/_backdrop.json" not in shop.keys
    assert "is not part of this drop" not in shop.drop("2026", "--to", "b").out


@pytest.mark.parametrize("words", [("2026/shoes",), ("2026/shoes/green.jpg",), ("2026/shoes", "--to", "2026/shoes")])
def test_lint_checks_files_under_the_keys_of_drop(shop: Uploader, words: tuple[str, ...]) -> None:
    reference = {"prompt": "on sand", "style_reference_images": "2026/shoes/looks/summer.jpg"}
    shop.write("2026/_backdrop.json", {"num_images": 1})
    shop.write("2026/shoes/green.jpg")
    shop.write("2026/shoes/green.jpg.json", reference)
    shop.write("2026/shoes/looks/summer.jpg")
    shop.write("2026/shoes/looks/_backdrop.json", {"operation": "remove"})
    shop.drop("2026/shoes/looks")
    linted = shop.person.run("lint", *words, "--strict", "--json")
    assert (linted.code, linted.data["errors"]) == (0, [])
    assert shop.drop(*words, "--strict", "--json").data["would_be_refused"] == []


def test_two_files_of_one_key_are_refused_before_uploading(shop: Uploader) -> None:
    shop.write("hats/red.jpg")
    said = shop.drop("shoes", "hats", "--to", "all")
    assert (said.code, shop.keys) == (1, [])
    assert "would both have the key all/red.jpg" in said.err


def test_names_in_every_script_survive_the_round_trip(shop: Uploader) -> None:
    for name in ("赤い靴.jpg", "حذاء.png", "zapatos rojos & más+100%.jpg", "👟.webp"):
        shop.write(f"schuhe für ñ/{name}")
    data = shop.drop("schuhe für ñ", *PROMPT, "--wait", "--json").data
    assert data["counts"] == {"stored": 4}
    assert "schuhe für ñ/赤い靴.jpg" in shop.keys


def folder_with_a_text_file(shop: Uploader) -> str:
    shop.write("texts/a.txt", b"x")
    return "there is no photo in texts (1 file is not a photo by name)"


def empty_folder(shop: Uploader) -> str:
    (shop.folder / "texts").mkdir()
    return "there is no photo in texts; photos are, for example, JPEG, PNG, or HEIC files"


def missing_folder(_: Uploader) -> str:
    return "texts does not exist; name folders or files on this machine"


@pytest.mark.parametrize(("make", "code"), [(folder_with_a_text_file, 1), (empty_folder, 1), (missing_folder, 2)])
def test_folder_without_photos_is_reported(shop: Uploader, make: Callable[[Uploader], str], code: int) -> None:
    words = make(shop)
    said = shop.drop("texts", *PROMPT)
    assert said.code == code
    assert words in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--style", "golden hours"), "Did you mean 'golden_hour'"),
        (("--provider", "ideogramm"), "provider"),
        (("--prompt", ""), "prompt"),
        (("--prompt", "x", "--sidecar", "s.json"), "--sidecar and --prompt both give instructions"),
        (("--sidecar", "none.json"), "none.json cannot be read: No such file"),
    ],
)
def test_instructions_with_errors_are_refused_before_uploading(
    shop: Uploader, words: tuple[str, ...], told: str
) -> None:
    said = shop.drop("shoes", *words)
    assert (said.code, shop.keys, shop.person.requested_locations) == (2, [], [])
    assert told in said.err
