"""Result links are signed, expire, and accept no key, and every download fault has its documented effect."""

import io
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from PIL import Image

from backdrop_local.standin.pictures import read_id
from tests.contract.standin_client import WAIT_SECONDS, StandinClient, wait_until


def test_download_is_a_complete_png_of_the_job(standin: StandinClient) -> None:
    url = standin.result_url()
    assert not standin.jobs()[0]["downloaded"]
    answer = standin.fetch(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert [read_id(answer.content)] == standin.jobs()[0]["results"]
    wait_until(lambda: bool(standin.jobs()[0]["downloaded"]))


def test_picture_contains_the_stand_ins_marker(standin: StandinClient) -> None:
    with Image.open(io.BytesIO(standin.fetch(standin.result_url()).content)) as image:
        assert "stand-in" in image.info["Software"]


def test_link_expires_at_its_stated_time(standin: StandinClient) -> None:
    standin.control("settings", {"link_life_seconds": 60})
    url = standin.result_url()
    exp = int(parse_qs(urlsplit(url).query)["exp"][0])
    standin.add_fault("clock", {"offset_s": 40})
    assert standin.fetch(url).status_code == 200
    standin.add_fault("clock", {"offset_s": 62})
    assert standin.fetch(url).status_code == 403
    assert standin.fetch(url.replace(f"exp={exp}", f"exp={exp + 99}")).status_code == 403


@pytest.mark.parametrize(
    ("found", "put"),
    [("sig=", "sig=0"), ("&sig=", "&s="), ("?", "?x"), ("exp=", "exp=x"), ("sig=", "sig=%C3%A4")],
)
def test_modified_link_is_403(standin: StandinClient, found: str, put: str) -> None:
    assert standin.fetch(standin.result_url().replace(found, put)).status_code == 403


@pytest.mark.parametrize("header", ["Api-Key", "x-api-key", "Authorization"])
def test_download_with_a_key_is_400(standin: StandinClient, header: str) -> None:
    assert standin.fetch(standin.result_url(), **{header: "secret"}).status_code == 400


def test_link_to_a_missing_picture_is_404(standin: StandinClient) -> None:
    url = standin.result_url()
    standin.control("reset")
    assert standin.fetch(url).status_code == 404


@pytest.mark.parametrize("args", [{}, {"url": "http://127.0.0.1:9/x", "code": 307}])
def test_redirect_points_to_a_foreign_host(standin: StandinClient, args: dict[str, object]) -> None:
    standin.add_fault("redirect", args)
    answer = standin.fetch(standin.result_url())
    assert answer.status_code == args.get("code", 302)
    assert answer.headers["location"] == args.get("url", "https://evil.test/picture.png")


def test_truncated_fault_declares_more_bytes_than_it_sends(standin: StandinClient) -> None:
    standin.add_fault("truncated", times=1)
    url = standin.result_url()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        standin.fetch(url)
    assert not standin.jobs()[0]["downloaded"]
    assert standin.fetch(url).status_code == 200


def test_chunked_truncated_fault_ends_early_without_an_error(standin: StandinClient) -> None:
    standin.add_fault("truncated", {"chunked": True}, times=1)
    url = standin.result_url()
    short = standin.fetch(url)
    assert "content-length" not in short.headers
    assert len(short.content) == len(standin.fetch(url).content) // 2


def test_wrong_type_fault_alternates_between_content_types(standin: StandinClient) -> None:
    standin.add_fault("wrong_type")
    url = standin.result_url()
    kinds = [standin.fetch(url).headers["content-type"].split(";")[0] for _ in range(2)]
    assert kinds == ["text/html", "application/octet-stream"]


def test_wrong_type_fault_can_send_another_format(standin: StandinClient) -> None:
    standin.add_fault("wrong_type", {"bytes_as": "JPEG"})
    answer = standin.fetch(standin.result_url())
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\xff\xd8\xff")


def test_huge_fault_sends_its_declared_size(standin: StandinClient) -> None:
    standin.add_fault("huge", {"mb": 3})
    assert len(standin.fetch(standin.result_url()).content) == 3_000_000


def test_endless_huge_fault_stops_when_the_client_disconnects(
    standin: StandinClient,
) -> None:
    standin.add_fault("huge")
    with standin.http.get(standin.result_url(), stream=True, timeout=WAIT_SECONDS) as answer:
        assert len(answer.raw.read(20_000_000)) == 20_000_000
    wait_until(lambda: standin.see("requests")["requests"][-1]["ended"] is not None)


def test_cdn_5xx_fault_ends_after_its_number_of_times(standin: StandinClient) -> None:
    standin.add_fault("cdn_5xx", {"times": 2})
    url = standin.result_url()
    assert [standin.fetch(url).status_code for _ in range(3)] == [503, 503, 200]


@pytest.mark.parametrize(
    ("fault", "args", "status"),
    [
        ("expired_url", {}, 403),
        ("status", {"code": 410}, 410),
        ("html_error", {"code": 502}, 502),
        ("slow", {"ms": 1}, 200),
        ("trickle", {"bytes_per_s": 5_000}, 200),
    ],
)
def test_other_faults_affect_downloads_on_the_cdn_route(
    standin: StandinClient, fault: str, args: dict[str, object], status: int
) -> None:
    standin.add_fault(fault, args, route="cdn")
    assert standin.fetch(standin.result_url()).status_code == status


@pytest.mark.parametrize("fault", ["accept_then_drop", "reset_mid_body"])
def test_download_can_be_interrupted(standin: StandinClient, fault: str) -> None:
    standin.add_fault(fault, route="cdn")
    url = standin.result_url()
    with pytest.raises(requests.exceptions.RequestException):
        standin.fetch(url)


def test_download_fault_can_match_route_and_prompt(
    standin: StandinClient,
) -> None:
    standin.add_fault("cdn_5xx", route="replace-background", prompt_regex="beach")
    hit = standin.result_url()
    missed = standin.remove().json()["data"][0]["url"]
    assert (standin.fetch(hit).status_code, standin.fetch(missed).status_code) == (503, 200)
