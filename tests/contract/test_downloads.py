"""Fetching a paid result: whole, bounded, without our key, and each failure under its own code."""

import gzip
import io
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


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tries of one download follow at once."""
    monkeypatch.setattr(downloads, "RETRY_DELAYS_SECONDS", tuple(0.0 for _ in downloads.RETRY_DELAYS_SECONDS))


def fetch(standin: StandinClient, url: str | None = None) -> bytes:
    there = ResultDownloads({"ideogram": f"{standin.url}/ideogram"})
    return there.fetch("ideogram", url or standin.result_url())


def fetched(*replies: Reply) -> bytes:
    """What a download from a server with these answers gives."""
    with recording(*replies) as server:
        return ResultDownloads({"ideogram": f"{server.url}/ideogram"}).fetch("ideogram", f"{server.url}/a.png?exp=1")


def downloads_seen(standin: StandinClient) -> list[dict[str, Any]]:
    return [entry for entry in standin.see("requests")["requests"] if entry["method"] == "GET"]


# -- what arrives ------------------------------------------------------------------------------------------


def test_the_bytes_are_those_of_the_result(standin: StandinClient) -> None:
    url = standin.result_url()
    data = fetch(standin, url)
    assert data == standin.fetch(url).content
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"


def test_the_cdn_never_sees_a_key(standin: StandinClient) -> None:
    fetch(standin)
    (entry,) = downloads_seen(standin)
    assert (entry["status"], entry["key"]) == (200, None)
    assert {"api-key", "x-api-key", "authorization", "cookie"}.isdisjoint(entry["headers"])


def test_the_request_is_one_plain_get_with_the_signed_query() -> None:
    with recording(http(200, PNG, kind="image/png")) as server:
        there = ResultDownloads({"ideogram": server.url})
        assert there.fetch("ideogram", f"{server.url}/api/images/a.png?exp=1&sig=e1%2Fx") == PNG
        (request,) = server.requests
    assert request.line == "GET /api/images/a.png?exp=1&sig=e1%2Fx HTTP/1.1"
    assert (request.body, request.names.isdisjoint({"authorization", "api-key", "cookie"})) == (b"", True)


def test_nothing_of_the_callers_machine_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_picture_under_another_type_is_still_the_paid_picture(kind: str) -> None:
    assert fetched(http(200, PNG, kind=kind)) == PNG


@pytest.mark.parametrize("status", [201, 202, 203, 206])
def test_picture_under_any_2xx_status_is_the_paid_picture(status: int) -> None:
    assert fetched(http(status, PNG, kind="image/png")) == PNG


def test_picture_after_an_interim_response_is_fetched() -> None:
    head = f"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {len(PNG)}\r\n\r\n"
    assert fetched(raw(head.encode() + PNG)) == PNG


def test_whole_range_of_a_picture_is_the_picture() -> None:
    assert fetched(http(206, PNG, more=f"Content-Range: bytes 0-{len(PNG) - 1}/{len(PNG)}\r\n")) == PNG


@pytest.mark.parametrize("span", [f"0-{len(PNG) - 1}/{len(PNG) + 1}", f"1-{len(PNG)}/{len(PNG) + 1}"])
def test_part_of_a_picture_is_fetched_again_and_then_truncated(span: str) -> None:
    with recording(http(206, PNG, more=f"Content-Range: bytes {span}\r\n")) as server:
        with pytest.raises(ResultError) as caught:
            ResultDownloads({"ideogram": server.url}).fetch("ideogram", f"{server.url}/a.png")
        assert len(server.requests) == 3
    assert caught.value.code is Code.RESULT_TRUNCATED


def test_a_page_instead_of_a_picture_is_found_out(standin: StandinClient) -> None:
    standin.fault("html_error", {"code": 200}, route="cdn")
    with pytest.raises(ResultError) as caught:
        verify_result(fetch(standin), expect_alpha=False, max_megapixels=100)
    assert caught.value.code is Code.RESULT_NOT_AN_IMAGE


# -- cut short -----------------------------------------------------------------------------------------------


def test_a_file_that_ends_too_early_is_fetched_again(standin: StandinClient) -> None:
    url = standin.result_url()
    standin.fault("truncated", times=2)
    assert fetch(standin, url) == standin.fetch(url).content
    assert len(downloads_seen(standin)) == 4


def test_a_file_that_ends_too_early_every_time_is_truncated(standin: StandinClient) -> None:
    standin.fault("truncated")
    with pytest.raises(ResultError) as caught:
        fetch(standin)
    assert caught.value.code is Code.RESULT_TRUNCATED
    assert len(downloads_seen(standin)) == 3


def test_a_file_that_is_silently_short_is_found_out_when_it_is_opened(standin: StandinClient) -> None:
    standin.fault("truncated", {"chunked": True})
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
def test_a_refusal_is_for_good_and_has_its_own_code(status: int, code: Code) -> None:
    with pytest.raises(ResultError) as caught:
        fetched(http(status, b"<html>no</html>", kind="text/html"))
    assert caught.value.code is code


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_tried_again_later(standin: StandinClient, status: int) -> None:
    url = standin.result_url()
    standin.fault("cdn_5xx", {"times": 1, "code": status})
    with pytest.raises(RetryLaterError) as caught:
        fetch(standin, url)
    assert caught.value.code is Code.RESULT_UNREACHABLE
    assert fetch(standin, url).startswith(b"\x89PNG")


def test_an_expired_link_is_expired(standin: StandinClient) -> None:
    url = standin.result_url()
    standin.fault("clock", {"offset_s": 90_000})
    with pytest.raises(ResultError) as caught:
        fetch(standin, url)
    assert caught.value.code is Code.LINK_EXPIRED


def test_a_redirect_is_not_followed(standin: StandinClient) -> None:
    with recording(http(200, PNG)) as elsewhere:
        standin.fault("redirect", {"url": f"{elsewhere.url}/a.png"})
        with pytest.raises(ResultError) as caught:
            fetch(standin)
        assert elsewhere.requests == []
    assert caught.value.code is Code.RESULT_REDIRECTED


@pytest.mark.parametrize("fault", ["reset_mid_body", "accept_then_drop"])
def test_a_broken_connection_is_tried_again(standin: StandinClient, fault: str) -> None:
    url = standin.result_url()
    standin.fault(fault, route="cdn", times=1)
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
def test_an_answer_that_is_no_http_is_tried_again(reply: Reply) -> None:
    with pytest.raises(RetryLaterError) as caught:
        fetched(reply)
    assert caught.value.code is Code.RESULT_UNREACHABLE


def test_a_file_that_dribbles_beyond_all_patience_is_tried_again(
    standin: StandinClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MAX_DOWNLOAD_SECONDS", 0.1)
    standin.fault("trickle", {"bytes_per_s": 500}, route="cdn")
    with pytest.raises(RetryLaterError) as caught:
        fetch(standin)
    assert caught.value.code is Code.RESULT_UNREACHABLE


# -- too large -------------------------------------------------------------------------------------------------


def test_an_endless_file_is_cut_off(standin: StandinClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_RESULT_BYTES", 1_000_000)
    standin.fault("huge", {"mb": 0})
    with pytest.raises(ResultError) as caught:
        fetch(standin)
    assert caught.value.code is Code.RESULT_TOO_LARGE


def test_a_file_that_says_it_is_huge_is_not_begun() -> None:
    with pytest.raises(ResultError) as caught:
        fetched(http(200, b"", more="Content-Length: 100000001\r\n"))
    assert caught.value.code is Code.RESULT_TOO_LARGE
    assert "100,000,001" in str(caught.value.message)


def test_a_small_file_that_unpacks_to_a_huge_one_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_RESULT_BYTES", 1_000_000)
    bomb = gzip.compress(bytes(30_000_000))
    with pytest.raises(ResultError) as caught:
        fetched(http(200, bomb, kind="image/png", more="Content-Encoding: gzip\r\n"))
    assert caught.value.code is Code.RESULT_TOO_LARGE


def test_a_file_of_exactly_the_limit_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_RESULT_BYTES", len(PNG))
    assert fetched(http(200, PNG)) == PNG
