"""How all doors speak to AWS."""

from collections.abc import Callable
from threading import RLock
from typing import Any

import boto3
from botocore.config import Config

from backdrop.ports import CLIENT_CONCURRENCY

# A function that hangs on AWS holds a slot or loses an answer: give up soon, try again, keep connections alive.
CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    tcp_keepalive=True,
    max_pool_connections=CLIENT_CONCURRENCY,
)
# A session makes one client at a time.
_CREATION_LOCK = RLock()


class LazyClient:
    """A client that is made when it is first used: making one takes a cold start 5 to 25 ms."""

    def __init__(self, create: Callable[[], Any]) -> None:
        self._create, self._client, self._lock = create, None, _CREATION_LOCK

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            self._client = self._client or self._create()
        return getattr(self._client, name)


def lazy_client(service: str) -> Any:
    """The client of a service by boto3's name, with our timeouts and retries. It is made when it is first used."""
    create: Any = boto3.client
    return LazyClient(lambda: create(service, config=CLIENT_CONFIG))
