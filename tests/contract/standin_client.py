"""A client that puts exactly the given bytes on the wire, without any of the product's code."""

import io
import socket
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from PIL import Image

KEY = "standin-key"
REPLACE = "/ideogram/v1/ideogram-v3/replace-background"
REMOVE = "/ideogram/v1/remove-background"
WAIT_SECONDS = 60.0

type File = tuple[str | None, bytes | str] | tuple[str | None, bytes | str, str]


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), color: str = "teal") -> bytes:
    """A small image of one color."""
    encoded = io.BytesIO()
    Image.new("RGB", size, color).save(encoded, kind)
    return encoded.getvalue()


JPEG = picture()
IMAGE: tuple[str, File] = ("image", ("in.jpg", JPEG, "image/jpeg"))


def text(name: str, value: str) -> tuple[str, File]:
    """A part that is no file."""
    return name, (None, value)


def palette(value: str, content_type: str = "application/json") -> tuple[str, File]:
    """A color_palette part."""
    return "color_palette", (None, value, content_type)


class StandinClient:
    """Speaks to the stand-in as a provider's client and as its controller."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.http.close()

    def post(self, path: str, parts: list[tuple[str, File]], *, key: str | None = KEY) -> requests.Response:
        """A multipart form; a key of None sends no header."""
        headers = {} if key is None else {"Api-Key": key}
        return self.http.post(self.url + path, files=parts, headers=headers, timeout=WAIT_SECONDS)

    def replace(self, *further: tuple[str, File], prompt: str = "a beach", key: str | None = KEY) -> requests.Response:
        """A valid call of replace-background with further parts."""
        return self.post(REPLACE, [IMAGE, text("prompt", prompt), *further], key=key)

    def remove(self, key: str | None = KEY) -> requests.Response:
        """A valid call of remove-background."""
        return self.post(REMOVE, [IMAGE], key=key)

    def result_url(self) -> str:
        """The link of a result just made."""
        return str(self.replace().json()["data"][0]["url"])

    def fetch(self, url: str, **headers: str) -> requests.Response:
        """A download that follows no redirect."""
        return self.http.get(url, headers=headers, allow_redirects=False, timeout=WAIT_SECONDS)

    def control(self, name: str, content: object = None, *, method: str = "POST") -> Any:
        """POST (or another method) to a control route, which must agree."""
        answer = self.try_control(name, content, method=method)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def try_control(self, name: str, content: object = None, *, method: str = "POST") -> requests.Response:
        """The same, whatever the answer."""
        url = f"{self.url}/_ctl/{name}"
        return self.http.request(method, url, json=content, timeout=WAIT_SECONDS)

    def see(self, name: str) -> Any:
        """GET a control route."""
        return self.control(name, method="GET")

    def fault(self, name: str, args: dict[str, object] | None = None, **rule: object) -> None:
        """Post one fault rule."""
        self.control("faults", {"fault": name, "args": args or {}, **rule})

    def total_usd(self) -> str:
        """What has been billed to all keys."""
        return str(self.see("bill")["total_usd"])

    def jobs(self) -> list[dict[str, Any]]:
        """The bill's jobs of all keys."""
        return [job for key in self.see("bill")["keys"] for job in key["jobs"]]

    def slots(self) -> dict[str, Any]:
        """The in-flight row of the only account."""
        (row,) = self.see("inflight")["accounts"]
        return dict(row)

    def connect(self) -> socket.socket:
        """A bare connection to the server."""
        address = urlsplit(self.url)
        assert address.hostname
        assert address.port
        return socket.create_connection((address.hostname, address.port), timeout=WAIT_SECONDS)

    def raw_replace(self, prompt: str = "a beach") -> bytes:
        """The bytes of a valid request, for a bare connection."""
        prepared = requests.Request(
            "POST",
            self.url + REPLACE,
            headers={"Api-Key": KEY},
            files=[IMAGE, text("prompt", prompt)],
        ).prepare()
        assert isinstance(prepared.body, bytes)
        lines = [f"POST {REPLACE} HTTP/1.1", f"Host: {urlsplit(self.url).netloc}"]
        lines += [f"{name}: {value}" for name, value in prepared.headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + prepared.body


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again until it is so; fails after WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
