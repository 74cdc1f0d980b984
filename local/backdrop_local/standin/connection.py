"""The TCP connection of a request, so that faults can close it, reset it, truncate it, or slow it down."""

import asyncio
import socket
import struct
from typing import cast, override

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

BREAK_DELAY_SECONDS = 0.05
TRICKLE_STEP_SECONDS = 0.1


class Connection:
    """One TCP connection of the server."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    @property
    def is_gone(self) -> bool:
        """Whether the connection is closed or closing, from either side."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Sends raw bytes, bypassing HTTP."""
        self._transport.write(data)

    def close(self) -> None:
        """Closes the connection properly after sending what has been written."""
        self._transport.close()

    def reset(self) -> None:
        """Breaks the connection with a TCP reset."""
        connection = cast("socket.socket", self._transport.get_extra_info("socket"))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


class ConnectionProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which gives each request access to its connection."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:
        """Makes the new connection available to every request on it."""
        super().connection_made(transport)
        self.app = _with_connection(cast("ASGIApp", self.app), Connection(transport))


def read_connection(scope: Scope) -> Connection:
    """Returns the connection of a request."""
    return cast("Connection", scope["standin.connection"])


def _with_connection(app: ASGIApp, wire: Connection) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope["standin.connection"] = wire
        await app(scope, receive, send)

    return serve


class NoResponse(Response):
    """No response at all: the connection is closed or reset without a byte."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Breaks the connection, and waits until uvicorn notices it."""
        wire = read_connection(scope)
        if self._reset:
            wire.reset()
        else:
            wire.close()
        await _wait_until_gone(receive)


class InterimThenResponse(Response):
    """A response preceded by interim responses."""

    def __init__(self, response: Response, codes: list[int]) -> None:
        super().__init__()
        self._response = response
        self._codes = codes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the interim responses, and then the response."""
        for code in self._codes:
            read_connection(scope).write(b"HTTP/1.1 %d Interim\r\nLink: </style.css>\r\n\r\n" % code)
        await self._response(scope, receive, send)


class TruncatedResponse(Response):
    """The complete headers of a response and half of its body, and then a close or a reset."""

    def __init__(self, response: Response, *, reset: bool) -> None:
        super().__init__()
        self._response = response
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends half of the body, and breaks the connection."""
        body = bytes(self._response.body)
        await send(_build_start_message(self._response))
        await send(_build_body_message(body[: len(body) // 2]))
        await asyncio.sleep(BREAK_DELAY_SECONDS)
        await NoResponse(reset=self._reset)(scope, receive, send)


class SlowResponse(Response):
    """A response whose body is sent slowly. It stops when the client disconnects."""

    def __init__(self, response: Response, bytes_per_second: int) -> None:
        super().__init__()
        self._response = response
        self._step = max(1, round(bytes_per_second * TRICKLE_STEP_SECONDS))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the body in small steps."""
        body, wire = bytes(self._response.body), read_connection(scope)
        await send(_build_start_message(self._response))
        for start in range(0, len(body), self._step):
            await send(_build_body_message(body[start : start + self._step]))
            if wire.is_gone:
                await _wait_until_gone(receive)
                return
            await asyncio.sleep(TRICKLE_STEP_SECONDS)
        await send({"type": "http.response.body", "body": b""})


def _build_start_message(response: Response) -> Message:
    return {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }


def _build_body_message(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
