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


class LazyClient:
    """A client that is made when it is first used: making one takes a cold start 5 to 25 ms."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._made, self._lock = make, None, _MAKING

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            self._made = self._made or self._make()
        return getattr(self._made, name)


def lazy_client(service: str) -> Any:
    """The client of a service by boto3's name, with our timeouts and retries. It is made when it is first used."""
    make: Any = boto3.client
    return LazyClient(lambda: make(service, config=QUICK))
