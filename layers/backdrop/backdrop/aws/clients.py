"""How all doors speak to AWS."""

from collections.abc import Callable
from threading import RLock
from typing import Any

import boto3
from botocore.config import Config

from backdrop.ports import AT_ONCE

# A function that hangs on AWS holds a slot or loses an answer: give up soon, try again, keep connections alive.
QUICK = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    tcp_keepalive=True,
    max_pool_connections=AT_ONCE,
)
# A session makes one client at a time.
_MAKING = RLock()


class Later:
    """A client that is made when it is first used, since making one takes a while."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._made, self._lock = make, None, _MAKING

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            self._made = self._made or self._make()
        return getattr(self._made, name)


def seldom(service: str) -> Any:
    """A client that most workers never use: making it would cost each cold start some 10 ms."""
    make: Any = boto3.client
    return Later(lambda: make(service, config=QUICK))
