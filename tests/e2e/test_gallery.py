"""The before/after page of a real stack: what the buckets hold is what the page shows."""

import json
from pathlib import Path

from tests.e2e.folder import Folder
from tests.e2e.shop import Shop
from tests.e2e.test_operating import Operator


def test_a_page_shows_a_folders_pictures_and_its_problem(shop: Shop, folder: Folder, tmp_path: Path) -> None:
    folder.drop("red shoe.jpg", folder.wish)
    folder.put("list.jpg", "I am a list", {"operation": "remove"})
    folder.stored("red shoe.jpg")
    folder.wrong("list.jpg", "not_a_photo")
    told = Operator(shop).reads("gallery", folder.key(""), "--output", str(tmp_path))
    assert (told["pictures"], told["problems"], told["without_thumb"]) == (1, 1, [])
    text = Path(told["page"]).read_text("utf-8")
    shown = json.loads(text.split('id="album">')[1].split("</script>")[0])
    problem, picture = shown["entries"]
    assert (problem["name"], problem["code"]) == ("list.jpg", "not_a_photo")
    assert (picture["name"], picture["said"], picture["cost"]) == ("red shoe.jpg", folder.prompt, "$0.03")
    assert [link for link in (picture["before"], picture["after"]) if not (tmp_path / link).is_file()] == []
    assert "stand-in" in shown["notices"][0]
