"""Endless compressed responses are cut off at the limit, in little memory, and leave the charge unknown."""

import gzip
import tracemalloc
import zlib

import pytest

from backdrop.model.codes import Code
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.providers.http import MAX_RESPONSE_BYTES, post, send_free_request
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
    pytest.param(raw(HEAD + b"X: " + bytes(1_000_000) + b"\r\n\r\n"), id="a header without an end"),
    pytest.param(raw(HEAD + b"X: 1\r\n" * 100_000 + b"\r\n"), id="headers without an end"),
]


# A response of the maximum size, twice that while its buffer grows, and the buffers between server and client.
MOST_MEMORY = 3 * MAX_RESPONSE_BYTES + 4_000_000


@pytest.mark.parametrize("reply", ENDLESS)
def test_endless_response_of_a_paid_call_is_lost(reply: Reply) -> None:
    with recording(reply) as server:
        tracemalloc.start()
        found = post(server.url, b"{}", {}, timeout_seconds=30)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert isinstance(found, ProviderResult)
    assert (found.retry_class, found.code) == (RetryClass.AMBIG, Code.CHARGE_UNKNOWN)
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("reply", ENDLESS)
def test_endless_response_of_a_free_call_is_an_error(reply: Reply) -> None:
    with recording(reply) as server:
        found = send_free_request(server.url, {}, timeout_seconds=30)
    assert isinstance(found, Exception)


def test_response_of_exactly_the_limit_is_accepted() -> None:
    with recording(http(200, gzip.compress(bytes(MAX_RESPONSE_BYTES)), more="Content-Encoding: gzip\r\n")) as server:
        found = send_free_request(server.url, {}, timeout_seconds=30)
    assert not isinstance(found, Exception)
    assert found
    assert len(found.body) == MAX_RESPONSE_BYTES
