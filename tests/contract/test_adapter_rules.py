"""What every adapter makes of a status, of an answer that is not the API's, and of a picture in the place of a link."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import Suspicion
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.ports import IdeogramEndpoint, Provider, SegmindEndpoint
from backdrop.providers import http as http_module
from backdrop.providers.http import MAX_BEGINNING_BYTES
from backdrop.providers.ideogram import Ideogram
from backdrop.providers.onemin import OneMin
from backdrop.providers.runware import Runware
from backdrop.providers.segmind import Segmind
from tests.contract.adapter_calls import call, get_task_id, job_for
from tests.contract.adapters import CALL_SECONDS, Reply, http, provide_key, recording
from tests.contract.standin_client import picture
from tests.unit.work_in_memory import FakeWork

PRICE = 50_000
UPLOADED = http(200, b'{"fileContent":{"path":"images/a.png"}}')
PROVIDERS = ("ideogram", "segmind", "1min", "runware")
PICTURE = picture("PNG")
BASE64 = base64.b64encode(PICTURE).decode()

# What a provider documents. Every other 4xx is the same at all of them.
RETIRED = frozenset({404, 405, 410, 421, 426, 451})
OF_THE_PHOTO: Mapping[str, frozenset[int]] = {
    "ideogram": frozenset({400, 413, 415, 422}),
    "segmind": frozenset({400, 422}),
    "1min": frozenset({400, 406, 413, 415, 422}),
    "runware": frozenset(),
}
DOCUMENTED: Mapping[int, tuple[RetryClass, Code]] = {
    401: (RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
    402: (RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    403: (RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
    408: (RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
    429: (RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
}
EXCEPTIONS: Mapping[tuple[str, int], tuple[RetryClass, Code]] = {
    ("1min", 403): (RetryClass.PAUSE, Code.PROVIDER_REFUSES),
    ("ideogram", 422): (RetryClass.PERM, Code.UNSAFE_REQUEST),
    ("runware", 409): (RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
}


def build(provider: str, url: str, work: FakeWork | None = None) -> Provider:
    """Builds an adapter. Without storage, only those that need none."""
    storage = work or FakeWork()
    match provider:
        case "ideogram":
            return Ideogram(url, CALL_SECONDS, provide_key, IdeogramEndpoint.V1, work=work, poll_seconds=0.01)
        case "segmind":
            return Segmind(url, CALL_SECONDS, provide_key, storage, SegmindEndpoint.V2, poll_seconds=0.01)
        case "1min":
            return OneMin(url, CALL_SECONDS, provide_key, PRICE, work=work, poll_seconds=0.01)
        case _:
            return Runware(url, CALL_SECONDS, provide_key, storage, poll_seconds=0.01)


def answered(provider: str, *replies: Reply, work: FakeWork | None = None) -> ProviderResult:
    """Returns what an adapter makes of the answer to its paid call."""
    with recording(*((UPLOADED, *replies) if provider == "1min" else replies)) as server:
        return call(build(provider, server.url, work), job_for(provider)).provider_result


def find_expected(provider: str, status: int) -> tuple[RetryClass, Code]:
    """Returns the class and the code of a status with an empty JSON object."""
    if (provider, status) in EXCEPTIONS:
        return EXCEPTIONS[provider, status]
    if status in RETIRED or status < 400:
        return RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED
    if status in OF_THE_PHOTO[provider]:
        return RetryClass.PERM, Code.REQUEST_REJECTED
    return DOCUMENTED.get(status, (RetryClass.PAUSE, Code.PROVIDER_REFUSES))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_refusal_has_one_meaning(provider: str) -> None:
    """A photo ends only by a status that its provider documents for a photo."""
    for status in (*range(300, 310), *range(400, 500)):
        replies = (http(status, b"{}"),) if not (provider == "1min" and status == 404) else (http(404, b"{}"),) * 3
        result = answered(provider, *replies)
        assert (result.retry_class, result.code) == find_expected(provider, status), status
        doubted = result.code is Code.PROVIDER_REFUSES
        assert (result.suspicion is Suspicion.REFUSAL) is doubted, status


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("body", [b"", b"<html><title>Attention Required!</title></html>", b"Forbidden"])
def test_refusal_by_the_network_in_front_of_the_api_is_no_refused_key(provider: str, body: bytes) -> None:
    result = answered(provider, http(403, body, kind="text/html", more="Server: edge-of-tests\r\n"))
    assert (result.retry_class, result.code, result.charged) == (RetryClass.BACKOFF, Code.PROVIDER_EDGE_REFUSES, 0)
    assert "edge-of-tests" in result.message


def to_answer(provider: str, entry: Any) -> list[Reply]:
    """Returns the answers to a call whose result has this in the place of a link."""
    match provider:
        case "ideogram":
            body: Any = {"data": [entry]}
        case "segmind":
            body = {"status": "COMPLETED", "output": entry}
        case "1min":
            details = {"resultObject": [], "responseObject": {"data": [entry]}}
            body = {"aiRecord": {"uuid": "u1", "status": "SUCCESS", "aiRecordDetail": details}}
        case _:
            item = {"taskType": "imageInference", "taskUUID": get_task_id(job_for("runware")), "status": "success"}
            body = {"data": [item | (entry if isinstance(entry, dict) else {"imageURL": entry})]}
    return [http(200, json.dumps(body).encode())]


INLINE = {
    "data URI": {"url": f"data:image/png;base64,{BASE64}"},
    "base64 in url": {"url": BASE64},
    "b64_json": {"b64_json": BASE64},
    "a new name": {"result": {"bytes": BASE64}},
    "with line breaks": {"image_base64": "\n".join(BASE64[at : at + 76] for at in range(0, len(BASE64), 76))},
    "data URI in capitals": {"url": f"DATA:IMAGE/PNG;BASE64,{BASE64}"},
    "spaces around and inside": {"url": f" \r\ndata:image/png; base64 , {BASE64[:80]} \t{BASE64[80:]}\n"},
    "URL-safe": {"url": base64.urlsafe_b64encode(PICTURE).decode()},
    "without padding": {"url": f"data:image/png;base64,{BASE64.rstrip('=')}"},
    "percent-encoded": {"url": f"data:image/png;base64,{quote(BASE64, safe='')}"},
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("entry", INLINE.values(), ids=INLINE)
def test_picture_in_the_place_of_a_link_is_kept(provider: str, entry: dict[str, Any]) -> None:
    work = FakeWork()
    result = answered(provider, *to_answer(provider, entry), work=work)
    (link,) = result.links
    assert (result.retry_class, link.url, link.is_unrecognized) == (RetryClass.OK, None, False)
    assert work.results == {link.result_name: PICTURE}
    assert result.charged > 0


@pytest.mark.parametrize("provider", ["ideogram", "1min", "runware"])
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("data:image/png;base64,broken", id="a data URI"),
        pytest.param("a" * 5_000, id="a text"),
        pytest.param(f"https://a.invalid/{'a' * 5_000}", id="a link that is too long"),
    ],
)
def test_value_that_is_neither_a_usable_link_nor_a_picture_is_unrecognized(provider: str, url: str) -> None:
    result = answered(provider, *to_answer(provider, {"imageURL" if provider == "runware" else "url": url}))
    assert [link.is_unrecognized for link in result.links] == [True]
    assert url.encode() in result.raw_response
    assert result.charged > 0


@pytest.mark.parametrize("provider", ["ideogram", "1min"])
def test_picture_that_cannot_be_stored_stays_in_the_kept_response(provider: str) -> None:
    result = answered(provider, *to_answer(provider, INLINE["data URI"]))
    assert [link.is_unrecognized for link in result.links] == [True]
    assert BASE64.encode() in result.raw_response
    assert result.charged > 0


@pytest.mark.parametrize("provider", ["ideogram", "segmind"])
def test_answer_that_is_a_picture_is_kept(provider: str) -> None:
    work = FakeWork()
    result = answered(provider, http(200, PICTURE, kind="image/png"), work=work)
    assert (result.retry_class, list(work.results.values())) == (RetryClass.OK, [PICTURE])


def test_answer_of_1min_that_is_a_picture_stays_in_the_kept_response() -> None:
    result = answered("1min", http(200, PICTURE, kind="image/png"), work=FakeWork())
    assert (result.retry_class, result.charged, result.raw_response) == (RetryClass.OK, PRICE, PICTURE)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_answer_above_the_limit_is_charged_and_never_lost(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "MAX_ANSWER_BYTES", 1_100_000)
    result = answered(provider, http(200, b'{"data":["' + b"A" * 1_200_000 + b'"]}'))
    assert (result.retry_class, result.charged > 0) == (RetryClass.OK, True)
    assert [link.is_unrecognized for link in result.links] == [True]
    assert len(result.raw_response) == MAX_BEGINNING_BYTES


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("start", [b"<html>", b" ", b"\x00"])
def test_charge_is_unknown_after_a_long_answer_that_is_not_json(
    provider: str, start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_module, "MAX_ANSWER_BYTES", 1_100_000)
    result = answered(provider, http(200, start * 1_200_000))
    assert (result.retry_class, result.code, result.charged) == (RetryClass.AMBIG, Code.CHARGE_UNKNOWN, 0)
    assert "no response arrived" not in result.message


@pytest.mark.parametrize("digits", [16, 5_000, 60_000])
@pytest.mark.parametrize("header", ["Content-Length: {0}", "Content-Range: bytes 0-1/{0}"])
def test_absurd_length_after_a_paid_call_loses_no_answer(header: str, digits: int) -> None:
    body = json.dumps({"data": [{"url": "https://ideogram.ai/api/images/a.png"}]}).encode()
    head = f"HTTP/1.1 206 OK\r\n{header.format('9' * digits)}\r\nConnection: close\r\n\r\n"

    def reply(connection: Any) -> None:
        connection.sendall(head.encode() + body)

    with recording(reply) as server:
        answer = call(build("ideogram", server.url), job_for("ideogram")).answer
    assert not isinstance(answer, LookupStatus)
    assert answer.retry_class in (RetryClass.OK, RetryClass.AMBIG)
    assert (answer.retry_class is RetryClass.OK) or header.startswith("Content-Length")
