"""The before-and-after page of a real stack shows what its buckets contain."""

import json
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image, ImageChops

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.folder import Folder
from tests.e2e.test_operating import Operator

pytestmark = pytest.mark.usefixtures("composed_pictures")


def test_gallery_shows_a_folders_pictures_and_problems(stack: DeployedStack, folder: Folder, tmp_path: Path) -> None:
    folder.drop("red shoe.jpg", folder.instructions)
    folder.put("list.jpg", "I am a list", {"operation": "remove"})
    folder.wait_until_stored("red shoe.jpg")
    folder.wait_for_error("list.jpg", "not_a_photo")
    document = Operator(stack).read_json("gallery", folder.key(""), "--output", str(tmp_path))
    assert (document["pictures"], document["problems"], document["without_thumb"]) == (1, 1, [])
    text = Path(document["page"]).read_text("utf-8")
    shown = json.loads(text.split('id="album">')[1].split("</script>")[0])
    problem, picture = shown["entries"]
    assert (problem["name"], problem["code"]) == ("list.jpg", "not_a_photo")
    assert (picture["name"], picture["prompt"], picture["cost"]) == ("red shoe.jpg", folder.prompt, "$0.03")
    (file,) = picture["files"]
    links = [picture["before"], picture["before_full"], file["after"], file["full"]]
    assert [link for link in links if not (tmp_path / unquote(link)).is_file()] == []
    saved, delivered = (
        Image.open(BytesIO((tmp_path / unquote(file["full"])).read_bytes())),
        folder.picture("red shoe.jpg", file["key"].rpartition("/")[2]),
    )
    assert ImageChops.difference(saved.convert("RGB"), delivered.convert("RGB")).getbbox() is None
    assert "stand-in" in shown["notices"][0]
