"""Behavior of every adapter: keys, timeouts, broken connections, and unexpected responses."""

import json
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backdrop.model.codec import from_json, to_json
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import Job, MoneyStatus
from backdrop.model.provider_result import NOT_TAKEN_CLASSES, LookupStatus, ProviderResult, RetryClass
from backdrop.ports import ApiKey, IdeogramEndpoint, Provider, SegmindEndpoint
from backdrop.providers import ideogram, onemin, polling, runware, segmind
from backdrop.providers.http import HttpResponse as HttpReply
from backdrop.providers.ideogram import Ideogram
from backdrop.providers.onemin import OneMin
from backdrop.providers.runware import Runware
from backdrop.providers.segmind import Segmind
from tests.contract.adapter_calls import call, claimed, get_task_id, job_for
from tests.contract.adapters import CALL_SECONDS, PHOTO, Reply, http, provide_key, recording, silence, unused_url
from tests.contract.skipped_time import skip_waits
from tests.contract.standin_client import KEY
from tests.unit.work_in_memory import FakeWork

PIXEL_SIZE = 64, 48

type Key = Callable[[bool], ApiKey]
type Make = Callable[[str, float, Key], Provider]
MAKERS: dict[str, Make] = {
    "ideogram": Ideogram,
    "ideogram v2": lambda url, seconds, key: Ideogram(
        url, seconds, key, IdeogramEndpoint.V2, lambda _: PIXEL_SIZE, poll_seconds=0.01
    ),
    "segmind": lambda url, seconds, key: Segmind(url, seconds, key, FakeWork(), poll_seconds=0.01),
    "segmind v1": lambda url, seconds, key: Segmind(url, seconds, key, FakeWork(), SegmindEndpoint.V1),
    "1min": lambda url, seconds, key: OneMin(url, seconds, key, 45_000, poll_seconds=0.01),
    "runware": lambda url, seconds, key: Runware(url, seconds, key, FakeWork(), poll_seconds=0.01),
}
ASKABLE = ["ideogram v2", "segmind", "1min", "runware"]
UPLOADED = http(200, json.dumps({"fileContent": {"path": "images/a.jpg"}}).encode())
every = pytest.mark.parametrize("name", MAKERS)


def replies_before_call(name: str) -> list[Reply]:
    """Returns the replies to the free requests before the paid call."""
    return [UPLOADED] if name == "1min" else []


def job_of(name: str) -> Job:
    return job_for(name.split()[0])


def call_and_count(
    name: str, *replies: Reply, key: Key = provide_key, seconds: float = CALL_SECONDS
) -> tuple[ProviderResult, int]:
    """Returns the result of a call, and how many requests it made."""
    with recording(*replies_before_call(name), *replies) as server:
        answer = call(MAKERS[name](server.url, seconds, key), job_of(name)).provider_result
        return answer, len(server.requests) - len(replies_before_call(name))


# -- keys ----------------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("key", ["", "secret\n", "two\nlines", "null\0byte", "sch\u00fcssel"], ids=ascii)
def test_nothing_is_sent_with_an_invalid_key(name: str, key: str) -> None:
    answer, requests = call_and_count(name, http(500), key=lambda fresh: ApiKey(key))
    assert (answer.retry_class, answer.code, answer.money) == (
        RetryClass.PAUSE,
        Code.PROVIDER_KEY_MISSING,
        MoneyStatus.NOT_SPENT,
    )
    assert requests <= 0


@every
def test_refused_key_is_reloaded_and_tried_once_more(name: str) -> None:
    answer, requests = call_and_count(name, http(401, b"{}"), key=lambda fresh: ApiKey("new" if fresh else "old"))
    assert (answer.code, requests) == (Code.PROVIDER_KEY_REFUSED, 2)


@every
def test_refused_key_without_a_newer_one_pauses(name: str) -> None:
    answer, requests = call_and_count(name, http(401, b"{}"))
    assert (answer.retry_class, answer.code, requests) == (RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED, 1)


@every
def test_refusal_remains_if_no_newer_key_can_be_read(name: str) -> None:
    def keys(fresh: bool) -> ApiKey:
        if fresh:
            raise RetryLaterError(Code.STORAGE_UNAVAILABLE, "Secrets Manager does not answer.", 5)
        return ApiKey("old")

    answer, requests = call_and_count(name, http(401, b"{}"), key=keys)
    assert (answer.code, requests) == (Code.PROVIDER_KEY_REFUSED, 1)


@every
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_key_in_a_response_is_removed_from_the_message(name: str, status: int) -> None:
    body = {"error": f"Incorrect API key: {KEY}", "errors": [{"code": "x", "message": f"key {KEY}"}]}
    assert KEY not in call_and_count(name, http(status, json.dumps(body).encode()))[0].message


@pytest.mark.parametrize("name", ASKABLE)
def test_lookup_without_a_key_is_pending(name: str) -> None:
    adapter = MAKERS[name](unused_url(), 5, lambda fresh: ApiKey(missing_reason="none"))
    assert adapter.look_up(claimed(job_of(name), "id"), "id") is LookupStatus.PENDING


# -- broken connections ----------------------------------------------------------------------------------------


@every
def test_refused_connection_is_not_charged(name: str) -> None:
    answer = call(MAKERS[name](unused_url(), CALL_SECONDS, provide_key), job_of(name)).provider_result
    expected = RetryClass.BACKOFF if name == "1min" else RetryClass.NOW
    assert (answer.retry_class, answer.money) == (expected, MoneyStatus.NOT_SPENT)


@every
def test_lost_answer_leaves_the_charge_unknown_without_resend(name: str) -> None:
    answer, requests = call_and_count(name, silence)
    assert (answer.retry_class, answer.code, answer.money) == (
        RetryClass.AMBIG,
        Code.CHARGE_UNKNOWN,
        MoneyStatus.UNKNOWN,
    )
    assert requests == 1


@pytest.mark.parametrize("name", ASKABLE)
def test_lookup_without_a_response_is_pending(name: str) -> None:
    job = job_of(name)
    assert (
        MAKERS[name](unused_url(), CALL_SECONDS, provide_key).look_up(claimed(job, "id"), "id") is LookupStatus.PENDING
    )
    with recording(silence) as server:
        assert (
            MAKERS[name](server.url, CALL_SECONDS, provide_key).look_up(claimed(job, "id"), "id")
            is LookupStatus.PENDING
        )


# -- any answer ------------------------------------------------------------------------------------------------

WORDS = [
    "data",
    "errors",
    "error",
    "code",
    "taskUUID",
    "taskType",
    "status",
    "request_id",
    "generation_id",
    "failure_reason",
    "output",
    "metrics",
    "cost",
    "aiRecord",
    "uuid",
    "aiRecordDetail",
    "resultObject",
    "temporaryUrl",
    "images",
    "image",
    "url",
    "response",
]
TEXTS = [
    *(
        "id",
        get_task_id(job_for("runware")),
        "COMPLETED",
        "SUCCESS",
        "FAILURE",
        "success",
        "error",
        "imageInference",
    ),
    *("completed", "failed", "content_policy_violation"),
    *("https://im.runware.ai/a.png", "http://[", "timeoutProvider", "conflictTaskUUID", "\ud800", "\0", "a/b"),
]
VALUE = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TEXTS) | st.text(max_size=5)
ANY_JSON = st.recursive(
    VALUE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=25,
)
BODY = st.binary(max_size=30) | ANY_JSON.map(lambda value: json.dumps(value).encode())
REPLIES = st.builds(
    HttpReply,
    st.sampled_from([200, 200, 200, 307, 400, 401, 404, 406, 409, 422, 429, 500, 503]),
    st.sampled_from([{}, {"Content-Type": "image/png", "x-cost": "0.1"}, {"x-cost": "?", "Retry-After": "7"}]),
    BODY,
    st.floats(0, 10),
)
MODULES: dict[str, ModuleType] = {
    "ideogram": ideogram,
    "ideogram v2": ideogram,
    "segmind": segmind,
    "segmind v1": segmind,
    "1min": onemin,
    "runware": runware,
}

# The functions through which a module sends its requests, where it has only one of them.
SENDERS = {"ideogram": ("post",)}


def fake_replies(name: str, replies: list[HttpReply], patch: pytest.MonkeyPatch, *, uploads: bool = True) -> None:
    """Gives the adapter these replies without a network, repeating the last one."""
    left = [HttpReply(200, {}, b'{"fileContent":{"path":"p"}}', 0.0)] if uploads and name == "1min" else []
    left += replies

    def reply(*args: object, **kwargs: object) -> HttpReply:
        return left.pop(0) if len(left) > 1 else left[0]

    for sender in SENDERS.get(name, ("post", "send_free_request")):
        patch.setattr(MODULES[name], sender, reply)


@every
@settings(max_examples=120)
@given(replies=st.lists(REPLIES, min_size=1, max_size=4))
def test_any_responses_lead_to_a_result_that_can_be_stored(name: str, replies: list[HttpReply]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fake_replies(name, replies, patch)
        found = call(MAKERS[name]("https://api.example", 0.05, provide_key), job_of(name))
    assert_can_be_stored(found.answer)
    assert all(provider_id.isprintable() for provider_id in found.names)


@pytest.mark.parametrize("name", ASKABLE)
@settings(max_examples=120)
@given(replies=st.lists(REPLIES, min_size=1, max_size=3))
def test_lookup_reports_not_taken_only_for_final_failures(name: str, replies: list[HttpReply]) -> None:
    job = job_of(name)
    call_id = get_task_id(job) if name == "runware" else "id"
    with pytest.MonkeyPatch.context() as patch:
        fake_replies(name, replies, patch, uploads=False)
        skip_waits(patch, ideogram, polling)
        result = MAKERS[name]("https://api.example", 0.05, provide_key).look_up(claimed(job, call_id), call_id)
    assert_can_be_stored(result)
    if isinstance(result, ProviderResult) and result.retry_class in NOT_TAKEN_CLASSES:
        assert result.retry_class is RetryClass.BACKOFF or result.is_final


def assert_can_be_stored(result: ProviderResult | LookupStatus) -> None:
    if isinstance(result, LookupStatus):
        return
    kept = replace(job_for("segmind"), links=result.links)
    assert from_json(Job, to_json(kept)) == kept
    assert result.is_usable or result.message.encode()
    assert (result.retry_class is RetryClass.OK) == bool(result.links)
    assert (result.retry_class is RetryClass.OK) == (result.charged > 0)


def test_every_provider_has_an_adapter_here() -> None:
    made: list[Any] = [type(make("https://api.example", CALL_SECONDS, provide_key)) for make in MAKERS.values()]
    assert len(set(made)) == 4
    assert PHOTO
