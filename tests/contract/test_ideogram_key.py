"""The API key: read, trimmed, reloaded when it is refused, and never shown."""

import json
from importlib import reload
from typing import Protocol

import pytest

from backdrop.aws import secrets
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import MoneyStatus
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.ports import ApiKey
from backdrop.providers.ideogram import Ideogram
from tests.contract.adapters import PHOTO, Recorder, Reply, build_provider_job, called, http, recording
from tests.contract.standin_client import KEY, StandinClient


class Keys:
    """A cached key and the current key. Records its calls."""

    def __init__(self, cached: str | None, fresh: str | None) -> None:
        self._cached, self._fresh = cached, fresh
        self.calls: list[bool] = []

    def __call__(self, fresh: bool) -> ApiKey:
        self.calls.append(fresh)
        return ApiKey((self._fresh if fresh else self._cached) or "")


def call(standin: StandinClient, keys: Keys) -> ProviderResult:
    return called(Ideogram(f"{standin.url}/ideogram", 5, keys), build_provider_job(), PHOTO)


def test_changed_key_is_found_automatically(standin: StandinClient) -> None:
    keys = Keys("invalid-old", KEY)
    answer = call(standin, keys)
    assert (answer.retry_class, answer.charged, standin.total_usd()) == (RetryClass.OK, 60_000, "0.06")
    assert keys.calls == [False, True]
    assert [entry["status"] for entry in standin.see("requests")["requests"]] == [401, 200]


@pytest.mark.parametrize("fresh", ["invalid-old", None, ""])
def test_refused_key_without_a_newer_one_pauses(standin: StandinClient, fresh: str | None) -> None:
    answer = call(standin, Keys("invalid-old", fresh))
    assert (answer.retry_class, answer.code, answer.money) == (
        RetryClass.PAUSE,
        Code.PROVIDER_KEY_REFUSED,
        MoneyStatus.NOT_SPENT,
    )
    assert len(standin.see("requests")["requests"]) == 1


def test_refusal_remains_if_no_newer_key_can_be_read(standin: StandinClient) -> None:
    """The provider's response is known, so a failure of the key's store does not make it a lost answer."""

    def keys(fresh: bool) -> ApiKey:
        if fresh:
            raise RetryLaterError(Code.STORAGE_UNAVAILABLE, "Secrets Manager does not answer.", 5)
        return ApiKey("invalid-old")

    answer = called(Ideogram(f"{standin.url}/ideogram", 5, keys), build_provider_job(), PHOTO)
    assert (answer.retry_class, answer.code, answer.money) == (
        RetryClass.PAUSE,
        Code.PROVIDER_KEY_REFUSED,
        MoneyStatus.NOT_SPENT,
    )


def test_two_refused_keys_pause_after_two_calls(standin: StandinClient) -> None:
    assert call(standin, Keys("invalid-old", "invalid-new")).code is Code.PROVIDER_KEY_REFUSED
    assert len(standin.see("requests")["requests"]) == 2


@pytest.mark.parametrize("missing", [None, ""])
def test_nothing_is_sent_without_a_key(standin: StandinClient, missing: str | None) -> None:
    answer = call(standin, Keys(missing, missing))
    assert (answer.retry_class, answer.code, answer.money) == (
        RetryClass.PAUSE,
        Code.PROVIDER_KEY_MISSING,
        MoneyStatus.NOT_SPENT,
    )
    assert standin.see("requests")["requests"] == []


@pytest.mark.parametrize(
    "key",
    ["secret\n", " secret", "two\nlines", "null\0byte", "en\u2013dash", "zero\u200bwidth", "sch\u00fcssel"],
    ids=ascii,
)
def test_invalid_key_is_refused_before_the_call(standin: StandinClient, key: str) -> None:
    answer = call(standin, Keys(key, key))
    assert (answer.retry_class, answer.code) == (RetryClass.PAUSE, Code.PROVIDER_KEY_MISSING)
    assert "no header can carry" in answer.message
    assert key not in answer.message
    assert standin.see("requests")["requests"] == []


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_key_in_a_response_is_removed_from_the_message(status: int) -> None:
    with recording(http(status, json.dumps({"error": f"Incorrect API key: {KEY}"}).encode())) as server:
        answer = called(Ideogram(server.url, 5, Keys(KEY, KEY)), build_provider_job(), PHOTO)
    assert KEY not in answer.message


def test_missing_cached_key_is_reloaded_before_the_call(standin: StandinClient) -> None:
    keys = Keys("", KEY)
    assert call(standin, keys).retry_class is RetryClass.OK
    assert keys.calls == [False, True]
    assert len(standin.see("requests")["requests"]) == 1


def test_preparing_a_call_sends_nothing(standin: StandinClient) -> None:
    """A call that cannot be sent is rejected before money is reserved for it."""
    prepared = [
        Ideogram(f"{standin.url}/ideogram", 5, Keys(key, key)).prepare(build_provider_job(), PHOTO)
        for key in (KEY, None)
    ]
    assert [isinstance(one, ProviderResult) for one in prepared] == [False, True]
    assert standin.see("requests")["requests"] == []


# -- source of the key --------------------------------------------------------------------------------------------


class ApiKeyOf(Protocol):
    """The function under test, with an empty cache."""

    def __call__(self, stack: str, provider: str, bypass_cache: bool) -> ApiKey: ...


@pytest.fixture
def api_key() -> ApiKeyOf:
    """Returns the function as a new worker would load it."""
    return reload(secrets).read_api_key


def secret(text: str) -> Reply:
    """Returns Secrets Manager's response to GetSecretValue."""
    return http(200, json.dumps({"Name": "shop/ideogram/api-key", "SecretString": text}).encode())


def refused(code: str) -> Reply:
    """Returns Secrets Manager's response when it denies access."""
    return http(400, json.dumps({"__type": code, "Message": "no such thing for you"}).encode())


def point_at(server: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.url)


@pytest.mark.parametrize(
    "text", ["the-key", "the-key\n", " the-key\r\n", "\tthe-key \n\n", "\ufeffthe-key\r\n"], ids=ascii
)
def test_key_is_the_trimmed_secret(api_key: ApiKeyOf, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(secret(text)) as server:
        point_at(server, monkeypatch)
        assert api_key("shop", "ideogram", bypass_cache=False) == ApiKey("the-key")
        (request,) = server.requests
    assert json.loads(request.body)["SecretId"] == "shop/ideogram/api-key"


@pytest.mark.parametrize("text", ["", " \n", "\ufeff"], ids=ascii)
def test_blank_secret_counts_as_a_missing_key(api_key: ApiKeyOf, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(secret(text)) as server:
        point_at(server, monkeypatch)
        found = api_key("shop", "ideogram", bypass_cache=False)
    assert found == ApiKey(missing_reason="the secret shop/ideogram/api-key is empty")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("ResourceNotFoundException", "does not exist"),
        ("AccessDeniedException", "does not exist, or the function may not read it"),
        ("InvalidRequestException", "has no value, or is scheduled for deletion"),
    ],
)
def test_unreadable_secret_counts_as_a_missing_key(
    api_key: ApiKeyOf, code: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording(refused(code)) as server:
        point_at(server, monkeypatch)
        found = api_key("shop", "ideogram", bypass_cache=False)
    assert found == ApiKey(missing_reason=f"the secret shop/ideogram/api-key {reason} ({code})")


@pytest.mark.parametrize(
    ("reply", "why"), [(secret(" "), "is empty"), (refused("AccessDeniedException"), "AccessDeniedException")]
)
def test_reason_for_the_missing_key_is_reported(
    api_key: ApiKeyOf, reply: Reply, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording(reply) as server:
        point_at(server, monkeypatch)
        adapter = Ideogram("http://127.0.0.1:9", 5, lambda fresh: api_key("shop", "ideogram", fresh))
        answer = adapter.prepare(build_provider_job(), PHOTO)
    assert isinstance(answer, ProviderResult)
    assert (answer.retry_class, answer.code) == (RetryClass.PAUSE, Code.PROVIDER_KEY_MISSING)
    assert "shop/ideogram/api-key" in answer.message
    assert why in answer.message


def test_key_is_cached_and_reloaded_on_demand(api_key: ApiKeyOf, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(secret("old"), secret("new")) as server:
        point_at(server, monkeypatch)
        found = [api_key("shop", "ideogram", bypass_cache=fresh).value for fresh in (False, False, True, False)]
        assert found == ["old", "old", "new", "new"]
        assert len(server.requests) == 2
