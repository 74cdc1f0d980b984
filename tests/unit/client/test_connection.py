"""The client's connections suffice for its threads."""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from backdrop_client import async_client, connection

MAX_TOOL_THREADS = 40
"""How many threads the SDK of `backdrop mcp` uses at a time for tools."""


def test_each_thread_has_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer, urllib3 warns on stderr that its pool is full."""
    sizes: list[int] = []

    class Session:
        def __init__(self, **_: object) -> None: ...

        def client(self, _: str, config: Any) -> Any:
            sizes.append(config.max_pool_connections)
            return SimpleNamespace(call=None)

    def describe(_: str, cloudformation: Any) -> Any:
        return SimpleNamespace(settings=cloudformation.call, clock=None)

    monkeypatch.setattr(boto3, "Session", Session)
    monkeypatch.setattr(connection, "describe_stack", describe)
    connection.connect("backdrop", None, None)
    assert min(sizes) >= async_client.MAX_THREADS + MAX_TOOL_THREADS
