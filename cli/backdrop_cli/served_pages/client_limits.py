"""Limits on the clients of the served pages: how many there are at a time, and how long each may take for a request."""

import socket
import time
from contextlib import suppress
from threading import Lock

MAX_CLIENTS = 64
"""Browsers open six connections per site and tab. Each client has a thread."""
MAX_REQUEST_SECONDS = 30.0
"""A page's largest request, a photo of 32 MB, takes less than a second on the loopback interface."""


class ClientLimits:
    """The open connections, and since when each waits for the rest of a request. Several threads use it."""

    def __init__(self, max_clients: int = MAX_CLIENTS, max_request_seconds: float = MAX_REQUEST_SECONDS) -> None:
        self._max_clients, self._max_request_seconds = max_clients, max_request_seconds
        self._lock = Lock()
        self._waiting_since: dict[socket.socket, float | None] = {}

    def add(self, client: socket.socket) -> bool:
        """Adds a new connection, in place of the one that has waited longest if there are too many.

        Returns False if all others are being answered.
        """
        with self._lock:
            if len(self._waiting_since) >= self._max_clients:
                waiting = {one: since for one, since in self._waiting_since.items() if since is not None}
                if not waiting:
                    return False
                self._end(min(waiting, key=lambda one: waiting[one]))
            self._waiting_since[client] = time.monotonic()
            return True

    def remove(self, client: socket.socket) -> None:
        with self._lock:
            self._waiting_since.pop(client, None)

    def set_waiting(self, client: socket.socket, *, is_waiting: bool) -> None:
        """Records that a client begins a request, or that its request is complete."""
        with self._lock:
            if client in self._waiting_since:
                self._waiting_since[client] = time.monotonic() if is_waiting else None

    def end_slow_requests(self) -> None:
        """Ends the connections that have not sent a complete request in time, idle ones too."""
        latest_start = time.monotonic() - self._max_request_seconds
        with self._lock:
            for client, since in [*self._waiting_since.items()]:
                if since is not None and since < latest_start:
                    self._end(client)

    def _end(self, client: socket.socket) -> None:
        """Wakes the client's thread, which then closes the connection."""
        del self._waiting_since[client]
        with suppress(OSError):  # The client has closed it.
            client.shutdown(socket.SHUT_RDWR)
