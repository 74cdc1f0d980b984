"""Sidecars and tags reach the provider, and the pictures and receipts are where the documentation says."""

import json
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.folder import Folder

# The last two contain line separators of Unicode and ASCII, at which some code would split them.
ODD_STEMS = {
    "signs": "sub folder/ünïcode +(1) & 100%",
    "line-separators": "sub folder/one\u2028two\u2029three\x85four",
    "line-breaks": "sub folder/one\ntwo\r\nthree\tfour",
}


def read_sent_sizes(stack: DeployedStack, job: str) -> dict[str, int]:
    """Returns the sizes, in bytes, of the parts of the request that led to a job in the bill."""
    (request,) = [entry for entry in stack.standin.see("requests")["requests"] if entry["job"] == job]
    return {part["name"]: part["size"] for part in request["parts"]}


def test_photo_with_a_sidecar_gets_a_new_background(folder: Folder) -> None:
    folder.drop("red.jpg", {"prompt": folder.prompt})
    job = folder.wait_until_stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png"]
    assert folder.picture("red.jpg", "red.png").format == "PNG"
    assert job["operation"] == "replace"
    assert job["instructions"] == {"operation": "replace", "prompt": folder.prompt}
    assert job["provenance"] == dict.fromkeys(("operation", "prompt"), f"{folder.key('red.jpg')}.json")
    assert job["cost"] == {"usd": 0.06, "basis": "price_list", "unknown_usd": 0}
    assert [charge["usd"] for charge in folder.charges()] == ["0.06"]


def test_sidecar_without_the_suffix_applies_to_every_format(folder: Folder) -> None:
    folder.put("red.json", json.dumps(folder.instructions))
    for name in ("red.jpg", "red.png"):
        folder.drop(name)
    for name in ("red.jpg", "red.png"):
        job = folder.wait_until_stored(name)
        assert set(job["provenance"].values()) == {folder.key("red.json")}
    assert len(folder.charges()) == 2


def test_photos_own_sidecar_overrides_the_shared_one(folder: Folder) -> None:
    folder.put("red.json", '{"prompt": "not this one"}')
    folder.drop("red.jpg", folder.instructions)
    assert folder.wait_until_stored("red.jpg")["instructions"]["prompt"] == folder.prompt
    assert folder.charges("not this one") == []


def test_tags_are_sufficient_and_unrelated_tags_are_ignored(folder: Folder) -> None:
    tags = {"prompt": folder.prompt, "rendering_speed": "flash", "cost-center": "1234"}
    folder.drop("red.jpg", tags=tags)
    job = folder.wait_until_stored("red.jpg")
    assert job["instructions"] == {"operation": "replace", "prompt": folder.prompt, "rendering_speed": "FLASH"}
    assert set(job["provenance"].values()) == {"tags"}


def test_sidecar_overrides_tags_field_by_field(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions, tags={"prompt": "not this one", "seed": "7"})
    job = folder.wait_until_stored("red.jpg")
    assert (job["instructions"]["prompt"], job["instructions"]["seed"]) == (folder.prompt, 7)
    assert job["provenance"]["seed"] == "tags"


def test_removed_background_is_transparent(folder: Folder) -> None:
    folder.drop("red.jpg", tags={"operation": "remove"})
    job = folder.wait_until_stored("red.jpg")
    low, high = folder.picture("red.jpg", "red.png").getchannel("A").getextrema()
    assert (low, high) == (0, 255)
    (result,) = job["results"]
    assert result["has_alpha"]
    assert job["cost"]["usd"] == 0.01


@pytest.mark.parametrize(
    ("style", "field", "expected"),
    [
        pytest.param("golden hour", "style_preset", "GOLDEN_HOUR", id="as-people-write-it"),
        pytest.param("Golden-Hour", "style_preset", "GOLDEN_HOUR", id="with-a-hyphen"),
        pytest.param("aaff5733", "style_codes", ["AAFF5733"], id="a-style-code"),
    ],
)
def test_style_reaches_the_provider_in_any_spelling(folder: Folder, style: str, field: str, expected: object) -> None:
    folder.drop("red.jpg", {**folder.instructions, "style": style})
    assert folder.wait_until_stored("red.jpg")["instructions"][field] == expected
    (charge,) = folder.charges()
    size = len(expected if isinstance(expected, str) else "AAFF5733")
    assert read_sent_sizes(folder.stack, charge["id"])[field] == size


def test_several_images_are_numbered_and_each_is_charged(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.instructions, "num_images": 2})
    job = folder.wait_until_stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png", "red_2.png"]
    assert [result["n"] for result in job["results"]] == [1, 2]
    assert job["cost"]["usd"] == 0.06
    (charge,) = folder.charges()
    assert (charge["n"], charge["usd"]) == (2, "0.06")


def test_only_seed_speed_and_magic_prompt_are_sent(folder: Folder) -> None:
    instructions: dict[str, object] = {
        "prompt": folder.prompt,
        "seed": 4711,
        "rendering_speed": "flash",
        "magic_prompt": "off",
    }
    folder.drop("red.jpg", {**instructions, "metadata": {"order": 17}, "max_cost_usd": 1})
    job = folder.wait_until_stored("red.jpg")
    assert job["results"][0]["seed"] == 4711
    assert job["instructions"]["metadata"] == {"order": 17}
    (charge,) = folder.charges()
    assert charge["speed"] == "FLASH"
    parts = read_sent_sizes(folder.stack, charge["id"])
    assert parts.pop("image") == folder.stripped_size("red.jpg")
    assert parts.pop("prompt") == len(folder.prompt.encode())
    assert parts == {"seed": 4, "rendering_speed": 5, "magic_prompt": 3}


@pytest.mark.parametrize("stem", ODD_STEMS.values(), ids=ODD_STEMS)
def test_key_with_unusual_characters_is_kept(folder: Folder, stem: str) -> None:
    photo = f"{stem}.jpg"
    folder.drop(photo, folder.instructions)
    folder.wait_until_stored(photo)
    assert folder.pictures(photo) == [f"{PurePosixPath(stem).name}.png"]
    receipt = folder.receipt(photo)
    assert receipt
    assert receipt["source"]["key"] == folder.key(photo)


def test_receipt_has_all_documented_fields(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_stored("red.jpg")
    receipt = folder.receipt("red.jpg")
    assert receipt
    assert_fields(receipt, "source jobs total_usd")
    assert_fields(receipt["source"], "bucket key version_id sha256 width height changes")
    assert (receipt["source"]["width"], receipt["source"]["height"]) == (64, 48)
    (job,) = receipt["jobs"]
    assert_fields(
        job,
        "job_id variant current status operation provider mandate instructions provenance frame results cost attempts"
        " reused_from reviews queued_at submitted_at paid_at stored_at throttled_seconds warnings",
    )
    assert_fields(
        job["results"][0],
        "key version_id n output width height format bytes has_alpha seed alt title copyright certificate fidelity"
        " is_signed",
    )
    assert_fields(job["attempts"][0], "n provider endpoint provider_id submitted_at outcome money settlement")
    assert job["queued_at"] <= job["submitted_at"] <= job["paid_at"] <= job["stored_at"]
    assert receipt["total_usd"] == job["cost"]["usd"]
    head = folder.stack.clients.s3.head_object(Bucket=folder.stack.output_bucket, Key=job["results"][0]["key"])
    assert (head["ContentType"], head["ContentLength"]) == ("image/png", job["results"][0]["bytes"])
    assert head["VersionId"] == job["results"][0]["version_id"]
    assert len(folder.list_outputs(f"_backdrop/paid/{job['job_id']}/")) == 1


def assert_fields(document: dict[str, Any], names: str) -> None:
    """Asserts that the document has exactly these fields."""
    assert set(document) == set(names.split())
