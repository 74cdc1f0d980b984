"""The review page of a real stack: a person sees the file that waits, and decides about exactly that file."""

import hashlib
from io import BytesIO
from typing import Any

from PIL import Image

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder
from tests.e2e.test_upload_page import Visitor
from tests.e2e.test_upload_page import visitor as visitor


def list_seen(visitor: Visitor, key: str) -> list[dict[str, Any]]:
    """Returns what the page sends about the pictures of a photo."""
    pictures = visitor.post("waiting")["pictures"]
    return [{name: one[name] for name in ("job_id", "n", "sha256")} for one in pictures if one["name"] == key]


def read_picture(visitor: Visitor, link: str) -> Image.Image:
    return Image.open(BytesIO(visitor.http.request("GET", visitor.address + link).data))


def test_person_decides_on_the_page_about_the_file_that_waits(visitor: Visitor, folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions | {"approval": "required", "num_images": 2})
    job = folder.wait_for_status("red.jpg", "review")
    assert b"Review pictures" in visitor.http.request("GET", f"{visitor.address}review").data
    key = folder.key("red.jpg")
    first, second = eventually(lambda: list_seen(visitor, key), "the pictures are on the page")
    assert {one["sha256"] for one in (first, second)} == {review["sha256"] for review in job["reviews"]}
    shown = visitor.post("show", **first)["picture"]
    (file,) = shown["files"]
    for link in (shown["before"], file["after"]):
        assert read_picture(visitor, link).format == "WEBP"
    full = visitor.http.request("GET", visitor.address + file["full"]).data
    assert hashlib.sha256(full).hexdigest() == first["sha256"]
    assert visitor.http.request("GET", file["open"]).data == full
    assert visitor.post("redo-price", **first, prompt=f"{folder.prompt}, at night")["micro_usd"] > 0
    assert visitor.post("decide", **first, decision="approved") == {"left": 1}
    ended = visitor.post("decide", **first, decision="rejected")["ended"]
    assert "was approved by arn:aws" in ended
    assert visitor.post("decide", **second, decision="rejected") == {"left": 0}
    job = folder.wait_until_stored("red.jpg")
    assert {(review["n"], review["decision"], review["via"]) for review in job["reviews"]} == {
        (first["n"], "approved", "page"),
        (second["n"], "rejected", "page"),
    }
    assert len(folder.pictures("red.jpg")) == 1
    assert list_seen(visitor, key) == []
