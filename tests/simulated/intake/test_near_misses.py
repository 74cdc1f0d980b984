"""Near misses: the report of a photo suggests a file that may be its misnamed sidecar."""

import json
import unicodedata
from collections.abc import Collection
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.instructions import suggest
from backdrop.intake import instruction_resolver
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import TargetedFault
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY
from tests.simulated.uploads_and_requests import (
    count_paid_calls,
    read_current_instructions,
    upload_defaults,
    upload_sidecar_bytes,
    upload_unique_photo,
)
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
        *(
            (name, f"there is {name}: the name should be red.jpg.json")
            for name in (
                "red.json.txt",
                "red (1).json",
                "red.jpg(1).json",
                "red.jpg.json (1).txt",
                "red.jpg - Kopie.json",
                "red.jpg – コピー (2).json",
                "red (another copy).json",
                "Copy of red.jpg.json",
                "red.jpg_1.json",
                " red.jpg.json",
                "red.jpg.json ",
                "red.jpg.json.json.txt",
                "red.jpg.json\u200e",
                "\uff52ed.jpg.json",
            )
        ),
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
        ["shoes/red (1).json", "shoes/red (1).jpg"],
        ["shoes/red (1).json.txt", "shoes/red (1).jpg"],
        ["shoes/red - Copy.json", "shoes/red - Copy.jpg"],
        ["shoes/red-1.json"],
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


@pytest.mark.parametrize("defaults", [{}, {"operation": "remove"}], ids=["no defaults", "defaults"])
@pytest.mark.parametrize("name", ["café.jpg.json", "café.json"])
@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_equal_looking_name_is_the_sidecar(
    forms: tuple[Literal["NFC", "NFD"], ...], name: str, defaults: dict[str, str]
) -> None:
    """In either order of arrival, and again if it changes."""
    photo, sidecar = (unicodedata.normalize(form, one) for form, one in zip(forms, ("café.jpg", name), strict=True))
    world = World()
    if defaults:
        upload_defaults(world, "shoes/", defaults)
    upload_unique_photo(world, f"shoes/{photo}")
    for prompt in ("on sand", "on snow"):
        upload_sidecar_bytes(world, f"shoes/{sidecar}".removesuffix(".json"), json.dumps({"prompt": prompt}).encode())
        world.run_until_empty()
        assert read_current_instructions(world, f"shoes/{photo}") == {"": prompt}
    assert list_report_codes(world, f"shoes/{photo}") == []


MISNAMED = [
    "red.jpg.JSON", "Red.jpg.json", "red.JPG.json", "RED.json", "red.jpg.json.txt", "red.jpg (1).json",
    "red.jpg (2).JSON.txt", "red.jpg - Copy.json", "red.jpg copy.json", "red.jpg .json", "red.jpg.json.json",
    "red.jpeg.json", "red.json.txt", "red (1).json", "red.jpg.json ",
]  # fmt: skip


@pytest.mark.parametrize("name", MISNAMED)
def test_probable_sidecar_prevents_a_purchase_by_defaults(name: str) -> None:
    world = World()
    upload_defaults(world, "shoes/", {"operation": "remove"})
    world.s3.upload(INPUT_BUCKET, f"shoes/{name}", b'{"prompt": "on sand", "max_cost_usd": 0.01}')
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    report = world.read_report(KEY) or {}
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == (["sidecar_misnamed"], 0)
    assert name in report["errors"][0]["message"]
    world.s3.delete(INPUT_BUCKET, f"shoes/{name}")
    world.upload_sidecar(KEY, prompt="on sand")
    world.run_until_empty()
    assert (read_current_instructions(world, KEY), count_paid_calls(world)) == ({"": "on sand"}, 1)


@pytest.mark.parametrize(
    ("name", "photo"),
    [
        ("Red.jpg.json", "Red.jpg"),
        ("red.jpeg.json", "red.jpeg"),
        ("red.jpg (1).json", "red.jpg (1)"),
        ("rod.jpg.json", ""),
        ("red-2.jpg.json", ""),
        ("red (1).json", "red (1).jpg"),
        ("notes.json", ""),
    ],
)
def test_file_of_another_photo_prevents_no_purchase(name: str, photo: str) -> None:
    """Also if that photo is still on its way, and only its name is similar."""
    world = World()
    upload_defaults(world, "shoes/", {"operation": "remove"})
    world.s3.upload(INPUT_BUCKET, f"shoes/{name}", b'{"prompt": "on sand"}')
    if photo:
        upload_unique_photo(world, f"shoes/{photo}")
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    assert [job.operation for job in world.list_jobs(KEY)] == ["remove"]


def test_probable_sidecar_is_found_in_a_large_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruction_resolver, "MAX_LISTED_KEYS", 5)
    world = World()
    upload_defaults(world, "shoes/", {"operation": "remove"})
    for n in range(9):
        world.s3.upload(INPUT_BUCKET, f"shoes/a{n}.txt", b"x")
    world.s3.upload(INPUT_BUCKET, "shoes/red.jpg.json.txt", b'{"prompt": "on sand"}')
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    assert list_report_codes(world, KEY) == ["sidecar_misnamed"]


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


def test_only_the_first_page_of_a_folder_and_similar_names_are_searched() -> None:
    world = World()
    for n in range(2_000):
        world.s3.upload("photos", f"shoes/a{n:04}.txt", b"")
    world.queues["intake"].messages.clear()
    upload_unique_photo(world, KEY)
    world.transport.faults_before.append(listed := TargetedFault(lambda _: None, "list_objects_v2", times=10_000))
    world.run_until_empty()
    assert listed.hit_count == 3
