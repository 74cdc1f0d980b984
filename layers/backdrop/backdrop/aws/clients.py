"""boto3 clients with the timeouts and retries that all handlers use."""

from collections.abc import Callable
from threading import RLock
from typing import Any

import boto3
from botocore.config import Config

from backdrop.ports import CLIENT_CONCURRENCY

# A function that hangs on AWS holds a slot or loses an answer, so requests time out early and are retried. Connections
# are reused.
CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    tcp_keepalive=True,
    max_pool_connections=CLIENT_CONCURRENCY,
)
INVOKING_CLIENT = "lambda:Invoke"
"""The name of the client of Lambda by which a function waits for another one."""
# A repeated request would do the work twice, and a worker that waits for capacity uses up some itself. The time is more
# than the time limit of a function that is waited for.
INVOKING_CONFIG = CLIENT_CONFIG.merge(Config(read_timeout=65, retries={"mode": "standard", "total_max_attempts": 1}))
# boto3's default session is not thread-safe while it creates a client.
_CREATION_LOCK = RLock()


class LazyClient:
    """A client that is created on first use, because creating one adds 5 to 25 ms to a cold start."""

    def __init__(self, create: Callable[[], Any]) -> None:
        self._create, self._client, self._lock = create, None, _CREATION_LOCK

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            self._client = self._client or self._create()
        return getattr(self._client, name)


def lazy_client(service: str) -> Any:
    """Returns a client, created on first use, for the service with this boto3 name, or `INVOKING_CLIENT`."""
    create: Any = boto3.client
    config = INVOKING_CONFIG if service == INVOKING_CLIENT else CLIENT_CONFIG
    return LazyClient(lambda: create(service.partition(":")[0], config=config))
