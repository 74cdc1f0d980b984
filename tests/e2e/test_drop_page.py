"""The drop page of a real stack, spoken to as its script does: from the price to the picture, and Ctrl-C at the end."""

import base64
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Generator, Iterator
from io import BytesIO
from typing import Any

import pytest
import urllib3
from PIL import Image

from tests.e2e.folder import Folder
from tests.e2e.shop import eventually
from tests.e2e.test_cli_drop import BACKDROP, OURS

NAMES = ("red.jpg", "größe ${filename} 42.png")


class Visitor:
    """Has the page's address, and asks what the page's script would ask."""

    def __init__(self, address: str, folder: Folder) -> None:
        self.address, self.folder = address, folder
        self.http = urllib3.PoolManager(retries=False)
        self.origin = address[: address.index("/", len("http://"))]

    def asks(self, door: str, **words: Any) -> Any:
        sent = self.http.request("POST", self.address + door, json=words, headers={"Origin": self.origin})
        assert sent.status == 200, sent.data
        return sent.json()

    def files(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "size": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "head": base64.b64encode(data[:4096]).decode(),
            }
            for name, data in ((name, self.folder.photo(name)) for name in NAMES)
        ]

    def uploads(self, drop: int, key: str, name: str, data: bytes) -> int:
        """As a browser does: a form of several parts, without a question beforehand; the bucket's HTTP status."""
        form = self.asks("form", drop=drop, key=key)["form"]
        fields = {**form["fields"], "file": ("${filename}", data, "application/octet-stream")}
        return self.http.request_encode_body("POST", form["url"], fields=fields, encode_multipart=True).status


@pytest.fixture
def visitor(folder: Folder) -> Generator[Visitor]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    words = [str(BACKDROP), "page", "--no-browser", "--json"]
    env = {**plain, "BACKDROP_HOME": str(folder.shop.cloud.home.path)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env) as serving:
        assert serving.stdout
        document = "".join(_until_brace(iter(serving.stdout.readline, "")))
        yield Visitor(json.loads(document)["page"], folder)
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=60) == 0


def _until_brace(lines: Iterator[str]) -> Generator[str]:
    for line in lines:
        yield line
        if line.rstrip() == "}":
            return


def test_photos_go_from_the_page_to_their_pictures_and_are_bought_once(visitor: Visitor) -> None:
    folder = visitor.folder
    page = visitor.http.request("GET", visitor.address)
    assert (page.status, b"Upload photos" in page.data) == (200, True)
    files = visitor.files()
    assert visitor.asks("look", files=files) == {"objections": {}}
    wish = {"kind": "replace", "prompt": folder.prompt, "folder": folder.name}
    plan = visitor.asks("plan", **wish, files=files)
    assert (plan["photos"], plan["price"]) == (2, "$0.12")
    begun = visitor.asks("start", plan=plan["plan"])
    for name in NAMES:
        key = folder.key(name)
        half = folder.photo(name)[:-1]
        assert visitor.uploads(begun["drop"], key, name, half) == 400
        assert visitor.asks("arrived", drop=begun["drop"], key=key) == {"arrived": False}
        assert visitor.uploads(begun["drop"], key, name, folder.photo(name)) == 204
        assert visitor.asks("arrived", drop=begun["drop"], key=key) == {"arrived": True}
    seen: list[Any] = []

    def over() -> bool:
        (drop,) = visitor.asks("state", drops=[])["drops"]
        seen.append(drop)
        return drop["over"]

    eventually(over, "all photos are back on the page", lambda: seen[-1])
    assert (seen[-1]["counts"], seen[-1]["cost"]) == ({"stored": 2}, "$0.12")
    for entry in seen[-1]["results"]:
        for link in (visitor.address + entry["before"], visitor.address + entry["after"], entry["link"]):
            with Image.open(BytesIO(visitor.http.request("GET", link).data)) as picture:
                assert picture.width > 0
    assert len(folder.charges()) == 2
    again = visitor.asks("plan", **wish, files=files)
    assert (again["photos"], again["there"], again["price"]) == (0, 2, "$0.00")
    changed = visitor.asks("plan", **wish | {"kind": "remove"}, files=files)
    assert (changed["photos"], changed["price"], changed["choice"]) == (2, "$0.02", None)
    folder.put(f"{NAMES[0]}.json", b'{"operation": "remove"}')
    asked = visitor.asks("plan", **wish, files=files)
    costs = {"replace": "nothing is bought ($0.00)", "keep": "nothing is bought ($0.00)"}
    assert (asked["undecided"], asked["choice"]) == (True, {"photos": 1} | costs)


def test_whoever_has_not_the_address_is_told_nothing(visitor: Visitor) -> None:
    root = visitor.origin + "/"
    for target, headers in ((root, {}), (root + "x/", {}), (visitor.address, {"Host": "evil.example"})):
        assert visitor.http.request("GET", target, headers=headers).status == 404
    elsewhere = {"Origin": "https://evil.example"}
    for headers in (elsewhere, {}):
        assert (
            visitor.http.request("POST", visitor.address + "state", json={"drops": []}, headers=headers).status == 404
        )
