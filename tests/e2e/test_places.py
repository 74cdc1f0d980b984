"""What a photo inherits from its folders, its variants, and what is said of it without a file beside it."""

import json
from typing import Any

import pytest

from tests.e2e.folder import ERRORS, Folder
from tests.e2e.shop import eventually

DEFAULTS = "_backdrop.json"


def variants(folder: Folder, name: str) -> dict[str, dict[str, Any]]:
    """The photo's current jobs by variant."""
    jobs = (folder.receipt(name) or {"jobs": []})["jobs"]
    return {job["variant"]: job for job in jobs if job["current"]}


def all_stored(folder: Folder, name: str, *names: str) -> dict[str, dict[str, Any]]:
    """The photo's jobs once exactly these variants are stored."""

    def look() -> dict[str, dict[str, Any]] | None:
        found = variants(folder, name)
        whole = set(found) == set(names) and all(job["status"] == "stored" for job in found.values())
        return found if whole else None

    return eventually(look, f"{names} of {name} are stored", lambda: (folder.receipt(name), folder.report(name)))


def request(folder: Folder, name: str, instructions: dict[str, object]) -> None:
    """A direct request on the intake queue."""
    body = {"bucket": folder.shop.photos, "key": folder.key(name), "instructions": instructions}
    folder.shop.send("IntakeQueueUrl", body)


def test_a_bare_photo_runs_on_what_its_folders_say_and_each_value_has_its_origin(folder: Folder) -> None:
    folder.put(DEFAULTS, json.dumps({"prompt": folder.prompt, "rendering_speed": "TURBO", "seed": 1}))
    folder.put(f"summer/{DEFAULTS}", json.dumps({"seed": 7}))
    folder.drop("summer/red.jpg", tags={"magic_prompt": "off"})
    job = folder.stored("summer/red.jpg")
    above, own = folder.key(DEFAULTS), folder.key(f"summer/{DEFAULTS}")
    assert job["provenance"] == {
        "operation": above,
        "prompt": above,
        "rendering_speed": above,
        "seed": own,
        "magic_prompt": "tags",
    }
    assert job["instructions"]["seed"] == 7
    assert len(folder.charges()) == 1


def test_an_edited_default_buys_nothing_of_what_was_bought(folder: Folder) -> None:
    folder.put(DEFAULTS, json.dumps(folder.wish))
    folder.drop("red.jpg")
    folder.stored("red.jpg")
    folder.put(DEFAULTS, json.dumps({**folder.wish, "seed": 3}))
    folder.drop("red.jpg")
    folder.settle()
    assert len(folder.charges()) == 1
    assert len((folder.receipt("red.jpg") or {})["jobs"]) == 1


def test_a_broken_default_holds_its_photos_under_one_report_until_it_is_mended(folder: Folder) -> None:
    folder.put(DEFAULTS, '{"promt": "a beach"}')
    for name in ("red.jpg", "blue.jpg"):
        folder.drop(name)
    folder.drop("green.jpg", folder.wish)
    where = f"{ERRORS}{folder.key(DEFAULTS)}.json"
    report = eventually(lambda: folder.shop.read_json(where) if folder.listed(where) else None, "the folder's report")
    assert [error["code"] for error in report["errors"]] == ["unknown_field"]
    assert "Did you mean 'prompt'" in report["errors"][0]["message"]
    folder.settle()
    assert [folder.report(name) for name in ("red.jpg", "blue.jpg", "green.jpg")] == [None] * 3
    assert folder.charges() == []
    folder.put(DEFAULTS, json.dumps(folder.wish))
    for name in ("red.jpg", "blue.jpg", "green.jpg"):
        folder.stored(name)
    assert len(folder.charges()) == 3
    eventually(lambda: not folder.listed(where), "no report of the folder")


def test_photos_without_a_word_run_when_their_folder_gets_one(folder: Folder) -> None:
    folder.drop("red.jpg")
    folder.wrong("red.jpg", "no_instructions")
    folder.put(DEFAULTS, json.dumps(folder.wish))
    folder.stored("red.jpg")
    assert len(folder.charges()) == 1


def test_a_sidecar_whose_name_is_not_quite_right_is_named(folder: Folder) -> None:
    folder.put("Red.jpg.json", json.dumps(folder.wish))
    folder.drop("red.jpg")
    assert "there is Red.jpg.json: names are case-sensitive" in folder.wrong("red.jpg", "no_instructions")["message"]


def test_each_variant_is_a_job_and_editing_one_runs_that_one_alone(folder: Folder) -> None:
    named: dict[str, object] = {"beach": {"prompt": folder.prompt}, "cut-out": {"operation": "remove"}}
    folder.drop("red.jpg", {"rendering_speed": "TURBO", "variants": named})
    first = all_stored(folder, "red.jpg", "beach", "cut-out")
    assert folder.pictures("red.jpg") == ["red-beach.png", "red-cut-out.png"]
    edited = f"{folder.prompt} and at night"
    named["beach"] = {"prompt": edited}
    folder.put("red.jpg.json", json.dumps({"rendering_speed": "TURBO", "variants": named}))
    eventually(lambda: folder.charges(edited), "another beach is bought")
    folder.settle()
    second = all_stored(folder, "red.jpg", "beach", "cut-out")
    assert second["cut-out"]["job_id"] == first["cut-out"]["job_id"]
    assert second["beach"]["job_id"] != first["beach"]["job_id"]
    assert (len(folder.charges()), len(folder.charges(edited))) == (1, 1)


def test_a_variant_that_is_taken_away_leaves_its_pictures_and_the_receipt_says_so(folder: Folder) -> None:
    named: dict[str, object] = {"beach": {"prompt": folder.prompt}, "snow": {"prompt": f"snow, {folder.name}"}}
    folder.drop("red.jpg", {"rendering_speed": "TURBO", "variants": named})
    all_stored(folder, "red.jpg", "beach", "snow")
    del named["snow"]
    folder.put("red.jpg.json", json.dumps({"rendering_speed": "TURBO", "variants": named}))
    all_stored(folder, "red.jpg", "beach")

    def left() -> bool:
        jobs = (folder.receipt("red.jpg") or {"jobs": []})["jobs"]
        return any(w.startswith("not_current") for job in jobs if job["variant"] == "snow" for w in job["warnings"])

    eventually(left, "the receipt says what became of snow", lambda: folder.receipt("red.jpg"))
    folder.settle()
    assert folder.pictures("red.jpg") == ["red-beach.png", "red-snow.png"]
    assert len(folder.charges()) == 1


def test_tags_that_are_set_later_run_the_photo(folder: Folder) -> None:
    folder.drop("red.jpg")
    folder.wrong("red.jpg", "no_instructions")
    place = {"Bucket": folder.shop.photos, "Key": folder.key("red.jpg")}
    tags = {"TagSet": [{"Key": "operation", "Value": "remove"}]}
    folder.shop.clients.s3.put_object_tagging(**place, Tagging=tags)
    s3 = {"bucket": {"name": folder.shop.photos}, "object": {"key": folder.key("red.jpg")}}
    record = {"eventSource": "aws:s3", "eventName": "ObjectTagging:Put", "s3": s3}
    folder.shop.send("IntakeQueueUrl", {"Records": [record]})
    assert folder.stored("red.jpg")["operation"] == "remove"


def test_a_direct_request_wins_over_the_sidecar_and_twice_is_once(folder: Folder) -> None:
    folder.drop("red.jpg", {"prompt": "not this one", "operation": "replace", "max_cost_usd": 0})
    folder.wrong("red.jpg", "max_cost_exceeded")
    for _ in range(2):
        request(folder, "red.jpg", {**folder.wish, "max_cost_usd": 1})
    job = folder.stored("red.jpg")
    assert (job["instructions"]["prompt"], job["provenance"]["prompt"]) == (folder.prompt, "request")
    folder.settle()
    assert len(folder.charges()) == 1
    assert folder.charges("not this one") == []


@pytest.mark.parametrize(
    ("name", "instructions", "code"),
    [("gone.jpg", {"operation": "remove"}, "photo_not_found"), ("red.jpg", {"operation": "replase"}, "invalid_value")],
)
def test_a_request_that_cannot_be_done_is_reported(
    folder: Folder, name: str, instructions: dict[str, object], code: str
) -> None:
    folder.drop("red.jpg", tags={"operation": "remove"})
    folder.stored("red.jpg")
    request(folder, name, instructions)
    folder.wrong(name, code)
    assert folder.pictures("red.jpg") == ["red.png"]
    assert (folder.job("red.jpg") or {})["status"] == "stored"


def test_a_style_reference_and_a_palette_reach_the_provider(folder: Folder) -> None:
    folder.put("style.txt", folder.photo("style.jpg"))
    wish: dict[str, object] = {
        **folder.wish,
        "style_reference_images": [folder.key("style.txt")],
        "color_palette": "pastel",
    }
    folder.drop("red.jpg", wish)
    folder.stored("red.jpg")
    (charge,) = folder.charges()
    (sent,) = [one for one in folder.shop.standin.see("requests")["requests"] if one["job"] == charge["id"]]
    parts = {part["name"]: part["size"] for part in sent["parts"]}
    assert parts["style_reference_images"] == folder.bare_bytes("style.jpg")
    assert parts["color_palette"] == len('{"name": "PASTEL"}')


def test_a_reference_that_is_missing_is_named_and_the_photo_runs_when_the_sidecar_is_mended(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.wish, "style_reference_images": [folder.key("nowhere.jpg")]})
    assert folder.key("nowhere.jpg") in folder.wrong("red.jpg", "reference_not_found")["message"]
    folder.put("red.jpg.json", json.dumps(folder.wish))
    folder.stored("red.jpg")
    assert len(folder.charges()) == 1
