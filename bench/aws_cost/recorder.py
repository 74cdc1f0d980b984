"""A proxy between a function and the emulator that forwards and records each request to AWS."""

import json
import re
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast, override
from urllib.parse import parse_qs, unquote, urlsplit

SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/(?P<service>[^/]+)/aws4_request")
S3_OPERATIONS = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
LAMBDA_OPERATIONS = {"GET": "ListEventSourceMappings", "PUT": "UpdateEventSourceMapping"}
# These headers apply to one connection, or are written again for the other one.
HOP_BY_HOP_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})
TIMEOUT_SECONDS = 60
PROVIDER = "provider"


@dataclass(frozen=True)
class RecordedRequest:
    """One request: its function, its service, and its target (`path`: `bucket/key`, empty for most services)."""

    function: str
    service: str
    operation: str
    path: str
    sent: Mapping[str, Any]
    response: Mapping[str, Any]
    status: int


@dataclass(eq=False)
class RequestRecorder:
    """All requests, in order."""

    emulator: str
    requests: list[RecordedRequest] = field(default_factory=list[RecordedRequest])

    @contextmanager
    def listen(self, function: str) -> Generator[str]:
        """Yields the address at which one function reaches the emulator for the duration of the block."""
        server = _RecorderServer(self, function)
        thread = threading.Thread(target=server.serve_forever, name=f"recorder {function}", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _RecorderServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, recorder: RequestRecorder, function: str) -> None:
        super().__init__(("127.0.0.1", 0), _RecorderHandler)
        self.recorder, self.function = recorder, function

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores connection resets: a worker that is stopped drops its connections."""
        if not isinstance(sys.exception(), ConnectionResetError):
            super().handle_error(request, client_address)


class _RecorderHandler(BaseHTTPRequestHandler):
    """One connection of a function's worker."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    @override
    def setup(self) -> None:
        super().setup()
        self.recorder_server = cast("_RecorderServer", self.server)

    def do_GET(self) -> None:
        self._forward()

    def do_HEAD(self) -> None:
        self._forward()

    def do_PUT(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def do_DELETE(self) -> None:
        self._forward()

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: text for name, text in self.headers.items() if name.lower() not in HOP_BY_HOP_HEADERS}
        # A new connection: the emulator closes idle ones, which a function would treat as a failure.
        with closing(
            HTTPConnection(urlsplit(self.recorder_server.recorder.emulator).netloc, timeout=TIMEOUT_SECONDS)
        ) as upstream:
            upstream.request(self.command, self.path, body or None, headers)
            response = upstream.getresponse()
            data = response.read()
        recorded = _build_request(
            self.recorder_server.function, self.command, self.path, headers, body, data, response.status
        )
        self.recorder_server.recorder.requests.append(recorded)
        self._respond(response.status, response.getheaders(), data)

    def _respond(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response_only(status)
        length = next((text for name, text in headers if name.lower() == "content-length"), "")
        for name, text in headers:
            if name.lower() not in HOP_BY_HOP_HEADERS:
                self.send_header(name, text)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing, because each request is recorded."""


def _build_request(
    function: str, method: str, path: str, headers: Mapping[str, str], body: bytes, data: bytes, status: int
) -> RecordedRequest:
    signed = headers.get("Authorization", "")
    if not signed:
        # A provider reads or writes a presigned URL that a function created.
        function, signed = PROVIDER, unquote(path)
    found = SERVICE.search(signed)
    service = found["service"] if found else ""
    target = headers.get("X-Amz-Target", "")
    if target:
        operation, target_path = target.rpartition(".")[2], ""
    elif service == "s3":
        operation, target_path = _parse_s3(method, path)
    else:
        operation, target_path = LAMBDA_OPERATIONS.get(method, method), urlsplit(path).path
    return RecordedRequest(
        function, service, operation, target_path, _parse_json(body, target), _parse_json(data, target), status
    )


def _parse_s3(method: str, path: str) -> tuple[str, str]:
    """Returns the S3 operation and its target."""
    parts = urlsplit(path)
    query = parse_qs(parts.query, keep_blank_values=True)
    target_path = unquote(parts.path).removeprefix("/")
    if "list-type" in query:
        return "ListObjectsV2", f"{target_path}/{query.get('prefix', [''])[0]}"
    if "tagging" in query:
        return f"{method.title()}ObjectTagging", target_path
    return S3_OPERATIONS[method], target_path


def _parse_json(data: bytes, target: str) -> Mapping[str, Any]:
    return json.loads(data) if target and data else {}
