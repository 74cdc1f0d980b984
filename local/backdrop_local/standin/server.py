"""Puts the stand-in together: one application, one port, a path prefix for each provider."""

import logging
import socket
import time
from collections.abc import Callable
from typing import cast, override

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from backdrop_local.standin import ideogram, onemin, runware, segmind
from backdrop_local.standin.calls import RefusedError
from backdrop_local.standin.control import Control, explain
from backdrop_local.standin.journal import Entry
from backdrop_local.standin.state import Standin, entry_of
from backdrop_local.standin.wire import Silence, WireProtocol

HOST = "127.0.0.1"
SERVER_NAME = "backdrop-stand-in"
BACKLOG = 256

PROVIDERS: dict[str, list[Route]] = {
    ideogram.PROVIDER: ideogram.ROUTES,
    segmind.PROVIDER: segmind.ROUTES,
    onemin.PROVIDER: onemin.ROUTES,
    runware.PROVIDER: runware.ROUTES,
}
RESULTS: list[Route] = [*ideogram.RESULTS, *segmind.RESULTS, *onemin.RESULTS, *runware.RESULTS]
PLAIN_ERRORS: dict[str, Callable[[int], Response]] = {
    ideogram.PROVIDER: ideogram.plain_error,
    segmind.PROVIDER: segmind.plain_error,
    onemin.PROVIDER: onemin.plain_error,
    runware.PROVIDER: runware.plain_error,
}
"""A further provider is a module with its routes, and a row in each of these three tables."""


def create_app(standin: Standin) -> ASGIApp:
    """The whole application."""
    routes: list[BaseRoute] = [
        *(Mount(f"/{name}", routes=routes) for name, routes in PROVIDERS.items()),
        *RESULTS,
        Mount("/_ctl", app=_control_app(standin)),
    ]
    handlers = cast(
        "dict[int | type[Exception], ExceptionHandler]",
        {
            HTTPException: _plain_error,
            RefusedError: _refusal,
            ClientDisconnect: _client_left,
        },
    )
    return _Recorded(Starlette(routes=routes, exception_handlers=handlers), standin)


def _control_app(standin: Standin) -> Starlette:
    handlers = cast(
        "dict[int | type[Exception], ExceptionHandler]",
        {HTTPException: _plain_error, ValueError: explain},
    )
    return Starlette(routes=Control(standin).routes(), exception_handlers=handlers)


class StandinServer(uvicorn.Server):
    """uvicorn with the stand-in in it, bound to a loopback port."""

    def __init__(self, standin: Standin, port: int = 0) -> None:
        self._listener = _listen(port)
        self.port = cast("int", self._listener.getsockname()[1])
        super().__init__(
            uvicorn.Config(
                create_app(standin),
                http=WireProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                headers=[("server", SERVER_NAME)],
                timeout_graceful_shutdown=0,
            )
        )

    @property
    def url(self) -> str:
        """The address without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    def serve_until_stopped(self) -> None:
        """Run until a signal comes or `should_exit` is set."""
        self.run(sockets=[self._listener])

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop at once; calls that are cut off by it are no errors to be logged."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's delay off only for sockets that name their protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(BACKLOG)
    return listener


class _Recorded:
    """Gives each request the present state, and keeps a record of it."""

    def __init__(self, app: ASGIApp, standin: Standin) -> None:
        self._app = app
        self._standin = standin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self._standin.state
        scope["standin.state"] = state
        if str(scope["path"]).startswith("/_ctl/"):
            return await self._app(scope, receive, send)
        entry = state.journal.begin(scope)
        scope["standin.entry"] = entry

        async def receive_and_note() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                entry.read = entry.read or time.time()
            return message

        async def note_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive_and_note, note_and_send)
        finally:
            _close(entry)


def _close(entry: Entry) -> None:
    entry.ended = time.time()
    entry.outcome = entry.outcome or ("no answer" if entry.status is None else f"answered {entry.status}")


async def _plain_error(request: Request, error: HTTPException) -> Response:
    provider = request.url.path.split("/")[1]
    if provider in PLAIN_ERRORS and error.status_code in (404, 405):
        return PLAIN_ERRORS[provider](error.status_code)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _refusal(request: Request, refused: RefusedError) -> Response:
    entry_of(request.scope).outcome = refused.why
    return refused.answer


async def _client_left(request: Request, error: ClientDisconnect) -> Response:
    entry_of(request.scope).outcome = "the client left during its upload"
    return Silence()
