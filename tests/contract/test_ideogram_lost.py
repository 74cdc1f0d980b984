"""Lost, damaged, or hostile responses always lead to a result. Its charge is unknown if the call may have been
accepted.
"""

import json
import socket
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backdrop.model.codec import from_json, to_json
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError
from backdrop.model.job import Job, MoneyStatus, Problem
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.providers.http import MAX_ANSWER_BYTES
from backdrop.providers.http import HttpResponse as HttpReply
from backdrop.providers.ideogram import Ideogram, parse_response
from tests.contract.adapters import (
    CALL_SECONDS,
    NOW,
    PHOTO,
    SUCCESS,
    Reply,
    build_provider_job,
    called,
    http,
    provide_key,
    raw,
    recording,
    silence,
    unused_url,
)
from tests.contract.standin_client import JPEG, StandinClient, wait_until

BIG = JPEG + bytes(9_500_000)
LOST = (RetryClass.AMBIG, Code.CHARGE_UNKNOWN, MoneyStatus.UNKNOWN)


def outcome_of(answer: ProviderResult) -> tuple[RetryClass, Code | None, MoneyStatus]:
    return answer.retry_class, answer.code, answer.money


def call(
    standin: StandinClient, *, timeout: float = CALL_SECONDS, photo: bytes = PHOTO, **given: Any
) -> ProviderResult:
    return called(Ideogram(f"{standin.url}/ideogram", timeout, provide_key), build_provider_job(**given), photo)


def replied(reply: Reply, timeout: float = CALL_SECONDS) -> ProviderResult:
    with recording(reply) as server:
        return called(Ideogram(server.url, timeout, provide_key), build_provider_job(), PHOTO)


# -- lost after it was sent ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "args"),
    [
        ("accept_then_drop", {}),
        ("reset_mid_body", {}),
        ("malformed_json", {"variant": "cut"}),
        ("malformed_json", {"variant": "invalid"}),
        ("html_error", {"code": 200, "billed": True}),
        ("html_error", {"code": 502, "billed": True}),
        ("error_in_200", {"status_code": 500}),
        ("error_in_200", {"status_code": 503}),
        ("status", {"code": 500, "after_run": True}),
    ],
)
def test_accepted_call_without_a_readable_response_may_be_charged(
    standin: StandinClient, fault: str, args: dict[str, object]
) -> None:
    standin.add_fault(fault, args)
    assert outcome_of(call(standin)) == LOST
    assert standin.total_usd() == "0.06"


def test_call_is_never_resent_automatically(standin: StandinClient) -> None:
    standin.add_fault("accept_then_drop")
    call(standin)
    assert len(standin.see("requests")["requests"]) == 1
    assert standin.see("bill")["duplicates"] == []


@pytest.mark.parametrize(
    ("fault", "args"),
    [("slow", {"ms": 6_000}), ("trickle", {"bytes_per_s": 50}), ("accept_then_wait", {})],
)
def test_response_after_the_timeout_is_lost(standin: StandinClient, fault: str, args: dict[str, object]) -> None:
    standin.add_fault(fault, args)
    assert outcome_of(call(standin, timeout=2)) == LOST
    wait_until(lambda: standin.total_usd() == "0.06")


def test_slow_response_within_the_timeout_is_accepted(standin: StandinClient) -> None:
    standin.add_fault("trickle", {"bytes_per_s": 3_000})
    assert call(standin).retry_class is RetryClass.OK


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, RetryClass.QUOTA),
        (401, RetryClass.PAUSE),
        (402, RetryClass.PAUSE),
        (400, RetryClass.PERM),
        (422, RetryClass.PERM),
    ],
)
def test_error_inside_a_200_is_classified_by_its_status(standin: StandinClient, status: int, kind: RetryClass) -> None:
    standin.add_fault("error_in_200", {"status_code": status, "billed": False})
    assert call(standin).retry_class is kind


@pytest.mark.parametrize(
    "reply",
    [
        silence,
        http(200, b"", length=False),
        http(200, b"null"),
        http(200, b"[]"),
        http(200, b'"data"'),
        http(200, b"[" * 200_000),
        http(200, b"\xff\xfe{}"),
        http(200, b"\x1f\x8b nonsense", more="Content-Encoding: gzip\r\n"),
        http(200, SUCCESS[:60], more="Content-Length: 400\r\n"),
        http(200, b" " * (MAX_ANSWER_BYTES + 1) + SUCCESS),
        raw(b"NONSENSE\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    ],
    ids=range(12),
)
def test_charge_is_unknown_after_any_unusable_response(reply: Reply) -> None:
    assert outcome_of(replied(reply)) == LOST


# -- never sent ----------------------------------------------------------------------------------------------


def test_refused_connection_is_not_charged() -> None:
    answer = called(Ideogram(unused_url(), CALL_SECONDS, provide_key), build_provider_job(), PHOTO)
    assert outcome_of(answer) == (RetryClass.NOW, Code.PROVIDER_UNAVAILABLE, MoneyStatus.NOT_SPENT)


def test_failed_tls_handshake_is_not_charged() -> None:
    with recording(silence) as server:
        answer = called(
            Ideogram(server.url.replace("http:", "https:"), CALL_SECONDS, provide_key), build_provider_job(), PHOTO
        )
        assert outcome_of(answer) == (RetryClass.NOW, Code.PROVIDER_UNAVAILABLE, MoneyStatus.NOT_SPENT)
        assert server.requests == []
    assert "SSLError" in answer.message


def test_unresolvable_host_is_not_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*arguments: object, **options: object) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    answer = called(Ideogram("https://api.nowhere.test", CALL_SECONDS, provide_key), build_provider_job(), PHOTO)
    assert outcome_of(answer) == (RetryClass.NOW, Code.PROVIDER_UNAVAILABLE, MoneyStatus.NOT_SPENT)


def test_interrupted_upload_is_not_charged(standin: StandinClient) -> None:
    standin.add_fault("drop_before_read")
    assert outcome_of(call(standin, photo=BIG)) == (RetryClass.NOW, Code.PROVIDER_UNAVAILABLE, MoneyStatus.NOT_SPENT)
    wait_until(lambda: standin.see("requests")["requests"][0]["ended"] is not None)
    assert standin.total_usd() == "0.00"


# -- lookups -----------------------------------------------------------------------------------


def test_call_to_v1_has_no_id_for_a_lookup(standin: StandinClient) -> None:
    adapter, job = Ideogram(f"{standin.url}/ideogram", CALL_SECONDS, provide_key), build_provider_job()
    assert adapter.idempotency_key(job) is None
    prepared, provider_ids = adapter.prepare(job, PHOTO), list[str]()
    assert not isinstance(prepared, ProviderResult)
    prepared.send(provider_ids.append)
    assert (provider_ids, len(standin.jobs())) == ([], 1)


# -- hostile contents ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        {"url": "https://[x/?exp=1"},
        {"url": "https://x/\ud800.png?exp=1"},
        {"url": "https://x/?exp=\u0661\u0662"},
        {"url": "https://x/?exp=99999999999"},
        {"url": "https://x/?exp=-1"},
        {"url": "not a link at all"},
        {"url": "https://ideogram.ai/" + "x" * 100_000},
        {"url": "https://x/", "seed": 10**40},
        {"url": "https://x/", "seed": "7"},
        {"url": "https://x/", "seed": True},
    ],
    ids=range(10),
)
def test_strange_entry_leads_to_a_storable_result(entry: dict[str, Any]) -> None:
    body = json.dumps({"data": [{"is_image_safe": True, **entry}]}).encode()
    answer = replied(http(200, body))
    assert answer.retry_class in (RetryClass.OK, RetryClass.AMBIG)
    assert answer.money is not MoneyStatus.NOT_SPENT
    kept = replace(build_provider_job(), links=answer.links)
    assert from_json(Job, to_json(kept)) == kept


@pytest.mark.parametrize("words", ["half \ud800 a pair", "\x00\x07\uffff\ufffe", "\u202e\u2028", "x" * 100_000])
def test_strange_text_is_stored_in_valid_characters(words: str) -> None:
    answer = replied(http(400, json.dumps({"error": words}).encode()))
    assert answer.retry_class is RetryClass.PERM
    problem = Problem.from_error(BackdropError(answer.code or Code.DAMAGED_MESSAGE, answer.message), NOW)
    assert from_json(Problem, to_json(problem)) == problem
    assert len(answer.message) < 1_000
    assert [letter for letter in answer.message if not _sqs_takes(letter)] == []


def _sqs_takes(letter: str) -> bool:
    """Whether SQS accepts a character in a message and its attributes (documentation of SendMessage)."""
    return letter in "\t\n\r" or "\x20" <= letter <= "\ud7ff" or "\ue000" <= letter <= "\ufffd" or letter > "\uffff"


WORDS = ["data", "url", "is_image_safe", "seed", "error", "message", "detail", "status_code", "reject_reason"]
LINKS = ["https://x/a.png?exp=1", "https://[x", "https://x/?exp=\ud800", "inflight_limit"]


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(LINKS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=15,
)
ENTRY = st.fixed_dictionaries(
    {"is_image_safe": st.just(True) | ANY_JSON, "url": st.sampled_from(LINKS) | ANY_JSON, "seed": ANY_JSON}
)
ANSWERS = st.fixed_dictionaries({"data": st.lists(ENTRY, min_size=1, max_size=3)})


@settings(max_examples=150)
@given(st.integers(200, 599), st.binary(max_size=40) | st.builds(_encoded, ANY_JSON | ANSWERS), st.floats(0, 10))
def test_any_response_leads_to_a_storable_result(status: int, body: bytes, waited: float) -> None:
    answer = parse_response(build_provider_job(), HttpReply(status, {}, body, waited), "a-key")
    kept = replace(build_provider_job(), links=answer.links)
    assert from_json(Job, to_json(kept)) == kept
    assert answer.message.encode() or answer.is_usable
    assert (answer.retry_class is RetryClass.OK) <= (status < 300 and answer.charged > 0)
    assert (answer.retry_class is RetryClass.OK) or not (answer.links or answer.charged)
