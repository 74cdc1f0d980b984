"""Which files `drop` selects, which keys they get, and which options it accepts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.command_user import Person
from tests.simulated.drop_user import PROMPT, Uploader


@pytest.fixture
def uploader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploader:
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
def test_files_are_uploaded_under_the_expected_keys(
    uploader: Uploader, words: tuple[str, ...], keys: list[str]
) -> None:
    uploader.drop(*words)
    assert uploader.keys == [key.format(here=uploader.folder.name) for key in keys]


def test_photo_is_uploaded_with_its_sidecar(uploader: Uploader) -> None:
    uploader.write("shoes/red.json", {"operation": "remove"})
    uploader.drop("shoes/red.jpg")
    assert uploader.keys == ["red.jpg", "red.json"]


def test_second_photo_with_the_same_name_is_refused_before_the_upload(uploader: Uploader) -> None:
    for name in ("red", "blue"):
        uploader.write(f"shoes/{name}.json", {"operation": "remove", "output": {"name_template": "twin.png"}})
    result = uploader.drop("shoes", "--strict")
    assert (result.code, uploader.keys) == (1, [])
    assert "1 photo would be refused: name_taken" in result.out


BRAND_KIT = {"operation": "remove", "logo": "_backdrop/brand/logo.png"}


def test_images_that_outputs_draw_are_uploaded_before_the_photos(uploader: Uploader) -> None:
    uploader.write("kit/_backdrop/brand/logo.png", build_photo("logo"))
    uploader.write("kit/_backdrop/brand/notes.txt", b"the logo's colors")
    uploader.write("kit/shoes/_backdrop.json", BRAND_KIT)
    uploader.write("kit/shoes/red.jpg")
    result = uploader.drop("kit", "--to", "/", "--wait")
    assert (result.code, "would be refused" in result.out) == (0, False)
    assert uploader.keys == ["_backdrop/brand/logo.png", "shoes/_backdrop.json", "shoes/red.jpg"]
    assert uploader.list_statuses() == [JobStatus.STORED]


@pytest.mark.parametrize(("folder", "scope"), [("shoes/", "shoes/"), ("", "--all")])
def test_replaced_defaults_are_announced_with_the_command_that_applies_them(
    uploader: Uploader, folder: str, scope: str
) -> None:
    for prompt in ("at sea", "on a beach"):
        uploader.write(f"kit/{folder}_backdrop.json", {"prompt": prompt})
        uploader.write("kit/shoes/red.jpg")
        result = uploader.drop("kit", "--to", "/")
    assert f"run `backdrop rerun {scope}` afterward." in " ".join(result.out.split())


def test_replaced_image_is_announced_and_an_unchanged_one_is_not_uploaded(uploader: Uploader) -> None:
    uploader.write("kit/_backdrop/brand/logo.png", build_photo("logo"))
    uploader.write("kit/shoes/_backdrop.json", BRAND_KIT)
    uploader.write("kit/shoes/red.jpg")
    first, again = uploader.drop("kit", "--to", "/"), uploader.drop("kit", "--to", "/")
    uploader.write("kit/_backdrop/brand/logo.png", build_photo("new logo"))
    replaced = uploader.drop("kit", "--to", "/")
    announced = [
        " ".join(one.out.split()).count("logo.png in the bucket is replaced") for one in (first, again, replaced)
    ]
    assert announced == [0, 0, 1]
    assert uploader.count_versions("_backdrop/brand/logo.png") == 2


def test_parent_folder_defaults_are_uploaded_with_their_folder_names(uploader: Uploader) -> None:
    uploader.write("2026/_backdrop.json", {"operation": "remove"})
    uploader.write("2026/shoes/green.jpg")
    uploader.write("2026/hats/top.jpg")
    for words in (("2026/shoes",), ("2026/hats/top.jpg",)):
        assert uploader.drop(*words).code == 0
    assert uploader.keys == ["2026/_backdrop.json", "2026/hats/top.jpg", "2026/shoes/green.jpg"]


def test_parent_folder_defaults_are_not_uploaded_to_other_prefixes(uploader: Uploader) -> None:
    uploader.write("2026/_backdrop.json", {"operation": "remove"})
    uploader.write("2026/shoes/green.jpg")
    for words in (("2026/shoes", "--to", "/"), ("2026/shoes/green.jpg", "--to", "a")):
        result = uploader.drop(*words)
        assert f"{uploader.folder / '2026' / '_backdrop.json'} is not part of this drop" in result.out
    assert uploader.keys == ["a/green.jpg", "green.jpg"]
    uploader.write("2026/top.jpg")
    assert "is not part of this drop" in uploader.drop("2026/top.jpg", "--to", "c").out
    assert "c/_backdrop.json" not in uploader.keys
    assert "is not part of this drop" not in uploader.drop("2026", "--to", "b").out


@pytest.mark.parametrize("words", [("2026/shoes",), ("2026/shoes/green.jpg",), ("2026/shoes", "--to", "2026/shoes")])
def test_lint_checks_files_under_the_keys_of_drop(uploader: Uploader, words: tuple[str, ...]) -> None:
    reference = {"prompt": "on sand", "style_reference_images": "2026/shoes/looks/summer.jpg"}
    uploader.write("2026/_backdrop.json", {"num_images": 1})
    uploader.write("2026/shoes/green.jpg")
    uploader.write("2026/shoes/green.jpg.json", reference)
    uploader.write("2026/shoes/looks/summer.jpg")
    uploader.write("2026/shoes/looks/_backdrop.json", {"operation": "remove"})
    uploader.drop("2026/shoes/looks")
    lint_result = uploader.person.run("lint", *words, "--strict", "--json")
    assert (lint_result.code, lint_result.data["errors"]) == (0, [])
    assert uploader.drop(*words, "--strict", "--json").data["would_be_refused"] == []


def test_two_files_with_one_key_are_refused_before_uploading(uploader: Uploader) -> None:
    uploader.write("hats/red.jpg")
    result = uploader.drop("shoes", "hats", "--to", "all")
    assert (result.code, uploader.keys) == (1, [])
    assert "would both have the key all/red.jpg" in result.err


def test_names_in_every_script_survive_the_round_trip(uploader: Uploader) -> None:
    for name in ("赤い靴.jpg", "حذاء.png", "zapatos rojos & más+100%.jpg", "👟.webp"):
        uploader.write(f"schuhe für ñ/{name}")
    data = uploader.drop("schuhe für ñ", *PROMPT, "--wait", "--json").data
    assert data["counts"] == {"stored": 4}
    assert "schuhe für ñ/赤い靴.jpg" in uploader.keys


def folder_with_a_text_file(uploader: Uploader) -> str:
    uploader.write("texts/a.txt", b"x")
    return "there is no photo in texts (1 file is not named like a photo)"


def empty_folder(uploader: Uploader) -> str:
    (uploader.folder / "texts").mkdir()
    return "there is no photo in texts; photos are, for example, JPEG, PNG, or HEIC files"


def missing_folder(_: Uploader) -> str:
    return "texts does not exist; name folders or files on this machine"


@pytest.mark.parametrize(("make", "code"), [(folder_with_a_text_file, 3), (empty_folder, 3), (missing_folder, 2)])
def test_folder_without_photos_is_reported(uploader: Uploader, make: Callable[[Uploader], str], code: int) -> None:
    words = make(uploader)
    result = uploader.drop("texts", *PROMPT)
    assert result.code == code
    assert words in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--style", "golden hours"), "Did you mean 'golden_hour'"),
        (("--provider", "ideogramm"), "provider"),
        (("--prompt", ""), "prompt"),
        (("--prompt", "x", "--sidecar", "s.json"), "--sidecar and --prompt both give instructions"),
        (("--sidecar", "none.json"), "none.json cannot be read: No such file"),
    ],
)
def test_instructions_with_errors_are_refused_before_uploading(
    uploader: Uploader, words: tuple[str, ...], message: str
) -> None:
    result = uploader.drop("shoes", *words)
    assert (result.code, uploader.keys, uploader.person.requested_locations) == (2, [], [])
    assert message in result.err


def test_logo_that_is_uploaded_below_a_folder_is_named_by_its_key_there(uploader: Uploader) -> None:
    uploader.write("kit/_backdrop/brand/logo.png", build_photo("logo"))
    uploader.write("kit/shoes/_backdrop.json", BRAND_KIT)
    uploader.write("kit/shoes/red.jpg")
    shown = " ".join(uploader.drop("kit", "--to", "spring/sale", "--wait").out.split())
    namesake = "There is spring/sale/_backdrop/brand/logo.png; to use it, write that key in the instructions."
    assert shown.count(namesake) == 2, "in the plan, and in the outcome"
    assert "spring/sale/_backdrop/brand/logo.png" in uploader.keys


def test_logo_that_is_nowhere_near_the_photo_has_no_other_key(uploader: Uploader) -> None:
    uploader.write("other/_backdrop/brand/logo.png", build_photo("logo"))
    uploader.drop("other", "--to", "other")
    uploader.write("kit/shoes/_backdrop.json", BRAND_KIT)
    uploader.write("kit/shoes/red.jpg")
    assert "There is" not in uploader.drop("kit", "--to", "spring", "--wait").out
