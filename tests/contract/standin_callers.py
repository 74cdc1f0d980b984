"""Clients of the stand-in's Segmind, 1min.ai, and Runware, and a host that they fetch from and deliver to."""

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
    """A client of Segmind."""

    def __init__(self, standin: StandinClient) -> None:
        self.standin = standin

    def post(self, path: str, body: object = None, *, key: str | None = KEY, **options: Any) -> requests.Response:
        """Sends a POST request with a JSON body."""
        headers = {} if key is None else {"x-api-key": key}
        options = options or {"json": body}
        return self.standin.http.post(
            self.standin.url + path, headers=headers | options.pop("headers", {}), timeout=WAIT_SECONDS, **options
        )

    def call(self, *, key: str | None = KEY, **fields: object) -> requests.Response:
        """Calls v1."""
        return self.post(SEGMIND_V1, {"image": BASE64, "prompt": "a beach", **fields}, key=key)

    def submit(self, *, key: str | None = KEY, **fields: object) -> requests.Response:
        """Submits work to v2."""
        return self.post(SEGMIND_V2, {"image": BASE64, "prompt": "a beach", **fields}, key=key)

    def get(self, path: str, *, key: str = KEY) -> requests.Response:
        """Sends a GET request with the key."""
        return self.standin.http.get(
            f"{self.standin.url}/segmind{path}", headers={"x-api-key": key}, timeout=WAIT_SECONDS
        )

    def status(self, provider_id: str) -> requests.Response:
        return self.get(f"/v2/requests/{provider_id}/status")

    def result(self, provider_id: str) -> requests.Response:
        return self.get(f"/v2/requests/{provider_id}")

    def finished(self, **fields: Any) -> requests.Response:
        """Submits work, and returns its result when it has ended."""
        provider_id = str(self.submit(**fields).json()["request_id"])
        return until(
            lambda: self.result(provider_id), lambda answer: answer.json().get("status") in ("COMPLETED", "FAILED")
        )


class OneMin:
    """A client of 1min.ai."""

    def __init__(self, standin: StandinClient) -> None:
        self.standin = standin

    def upload(self, *, key: str = KEY, part: str = "asset", content: bytes = JPEG) -> requests.Response:
        """Uploads an asset."""
        files = {part: ("in.jpg", content, "image/jpeg")}
        url = f"{self.standin.url}/onemin/api/assets"
        return self.standin.http.post(url, files=files, headers={"API-KEY": key}, timeout=WAIT_SECONDS)

    def path(self) -> str:
        """Uploads an asset, and returns its path."""
        return str(self.upload().json()["fileContent"]["path"])

    def send(self, body: object, *, key: str | None = KEY) -> requests.Response:
        """Sends a feature request with exactly this body."""
        headers = {} if key is None else {"API-KEY": key}
        url = f"{self.standin.url}/onemin/api/features"
        return self.standin.http.post(url, json=body, headers=headers, timeout=WAIT_SECONDS)

    def body(self, **fields: object) -> dict[str, Any]:
        """Builds a valid feature request with these additional fields in promptObject."""
        prompt_object = {"prompt": "a beach", "imageUrl": self.path(), "num_images": 1, **fields}
        return {"type": "BACKGROUND_REPLACER", "model": "ideogram-3", "promptObject": prompt_object}

    def call(self, **fields: object) -> requests.Response:
        """Makes a valid synchronous call."""
        return self.send(self.body(**fields))

    def submit(self, **fields: object) -> requests.Response:
        """Makes a valid asynchronous call."""
        return self.send({**self.body(**fields), "async": True})

    def look_up(self, provider_id: str, *, key: str = KEY) -> requests.Response:
        """Reads the record with this ID."""
        url = f"{self.standin.url}/onemin/api/results/{provider_id}"
        return self.standin.http.get(url, headers={"API-KEY": key}, timeout=WAIT_SECONDS)

    def finished(self, **fields: object) -> dict[str, Any]:
        """Makes an asynchronous call, and returns its record when it has ended."""
        provider_id = str(self.submit(**fields).json()["aiRecord"]["uuid"])
        answer = until(lambda: self.look_up(provider_id), lambda a: a.json()["aiRecord"]["status"] != "PROCESSING")
        return dict(answer.json()["aiRecord"])


class Runware:
    """A client of Runware."""

    def __init__(self, standin: StandinClient) -> None:
        self.standin = standin

    def send(self, body: object, *, key: str | None = KEY) -> requests.Response:
        """Sends exactly this body."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        url = f"{self.standin.url}/runware/v1"
        return self.standin.http.post(url, json=body, headers=headers, timeout=WAIT_SECONDS)

    @staticmethod
    def task(provider_id: str | None = None, **fields: object) -> dict[str, Any]:
        """Builds a valid imageInference task. Fields that are None are omitted."""
        task = {
            "taskType": "imageInference",
            "taskUUID": provider_id or str(uuid4()),
            "model": "ideogram:4@5",
            "positivePrompt": "a beach",
            "inputs": {"seedImage": DATA_URI},
            "includeCost": True,
            **fields,
        }
        return {name: value for name, value in task.items() if value is not None}

    @staticmethod
    def removal(**fields: object) -> dict[str, Any]:
        """Builds a valid removeBackground task. Fields that are None are omitted."""
        task = {
            "taskType": "removeBackground",
            "taskUUID": str(uuid4()),
            "model": "runware:112@9",
            "inputs": {"image": DATA_URI},
            "includeCost": True,
            **fields,
        }
        return {name: value for name, value in task.items() if value is not None}

    def infer(self, provider_id: str | None = None, **fields: object) -> requests.Response:
        """Sends one imageInference task."""
        return self.send([self.task(provider_id, **fields)])

    def ask(self, kind: str, provider_id: str) -> requests.Response:
        """Sends a getResponse or getTaskDetails task."""
        return self.send([{"taskType": kind, "taskUUID": provider_id}])

    def finished(self, **fields: object) -> dict[str, Any]:
        """Sends an asynchronous task, and returns getResponse's result when the task has ended."""
        provider_id = str(uuid4())
        assert self.infer(provider_id, deliveryMethod="async", **fields).status_code == 200
        answer = until(lambda: self.ask("getResponse", provider_id), _is_over)
        return dict(answer.json())


def _is_over(answer: requests.Response) -> bool:
    document = answer.json()
    return bool(document.get("errors")) or any(item["status"] == "success" for item in document["data"])


def until(ask: Callable[[], requests.Response], is_done: Callable[[requests.Response], bool]) -> requests.Response:
    """Repeats a request until its response is as expected."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_done(answer := ask()):
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.01)
    return answer


@dataclass
class Received:
    """One request that the host received."""

    method: str
    path: str
    kind: str
    body: bytes


@dataclass
class Host:
    """A host that serves a picture, and records uploads. `statuses`: its next responses to uploads, before 200s."""

    url: str
    picture: bytes = JPEG
    received: list[Received] = field(default_factory=list[Received])
    statuses: list[int] = field(default_factory=list[int])

    def received_by(self, method: str) -> list[Received]:
        """Returns the requests with this method."""
        return [request for request in self.received if request.method == method]


@contextmanager
def run_host() -> Generator[Host]:
    """Runs such a host for the duration of the block."""
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
            """Logs nothing."""

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
