"""One paid picture in the forms that people need it, and another form of it for nothing."""

import json
from typing import Any, cast

import pytest

from tests.e2e.folder import Folder
from tests.e2e.shop import eventually

pytestmark = pytest.mark.usefixtures("composed")

SHOP = {
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


def wanted(folder: Folder, *outputs: dict[str, Any]) -> dict[str, object]:
    """A sidecar that asks for these outputs of a new background."""
    return {**folder.wish, "output": list(outputs)}


def edited(folder: Folder, *outputs: dict[str, Any]) -> dict[str, Any]:
    """The photo's job once the sidecar asks for these outputs instead and they are handed over."""
    folder.put("red.jpg.json", json.dumps(wanted(folder, *outputs)))
    names = [output.get("name") for output in outputs]

    def look() -> dict[str, Any] | None:
        job = folder.job("red.jpg")
        stored = job if job and job["status"] == "stored" else None
        return stored if stored and [one["output"] for one in stored["results"]] == names else None

    return eventually(look, f"red.jpg has {names}", lambda: (folder.job("red.jpg"), folder.report("red.jpg")))


def test_one_paid_picture_is_handed_over_in_every_form_that_is_asked_for(folder: Folder) -> None:
    folder.drop("red.jpg", wanted(folder, {}, SHOP, THUMB))
    job = folder.stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png", "red@shop.jpg", "red@thumb.webp"]
    shown = [(one["output"], one["format"], one["width"]) for one in job["results"][1:]]
    assert shown == [("shop", "jpg", 2000), ("thumb", "webp", 32)]
    assert folder.picture("red.jpg", "red@shop.jpg").size == (2000, 2000)
    assert folder.picture("red.jpg", "red@thumb.webp").format == "WEBP"
    assert len(folder.charges()) == 1


def test_a_picture_is_served_as_what_it_is_and_not_kept_for_long(folder: Folder) -> None:
    folder.drop("red.jpg", wanted(folder, SHOP))
    folder.stored("red.jpg")
    key = folder.key("red.jpg/red@shop.jpg")
    found = folder.shop.clients.s3.head_object(Bucket=folder.shop.pictures, Key=key)
    assert (found["ContentType"], found["CacheControl"]) == ("image/jpeg", "max-age=300, must-revalidate")


def test_a_cut_out_on_white_for_a_marketplace(folder: Folder) -> None:
    folder.drop("red.jpg", {"operation": "remove", "output": {key: SHOP[key] for key in SHOP if key != "name"}})
    folder.stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.jpg"]
    picture = folder.picture("red.jpg", "red.jpg")
    assert (picture.mode, picture.size) == ("RGB", (2000, 2000))
    assert min(cast("tuple[int, int, int]", picture.getpixel((5, 5)))) >= 254


def test_other_outputs_are_delivered_again_for_nothing_and_old_pictures_stay(folder: Folder) -> None:
    folder.drop("red.jpg", wanted(folder, {}, THUMB))
    first = folder.stored("red.jpg")
    job = edited(folder, {}, {**THUMB, "name": "small"})
    assert job["job_id"] == first["job_id"]
    assert folder.pictures("red.jpg") == ["red.png", "red@small.webp", "red@thumb.webp"]
    (warning,) = job["warnings"]
    assert warning.startswith(f"old_picture: {folder.key('red.jpg/red@thumb.webp')} ")
    folder.settle()
    assert len(folder.charges()) == 1


def test_where_the_paid_file_is_gone_the_old_picture_stays(folder: Folder) -> None:
    folder.drop("red.jpg", wanted(folder, {}))
    job = folder.stored("red.jpg")
    folder.settle()
    prefix = f"_backdrop/paid/{job['job_id']}/"
    (name,) = folder.listed(prefix)
    folder.shop.clients.s3.delete_object(Bucket=folder.shop.pictures, Key=f"{prefix}{name}")
    folder.fault("status", {"code": 404}, route="cdn")
    folder.put("red.jpg.json", json.dumps(wanted(folder, THUMB)))
    entry = folder.wrong("red.jpg", "paid_file_gone")
    assert (entry["money"], folder.pictures("red.jpg")) == ("spent", ["red.png"])
    assert len(folder.charges()) == 1


def test_a_cut_out_as_jpg_without_a_background_is_reported_and_not_bought(folder: Folder) -> None:
    folder.drop("red.jpg", {"operation": "remove", "output": {"format": "jpg"}})
    entry = eventually(lambda: (folder.report("red.jpg") or {}).get("errors"), "red.jpg is reported")[0]
    assert "background" in entry["message"]
    assert entry["money"] == "not_spent"
    assert folder.pictures("red.jpg") == []
