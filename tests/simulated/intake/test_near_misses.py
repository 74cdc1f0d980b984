"""Near misses: the report of a photo suggests a file that may be its misnamed sidecar."""

import unicodedata
from collections.abc import Collection
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.instructions import suggest
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault
from tests.simulated.stage_worlds import KEY
from tests.simulated.uploads_and_requests import upload_sidecar_bytes, upload_unique_photo
from tests.unit.ledger_items import quick

CASE = "names are case-sensitive"


def describe_near_miss(photo: str, keys: Collection[str]) -> str | None:
    """Returns what the report says about the nearest file."""
    found = suggest.suggest_sidecar(photo, keys)
    return str(found) if found else None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Red.jpg.json", f"there is Red.jpg.json: {CASE}"),
        ("red.JPG.json", f"there is red.JPG.json: {CASE}"),
        ("red.jpg.JSON", f"there is red.jpg.JSON: {CASE}"),
        ("RED.json", f"there is RED.json: {CASE}"),
        ("red.jpeg.json", "there is red.jpeg.json: the name should be red.jpg.json"),
        ("redd.jpg.json", "there is redd.jpg.json: the name should be red.jpg.json"),
        ("red.jpg.json5", "there is red.jpg.json5: the name should be red.jpg.json"),
        ("rad.json", "there is rad.json: the name should be red.jpg.json"),
        ("red_.json", "there is red_.json: the name should be red.jpg.json"),
        ("red.jpg.json.txt", "there is red.jpg.json.txt: the name should be red.jpg.json"),
        ("Red.jpg.json.TXT", "there is Red.jpg.json.TXT: the name should be red.jpg.json"),
        ("red.jpg (1).json", "there is red.jpg (1).json: the name should be red.jpg.json"),
        ("red.jpg (12).json.txt", "there is red.jpg (12).json.txt: the name should be red.jpg.json"),
    ],
)
def test_nearest_file_is_suggested_with_the_reason(name: str, says: str) -> None:
    assert describe_near_miss(KEY, [KEY, f"shoes/{name}", "shoes/notes.txt"]) == says


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["shoes/notes.txt", "shoes/red.jpg"],
        ["shoes/blue-suede.jpg.json"],
        ["shoes/red.txt"],
        ["shoes/rad.jpg.json", "shoes/rad.jpg"],
        ["shoes/Red.jpg.json", "shoes/Red.jpg"],
        ["shoes/rad.jpg.JSON", "shoes/rad.jpg"],
        ["shoes/rad.jpg.json.txt", "shoes/rad.jpg"],
        ["shoes/rad.jpg (1).json", "shoes/rad.jpg"],
        ["shoes/red2.jpg.json"],
        ["shoes/red (1).json"],
    ],
    ids=str,
)
def test_distant_file_or_another_photos_sidecar_is_not_suggested(names: list[str]) -> None:
    assert describe_near_miss(KEY, names) is None


@pytest.mark.parametrize(
    ("photo", "names"),
    [
        ("IMG_0001.jpg", ["IMG_0001.jpg", "IMG_0002.jpg.json"]),
        ("2.jpg", ["1.jpg", "2.jpg", "1.jpg.JSON"]),
        ("2.jpg", ["2.jpg", "3.json"]),
    ],
)
def test_sidecar_of_another_photo_in_series_is_not_suggested(photo: str, names: list[str]) -> None:
    """Following such advice would buy the wrong picture."""
    assert describe_near_miss(photo, names) is None


def test_mistyped_letter_in_a_series_is_suggested() -> None:
    assert describe_near_miss("IMG_0001.jpg", ["IMG_0002.jpg.json", "IMH_0001.jpg.json"]) == (
        "there is IMH_0001.jpg.json: the name should be IMG_0001.jpg.json"
    )


def test_nearest_file_is_suggested_and_not_the_first() -> None:
    names = ["shoes/aed.jpg.jsn.json", "shoes/bad.jpg.json", "shoes/rod.jpg.json"]
    assert describe_near_miss(KEY, names) == "there is rod.jpg.json: the name should be red.jpg.json"


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_equal_looking_names_are_explained(forms: tuple[Literal["NFC", "NFD"], ...]) -> None:
    photo, sidecar = (unicodedata.normalize(form, "café.jpg") for form in forms)
    words = "the name looks the same, but has another Unicode normalization form (NFC or NFD)"
    assert describe_near_miss(photo, [photo, f"{sidecar}.json"]) == f"there is {sidecar}.json: {words}"


def test_folder_defaults_are_not_suggested_as_a_sidecar() -> None:
    assert describe_near_miss("shoes/backdrop.jpg", ["shoes/_backdrop.json"]) is None


@pytest.mark.parametrize("name", ["_Backdrop.json", "backdrop.json", "_backdrop.json.txt", "_backdrops.json"])
def test_misnamed_folder_defaults_are_suggested(name: str) -> None:
    says = f"there is {name}: the name of folder defaults is _backdrop.json"
    assert describe_near_miss("shoes/red.jpg", [f"shoes/{name}", "shoes/blue.json"]) == says
    assert describe_near_miss("shoes/red.jpg", [f"shoes/{name}", "shoes/Red.json"]) == f"there is Red.json: {CASE}"


def test_sidecar_of_a_photo_named_backdrop_is_not_suggested() -> None:
    assert describe_near_miss("shoes/red.jpg", ["shoes/backdrop.jpg", "shoes/backdrop.json"]) is None


def test_file_that_differs_only_in_case_is_preferred() -> None:
    assert describe_near_miss(KEY, ["shoes/rad.jpg.json", "shoes/red.Jpg.json"]) == f"there is red.Jpg.json: {CASE}"


@quick
@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=4))
def test_near_miss_search_accepts_any_names(photo_name: str, names: list[str]) -> None:
    found = describe_near_miss(photo_name, [*names, *(f"{name}.json" for name in names)])
    assert found is None or found.startswith("there is ")


def test_report_without_instructions_names_the_near_miss() -> None:
    world = World()
    upload_sidecar_bytes(world, "shoes/Red.jpg", b'{"operation": "remove"}')
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    report = world.read_report(KEY)
    assert report
    (error,) = report["errors"]
    assert error["code"] == "no_instructions"
    assert error["message"].endswith(f"However, there is Red.jpg.json: {CASE}.")


def test_only_the_first_page_of_a_folder_is_searched() -> None:
    world = World()
    for n in range(2_000):
        world.s3.upload("photos", f"shoes/a{n:04}.txt", b"")
    world.queues["intake"].messages.clear()
    upload_unique_photo(world, KEY)
    world.transport.faults_before.append(listed := TargetedFault(lambda _: None, "list_objects_v2", times=10_000))
    world.run_until_empty()
    assert listed.hit_count == 1
