"""A client of the stand-in that is independent of the product's code."""

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
REPLACE_V2 = "/ideogram/v2/image/replace-background/ideogram-3"
REMOVE_V2 = "/ideogram/v2/image/remove-background/ideogram-1"
WAIT_SECONDS = 60.0

type File = tuple[str | None, bytes | str] | tuple[str | None, bytes | str, str]


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), color: str = "teal") -> bytes:
    """Returns a small image of one color."""
    encoded = io.BytesIO()
    Image.new("RGB", size, color).save(encoded, kind)
    return encoded.getvalue()


JPEG = picture()
IMAGE: tuple[str, File] = ("image", ("in.jpg", JPEG, "image/jpeg"))


def text(name: str, value: str) -> tuple[str, File]:
    return name, (None, value)


def palette(value: str, content_type: str = "application/json") -> tuple[str, File]:
    return "color_palette", (None, value, content_type)


class StandinClient:
    """Calls the stand-in as a provider's client, and controls it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.http.close()

    def post(self, path: str, parts: list[tuple[str, File]], *, key: str | None = KEY) -> requests.Response:
        """Sends a multipart form. A key of None sends no header."""
        headers = {} if key is None else {"Api-Key": key}
        return self.http.post(self.url + path, files=parts, headers=headers, timeout=WAIT_SECONDS)

    def replace(self, *further: tuple[str, File], prompt: str = "a beach", key: str | None = KEY) -> requests.Response:
        """Makes a valid call of replace-background with these additional parts."""
        return self.post(REPLACE, [IMAGE, text("prompt", prompt), *further], key=key)

    def remove(self, key: str | None = KEY) -> requests.Response:
        """Makes a valid call of remove-background."""
        return self.post(REMOVE, [IMAGE], key=key)

    def result_url(self) -> str:
        """Makes a call, and returns the link to its result."""
        return str(self.replace().json()["data"][0]["url"])

    def fetch(self, url: str, **headers: str) -> requests.Response:
        """Downloads a URL without following redirects."""
        return self.http.get(url, headers=headers, allow_redirects=False, timeout=WAIT_SECONDS)

    def control(self, name: str, content: object = None, *, method: str = "POST") -> Any:
        """Sends a request to a control route, which must succeed."""
        answer = self.try_control(name, content, method=method)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def try_control(self, name: str, content: object = None, *, method: str = "POST") -> requests.Response:
        """Sends a request to a control route, and returns its response."""
        url = f"{self.url}/_ctl/{name}"
        return self.http.request(method, url, json=content, timeout=WAIT_SECONDS)

    def see(self, name: str) -> Any:
        """Reads a control route."""
        return self.control(name, method="GET")

    def add_fault(self, name: str, args: dict[str, object] | None = None, **rule: object) -> None:
        """Adds a rule for a fault."""
        self.control("faults", {"fault": name, "args": args or {}, **rule})

    def total_usd(self) -> str:
        """Returns the total of the bill, in US dollars."""
        return str(self.see("bill")["total_usd"])

    def jobs(self) -> list[dict[str, Any]]:
        """Returns the jobs on the bill."""
        return [job for key in self.see("bill")["keys"] for job in key["jobs"]]

    def slots(self) -> dict[str, Any]:
        """Returns the calls in flight of the only account, which appears with its first call."""
        accounts = self.see("inflight")["accounts"]
        assert len(accounts) <= 1
        return dict(accounts[0]) if accounts else {"now": 0, "peak": 0, "refused": 0}

    def connect(self) -> socket.socket:
        """Opens a plain connection to the server."""
        address = urlsplit(self.url)
        assert address.hostname
        assert address.port
        return socket.create_connection((address.hostname, address.port), timeout=WAIT_SECONDS)

    def raw_replace(self, prompt: str = "a beach") -> bytes:
        """Returns the bytes of a valid request, for a plain connection."""
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
    """Waits until a condition is true. Fails after WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.01)
