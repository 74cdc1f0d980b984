"""Clients of the stand-in's Segmind, 1min.ai and Runware, and a host of ours that they fetch from and bring to."""

import base64
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override
from uuid import uuid4

import requests

from tests.contract.standin_client import JPEG, KEY, WAIT_SECONDS, StandinClient

SEGMIND_V1 = "/segmind/v1/ideogram-3-replace-background"
SEGMIND_V2 = "/segmind/v2/ideogram-3-replace-background"
BASE64 = base64.b64encode(JPEG).decode()
DATA_URI = f"data:image/jpeg;base64,{BASE64}"


class Segmind:
    """A caller of Segmind."""

    def __init__(self, standin: StandinClient) -> None:
        self.standin = standin

    def post(self, path: str, body: object = None, *, key: str | None = KEY, **send: Any) -> requests.Response:
        """A POST with a JSON body."""
        headers = {} if key is None else {"x-api-key": key}
        sent = send or {"json": body}
        return self.standin.http.post(
            self.standin.url + path, headers=headers | sent.pop("headers", {}), timeout=WAIT_SECONDS, **sent
        )

    def call(self, *, key: str | None = KEY, **fields: object) -> requests.Response:
        """The v1 call."""
        return self.post(SEGMIND_V1, {"image": BASE64, "prompt": "a beach", **fields}, key=key)

    def submit(self, *, key: str | None = KEY, **fields: object) -> requests.Response:
        """The v2 submit."""
        return self.post(SEGMIND_V2, {"image": BASE64, "prompt": "a beach", **fields}, key=key)

    def get(self, path: str, *, key: str = KEY) -> requests.Response:
        """A GET with the key."""
        return self.standin.http.get(
            f"{self.standin.url}/segmind{path}", headers={"x-api-key": key}, timeout=WAIT_SECONDS
        )

    def status(self, ident: str) -> requests.Response:
        """How far it is."""
        return self.get(f"/v2/requests/{ident}/status")

    def result(self, ident: str) -> requests.Response:
        """What came of it."""
        return self.get(f"/v2/requests/{ident}")

    def finished(self, **fields: Any) -> requests.Response:
        """The result of a submit, when it is there."""
        ident = str(self.submit(**fields).json()["request_id"])
        return until(lambda: self.result(ident), lambda answer: answer.json().get("status") in ("COMPLETED", "FAILED"))


class OneMin:
    """A caller of 1min.ai."""

    def __init__(self, standin: StandinClient) -> None:
        self.standin = standin

    def upload(self, *, key: str = KEY, part: str = "asset", content: bytes = JPEG) -> requests.Response:
        """An asset upload."""
        files = {part: ("in.jpg", content, "image/jpeg")}
        url = f"{self.standin.url}/onemin/api/assets"
        return self.standin.http.post(url, files=files, headers={"API-KEY": key}, timeout=WAIT_SECONDS)

    def path(self) -> str:
        """The path of a fresh upload."""
        return str(self.upload().json()["fileContent"]["path"])

    def send(self, body: object, *, key: str | None = KEY) -> requests.Response:
        """A feature call with this very body."""
        headers = {} if key is None else {"API-KEY": key}
        url = f"{self.standin.url}/onemin/api/features"
        return self.standin.http.post(url, json=body, headers=headers, timeout=WAIT_SECONDS)

    def body(self, **wanted: object) -> dict[str, Any]:
        """A valid feature call, with further fields of promptObject."""
        fields = {"prompt": "a beach", "imageUrl": self.path(), "num_images": 1, **wanted}
        return {"type": "BACKGROUND_REPLACER", "model": "ideogram-3", "promptObject": fields}

    def call(self, **wanted: object) -> requests.Response:
        """A valid sync call."""
        return self.send(self.body(**wanted))

    def submit(self, **wanted: object) -> requests.Response:
        """A valid async call."""
        return self.send({**self.body(**wanted), "async": True})

    def look_up(self, ident: str, *, key: str = KEY) -> requests.Response:
        """The record of this id."""
        url = f"{self.standin.url}/onemin/api/results/{ident}"
        return self.standin.http.get(url, headers={"API-KEY": key}, timeout=WAIT_SECONDS)

    def finished(self, **wanted: object) -> dict[str, Any]:
        """The record of an async call, when it is done."""
        ident = str(self.submit(**wanted).json()["aiRecord"]["uuid"])
        answer = until(lambda: self.look_up(ident), lambda a: a.json()["aiRecord"]["status"] != "PROCESSING")
        return dict(answer.json()["aiRecord"])


class Runware:
    """A caller of Runware."""

    def __init__(self, standin: StandinClient) -> None:
        self.standin = standin

    def send(self, body: object, *, key: str | None = KEY) -> requests.Response:
        """This very body."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        url = f"{self.standin.url}/runware/v1"
        return self.standin.http.post(url, json=body, headers=headers, timeout=WAIT_SECONDS)

    @staticmethod
    def task(ident: str | None = None, **fields: object) -> dict[str, Any]:
        """A valid imageInference task; a field of None is left out."""
        task = {
            "taskType": "imageInference",
            "taskUUID": ident or str(uuid4()),
            "model": "ideogram:4@5",
            "positivePrompt": "a beach",
            "inputs": {"seedImage": DATA_URI},
            "includeCost": True,
            **fields,
        }
        return {name: value for name, value in task.items() if value is not None}

    def infer(self, ident: str | None = None, **fields: object) -> requests.Response:
        """One such task."""
        return self.send([self.task(ident, **fields)])

    def ask(self, kind: str, ident: str) -> requests.Response:
        """getResponse or getTaskDetails."""
        return self.send([{"taskType": kind, "taskUUID": ident}])

    def finished(self, **fields: object) -> dict[str, Any]:
        """What getResponse says of an async task that is done."""
        ident = str(uuid4())
        assert self.infer(ident, deliveryMethod="async", **fields).status_code == 200
        answer = until(lambda: self.ask("getResponse", ident), _is_over)
        return dict(answer.json())


def _is_over(answer: requests.Response) -> bool:
    said = answer.json()
    return bool(said.get("errors")) or any(item["status"] == "success" for item in said["data"])


def until(ask: Callable[[], requests.Response], enough: Callable[[requests.Response], bool]) -> requests.Response:
    """Ask again and again until it is enough."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not enough(answer := ask()):
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.01)
    return answer


@dataclass
class Received:
    """One request that came to our host."""

    method: str
    path: str
    kind: str
    body: bytes


@dataclass
class Host:
    """A host of ours: it gives its picture to all, and keeps what it is brought; `statuses` are answered in turn."""

    url: str
    picture: bytes = JPEG
    received: list[Received] = field(default_factory=list[Received])
    statuses: list[int] = field(default_factory=list[int])

    def brought(self, method: str) -> list[Received]:
        """All that came by this method."""
        return [one for one in self.received if one.method == method]


@contextmanager
def our_host() -> Generator[Host]:
    """Such a host, for as long as the block lasts."""
    host = Host("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(host.picture if self.path == "/in.jpg" else b"", 200 if self.path == "/in.jpg" else 404)

        def do_PUT(self) -> None:
            self._keep()

        def do_POST(self) -> None:
            self._keep()

        def _keep(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            host.received.append(Received(self.command, self.path, str(self.headers["Content-Type"]), body))
            self._answer(b"", host.statuses.pop(0) if host.statuses else 200)

        def _answer(self, content: bytes, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join(WAIT_SECONDS)
