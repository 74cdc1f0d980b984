"""The API key: looked up, trimmed, tried afresh when it is refused, and never told."""

import json
from collections.abc import Generator

import pytest
from aws_lambda_powertools.utilities.parameters import clear_caches

from backdrop.aws.keys import api_key
from backdrop.core.answer import Answer, Class
from backdrop.core.codes import Code
from backdrop.core.job import Money
from backdrop.providers.ideogram import Ideogram
from tests.contract.adapters import PHOTO, Recorder, Reply, a_job, http, recording
from tests.contract.standin_client import KEY, StandinClient


class Keys:
    """A cached key, and the fresh one behind it; notes what it was asked for."""

    def __init__(self, cached: str | None, fresh: str | None) -> None:
        self._cached, self._fresh = cached, fresh
        self.asked: list[bool] = []

    def __call__(self, fresh: bool) -> str | None:
        self.asked.append(fresh)
        return self._fresh if fresh else self._cached


def call(standin: StandinClient, keys: Keys) -> Answer:
    return Ideogram(f"{standin.url}/ideogram", 5, keys).call(a_job(), PHOTO)


def test_a_key_that_was_changed_is_found_by_itself(standin: StandinClient) -> None:
    keys = Keys("invalid-old", KEY)
    answer = call(standin, keys)
    assert (answer.kind, answer.charged, standin.total_usd()) == (Class.OK, 60_000, "0.06")
    assert keys.asked == [False, True]
    assert [entry["status"] for entry in standin.see("requests")["requests"]] == [401, 200]


@pytest.mark.parametrize("fresh", ["invalid-old", None, ""])
def test_a_refused_key_without_another_pauses_after_one_call(standin: StandinClient, fresh: str | None) -> None:
    answer = call(standin, Keys("invalid-old", fresh))
    assert (answer.kind, answer.code, answer.money) == (Class.PAUSE, Code.PROVIDER_KEY_REFUSED, Money.NOT_SPENT)
    assert len(standin.see("requests")["requests"]) == 1


def test_two_refused_keys_pause_after_two_calls(standin: StandinClient) -> None:
    assert call(standin, Keys("invalid-old", "invalid-new")).code is Code.PROVIDER_KEY_REFUSED
    assert len(standin.see("requests")["requests"]) == 2


@pytest.mark.parametrize("missing", [None, ""])
def test_without_a_key_nothing_is_sent(standin: StandinClient, missing: str | None) -> None:
    answer = call(standin, Keys(missing, missing))
    assert (answer.kind, answer.code, answer.money) == (Class.PAUSE, Code.PROVIDER_KEY_MISSING, Money.NOT_SPENT)
    assert standin.see("requests")["requests"] == []


@pytest.mark.parametrize(
    "key",
    ["key\n", " key", "two\nlines", "null\0byte", "en\u2013dash", "zero\u200bwidth", "sch\u00fcssel"],
    ids=ascii,
)
def test_a_key_that_no_header_can_carry_is_refused_here(standin: StandinClient, key: str) -> None:
    answer = call(standin, Keys(key, key))
    assert answer.kind is Class.PAUSE
    assert answer.code in (Code.PROVIDER_KEY_MISSING, Code.PROVIDER_KEY_REFUSED)
    assert standin.see("requests")["requests"] == []


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_key_that_the_provider_repeats_is_not_told(status: int) -> None:
    with recording(http(status, json.dumps({"error": f"Incorrect API key: {KEY}"}).encode())) as server:
        answer = Ideogram(server.url, 5, Keys(KEY, KEY)).call(a_job(), PHOTO)
    assert KEY not in answer.message


# -- where it comes from -------------------------------------------------------------------------------------


@pytest.fixture
def no_cache() -> Generator[None]:
    """Parameters that forget what earlier tests read."""
    clear_caches()
    yield
    clear_caches()


def secret(text: str) -> Reply:
    """Secrets Manager's answer to GetSecretValue."""
    return http(200, json.dumps({"Name": "shop/ideogram/api-key", "SecretString": text}).encode())


def point_at(server: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.url)


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize("text", ["the-key", "the-key\n", " the-key\r\n", "\tthe-key \n\n"], ids=ascii)
def test_the_key_is_the_secrets_text_trimmed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(secret(text)) as server:
        point_at(server, monkeypatch)
        assert api_key("shop", "ideogram", fresh=False) == "the-key"
        (request,) = server.requests
    assert json.loads(request.body)["SecretId"] == "shop/ideogram/api-key"


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize("text", ["", " \n"])
def test_a_secret_of_blanks_is_no_key(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(secret(text)) as server:
        point_at(server, monkeypatch)
        assert api_key("shop", "ideogram", fresh=False) is None


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_a_secret_that_cannot_be_read_is_no_key(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(http(400, json.dumps({"__type": code, "Message": "no"}).encode())) as server:
        point_at(server, monkeypatch)
        assert api_key("shop", "ideogram", fresh=False) is None


@pytest.mark.usefixtures("no_cache")
def test_the_key_is_kept_and_read_afresh_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(secret("old"), secret("new")) as server:
        point_at(server, monkeypatch)
        assert [api_key("shop", "ideogram", fresh=fresh) for fresh in (False, False, True, False)] == [
            "old",
            "old",
            "new",
            "new",
        ]
        assert len(server.requests) == 2
