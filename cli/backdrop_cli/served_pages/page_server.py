"""The server of the upload page and the review page, with their APIs; reachable only from this machine."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import Any, override

from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.gallery.album import MissingReason
from backdrop_cli.gallery.thumbnails import encode_thumbnail
from backdrop_cli.review_page.review_api import ReviewApi
from backdrop_cli.review_page.review_html import render_review_page
from backdrop_cli.served_pages.client_limits import ClientLimits
from backdrop_cli.served_pages.page_access import BASE_HEADERS, LOOPBACK_ADDRESS, PageAccess, build_headers
from backdrop_cli.served_pages.page_files import PageFiles
from backdrop_cli.served_pages.presigner import Presigner
from backdrop_cli.served_pages.request_fields import PageRequest, PageResponse
from backdrop_cli.stack import Stack
from backdrop_cli.upload_page.page_html import render_upload_page
from backdrop_cli.upload_page.upload_api import UploadApi

MAX_REQUEST_BYTES = 32 * 1024 * 1024
MAX_LENGTH_DIGITS = len(str(MAX_REQUEST_BYTES))
MAX_RESPONSE_SECONDS = 60.0
"""For a client to take a response."""
JSON_CONTENT_TYPE = "application/json"
PREVIEW_PATH, BINARY_CONTENT_TYPE = "preview", "application/octet-stream"
"""Path and type for photos that the browser cannot show; a form of another site cannot send this type."""
UPLOAD_PATH, REVIEW_PATH = "", "review"
# A file's name is a hash of its content, so it never changes.
FILE_CACHE_CONTROL = "private, max-age=86400, immutable"
NO_FILE = (MissingReason.GONE, "")
NOT_FOUND_TEXT = "Not found. `backdrop page` prints the full address of the page."

type ApiMethod = Callable[[PageRequest], PageResponse]


class PageServer(ThreadingHTTPServer):
    """Serves the pages of one stack. `translate_errors` turns AWS's errors into a CommandError."""

    daemon_threads = True

    def __init__(
        self,
        stack: Stack,
        presigner: Presigner,
        port: int,
        translate_errors: Callable[[], AbstractContextManager[None]],
    ) -> None:
        super().__init__((LOOPBACK_ADDRESS, port), _PageRequestHandler)
        self.presigner, self.translate_errors = presigner, translate_errors
        self.limits = ClientLimits()
        self.files = PageFiles(stack.bucket_reader.read_file)
        self.access = PageAccess(self.server_address[1])
        upload, review = UploadApi(stack, presigner, self.files), ReviewApi(stack, presigner, self.files)
        self.pages: dict[str, Callable[[str], str]] = {
            UPLOAD_PATH: lambda nonce: render_upload_page(upload.describe_page(), nonce),
            REVIEW_PATH: lambda nonce: render_review_page(review.describe_page(), nonce),
        }
        self.api_methods: dict[str, ApiMethod] = {
            "look": upload.check_files,
            "plan": upload.plan_upload,
            "start": upload.start_upload,
            "form": upload.create_form,
            "arrived": upload.check_arrival,
            "state": upload.read_progress,
            "waiting": review.list_pictures,
            "show": review.show_picture,
            "decide": review.decide,
            "redo-price": review.quote_redo,
            "redo": review.redo,
        }

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        if self.limits.add(request):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    @override
    def shutdown_request(self, request: Any) -> None:
        self.limits.remove(request)
        super().shutdown_request(request)

    @override
    def service_actions(self) -> None:
        self.limits.end_slow_requests()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores browsers that close the connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _PageRequestHandler(BaseHTTPRequestHandler):
    server: PageServer  # pyrefly: ignore[bad-override-mutable-attribute]  # no other server makes one
    protocol_version = "HTTP/1.1"
    timeout = MAX_RESPONSE_SECONDS

    @override
    def handle_one_request(self) -> None:
        self.server.limits.set_waiting(self.connection, is_waiting=True)
        super().handle_one_request()

    def do_GET(self) -> None:
        self.server.limits.set_waiting(self.connection, is_waiting=False)
        path = self._authorize(is_write=False)
        if path is None:
            self._send_not_found()
        elif render := self.server.pages.get(path):
            nonce = token_urlsafe(16)
            response = self._call(lambda: {"html": render(nonce)})
            body = response.get("html") or str(response.get("error", ""))
            content_type = "text/html" if "html" in response else "text/plain"
            status = HTTPStatus.OK if "html" in response else HTTPStatus.BAD_GATEWAY
            self._send(
                status, body.encode(), f"{content_type}; charset=utf-8", build_headers(self.server.presigner, nonce)
            )
        else:
            data, content_type = self._call(lambda: {"file": self.server.files.read_link(path)}).get("file", NO_FILE)
            self._send_file(data, content_type)

    def do_POST(self) -> None:
        path = self._authorize(is_write=True)
        method = self.server.api_methods.get(path or "")
        length = self._read_length()
        accepted_type = JSON_CONTENT_TYPE if method else BINARY_CONTENT_TYPE if path == PREVIEW_PATH else ""
        if self.headers.get_content_type() != accepted_type:
            self._send_not_found()
        elif length is None or length > MAX_REQUEST_BYTES:
            self._send_not_found(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            data = self.rfile.read(length)
            self.server.limits.set_waiting(self.connection, is_waiting=False)
            if len(data) < length:
                self.close_connection = True
                return
            if method is None:
                self._send_file(encode_thumbnail(data), "image/webp")
                return
            response = self._call(lambda: method(_parse_request(data)))
            status = HTTPStatus(response.get("status", HTTPStatus.OK))
            self._send(status, json.dumps(response, ensure_ascii=True).encode(), JSON_CONTENT_TYPE, {})

    def _read_length(self) -> int | None:
        """Returns the length of the request's body; None if it has none, or one that no page sends."""
        lengths = self.headers.get_all("Content-Length", [])
        is_readable = len(lengths) == 1 and lengths[0].isascii() and lengths[0].isdecimal()
        if not is_readable or len(lengths[0]) > MAX_LENGTH_DIGITS or "Transfer-Encoding" in self.headers:
            return None
        return int(lengths[0])

    def _authorize(self, *, is_write: bool) -> str | None:
        access = self.server.access
        if any(len(self.headers.get_all(name, [])) > 1 for name in ("Host", "Origin")):
            return None
        headers = {name: self.headers.get(name) for name in ("Host", "Origin")}
        return access.authorize_path(self.path) if access.is_own_request(headers, is_write=is_write) else None

    def _call(self, function: Callable[[], PageResponse]) -> PageResponse:
        """Returns the function's response, or an error and its HTTP status."""
        try:
            with self.server.translate_errors():
                return function()
        except UsageError as error:
            return {"error": error.format_message(), "status": HTTPStatus.BAD_REQUEST}
        except CommandError as error:
            return {"error": error.format_message(), "status": HTTPStatus.CONFLICT}

    def _send_file(self, data: bytes | MissingReason, content_type: str) -> None:
        if isinstance(data, bytes):
            self._send(HTTPStatus.OK, data, content_type, {"Cache-Control": FILE_CACHE_CONTROL})
        else:
            self._send_not_found()

    def _send_not_found(self, status: HTTPStatus = HTTPStatus.NOT_FOUND) -> None:
        """Reveals nothing about existing paths; closes the connection, because the request body is not read."""
        self.close_connection = True
        self._send(status, NOT_FOUND_TEXT.encode(), "text/plain; charset=utf-8", {"Connection": "close"})

    def _send(self, status: HTTPStatus, data: bytes, content_type: str, extra_headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**BASE_HEADERS, "Content-Type": content_type, **extra_headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @override
    def version_string(self) -> str:
        return "backdrop"

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: the address contains the token."""


def _parse_request(data: bytes) -> PageRequest:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UsageError("the request is not a JSON object")
    return document
