"""The upload page of a real stack, with the requests of its script: from the price to the picture, and then Ctrl-C."""

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

from tests.e2e.deployed_stack import eventually
from tests.e2e.folder import Folder
from tests.e2e.test_cli_drop import BACKDROP, REMOVED_PREFIXES

NAMES = ("red.jpg", "größe ${filename} 42.png")


class Visitor:
    """Has the page's address, and sends the requests of the page's script."""

    def __init__(self, address: str, folder: Folder) -> None:
        self.address, self.folder = address, folder
        self.http = urllib3.PoolManager(retries=False)
        self.origin = address[: address.index("/", len("http://"))]

    def post(self, route: str, **body: Any) -> Any:
        response = self.http.request("POST", self.address + route, json=body, headers={"Origin": self.origin})
        assert response.status == 200, response.data
        return response.json()

    def describe_files(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "size": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "head": base64.b64encode(data[:4096]).decode(),
            }
            for name, data in ((name, self.folder.photo(name)) for name in NAMES)
        ]

    def upload(self, drop: int, key: str, name: str, data: bytes) -> int:
        """Uploads a file as a browser does, in a multipart form without a preflight. Returns the HTTP status."""
        form = self.post("form", drop=drop, key=key)["form"]
        fields = {**form["fields"], "file": ("${filename}", data, "application/octet-stream")}
        return self.http.request_encode_body("POST", form["url"], fields=fields, encode_multipart=True).status


@pytest.fixture
def visitor(folder: Folder) -> Generator[Visitor]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(REMOVED_PREFIXES)}
    command = [str(BACKDROP), "page", "--no-browser", "--json"]
    env = {**inherited, "BACKDROP_HOME": str(folder.stack.cloud.home.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as serving:
        assert serving.stdout
        document = "".join(_until_closing_brace(iter(serving.stdout.readline, "")))
        yield Visitor(json.loads(document)["page"], folder)
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=60) == 0


def _until_closing_brace(lines: Iterator[str]) -> Generator[str]:
    for line in lines:
        yield line
        if line.rstrip() == "}":
            return


def test_photos_uploaded_on_the_page_are_bought_once(visitor: Visitor) -> None:
    folder = visitor.folder
    page = visitor.http.request("GET", visitor.address)
    assert (page.status, b"Upload photos" in page.data) == (200, True)
    files = visitor.describe_files()
    assert visitor.post("look", files=files) == {"objections": {}}
    instructions = {"kind": "replace", "prompt": folder.prompt, "folder": folder.name}
    plan = visitor.post("plan", **instructions, files=files)
    assert (plan["photos"], plan["price"]) == (2, "$0.12")
    started = visitor.post("start", plan=plan["plan"])
    for name in NAMES:
        key = folder.key(name)
        truncated = folder.photo(name)[:-1]
        assert visitor.upload(started["drop"], key, name, truncated) == 400
        assert visitor.post("arrived", drop=started["drop"], key=key) == {"arrived": False}
        assert visitor.upload(started["drop"], key, name, folder.photo(name)) == 204
        assert visitor.post("arrived", drop=started["drop"], key=key) == {"arrived": True}
    states: list[Any] = []

    def over() -> bool:
        (drop,) = visitor.post("state", drops=[])["drops"]
        states.append(drop)
        return drop["over"]

    eventually(over, "all pictures are on the page", lambda: states[-1])
    assert (states[-1]["counts"], states[-1]["cost"]) == ({"stored": 2}, "$0.12")
    for entry in states[-1]["results"]:
        (file,) = entry["files"]
        for link in (visitor.address + entry["before"], visitor.address + file["after"], file["full"]):
            with Image.open(BytesIO(visitor.http.request("GET", link).data)) as picture:
                assert picture.width > 0
    assert len(folder.charges()) == 2
    again = visitor.post("plan", **instructions, files=files)
    assert (again["photos"], again["there"], again["price"]) == (0, 2, "$0.00")
    changed = visitor.post("plan", **instructions | {"kind": "remove"}, files=files)
    assert (changed["photos"], changed["price"], changed["choice"]) == (2, "$0.02", None)
    folder.put(f"{NAMES[0]}.json", b'{"operation": "remove"}')
    undecided = visitor.post("plan", **instructions, files=files)
    costs = {"replace": "nothing is bought ($0.00)", "keep": "nothing is bought ($0.00)"}
    assert (undecided["undecided"], undecided["choice"]) == (True, {"photos": 1} | costs)
