"""Only links to listed hosts over HTTPS and to our own loopback provider are followed, not similar ones."""

import socket
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop.model.provider_result import RetryClass
from backdrop.providers.downloads import ResultDownloads
from backdrop.providers.ideogram import Ideogram
from tests.contract.adapters import CALL_SECONDS, PHOTO, build_provider_job, called, http, provide_key, recording
from tests.contract.standin_client import StandinClient

REAL = {"ideogram": "https://api.ideogram.ai"}
EXTRA = ("d2gu96o5zk2m7w.cloudfront.net", "CDN.Example")
HIDDEN_HOST = "d2gu96o5zk2m7w.cloudfront.net"


def block_name_resolution(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Makes name resolution fail, so that nothing leaves this machine, and returns the requested hosts."""
    hosts: list[str] = []

    def nowhere(host: str, *arguments: object, **options: object) -> list[Any]:
        hosts.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    return hosts


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts whose address was looked up."""
    return block_name_resolution(monkeypatch)


def refused(there: ResultDownloads, url: str) -> ResultError:
    with pytest.raises(ResultError) as caught:
        there.fetch("ideogram", url)
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "https://ideogram.ai/api/images/ephemeral/a.png?exp=1743867804&sig=e1",
        "https://ideogram.ai:443/api/images/a.png",
        "https://IDEOGRAM.AI/api/images/a.png",
        "HTTPS://ideogram.ai/api/images/a.png",
    ],
)
def test_providers_own_host_is_followed(url: str, looked_up: list[str]) -> None:
    with pytest.raises(RetryLaterError) as caught:
        ResultDownloads(REAL).fetch("ideogram", url)
    assert caught.value.code is Code.RESULT_UNREACHABLE
    assert [host.lower() for host in looked_up] == ["ideogram.ai"]


@pytest.mark.parametrize(
    "url",
    [
        # another host
        "https://evil.test/api/images/a.png",
        "https://evil.test./api/images/a.png",
        "https://ideogram.ai.evil.test/api/images/a.png",
        "https://evil-ideogram.ai/api/images/a.png",
        "https://evilideogram.ai/api/images/a.png",
        "https://images.ideogram.ai/api/images/a.png",
        "https://ideogram.a/api/images/a.png",
        "https://xn--ideogram-.ai/api/images/a.png",
        "https://\u0131deogram.ai/api/images/a.png",
        # a host that only looks like a listed one
        "https://ideogram.ai@evil.test/api/images/a.png",
        "https://ideogram.ai:443@evil.test/api/images/a.png",
        "https://ideogram.ai%40evil.test/api/images/a.png",
        "https://me:secret@ideogram.ai/api/images/a.png",
        "https://@ideogram.ai/api/images/a.png",
        "https://evil.test\\@ideogram.ai/api/images/a.png",
        "https://ideogram.ai\\@evil.test/api/images/a.png",
        "https://ideogram.ai\\.evil.test/api/images/a.png",
        "https://evil.test#@ideogram.ai/api/images/a.png",
        "https://evil.test?@ideogram.ai/api/images/a.png",
        "https://evil.test/https://ideogram.ai/api/images/a.png",
        # another scheme or port
        "http://ideogram.ai/api/images/a.png",
        "ftp://ideogram.ai/api/images/a.png",
        "file:///api/images/a.png",
        "data:image/png;base64,iVBORw0KGgo=",
        "//ideogram.ai/api/images/a.png",
        "https:ideogram.ai/api/images/a.png",
        "https://ideogram.ai:8443/api/images/a.png",
        "https://ideogram.ai:80/api/images/a.png",
        "https://ideogram.ai:99999/api/images/a.png",
        "https://ideogram.ai:port/api/images/a.png",
        # another path
        "https://ideogram.ai/a.png",
        "https://ideogram.ai/",
        "https://ideogram.ai/api/images",
        "https://ideogram.ai/api/imagesevil/a.png",
        "https://ideogram.ai/API/images/a.png",
        "https://ideogram.ai//api/images/a.png",
        "https://ideogram.ai/api/images/../../logout",
        "https://ideogram.ai/api/images/%2e%2e/%2e%2e/logout",
        "https://ideogram.ai/api/images/.%2E/.%2e/logout",
        # this machine and its network
        "http://127.0.0.1/api/images/a.png",
        "https://127.0.0.1/api/images/a.png",
        "http://localhost/api/images/a.png",
        "http://[::1]/api/images/a.png",
        "http://169.254.169.254/api/images/a.png",
        "http://0.0.0.0/api/images/a.png",
        "http://2130706433/api/images/a.png",
        # not an address
        "",
        "a.png",
        "https://",
        "https://[ideogram.ai/api/images/a.png",
        "https://ideogram.ai]/api/images/a.png",
        "not a link at all",
        "https://ideogram.ai\x00/api/images/a.png",
        "https://ideogram.ai\ud800/api/images/a.png",
    ],
)
def test_other_hosts_are_foreign_and_not_looked_up(url: str, looked_up: list[str]) -> None:
    error = refused(ResultDownloads(REAL), url)
    assert error.code is Code.RESULT_FOREIGN_HOST
    assert "ResultHosts" in str(error.hint)
    assert looked_up == []


def test_foreign_host_is_reported_without_the_signature(looked_up: list[str]) -> None:
    message = str(refused(ResultDownloads(REAL), "https://evil.test/a.png?exp=1&sig=secret"))
    assert "https://evil.test" in message
    assert "secret" not in message


def test_provider_without_a_list_has_no_hosts(looked_up: list[str]) -> None:
    with pytest.raises(ResultError):
        ResultDownloads(REAL).fetch("segmind", "https://ideogram.ai/api/images/a.png")
    assert looked_up == []


@pytest.mark.parametrize("host", [HIDDEN_HOST, HIDDEN_HOST.upper(), "cdn.example"])
def test_operator_can_add_hosts_with_any_path(host: str, looked_up: list[str]) -> None:
    with pytest.raises(RetryLaterError):
        ResultDownloads(REAL, EXTRA).fetch("ideogram", f"https://{host}/any/a.png")
    assert [name.lower() for name in looked_up] == [host.lower()]


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HIDDEN_HOST}/a.png",
        f"https://{HIDDEN_HOST}:8443/a.png",
        f"https://{HIDDEN_HOST}.evil.test/a.png",
        f"https://x.{HIDDEN_HOST}/a.png",
        f"https://me@{HIDDEN_HOST}/a.png",
    ],
)
def test_added_host_allows_exactly_itself_over_https(url: str, looked_up: list[str]) -> None:
    assert refused(ResultDownloads(REAL, EXTRA), url).code is Code.RESULT_FOREIGN_HOST
    assert looked_up == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "[::1]", "localhost."])
def test_added_hosts_never_include_this_machine(host: str, looked_up: list[str]) -> None:
    there = ResultDownloads(REAL, (host, host.strip("[]")))
    assert refused(there, f"https://{host}/a.png").code is Code.RESULT_FOREIGN_HOST
    assert looked_up == []


# -- a provider on this machine ---------------------------------------------------------------------------------


def test_loopback_provider_is_followed_at_its_exact_address() -> None:
    with recording(http(200, b"picture")) as own, recording(http(200, b"other")) as other:
        there = ResultDownloads({"ideogram": f"{own.url}/ideogram"})
        assert there.fetch("ideogram", f"{own.url}/cdn/a.png") == b"picture"
        for url in (
            f"{other.url}/cdn/a.png",
            f"http://localhost:{own.port}/cdn/a.png",
            f"http://127.0.0.2:{own.port}/cdn/a.png",
            f"http://[::1]:{own.port}/cdn/a.png",
            f"http://2130706433:{own.port}/cdn/a.png",
            f"http://me@127.0.0.1:{own.port}/cdn/a.png",
            f"http://127.0.0.1:{own.port}@127.0.0.1:{other.port}/cdn/a.png",
            "http://127.0.0.1/cdn/a.png",
        ):
            assert refused(there, url).code is Code.RESULT_FOREIGN_HOST
        assert (len(own.requests), other.requests) == (1, [])


def test_loopback_address_of_another_provider_is_foreign() -> None:
    with recording() as own:
        there = ResultDownloads({"ideogram": REAL["ideogram"], "segmind": own.url})
        assert refused(there, f"{own.url}/cdn/a.png").code is Code.RESULT_FOREIGN_HOST
        assert own.requests == []


@pytest.mark.parametrize("kind", ["host", "http", "loopback", "userinfo"])
def test_foreign_paid_link_is_refused_without_a_request(
    standin: StandinClient, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.add_fault("foreign_url", {"kind": kind})
    url = paid_link(standin)
    looked_up = block_name_resolution(monkeypatch)
    error = refused(ResultDownloads({"ideogram": f"{standin.url}/ideogram"}), url)
    assert (error.code, looked_up) == (Code.RESULT_FOREIGN_HOST, [])


def test_links_of_real_hosts_are_followed_with_the_standin(
    standin: StandinClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.control("settings", {"url_mode": "real"})
    url = paid_link(standin)
    looked_up = block_name_resolution(monkeypatch)
    with pytest.raises(RetryLaterError):
        ResultDownloads({"ideogram": f"{standin.url}/ideogram"}).fetch("ideogram", url)
    assert looked_up == ["ideogram.ai"]


def paid_link(standin: StandinClient) -> str:
    answer = called(Ideogram(f"{standin.url}/ideogram", CALL_SECONDS, provide_key), build_provider_job(), PHOTO)
    assert answer.retry_class is RetryClass.OK
    return answer.links[0].url or ""
