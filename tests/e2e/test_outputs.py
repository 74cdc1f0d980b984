"""One paid picture is delivered in all requested outputs, and outputs that are added later are free."""

import json
from typing import Any, cast

import pytest

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

pytestmark = pytest.mark.usefixtures("composed_pictures")

MARKETPLACE = {
    "name": "shop",
    "format": "jpg",
    "width": 2000,
    "height": 2000,
    "fit": "pad",
    "background": "#ffffff",
    "trim": True,
    "margin": "7.5%",
}
THUMB = {"name": "thumb", "format": "webp", "width": 32}


def build_sidecar(folder: Folder, *outputs: dict[str, Any]) -> dict[str, object]:
    """Returns a sidecar that requests a new background with these outputs."""
    return {**folder.instructions, "output": list(outputs)}


def replace_outputs(folder: Folder, *outputs: dict[str, Any]) -> dict[str, Any]:
    """Replaces the outputs in the sidecar, and returns the photo's job as soon as they are delivered."""
    folder.put("red.jpg.json", json.dumps(build_sidecar(folder, *outputs)))
    names = [output.get("name") for output in outputs]

    def poll() -> dict[str, Any] | None:
        job = folder.job("red.jpg")
        stored = job if job and job["status"] == "stored" else None
        return stored if stored and [result["output"] for result in stored["results"]] == names else None

    return eventually(poll, f"red.jpg has {names}", lambda: (folder.job("red.jpg"), folder.report("red.jpg")))


def test_one_paid_picture_is_delivered_in_every_requested_output(folder: Folder) -> None:
    folder.drop("red.jpg", build_sidecar(folder, {}, MARKETPLACE, THUMB))
    job = folder.wait_until_stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png", "red@shop.jpg", "red@thumb.webp"]
    outputs = [(result["output"], result["format"], result["width"]) for result in job["results"][1:]]
    assert outputs == [("shop", "jpg", 2000), ("thumb", "webp", 32)]
    assert folder.picture("red.jpg", "red@shop.jpg").size == (2000, 2000)
    assert folder.picture("red.jpg", "red@thumb.webp").format == "WEBP"
    assert len(folder.charges()) == 1


def test_picture_has_content_type_and_short_cache_time(folder: Folder) -> None:
    folder.drop("red.jpg", build_sidecar(folder, MARKETPLACE))
    folder.wait_until_stored("red.jpg")
    key = folder.key("red.jpg/red@shop.jpg")
    head = folder.stack.clients.s3.head_object(Bucket=folder.stack.output_bucket, Key=key)
    assert (head["ContentType"], head["CacheControl"]) == ("image/jpeg", "max-age=300, must-revalidate")


def test_cut_out_for_a_marketplace_is_on_white(folder: Folder) -> None:
    folder.drop(
        "red.jpg", {"operation": "remove", "output": {key: MARKETPLACE[key] for key in MARKETPLACE if key != "name"}}
    )
    folder.wait_until_stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.jpg"]
    picture = folder.picture("red.jpg", "red.jpg")
    assert (picture.mode, picture.size) == ("RGB", (2000, 2000))
    assert min(cast("tuple[int, int, int]", picture.getpixel((5, 5)))) >= 254


def test_changed_outputs_are_free_and_old_pictures_stay(folder: Folder) -> None:
    folder.drop("red.jpg", build_sidecar(folder, {}, THUMB))
    first = folder.wait_until_stored("red.jpg")
    job = replace_outputs(folder, {}, {**THUMB, "name": "small"})
    assert job["job_id"] == first["job_id"]
    assert folder.pictures("red.jpg") == ["red.png", "red@small.webp", "red@thumb.webp"]
    (warning,) = job["warnings"]
    assert warning.startswith(f"old_picture: {folder.key('red.jpg/red@thumb.webp')} ")
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 1


def test_old_picture_stays_if_the_paid_file_is_gone(folder: Folder) -> None:
    folder.drop("red.jpg", build_sidecar(folder, {}))
    job = folder.wait_until_stored("red.jpg")
    folder.wait_until_queues_empty()
    prefix = f"_backdrop/paid/{job['job_id']}/"
    (name,) = folder.list_outputs(prefix)
    folder.stack.clients.s3.delete_object(Bucket=folder.stack.output_bucket, Key=f"{prefix}{name}")
    folder.add_fault("status", {"code": 404}, route="cdn")
    folder.put("red.jpg.json", json.dumps(build_sidecar(folder, THUMB)))
    entry = folder.wait_for_error("red.jpg", "paid_file_gone")
    assert (entry["money"], folder.pictures("red.jpg")) == ("spent", ["red.png"])
    assert len(folder.charges()) == 1


def test_cut_out_as_jpg_without_background_is_not_bought(folder: Folder) -> None:
    folder.drop("red.jpg", {"operation": "remove", "output": {"format": "jpg"}})
    entry = eventually(lambda: (folder.report("red.jpg") or {}).get("errors"), "red.jpg is reported")[0]
    assert "background" in entry["message"]
    assert entry["money"] == "not_spent"
    assert folder.pictures("red.jpg") == []


def test_jpeg_is_within_max_bytes_with_its_metadata(folder: Folder) -> None:
    large = {"format": "jpg", "background": "white", "width": 1_000, "height": 1_000, "fit": "pad", "quality": 100}
    outputs = [large, {**large, "name": "limited", "max_bytes": 60_000}, {**large, "name": "tiny", "max_bytes": 5_000}]
    folder.drop("red.jpg", {"operation": "remove", "output": outputs})
    job = folder.wait_until_stored("red.jpg")
    keys = {result["output"]: result["key"] for result in job["results"]}
    sizes = {result["output"]: result["bytes"] for result in job["results"]}
    s3, bucket = folder.stack.clients.s3, folder.stack.output_bucket
    assert {name: s3.head_object(Bucket=bucket, Key=key)["ContentLength"] for name, key in keys.items()} == sizes
    assert sizes["limited"] <= min(60_000, sizes[None])
    assert folder.picture("red.jpg", "red@limited.jpg").size == (1_000, 1_000)
    warnings = [warning for warning in job["warnings"] if warning.startswith("over_max_bytes")]
    assert sizes["tiny"] > 5_000
    assert [keys["tiny"] in warning for warning in warnings] == [True]


def test_max_bytes_of_a_png_is_not_bought(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.instructions, "output": {"max_bytes": 50_000}})
    entry = folder.wait_for_error("red.jpg", "invalid_value")
    assert (entry["money"], "webp or jpg" in entry["message"]) == ("not_spent", True)
    assert folder.charges() == []


def test_list_of_colors_is_the_palette_of_the_same_members(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.instructions, "color_palette": ["#f00", "#00ff00"]})
    first = folder.wait_until_stored("red.jpg")
    members = [{"color_hex": "#ff0000"}, {"color_hex": "#00ff00"}]
    assert first["instructions"]["color_palette"] == {"members": members}
    folder.put("red.jpg.json", json.dumps({**folder.instructions, "color_palette": {"members": members}}))
    folder.wait_until_queues_empty()
    job = folder.job("red.jpg")
    assert job is not None
    assert job["job_id"] == first["job_id"]
    assert len(folder.charges()) == 1
