"""The download of a paid result: complete, limited in size, and without our key. Each failure has its own code."""

import gzip
import io
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backdrop.imaging.verify import verify_result
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop.providers import downloads
from backdrop.providers.downloads import ResultDownloads
from tests.contract.adapters import Reply, http, raw, recording, silence
from tests.contract.standin_client import StandinClient, picture

PNG = picture("PNG")


def fetch(standin: StandinClient, url: str | None = None) -> bytes:
    there = ResultDownloads({"ideogram": f"{standin.url}/ideogram"})
    return there.fetch("ideogram", url or standin.result_url())


def fetched(*replies: Reply) -> bytes:
    """Downloads from a server with these replies."""
    with recording(*replies) as server:
        return ResultDownloads({"ideogram": f"{server.url}/ideogram"}).fetch("ideogram", f"{server.url}/a.png?exp=1")


def trickled_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    with suppress(OSError):
        for n in range(50):
            connection.sendall(b"X-%d: y\r\n" % n)
            time.sleep(0.1)


def downloads_seen(standin: StandinClient) -> list[dict[str, Any]]:
    return [entry for entry in standin.see("requests")["requests"] if entry["method"] == "GET"]


# -- downloaded bytes ---------------------------------------------------------------------------------------------


def test_downloaded_bytes_equal_the_result(standin: StandinClient) -> None:
    url = standin.result_url()
    data = fetch(standin, url)
    assert data == standin.fetch(url).content
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"


def test_no_key_is_sent_to_the_cdn(standin: StandinClient) -> None:
    fetch(standin)
    (entry,) = downloads_seen(standin)
    assert (entry["status"], entry["key"]) == (200, None)
    assert {"api-key", "x-api-key", "authorization", "cookie"}.isdisjoint(entry["headers"])


def test_request_is_one_get_with_the_signed_query() -> None:
    with recording(http(200, PNG, kind="image/png")) as server:
        there = ResultDownloads({"ideogram": server.url})
        assert there.fetch("ideogram", f"{server.url}/api/images/a.png?exp=1&sig=e1%2Fx") == PNG
        (request,) = server.requests
    assert request.line == "GET /api/images/a.png?exp=1&sig=e1%2Fx HTTP/1.1"
    assert (request.body, request.names.isdisjoint({"authorization", "api-key", "cookie"})) == (b"", True)


def test_request_contains_nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with recording(http(500)) as proxy, recording(http(200, PNG)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert ResultDownloads({"ideogram": server.url}).fetch("ideogram", f"{server.url}/a.png") == PNG
        assert "authorization" not in server.requests[0].names
        assert proxy.requests == []


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream", "image/webp", ""])
def test_picture_with_another_content_type_is_accepted(kind: str) -> None:
    assert fetched(http(200, PNG, kind=kind)) == PNG


@pytest.mark.parametrize("status", [201, 202, 203, 206])
def test_picture_with_any_2xx_status_is_the_paid_picture(status: int) -> None:
    assert fetched(http(status, PNG, kind="image/png")) == PNG


def test_picture_after_an_interim_response_is_fetched() -> None:
    head = f"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {len(PNG)}\r\n\r\n"
    assert fetched(raw(head.encode() + PNG)) == PNG


def test_range_response_with_the_whole_picture_is_accepted() -> None:
    assert fetched(http(206, PNG, more=f"Content-Range: bytes 0-{len(PNG) - 1}/{len(PNG)}\r\n")) == PNG


@pytest.mark.parametrize("span", [f"0-{len(PNG) - 1}/{len(PNG) + 1}", f"1-{len(PNG)}/{len(PNG) + 1}"])
def test_part_of_a_picture_is_truncated(span: str) -> None:
    with pytest.raises(ResultError) as caught:
        fetched(http(206, PNG, more=f"Content-Range: bytes {span}\r\n"))
    assert caught.value.code is Code.RESULT_TRUNCATED


@pytest.mark.parametrize("digits", [16, 5_000, 60_000])
@pytest.mark.parametrize("header", ["Content-Length: {0}", "Content-Range: bytes 0-1/{0}"])
def test_length_that_no_file_can_have_is_no_error_of_this_program(header: str, digits: int) -> None:
    reply = f"HTTP/1.1 206 Partial Content\r\n{header.format('9' * digits)}\r\nConnection: close\r\n\r\n"
    with suppress(ResultError, RetryLaterError):
        assert fetched(raw(reply.encode() + PNG)) == PNG


def test_html_page_instead_of_a_picture_is_detected(standin: StandinClient) -> None:
    standin.add_fault("html_error", {"code": 200}, route="cdn")
    with pytest.raises(ResultError) as caught:
        verify_result(fetch(standin), expect_alpha=False, max_megapixels=100)
    assert caught.value.code is Code.RESULT_NOT_AN_IMAGE


# -- truncated ----------------------------------------------------------------------------------------------------


def test_truncated_file_is_detected(standin: StandinClient) -> None:
    standin.add_fault("truncated")
    with pytest.raises(ResultError) as caught:
        fetch(standin)
    assert (caught.value.code, len(downloads_seen(standin))) == (Code.RESULT_TRUNCATED, 1)


def test_file_truncated_without_a_length_is_detected_later(standin: StandinClient) -> None:
    standin.add_fault("truncated", {"chunked": True})
    with pytest.raises(ResultError) as caught:
        verify_result(fetch(standin), expect_alpha=False, max_megapixels=100)
    assert caught.value.code is Code.RESULT_TRUNCATED


# -- refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, Code.LINK_EXPIRED),
        (410, Code.LINK_EXPIRED),
        (404, Code.RESULT_GONE),
        (400, Code.RESULT_NOT_AN_IMAGE),
        (401, Code.RESULT_NOT_AN_IMAGE),
        (301, Code.RESULT_REDIRECTED),
        (304, Code.RESULT_REDIRECTED),
    ],
)
def test_refused_download_has_its_own_code(status: int, code: Code) -> None:
    with pytest.raises(ResultError) as caught:
        fetched(http(status, b"<html>no</html>", kind="text/html"))
    assert caught.value.code is code


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_server_error_is_retried_later(standin: StandinClient, status: int) -> None:
    url = standin.result_url()
    standin.add_fault("cdn_5xx", {"times": 1, "code": status})
    with pytest.raises(RetryLaterError) as caught:
        fetch(standin, url)
    assert caught.value.code is Code.RESULT_UNREACHABLE
    assert fetch(standin, url).startswith(b"\x89PNG")


@pytest.mark.parametrize(("seconds", "delay"), [("1", 5), ("77", 77), ("never", 5)])
def test_host_that_names_a_delay_is_tried_again_after_it(seconds: str, delay: int) -> None:
    with pytest.raises(RetryLaterError) as caught:
        fetched(http(429, more=f"Retry-After: {seconds}\r\n"))
    assert caught.value.delay_seconds == delay


def test_expired_link_has_its_own_code(standin: StandinClient) -> None:
    url = standin.result_url()
    standin.add_fault("clock", {"offset_s": 90_000})
    with pytest.raises(ResultError) as caught:
        fetch(standin, url)
    assert caught.value.code is Code.LINK_EXPIRED


def test_redirect_is_not_followed(standin: StandinClient) -> None:
    with recording(http(200, PNG)) as elsewhere:
        standin.add_fault("redirect", {"url": f"{elsewhere.url}/a.png"})
        with pytest.raises(ResultError) as caught:
            fetch(standin)
        assert elsewhere.requests == []
    assert caught.value.code is Code.RESULT_REDIRECTED


@pytest.mark.parametrize("location", ["http://[::1", "/caf\xe9", "http://a:b/"])
def test_redirect_with_a_broken_location_is_a_redirect(location: str) -> None:
    with pytest.raises(ResultError) as caught:
        fetched(raw(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")))
    assert caught.value.code is Code.RESULT_REDIRECTED


@pytest.mark.parametrize("fault", ["reset_mid_body", "accept_then_drop"])
def test_broken_connection_is_retried(standin: StandinClient, fault: str) -> None:
    url = standin.result_url()
    standin.add_fault(fault, route="cdn", times=1)
    with pytest.raises(RetryLaterError) as caught:
        fetch(standin, url)
    assert caught.value.code is Code.RESULT_UNREACHABLE
    assert fetch(standin, url)


@pytest.mark.parametrize(
    "reply",
    [
        silence,
        raw(b"NONSENSE\r\n\r\n"),
        http(200, b"\x1f\x8b nonsense", more="Content-Encoding: gzip\r\n"),
    ],
    ids=["silence", "nonsense", "broken encoding"],
)
def test_response_that_is_not_http_is_retried(reply: Reply) -> None:
    with pytest.raises(RetryLaterError) as caught:
        fetched(reply)
    assert caught.value.code is Code.RESULT_UNREACHABLE


def test_very_slow_download_is_retried(standin: StandinClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_DOWNLOAD_SECONDS", 0.1)
    standin.add_fault("trickle", {"bytes_per_s": 500}, route="cdn")
    with pytest.raises(RetryLaterError) as caught:
        fetch(standin)
    assert caught.value.code is Code.RESULT_UNREACHABLE


def test_headers_that_trickle_in_do_not_hold_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line restarts a socket's timeout."""
    monkeypatch.setattr(downloads, "MAX_DOWNLOAD_SECONDS", 0.3)
    with recording(trickled_headers) as server:
        began = time.monotonic()
        with pytest.raises(RetryLaterError) as caught:
            ResultDownloads({"ideogram": server.url}).fetch("ideogram", f"{server.url}/a.png")
        seconds = time.monotonic() - began
    assert (caught.value.code, seconds < 3) == (Code.RESULT_UNREACHABLE, True)


# -- too large -------------------------------------------------------------------------------------------------


def test_endless_file_is_cut_off(standin: StandinClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_RESULT_BYTES", 1_000_000)
    standin.add_fault("huge", {"mb": 0})
    with pytest.raises(ResultError) as caught:
        fetch(standin)
    assert caught.value.code is Code.RESULT_TOO_LARGE


def test_huge_declared_size_is_refused_at_once() -> None:
    with pytest.raises(ResultError) as caught:
        fetched(http(200, b"", more="Content-Length: 100000001\r\n"))
    assert caught.value.code is Code.RESULT_TOO_LARGE
    assert "100,000,001" in str(caught.value.message)


def test_decompression_bomb_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_RESULT_BYTES", 1_000_000)
    bomb = gzip.compress(bytes(30_000_000))
    with pytest.raises(ResultError) as caught:
        fetched(http(200, bomb, kind="image/png", more="Content-Encoding: gzip\r\n"))
    assert caught.value.code is Code.RESULT_TOO_LARGE


def test_file_of_exactly_the_limit_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_RESULT_BYTES", len(PNG))
    assert fetched(http(200, PNG)) == PNG
