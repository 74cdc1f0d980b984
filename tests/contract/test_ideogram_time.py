"""The timeout of a paid call applies to the whole call, however slowly its bytes arrive."""

import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from types import SimpleNamespace

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.ports import ApiKey
from backdrop.providers import credentials, http, ideogram
from backdrop.providers.ideogram import Ideogram
from tests.contract.adapters import PHOTO, SECONDS, SUCCESS, Reply, build_provider_job, called, provide_key, recording
from tests.contract.standin_client import KEY

LOST = (RetryClass.AMBIG, Code.CHARGE_UNKNOWN, MoneyStatus.UNKNOWN)
NEVER_SENT = (RetryClass.NOW, Code.PROVIDER_UNAVAILABLE, MoneyStatus.NOT_SPENT)
# Long enough to send a call on a busy machine. Every slow step in these tests takes ten times as long.
TIME_OUT = 1.0
UPLOAD_BYTES = 64_000_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
LENGTH = f"Content-Length: {len(SUCCESS)}\r\n\r\n".encode()
Serve = Callable[[socket.socket], None]


@pytest.fixture
def over() -> Generator[Event]:
    """Set at the end of the test. Until then, every server keeps running, for longer than the timeout."""
    event = Event()
    yield event
    event.set()


def drips(over: Event, first: bytes, slow: bytes, last: bytes) -> Reply:
    """Sends the first part at once, then single bytes, each within the socket's timeout, and finally the rest.

    The adapter must not wait for the rest: `over` is set when it is sent.
    """

    def reply(connection: socket.socket) -> None:
        connection.sendall(first)
        for byte in slow:
            if over.wait(TIME_OUT / 10):
                return
            connection.sendall(bytes([byte]))
        over.set()
        connection.sendall(last)

    return reply


def stalls(over: Event, first: bytes) -> Reply:
    """Sends the first part, and then nothing."""

    def reply(connection: socket.socket) -> None:
        connection.sendall(first)
        over.wait(SECONDS)

    return reply


def answer_to(reply: Reply, over: Event) -> ProviderResult:
    with recording(reply) as server:
        answer = called(Ideogram(server.url, TIME_OUT, provide_key), build_provider_job(), PHOTO)
        assert not over.is_set()
        over.set()
        return answer


def assert_lost(answer: ProviderResult) -> None:
    assert (answer.retry_class, answer.code, answer.money) == LOST
    assert "may have been charged" in answer.message


def test_slow_response_head_is_lost_at_the_timeout(over: Event) -> None:
    assert_lost(answer_to(drips(over, HEAD, b"X-Padding: " + b"x" * 100 + b"\r\n", LENGTH + SUCCESS), over))


def test_slow_response_body_is_lost_at_the_timeout(over: Event) -> None:
    head = HEAD + f"Content-Length: {100 + len(SUCCESS)}\r\n\r\n".encode()
    assert_lost(answer_to(drips(over, head, b" " * 100, SUCCESS), over))


@pytest.mark.parametrize(
    "first",
    [b"", HEAD, HEAD + LENGTH, HEAD + LENGTH + SUCCESS[:-1]],
    ids=["silent", "head", "no body", "all but one byte"],
)
def test_stalled_response_is_lost_at_the_timeout(over: Event, first: bytes) -> None:
    assert_lost(answer_to(stalls(over, first), over))


def test_interim_responses_do_not_extend_the_timeout(over: Event) -> None:
    """Each `100 Continue` is a complete response head."""
    assert_lost(answer_to(drips(over, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4, HEAD + LENGTH + SUCCESS), over))


# -- slow uploads -------------------------------------------------------------------------------------------------


@contextmanager
def serving(serve: Serve) -> Generator[str]:
    """Runs a server with small buffers that handles one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)

        def accept() -> None:
            connection, _ = listener.accept()
            with connection, suppress(ConnectionError):
                serve(connection)

        thread = Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(SECONDS)


def test_slow_upload_ends_at_the_timeout(over: Event) -> None:
    """A call that stops before the last byte is unpaid, and otherwise in doubt. It never arrives completely later."""
    received: list[int] = []

    def reads_slowly(connection: socket.socket) -> None:
        while piece := connection.recv(65_536):
            received.append(len(piece))
            over.wait(TIME_OUT / 100)

    with serving(reads_slowly) as url:
        answer = http.post(url, bytes(UPLOAD_BYTES), {"Api-Key": KEY}, timeout_seconds=TIME_OUT)
        over.set()
    assert isinstance(answer, ProviderResult)
    assert (answer.retry_class, answer.code, answer.money) in (LOST, NEVER_SENT)
    assert 0 < sum(received) < UPLOAD_BYTES


@pytest.mark.parametrize(("first_took", "time_outs"), [(3.0, [10.0, 7.0]), (9.5, [10.0])], ids=["early", "late"])
def test_retry_with_a_new_key_gets_only_the_remaining_time(
    first_took: float, time_outs: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    given: list[float] = []

    def refused(url: str, body: bytes, headers: dict[str, str], *, timeout_seconds: float) -> http.HttpResponse:
        given.append(timeout_seconds)
        now[0] += first_took
        return http.HttpResponse(401, {}, b"{}", 0.1)

    for module in (ideogram, credentials):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(ideogram, "post", refused)
    keys = iter(["old", "new"])
    answer = called(Ideogram("https://api.test", 10, lambda fresh: ApiKey(next(keys))), build_provider_job(), PHOTO)
    assert given == time_outs
    assert (answer.retry_class, answer.code) == (RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED)
