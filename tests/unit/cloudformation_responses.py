"""Receives the responses that a custom resource sends to CloudFormation."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, override


class ResponseReceiver(HTTPServer):
    """The URL to which CloudFormation's responses are sent. Keeps every response."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.answers: list[dict[str, Any]] = []
        self.content_types: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/answer?X-Amz-Signature=made-up-signature"


class Receiver(BaseHTTPRequestHandler):
    """Records one PUT."""

    server: ResponseReceiver  # pyrefly: ignore[bad-override-mutable-attribute]  # the only server it serves

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.answers.append(json.loads(body))
        self.server.content_types.append(self.headers["Content-Type"])
        self.send_response(200)
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing, so that a test captures only what the function prints."""


@contextmanager
def receive_responses() -> Generator[ResponseReceiver]:
    with ResponseReceiver() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
