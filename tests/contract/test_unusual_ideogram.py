"""Undocumented responses of Ideogram: what happens to the picture and the money, with only one call."""

import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.providers.ideogram import Ideogram
from tests.contract.adapters import (
    CALL_SECONDS,
    PHOTO,
    SUCCESS,
    Reply,
    build_provider_job,
    called,
    http,
    provide_key,
    raw,
    recording,
)

LINK = "https://ideogram.ai/api/images/ephemeral/a.png?exp=1743867804&sig=e1"
SIZE = len(SUCCESS)


def after(*interim: int) -> Reply:
    """Returns the usual success, after these interim responses (RFC 9110, 15.2)."""

    def reply(connection: socket.socket) -> None:
        for status in interim:
            connection.sendall(b"HTTP/1.1 %d Wait\r\nLink: </a.css>\r\n\r\n" % status)
        http()(connection)

    return reply


def entries(*data: object, **more: Any) -> Reply:
    """Returns a success with these entries of `data`."""
    return http(body=json.dumps({"data": data, **more}).encode())


class Unusual(NamedTuple):
    """A response, and what happens to its picture: it is used, kept for a person, withheld, or in doubt."""

    name: str
    reply: Reply
    outcome: str = "used"
    charged: int = 60_000


USED, KEPT, WITHHELD, IN_DOUBT = "used", "kept", "withheld", "in doubt"
RESPONSES = (
    *(Unusual(f"{status}", http(status)) for status in (201, 202, 203, 206, 299)),
    Unusual("206 with the whole range", http(206, more=f"Content-Range: bytes 0-{SIZE - 1}/{SIZE}\r\n")),
    *(Unusual(f"{before} before 200", after(*before)) for before in ((100,), (102,), (103,), (102, 103, 102))),
    Unusual("no safety verdict", entries({"url": LINK})),
    Unusual("empty safety verdict", entries({"url": LINK, "is_image_safe": None})),
    Unusual("safety verdict as text", entries({"url": LINK, "is_image_safe": "true"})),
    Unusual("safety verdict as number", entries({"url": LINK, "is_image_safe": 1})),
    Unusual("unknown fields", entries({"url": LINK, "is_image_safe": True, "new": [1]}, more={"x": 1})),
    Unusual("no link", entries({"is_image_safe": True}), KEPT),
    Unusual("empty link", entries({"is_image_safe": True, "url": ""}), KEPT),
    Unusual("link under another name", entries({"is_image_safe": True, "image_url": LINK}), KEPT),
    Unusual("link that is a number", entries({"is_image_safe": True, "url": 7}), KEPT),
    Unusual("data that is an object", http(body=json.dumps({"data": {"url": LINK}}).encode()), KEPT),
    Unusual("data that is empty", entries(), KEPT),
    Unusual("data under another name", http(body=json.dumps({"images": [{"url": LINK}]}).encode()), KEPT),
    Unusual("data that is a list of links", entries(LINK), KEPT),
    Unusual("data that is a list of numbers", entries(7), KEPT),
    Unusual("a status that is not a failure", http(body=b'{"status_code": 200}'), KEPT),
    Unusual("error without a status", http(body=b'{"error": "try later"}'), IN_DOUBT, 0),
    Unusual("empty object", http(body=b"{}"), IN_DOUBT, 0),
    Unusual("unsafe with a link", entries({"is_image_safe": False, "url": LINK}), WITHHELD),
    *(Unusual(f"{status} without content", http(status, b""), IN_DOUBT, 0) for status in (202, 204, 205)),
    Unusual("206 with a part", http(206, more=f"Content-Range: bytes 0-{SIZE - 1}/{SIZE + 9}\r\n"), IN_DOUBT, 0),
    Unusual("endless interim responses", raw(b"HTTP/1.1 102 Processing\r\n\r\n" * 5_000), IN_DOUBT, 0),
)


@pytest.mark.parametrize("unusual", RESPONSES, ids=lambda unusual: unusual.name)
def test_unusual_response_ends_with_picture_money_and_one_call(unusual: Unusual) -> None:
    with recording(unusual.reply) as server:
        answer = called(Ideogram(server.url, CALL_SECONDS, provide_key), build_provider_job(), PHOTO)
        assert len(server.requests) == 1
    links = [(link.url, link.is_unrecognized) for link in answer.links]
    expected = {USED: [(LINK, False)], KEPT: [(None, True)], WITHHELD: [(None, False)], IN_DOUBT: []}
    assert (links, answer.charged) == (expected[unusual.outcome], unusual.charged)
    assert (answer.retry_class is RetryClass.AMBIG, bool(answer.raw_response)) == (
        unusual.outcome == IN_DOUBT,
        unusual.outcome == KEPT,
    )
    assert answer.money is (MoneyStatus.UNKNOWN if unusual.outcome == IN_DOUBT else MoneyStatus.SPENT)


def test_kept_response_does_not_show_the_key() -> None:
    with recording(entries({"is_image_safe": True}, note="your key is standin-key")) as server:
        answer = called(Ideogram(server.url, CALL_SECONDS, provide_key), build_provider_job(), PHOTO)
    assert json.loads(answer.raw_response)["note"] == "your key is (key)"


# -- Retry-After (RFC 9110, 10.2.3) ----------------------------------------------------------------------------------


def refused(more: str) -> ProviderResult:
    with recording(http(429, b"{}", more=more)) as server:
        answer = called(Ideogram(server.url, CALL_SECONDS, provide_key), build_provider_job(), PHOTO)
    assert answer.code is Code.PROVIDER_THROTTLED
    return answer


def test_retry_after_date_counts_from_the_responses_own_date() -> None:
    more = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n"
    assert refused(more).retry_after_seconds == 30.0


def test_retry_after_date_without_a_date_counts_from_now() -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    wait = refused(f"Retry-After: {moment}\r\n").retry_after_seconds
    assert wait is not None
    assert 35 <= wait <= 40


def test_retry_after_date_of_an_impossible_year_is_ignored() -> None:
    assert refused("Retry-After: Mon, 01 Jan 99999999999999999999 00:00:00 GMT\r\n").retry_after_seconds is None
