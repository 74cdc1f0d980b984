"""Endless compressed responses are cut off at the limit, in little memory, and leave the charge unknown."""

import gzip
import tracemalloc
import zlib

import pytest

from backdrop.model.codes import Code
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.providers import http as http_module
from backdrop.providers.http import (
    MAX_BEGINNING_BYTES,
    MAX_RESPONSE_BYTES,
    HttpResponse,
    post,
    run_with_timeout,
    send_free_request,
)
from tests.contract.adapters import Reply, http, raw, recording

LONG = 60_000_000
DEFLATE = zlib.compress(bytes(LONG), 9)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
ENDLESS = [
    pytest.param(http(200, gzip.compress(bytes(LONG), 9), more="Content-Encoding: gzip\r\n"), id="gzip"),
    pytest.param(http(200, DEFLATE, more="Content-Encoding: deflate\r\n"), id="deflate"),
    pytest.param(
        http(200, gzip.compress(gzip.compress(bytes(LONG), 9), 9), more="Content-Encoding: gzip, gzip\r\n"),
        id="gzip in gzip",
    ),
    pytest.param(http(200, bytes(MAX_RESPONSE_BYTES + 1)), id="one byte too long"),
    pytest.param(raw(HEAD + b"\r\n" + bytes(MAX_RESPONSE_BYTES * 2)), id="without a declared length"),
]
ENDLESS_HEADERS = [
    pytest.param(raw(HEAD + b"X: " + bytes(1_000_000) + b"\r\n\r\n"), id="a header without an end"),
    pytest.param(raw(HEAD + b"X: 1\r\n" * 100_000 + b"\r\n"), id="headers without an end"),
]


# A response of the maximum size, twice that while its buffer grows, and the buffers between server and client.
MOST_MEMORY = 3 * MAX_RESPONSE_BYTES + 4_000_000


@pytest.fixture(autouse=True)
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lowers the limit of paid calls, so that the tests need little time."""
    monkeypatch.setattr(http_module, "MAX_ANSWER_BYTES", MAX_RESPONSE_BYTES)


@pytest.mark.parametrize("reply", ENDLESS)
def test_endless_response_was_received_all_the_same(reply: Reply) -> None:
    with recording(reply) as server:
        tracemalloc.start()
        found = post(server.url, b"{}", {}, timeout_seconds=30)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert isinstance(found, HttpResponse)
    assert (found.is_success, found.is_cut, len(found.body)) == (True, True, MAX_BEGINNING_BYTES)
    assert peak < MOST_MEMORY
    with recording(reply) as server:
        free = send_free_request(server.url, {}, timeout_seconds=30)
    assert isinstance(free, HttpResponse)
    assert free.is_cut


@pytest.mark.parametrize("reply", ENDLESS_HEADERS)
def test_response_with_endless_headers_is_lost(reply: Reply) -> None:
    with recording(reply) as server:
        found = post(server.url, b"{}", {}, timeout_seconds=30)
    assert isinstance(found, ProviderResult)
    assert (found.retry_class, found.code) == (RetryClass.AMBIG, Code.CHARGE_UNKNOWN)
    with recording(reply) as server:
        assert isinstance(send_free_request(server.url, {}, timeout_seconds=30), Exception)


def test_response_of_exactly_the_limit_is_accepted() -> None:
    with recording(http(200, gzip.compress(bytes(MAX_RESPONSE_BYTES)), more="Content-Encoding: gzip\r\n")) as server:
        found = send_free_request(server.url, {}, timeout_seconds=30)
    assert not isinstance(found, Exception)
    assert found
    assert len(found.body) == MAX_RESPONSE_BYTES


@pytest.mark.parametrize("location", [b"http://[::1", b"/caf\xe9"])
def test_status_of_a_redirect_with_a_broken_location_is_known(location: bytes) -> None:
    reply = raw(b"HTTP/1.1 301 Moved\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n")
    with recording(reply) as server:
        found = post(server.url, b"{}", {}, timeout_seconds=30)
    assert isinstance(found, HttpResponse)
    assert found.status == 301


def test_exception_of_the_thread_reaches_the_caller() -> None:
    def fail() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        run_with_timeout(30, fail)
