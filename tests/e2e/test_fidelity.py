"""Verdicts and own pixels through the deployed stack: with a cut-out, and with a bought mask."""

import json
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageFilter

from backdrop_local.home import ROOT
from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

pytestmark = pytest.mark.usefixtures("composed_pictures")

ASTRONAUT = (ROOT / "examples" / "photos" / "portraits" / "astronaut.jpg").read_bytes()


def list_stored_jobs(folder: Folder, count: int) -> dict[str | None, dict[str, Any]]:
    """Returns the photo's jobs by variant, once this many are stored."""

    def poll() -> dict[str | None, dict[str, Any]]:
        receipt = folder.receipt("red.jpg") or {"jobs": []}
        stored = {job["variant"]: job for job in receipt["jobs"] if job["status"] == "stored"}
        return stored if len(stored) == count else {}

    return eventually(poll, f"{count} stored jobs", lambda: (folder.receipt("red.jpg"), folder.report("red.jpg")))


def test_own_pixels_are_put_into_the_scene_and_compared(folder: Folder) -> None:
    variants = {
        "moon": {"prompt": "on the moon", "subject": {"pixels": "own"}, "output": {"format": "png"}},
        "cut-out": {"operation": "remove", "output": {"size": "full"}},
    }
    folder.put("red.jpg.json", json.dumps({"variants": variants}))
    folder.put("red.jpg", ASTRONAUT)
    jobs = list_stored_jobs(folder, 2)
    (fidelity,) = [picture["fidelity"] for picture in jobs["moon"]["results"]]
    assert fidelity["verdict"] == "same"
    assert fidelity["score"] >= 0.9
    assert [picture["fidelity"] for picture in jobs["cut-out"]["results"]] == [None]
    bucket = folder.stack.outputs["OutputBucketName"]
    stored = folder.stack.clients.s3.get_object(Bucket=bucket, Key=fidelity["map_key"])["Body"].read()
    assert Image.open(BytesIO(stored)).mode == "L"
    photo = Image.open(BytesIO(ASTRONAUT)).convert("RGB")
    picture, cut_out = (folder.picture("red.jpg", f"red-{name}.png") for name in ("moon", "cut-out"))
    assert picture.size == photo.size
    inside = cut_out.getchannel("A").point(lambda alpha: 255 * (alpha == 255)).filter(ImageFilter.MinFilter(9))
    changed = ImageChops.multiply(ImageChops.difference(picture.convert("RGB"), photo).convert("L"), inside)
    assert inside.getbbox()
    assert changed.getbbox() is None
    events = eventually(
        lambda: [one for one in folder.events("red.jpg") if one["detail"]["job"]["variant"] == "moon"], "its event"
    )
    assert events[0]["detail"]["job"]["results"][0]["fidelity"] == fidelity


def test_bought_mask_gives_the_verdict_and_delivers_no_picture(folder: Folder) -> None:
    folder.put("red.jpg.json", '{"prompt": "on the moon", "subject": {"mask": "buy"}}')
    folder.put("red.jpg", ASTRONAUT)
    jobs = list_stored_jobs(folder, 2)
    assert [picture["fidelity"]["verdict"] for picture in jobs[None]["results"]] == ["same"]
    assert (jobs["@mask"]["operation"], jobs["@mask"]["results"]) == ("remove", [])
    assert [event["detail"]["job"]["variant"] for event in folder.events("red.jpg")] == [None]
