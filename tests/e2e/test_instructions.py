"""What sidecar and tags say is what the provider is asked, and what comes back lies where people look for it."""

import json
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.e2e.folder import Folder
from tests.e2e.shop import Shop

# The last two are several lines for code that splits text into lines, by the separators of Unicode and of ASCII.
ODD = {
    "signs": "sub folder/ünïcode +(1) & 100%",
    "line-separators": "sub folder/one\u2028two\u2029three\x85four",
    "line-breaks": "sub folder/one\ntwo\r\nthree\tfour",
}


def sent(shop: Shop, job: str) -> dict[str, int]:
    """The parts of the request that led to a job of the bill, with their sizes in bytes."""
    (request,) = [one for one in shop.standin.see("requests")["requests"] if one["job"] == job]
    return {part["name"]: part["size"] for part in request["parts"]}


def test_a_sidecar_beside_the_photo_gets_it_a_new_background(folder: Folder) -> None:
    folder.drop("red.jpg", {"prompt": folder.prompt})
    job = folder.stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png"]
    assert folder.picture("red.jpg", "red.png").format == "PNG"
    assert job["operation"] == "replace"
    assert job["instructions"] == {"operation": "replace", "prompt": folder.prompt}
    assert job["provenance"] == dict.fromkeys(("operation", "prompt"), f"{folder.key('red.jpg')}.json")
    assert job["cost"] == {"usd": 0.06, "basis": "price_list", "unknown_usd": 0}
    assert [charge["usd"] for charge in folder.charges()] == ["0.06"]


def test_one_sidecar_without_the_suffix_speaks_for_every_photo_of_that_name(folder: Folder) -> None:
    folder.put("red.json", json.dumps(folder.wish))
    for name in ("red.jpg", "red.png"):
        folder.drop(name)
    for name in ("red.jpg", "red.png"):
        job = folder.stored(name)
        assert set(job["provenance"].values()) == {folder.key("red.json")}
    assert len(folder.charges()) == 2


def test_a_photos_own_sidecar_wins_over_the_shared_one(folder: Folder) -> None:
    folder.put("red.json", '{"prompt": "not this one"}')
    folder.drop("red.jpg", folder.wish)
    assert folder.stored("red.jpg")["instructions"]["prompt"] == folder.prompt
    assert folder.charges("not this one") == []


def test_tags_are_enough_and_foreign_tags_do_no_harm(folder: Folder) -> None:
    tags = {"prompt": folder.prompt, "rendering_speed": "flash", "cost-center": "1234"}
    folder.drop("red.jpg", tags=tags)
    job = folder.stored("red.jpg")
    assert job["instructions"] == {"operation": "replace", "prompt": folder.prompt, "rendering_speed": "FLASH"}
    assert set(job["provenance"].values()) == {"tags"}


def test_a_sidecar_wins_over_tags_field_by_field(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish, tags={"prompt": "not this one", "seed": "7"})
    job = folder.stored("red.jpg")
    assert (job["instructions"]["prompt"], job["instructions"]["seed"]) == (folder.prompt, 7)
    assert job["provenance"]["seed"] == "tags"


def test_a_removed_background_is_really_transparent(folder: Folder) -> None:
    folder.drop("red.jpg", tags={"operation": "remove"})
    job = folder.stored("red.jpg")
    low, high = folder.picture("red.jpg", "red.png").getchannel("A").getextrema()
    assert (low, high) == (0, 255)
    (result,) = job["results"]
    assert result["has_alpha"]
    assert job["cost"]["usd"] == 0.01


@pytest.mark.parametrize(
    ("said", "field", "meant"),
    [
        pytest.param("golden hour", "style_preset", "GOLDEN_HOUR", id="as-people-write-it"),
        pytest.param("Golden-Hour", "style_preset", "GOLDEN_HOUR", id="with-a-hyphen"),
        pytest.param("aaff5733", "style_codes", ["AAFF5733"], id="a-style-code"),
    ],
)
def test_a_style_reaches_the_provider_however_it_is_spelled(
    folder: Folder, said: str, field: str, meant: object
) -> None:
    folder.drop("red.jpg", {**folder.wish, "style": said})
    assert folder.stored("red.jpg")["instructions"][field] == meant
    (charge,) = folder.charges()
    size = len(meant if isinstance(meant, str) else "AAFF5733")
    assert sent(folder.shop, charge["id"])[field] == size


def test_several_images_come_numbered_and_each_is_paid_for(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.wish, "num_images": 2})
    job = folder.stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png", "red_2.png"]
    assert [result["n"] for result in job["results"]] == [1, 2]
    assert job["cost"]["usd"] == 0.06
    (charge,) = folder.charges()
    assert (charge["n"], charge["usd"]) == (2, "0.06")


def test_seed_speed_and_magic_prompt_reach_the_wire_and_nothing_else_does(folder: Folder) -> None:
    wish: dict[str, object] = {"prompt": folder.prompt, "seed": 4711, "rendering_speed": "flash", "magic_prompt": "off"}
    folder.drop("red.jpg", {**wish, "metadata": {"order": 17}, "max_cost_usd": 1})
    job = folder.stored("red.jpg")
    assert job["results"][0]["seed"] == 4711
    assert job["instructions"]["metadata"] == {"order": 17}
    (charge,) = folder.charges()
    assert charge["speed"] == "FLASH"
    parts = sent(folder.shop, charge["id"])
    assert parts.pop("image") == folder.bare_bytes("red.jpg")
    assert parts.pop("prompt") == len(folder.prompt.encode())
    assert parts == {"seed": 4, "rendering_speed": 5, "magic_prompt": 3}


@pytest.mark.parametrize("stem", ODD.values(), ids=ODD)
def test_a_key_of_odd_letters_comes_back_as_it_was(folder: Folder, stem: str) -> None:
    photo = f"{stem}.jpg"
    folder.drop(photo, folder.wish)
    folder.stored(photo)
    assert folder.pictures(photo) == [f"{PurePosixPath(stem).name}.png"]
    receipt = folder.receipt(photo)
    assert receipt
    assert receipt["source"]["key"] == folder.key(photo)


def test_a_receipt_says_all_that_it_promises(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    folder.stored("red.jpg")
    receipt = folder.receipt("red.jpg")
    assert receipt
    assert_fields(receipt, "source jobs total_usd")
    assert_fields(receipt["source"], "bucket key version_id sha256 width height changes")
    assert (receipt["source"]["width"], receipt["source"]["height"]) == (64, 48)
    (job,) = receipt["jobs"]
    assert_fields(
        job,
        "job_id variant current status operation provider instructions provenance results cost attempts"
        " reused_from queued_at submitted_at paid_at stored_at throttled_seconds warnings",
    )
    assert_fields(job["results"][0], "key version_id n output width height format bytes has_alpha seed")
    assert_fields(job["attempts"][0], "n provider provider_id submitted_at outcome money")
    assert job["queued_at"] <= job["submitted_at"] <= job["paid_at"] <= job["stored_at"]
    assert receipt["total_usd"] == job["cost"]["usd"]
    head = folder.shop.clients.s3.head_object(Bucket=folder.shop.pictures, Key=job["results"][0]["key"])
    assert (head["ContentType"], head["ContentLength"]) == ("image/png", job["results"][0]["bytes"])
    assert head["VersionId"] == job["results"][0]["version_id"]
    assert len(folder.listed(f"_backdrop/paid/{job['job_id']}/")) == 1


def assert_fields(found: dict[str, Any], names: str) -> None:
    """Exactly these fields are there."""
    assert set(found) == set(names.split())
