"""Instructions from folder defaults, variants, tags, and direct requests."""

import json
from typing import Any

import pytest

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import ERRORS_PREFIX, Folder

DEFAULTS = "_backdrop.json"


def read_variants(folder: Folder, name: str) -> dict[str, dict[str, Any]]:
    """Returns the photo's current jobs by variant."""
    jobs = (folder.receipt(name) or {"jobs": []})["jobs"]
    return {job["variant"]: job for job in jobs if job["current"]}


def wait_for_variants(folder: Folder, name: str, *names: str) -> dict[str, dict[str, Any]]:
    """Returns the photo's jobs as soon as exactly these variants are stored."""

    def poll() -> dict[str, dict[str, Any]] | None:
        jobs = read_variants(folder, name)
        complete = set(jobs) == set(names) and all(job["status"] == "stored" for job in jobs.values())
        return jobs if complete else None

    return eventually(poll, f"{names} of {name} are stored", lambda: (folder.receipt(name), folder.report(name)))


def send_request(folder: Folder, name: str, instructions: dict[str, object]) -> None:
    """Sends a direct request to the intake queue."""
    body = {"bucket": folder.stack.input_bucket, "key": folder.key(name), "instructions": instructions}
    folder.stack.send("IntakeQueueUrl", body)


def test_photo_inherits_folder_defaults_with_their_provenance(folder: Folder) -> None:
    folder.put(DEFAULTS, json.dumps({"prompt": folder.prompt, "rendering_speed": "TURBO", "seed": 1}))
    folder.put(f"summer/{DEFAULTS}", json.dumps({"seed": 7}))
    folder.drop("summer/red.jpg", tags={"magic_prompt": "off"})
    job = folder.wait_until_stored("summer/red.jpg")
    inherited, own = folder.key(DEFAULTS), folder.key(f"summer/{DEFAULTS}")
    assert job["provenance"] == {
        "operation": inherited,
        "prompt": inherited,
        "rendering_speed": inherited,
        "seed": own,
        "magic_prompt": "tags",
    }
    assert job["instructions"]["seed"] == 7
    assert len(folder.charges()) == 1


def test_edited_folder_default_buys_nothing_more(folder: Folder) -> None:
    folder.put(DEFAULTS, json.dumps(folder.instructions))
    folder.drop("red.jpg")
    folder.wait_until_stored("red.jpg")
    folder.put(DEFAULTS, json.dumps({**folder.instructions, "seed": 3}))
    folder.drop("red.jpg")
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 1
    assert len((folder.receipt("red.jpg") or {})["jobs"]) == 1


def test_broken_defaults_block_photos_under_one_report(folder: Folder) -> None:
    folder.put(DEFAULTS, '{"promt": "a beach"}')
    for name in ("red.jpg", "blue.jpg"):
        folder.drop(name)
    folder.drop("green.jpg", folder.instructions)
    report_key = f"{ERRORS_PREFIX}{folder.key(DEFAULTS)}.json"
    report = eventually(
        lambda: folder.stack.read_json(report_key) if folder.list_outputs(report_key) else None, "the folder's report"
    )
    assert [error["code"] for error in report["errors"]] == ["unknown_field"]
    assert "Did you mean 'prompt'" in report["errors"][0]["message"]
    folder.wait_until_queues_empty()
    assert [folder.report(name) for name in ("red.jpg", "blue.jpg", "green.jpg")] == [None] * 3
    assert folder.charges() == []
    folder.put(DEFAULTS, json.dumps(folder.instructions))
    for name in ("red.jpg", "blue.jpg", "green.jpg"):
        folder.wait_until_stored(name)
    assert len(folder.charges()) == 3
    eventually(lambda: not folder.list_outputs(report_key), "no report about the folder")


def test_photo_without_instructions_runs_when_defaults_arrive(folder: Folder) -> None:
    folder.drop("red.jpg")
    folder.wait_for_error("red.jpg", "no_instructions")
    folder.put(DEFAULTS, json.dumps(folder.instructions))
    folder.wait_until_stored("red.jpg")
    assert len(folder.charges()) == 1


def test_report_suggests_a_sidecar_with_a_similar_name(folder: Folder) -> None:
    folder.put("Red.jpg.json", json.dumps(folder.instructions))
    folder.drop("red.jpg")
    assert (
        "there is Red.jpg.json: names are case-sensitive"
        in folder.wait_for_error("red.jpg", "no_instructions")["message"]
    )


def test_edited_variant_runs_alone(folder: Folder) -> None:
    variants: dict[str, object] = {"beach": {"prompt": folder.prompt}, "cut-out": {"operation": "remove"}}
    folder.drop("red.jpg", {"rendering_speed": "TURBO", "variants": variants})
    first = wait_for_variants(folder, "red.jpg", "beach", "cut-out")
    assert folder.pictures("red.jpg") == ["red-beach.png", "red-cut-out.png"]
    edited = f"{folder.prompt} and at night"
    variants["beach"] = {"prompt": edited}
    folder.put("red.jpg.json", json.dumps({"rendering_speed": "TURBO", "variants": variants}))
    eventually(lambda: folder.charges(edited), "another beach is bought")
    folder.wait_until_queues_empty()
    second = wait_for_variants(folder, "red.jpg", "beach", "cut-out")
    assert second["cut-out"]["job_id"] == first["cut-out"]["job_id"]
    assert second["beach"]["job_id"] != first["beach"]["job_id"]
    assert (len(folder.charges()), len(folder.charges(edited))) == (1, 1)


def test_removed_variant_keeps_its_pictures_with_a_warning(folder: Folder) -> None:
    variants: dict[str, object] = {"beach": {"prompt": folder.prompt}, "snow": {"prompt": f"snow, {folder.name}"}}
    folder.drop("red.jpg", {"rendering_speed": "TURBO", "variants": variants})
    wait_for_variants(folder, "red.jpg", "beach", "snow")
    del variants["snow"]
    folder.put("red.jpg.json", json.dumps({"rendering_speed": "TURBO", "variants": variants}))
    wait_for_variants(folder, "red.jpg", "beach")

    def snow_is_not_current() -> bool:
        jobs = (folder.receipt("red.jpg") or {"jobs": []})["jobs"]
        return any(w.startswith("not_current") for job in jobs if job["variant"] == "snow" for w in job["warnings"])

    eventually(snow_is_not_current, "the receipt marks snow as not current", lambda: folder.receipt("red.jpg"))
    folder.wait_until_queues_empty()
    assert folder.pictures("red.jpg") == ["red-beach.png", "red-snow.png"]
    assert len(folder.charges()) == 1


def test_photo_runs_when_tags_are_added_later(folder: Folder) -> None:
    folder.drop("red.jpg")
    folder.wait_for_error("red.jpg", "no_instructions")
    photo_object = {"Bucket": folder.stack.input_bucket, "Key": folder.key("red.jpg")}
    tags = {"TagSet": [{"Key": "operation", "Value": "remove"}]}
    folder.stack.clients.s3.put_object_tagging(**photo_object, Tagging=tags)
    s3 = {"bucket": {"name": folder.stack.input_bucket}, "object": {"key": folder.key("red.jpg")}}
    record = {"eventSource": "aws:s3", "eventName": "ObjectTagging:Put", "s3": s3}
    folder.stack.send("IntakeQueueUrl", {"Records": [record]})
    assert folder.wait_until_stored("red.jpg")["operation"] == "remove"


def test_direct_request_overrides_the_sidecar_and_counts_once(folder: Folder) -> None:
    folder.drop("red.jpg", {"prompt": "not this one", "operation": "replace", "max_cost_usd": 0})
    folder.wait_for_error("red.jpg", "max_cost_exceeded")
    for _ in range(2):
        send_request(folder, "red.jpg", {**folder.instructions, "max_cost_usd": 1})
    job = folder.wait_until_stored("red.jpg")
    assert (job["instructions"]["prompt"], job["provenance"]["prompt"]) == (folder.prompt, "request")
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 1
    assert folder.charges("not this one") == []


@pytest.mark.parametrize(
    ("name", "instructions", "code"),
    [("gone.jpg", {"operation": "remove"}, "photo_not_found"), ("red.jpg", {"operation": "replase"}, "invalid_value")],
)
def test_impossible_request_is_reported(folder: Folder, name: str, instructions: dict[str, object], code: str) -> None:
    folder.drop("red.jpg", tags={"operation": "remove"})
    folder.wait_until_stored("red.jpg")
    send_request(folder, name, instructions)
    folder.wait_for_error(name, code)
    assert folder.pictures("red.jpg") == ["red.png"]
    assert (folder.job("red.jpg") or {})["status"] == "stored"


def test_style_reference_and_palette_reach_the_provider(folder: Folder) -> None:
    folder.put("style.txt", folder.photo("style.jpg"))
    instructions: dict[str, object] = {
        **folder.instructions,
        "style_reference_images": [folder.key("style.txt")],
        "color_palette": "pastel",
    }
    folder.drop("red.jpg", instructions)
    folder.wait_until_stored("red.jpg")
    (charge,) = folder.charges()
    (request,) = [entry for entry in folder.stack.standin.see("requests")["requests"] if entry["job"] == charge["id"]]
    parts = {part["name"]: part["size"] for part in request["parts"]}
    assert parts["style_reference_images"] == folder.stripped_size("style.jpg")
    assert parts["color_palette"] == len('{"name": "PASTEL"}')


def test_missing_reference_is_reported_until_the_sidecar_is_fixed(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.instructions, "style_reference_images": [folder.key("nowhere.jpg")]})
    assert folder.key("nowhere.jpg") in folder.wait_for_error("red.jpg", "reference_not_found")["message"]
    folder.put("red.jpg.json", json.dumps(folder.instructions))
    folder.wait_until_stored("red.jpg")
    assert len(folder.charges()) == 1
