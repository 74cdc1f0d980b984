"""Helpers for the adapters' tests: a job to send, and a server that records every byte that it receives."""

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from backdrop.model.job import Job
from backdrop.model.provider_result import ProviderResult
from backdrop.ports import ApiKey
from backdrop.providers.ideogram import Ideogram
from tests.contract.standin_client import JPEG, KEY

SECONDS = 60.0
# The timeout of a call that gets an answer. Tests of other calls set their own.
CALL_SECONDS = 30.0
TLS_HANDSHAKE = b"\x16"
NOW = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)
SUCCESS = (
    b'{"created":"2000-01-23 04:56:07+00:00","data":[{"prompt":"p","resolution":"1280x800","is_image_safe":true,'
    b'"seed":12345,"url":"https://ideogram.ai/api/images/ephemeral/a.png?exp=1743867804&sig=e1"}]}'
)


def build_provider_job(operation: str = "replace", **fields: Any) -> Job:
    """Builds a job for Ideogram with these instructions."""
    instructions: dict[str, Any] = {"operation": operation}
    if operation == "replace":
        instructions["prompt"] = "a beach"
    instructions |= fields
    return Job(
        job_id="job-1",
        content_id="content",
        source_id="source",
        bucket="photos",
        key="shoes/red.jpg",
        version_id=None,
        sha256="0",
        variant="",
        operation=operation,
        provider="ideogram",
        purchase_spec=instructions,
        instructions=instructions,
        provenance={},
        quoted=60_000,
        queued_at=NOW,
    )


def called(adapter: Ideogram, job: Job, photo: bytes) -> ProviderResult:
    """Calls an adapter, and returns the result. Ideogram assigns no ID to its work, and answers when it is done."""
    call = adapter.prepare(job, photo)
    answer = call if isinstance(call, ProviderResult) else call.send(_reject_provider_id)
    assert isinstance(answer, ProviderResult)
    return answer


def _reject_provider_id(provider_id: str) -> None:
    raise AssertionError(f"unexpected provider ID {provider_id}")


@dataclass(frozen=True)
class Part:
    """One part of a form as received: the header lines without line endings, and the bytes."""

    headers: tuple[str, ...]
    data: bytes

    @property
    def name(self) -> str:
        return self.headers[0].partition('name="')[2].partition('"')[0]


@dataclass(frozen=True)
class Request:
    """One request as received. Repeated headers are kept."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Returns every value of a header."""
        return [value for header, value in self.headers if header.lower() == name.lower()]

    @property
    def names(self) -> set[str]:
        """The names of all headers, in lowercase."""
        return {name.lower() for name, _ in self.headers}

    @property
    def parts(self) -> list[Part]:
        """The form's parts, split at the boundary."""
        kind, _, boundary = self.all("Content-Type")[0].partition("; boundary=")
        assert kind == "multipart/form-data"
        before, *parts, after = self.body.split(b"--" + boundary.encode())
        assert (before, after.strip()) == (b"", b"--")
        return [_parse_part(part) for part in parts]


def _parse_part(raw: bytes) -> Part:
    head, _, data = raw.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    return Part(tuple(head.decode().split("\r\n")), data.removesuffix(b"\r\n"))


type Reply = Callable[[socket.socket], None]


def http(
    status: int = 200, body: bytes = SUCCESS, *, kind: str = "application/json", length: bool = True, more: str = ""
) -> Reply:
    """Returns a complete response. Without a length, it ends when the connection closes."""
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: {kind}\r\nConnection: close\r\n{more}"
    head += f"Content-Length: {len(body)}\r\n" if length and "Content-Length" not in more else ""
    return raw(head.encode() + b"\r\n" + body)


def silence(connection: socket.socket) -> None:
    """Closes the connection without a response."""


def raw(data: bytes) -> Reply:
    """Returns a reply that consists of exactly these bytes."""
    return lambda connection: connection.sendall(data)


@dataclass
class Recorder:
    """A server on loopback that records requests and sends these replies in order. The last one is repeated."""

    replies: list[Reply]
    requests: list[Request] = field(default_factory=list[Request])

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, name="recorder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(SECONDS)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(SECONDS)
                self._answer(connection)

    def reply_to(self, request: Request) -> Reply:
        """Returns the next reply, or the last one again."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def _answer(self, connection: socket.socket) -> None:
        try:
            request = _read_request(connection)
            if request:
                self.requests.append(request)
                self.reply_to(request)(connection)
        except OSError:
            return


def _read_request(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := connection.recv(65_536)) or piece.startswith(TLS_HANDSHAKE):
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = tuple((name, value) for name, _, value in (text.partition(": ") for text in lines))
    expected = int(dict(headers).get("Content-Length", "0"))
    while len(body) < expected:
        if not (piece := connection.recv(65_536)):
            return None
        body += piece
    return Request(line, headers, body)


@contextmanager
def recording(*replies: Reply) -> Generator[Recorder]:
    """Runs a recorder."""
    with Recorder(list(replies) or [http()]) as server:
        yield server


def unused_url() -> str:
    """Returns a URL at which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def provide_key(fresh: bool) -> ApiKey:
    """Returns the stand-in's key, cached or not."""
    return ApiKey(KEY)


PHOTO = JPEG
