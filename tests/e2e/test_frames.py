"""Frames through the deployed stack: the provider receives the canvas, and every picture has the requested shape."""

import json
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder

pytestmark = pytest.mark.usefixtures("composed_pictures")


def encode_cut_out() -> bytes:
    """Returns a photo of 400 × 300 pixels whose subject is a red box on a transparent background."""
    cut_out = Image.new("RGBA", (400, 300))
    cut_out.paste((200, 30, 30, 255), (150, 60, 250, 260))
    file = BytesIO()
    cut_out.save(file, "PNG")
    return file.getvalue()


def build_sidecar(folder: Folder, **fields: Any) -> dict[str, Any]:
    """Returns a sidecar that requests a new background."""
    return {**folder.instructions, **fields}


def test_picture_has_the_shape_of_its_frame(folder: Folder) -> None:
    folder.drop("red.jpg", build_sidecar(folder, frame="4:5"))
    job = folder.wait_until_stored("red.jpg")
    picture = folder.picture("red.jpg", "red.png")
    assert abs(picture.width - picture.height * 4 / 5) <= 1
    frame = job["frame"]
    assert frame["ratio"] == "4:5"
    assert abs(frame["canvas"]["width"] - frame["canvas"]["height"] * 4 / 5) <= 1
    assert frame["photo"]["width"] <= frame["canvas"]["width"]
    assert not [one for one in job["warnings"] if one.startswith("frame_padded")]
    assert len(folder.charges()) == 1


def test_frame_size_is_the_size_of_the_picture_and_another_size_is_free(folder: Folder) -> None:
    folder.drop("red.jpg", build_sidecar(folder, frame="60x32"))
    first = folder.wait_until_stored("red.jpg")
    assert folder.picture("red.jpg", "red.png").size == (60, 32)
    folder.put("red.jpg.json", json.dumps(build_sidecar(folder, frame="30x16", output={"format": "webp"})))
    eventually(lambda: "red.webp" in folder.pictures("red.jpg"), "red.webp is delivered")
    assert folder.picture("red.jpg", "red.webp").size == (30, 16)
    assert folder.wait_until_stored("red.jpg")["job_id"] == first["job_id"]
    assert len(folder.charges()) == 1


def test_each_frame_is_a_variant_with_its_own_price(folder: Folder) -> None:
    variants = {"feed": {"frame": "4:5"}, "story": {"frame": "9:16"}, "wide": {"frame": "3:1"}}
    folder.drop("red.jpg", build_sidecar(folder, variants=variants))
    names = [f"red-{name}.png" for name in sorted(variants)]
    eventually(lambda: folder.pictures("red.jpg") == names, "every variant is delivered")
    sizes = {name: folder.picture("red.jpg", f"red-{name}.png").size for name in variants}
    for name, ratio in (("feed", 4 / 5), ("story", 9 / 16), ("wide", 3)):
        assert abs(sizes[name][0] - sizes[name][1] * ratio) <= max(1, ratio)
    assert len(folder.charges()) == 3


def test_cut_out_is_placed_in_its_frame(folder: Folder) -> None:
    folder.drop("red.jpg", {"operation": "remove", "frame": "1:1", "subject_size": 0.5, "position": "bottom"})
    folder.wait_until_stored("red.jpg")
    alpha = folder.picture("red.jpg", "red.png").getchannel("A")
    side = alpha.width
    box = alpha.point([0] * 16 + [255] * 240).getbbox()
    assert alpha.size == (side, side)
    assert box
    assert abs(max(box[2] - box[0], box[3] - box[1]) / side - 0.5) <= 0.03
    assert abs((side - box[3]) / side - 0.25) <= 0.03


def test_subject_of_a_photo_without_a_mask_is_not_bought(folder: Folder) -> None:
    folder.drop("red.jpg", build_sidecar(folder, frame="1:1", subject_size=0.8))
    assert folder.wait_for_error("red.jpg", "frame_needs_mask")["money"] == "not_spent"
    assert folder.charges() == []


def test_transparent_photo_places_its_subject_before_the_purchase(folder: Folder) -> None:
    folder.put("red.png.json", json.dumps(build_sidecar(folder, frame="1:1", subject_size=0.8)))
    folder.put("red.png", encode_cut_out())
    frame = folder.wait_until_stored("red.png")["frame"]
    assert frame["canvas"] == {"width": 250, "height": 250}
    assert frame["photo"] == {"left": -75, "top": -35, "width": 400, "height": 300}


def test_frame_of_an_impossible_shape_is_not_bought(folder: Folder) -> None:
    folder.drop("red.jpg", build_sidecar(folder, frame="100:1"))
    entry = folder.wait_for_error("red.jpg", "invalid_value")
    assert "'3:1'" in entry["message"]
    assert folder.charges() == []
