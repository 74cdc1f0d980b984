"""The stand-in's server: one application, one port, and a path prefix for each provider."""

import logging
import socket
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import cast, override

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from backdrop_local.standin import ideogram, ideogram_v2, onemin, runware, segmind
from backdrop_local.standin.api_call import RejectedCallError
from backdrop_local.standin.connection import ConnectionProtocol, NoResponse
from backdrop_local.standin.control import ControlRoutes, report_invalid_request
from backdrop_local.standin.journal import JournalEntry
from backdrop_local.standin.state import Standin, read_entry

HOST = "127.0.0.1"
SERVER_NAME = "backdrop-stand-in"
BACKLOG = 256

PROVIDERS: dict[str, list[Route]] = {
    ideogram.PROVIDER: [*ideogram.ROUTES, *ideogram_v2.ROUTES],
    segmind.PROVIDER: segmind.ROUTES,
    onemin.PROVIDER: onemin.ROUTES,
    runware.PROVIDER: runware.ROUTES,
}
RESULTS: list[Route] = [*ideogram.RESULTS, *segmind.RESULTS, *onemin.RESULTS, *runware.RESULTS]
ROUTING_ERRORS: dict[str, Callable[[int], Response]] = {
    ideogram.PROVIDER: ideogram.build_routing_error,
    segmind.PROVIDER: segmind.build_routing_error,
    onemin.PROVIDER: onemin.build_routing_error,
    runware.PROVIDER: runware.build_routing_error,
}
"""To add a provider, write a module with its routes, and add a row to each of these three tables."""


def create_app(standin: Standin) -> ASGIApp:
    """Returns the complete application."""
    routes: list[BaseRoute] = [
        *(Mount(f"/{name}", routes=routes) for name, routes in PROVIDERS.items()),
        *RESULTS,
        Mount("/_ctl", app=_create_control_app(standin)),
    ]
    handlers = cast(
        "dict[int | type[Exception], ExceptionHandler]",
        {
            HTTPException: _handle_http_error,
            RejectedCallError: _handle_rejection,
            ClientDisconnect: _handle_disconnect,
        },
    )
    return _RecordedApp(Starlette(routes=routes, exception_handlers=handlers), standin)


def _create_control_app(standin: Standin) -> Starlette:
    handlers = cast(
        "dict[int | type[Exception], ExceptionHandler]",
        {HTTPException: _handle_http_error, ValueError: report_invalid_request},
    )
    return Starlette(routes=ControlRoutes(standin).routes(), exception_handlers=handlers)


class StandinServer(uvicorn.Server):
    """A uvicorn server that runs the stand-in on a loopback port."""

    def __init__(self, standin: Standin, port: int = 0) -> None:
        self._listener = _open_listener(port)
        self.port = cast("int", self._listener.getsockname()[1])
        super().__init__(
            uvicorn.Config(
                create_app(standin),
                http=ConnectionProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                headers=[("server", SERVER_NAME)],
                timeout_graceful_shutdown=0,
            )
        )

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    def serve_until_stopped(self) -> None:
        """Serves until a signal arrives or `should_exit` is set."""
        self.run(sockets=[self._listener])

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops immediately. Does not log interrupted calls as errors."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def _open_listener(port: int) -> socket.socket:
    # asyncio disables Nagle's algorithm only for sockets that name their protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(BACKLOG)
    return listener


class _RecordedApp:
    """Passes the current state to each request, and records the request."""

    def __init__(self, app: ASGIApp, standin: Standin) -> None:
        self._app = app
        self._standin = standin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self._standin.state
        scope["standin.state"] = state
        if str(scope["path"]).startswith("/_ctl/"):
            return await self._app(scope, receive, send)
        entry = state.journal.begin_entry(scope)
        scope["standin.entry"] = entry

        async def receive_and_note() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                entry.read = entry.read or time.time()
            return message

        async def note_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                date = formatdate(state.clock.now(), usegmt=True)
                message["headers"] = [*message.get("headers", ()), (b"date", date.encode())]
            await send(message)

        try:
            await self._app(scope, receive_and_note, note_and_send)
        finally:
            _close_entry(entry)


def _close_entry(entry: JournalEntry) -> None:
    entry.ended = time.time()
    entry.outcome = entry.outcome or ("no answer" if entry.status is None else f"answered {entry.status}")


async def _handle_http_error(request: Request, error: HTTPException) -> Response:
    provider = request.url.path.split("/")[1]
    if provider in ROUTING_ERRORS and error.status_code in (404, 405):
        return ROUTING_ERRORS[provider](error.status_code)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _handle_rejection(request: Request, refused: RejectedCallError) -> Response:
    read_entry(request.scope).outcome = refused.reason
    return refused.response


async def _handle_disconnect(request: Request, error: ClientDisconnect) -> Response:
    read_entry(request.scope).outcome = "the client disconnected during its upload"
    return NoResponse()
