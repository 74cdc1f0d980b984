"""The page's server: bound to this machine alone, it lets one page in, and hands what that asks for to the desk."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import Any, override

from backdrop_cli.droppage.asked import Said
from backdrop_cli.droppage.desk import Desk, Response
from backdrop_cli.droppage.document import document
from backdrop_cli.droppage.guard import EVERYWHERE, HERE, Guard, headers
from backdrop_cli.errors import MisusedError, RefusedError
from backdrop_cli.page.shots import Missing
from backdrop_cli.page.thumbs import shrunk

MOST_BYTES = 32 * 1024 * 1024
JSON = "application/json"
PREVIEW, BYTES = "preview", "application/octet-stream"
"""Where the page sends a photo that its browser cannot show, and as what; no form of another site can send that."""
# A small picture's name follows from what it shows.
KEPT = "private, max-age=86400, immutable"
NOT_HERE = "There is nothing here. The page's full address is where `backdrop page` was started."

type Door = Callable[[Said], Response]


class PageServer(ThreadingHTTPServer):
    """Serves one desk. `explained` turns what goes wrong with AWS into a RefusedError."""

    daemon_threads = True

    def __init__(self, desk: Desk, port: int, explained: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__((HERE, port), _Handler)
        self.desk, self.explained = desk, explained
        self.guard = Guard(self.server_address[1])
        self.doors: dict[str, Door] = {
            "look": desk.look,
            "plan": desk.plan,
            "start": desk.start,
            "form": desk.form,
            "arrived": desk.arrived,
            "state": desk.state,
        }

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is no trouble."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: PageServer  # pyrefly: ignore[bad-override-mutable-attribute]  # no other server makes one
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self._path(writes=False)
        if path is None:
            self._nothing()
        elif path == "":
            nonce = token_urlsafe(16)
            text = self._guarded(lambda: {"html": document(self.server.desk.about(), nonce)})
            sent = text.get("html") or str(text.get("error", ""))
            kind = "text/html" if "html" in text else "text/plain"
            status = HTTPStatus.OK if "html" in text else HTTPStatus.BAD_GATEWAY
            self._send(status, sent.encode(), f"{kind}; charset=utf-8", headers(self.server.desk.signed, nonce))
        else:
            picture = self._guarded(lambda: {"picture": self.server.desk.small.picture(path)}).get("picture")
            self._picture(picture)

    def do_POST(self) -> None:
        path = self._path(writes=True)
        door = self.server.doors.get(path or "")
        length = self.headers.get("Content-Length", "")
        taken = JSON if door else BYTES if path == PREVIEW else ""
        if self.headers.get_content_type() != taken:
            self._nothing()
        elif not length.isdecimal() or int(length) > MOST_BYTES:
            self._nothing(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            data = self.rfile.read(int(length))
            if door is None:
                self._picture(shrunk(data))
                return
            answer = self._guarded(lambda: door(_said(data)))
            status = HTTPStatus(answer.get("status", HTTPStatus.OK))
            self._send(status, json.dumps(answer, ensure_ascii=True).encode(), JSON, {})

    def _path(self, *, writes: bool) -> str | None:
        guard = self.server.guard
        told = {name: self.headers.get(name) for name in ("Host", "Origin")}
        return guard.path_of(self.path) if guard.is_ours(told, writes=writes) else None

    def _guarded(self, work: Callable[[], Response]) -> Response:
        """What comes of it, or the sentence that says why nothing does."""
        try:
            with self.server.explained():
                return work()
        except MisusedError as error:
            return {"error": error.format_message(), "status": HTTPStatus.BAD_REQUEST}
        except RefusedError as error:
            return {"error": error.format_message(), "status": HTTPStatus.CONFLICT}

    def _picture(self, picture: bytes | Missing | None) -> None:
        if isinstance(picture, bytes):
            self._send(HTTPStatus.OK, picture, "image/webp", {"Cache-Control": KEPT})
        else:
            self._nothing()

    def _nothing(self, status: HTTPStatus = HTTPStatus.NOT_FOUND) -> None:
        """Tells nobody what there might be; what was sent along is not read, so the connection ends."""
        self.close_connection = True
        self._send(status, NOT_HERE.encode(), "text/plain; charset=utf-8", {"Connection": "close"})

    def _send(self, status: HTTPStatus, data: bytes, content_type: str, more: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**EVERYWHERE, "Content-Type": content_type, **more}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @override
    def version_string(self) -> str:
        return "backdrop"

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """The address holds the token, so nothing of it is written anywhere."""


def _said(data: bytes) -> Said:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MisusedError("that is no JSON object")
    return found
