"""Every response of Ideogram, and the class, code, money, and links that result from it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus
from backdrop.model.pricing import quote
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.providers import response_rules
from backdrop.providers.ideogram import Ideogram
from tests.contract.adapters import (
    CALL_SECONDS,
    PHOTO,
    SUCCESS,
    build_provider_job,
    called,
    http,
    provide_key,
    recording,
)
from tests.contract.standin_client import StandinClient, wait_until

LINK = "https://ideogram.ai/api/images/ephemeral/a.png?exp=1743867804&sig=e1"


def call(
    standin: StandinClient, operation: str = "replace", timeout: float = CALL_SECONDS, **given: Any
) -> ProviderResult:
    return called(
        Ideogram(f"{standin.url}/ideogram", timeout, provide_key), build_provider_job(operation, **given), PHOTO
    )


def answered(status: int, body: object, *, operation: str = "replace", more: str = "") -> ProviderResult:
    """Returns the result of a raw response."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with recording(http(status, data, more=more)) as server:
        return called(Ideogram(server.url, CALL_SECONDS, provide_key), build_provider_job(operation), PHOTO)


def billed(standin: StandinClient) -> int:
    """Returns what the stand-in charged, in micro-dollars."""
    return round(float(standin.total_usd()) * 1_000_000)


# -- success -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [None, "FLASH", "TURBO", "DEFAULT", "QUALITY"])
@pytest.mark.parametrize("number", [None, 1, 3])
def test_charge_matches_the_bill_of_the_stand_in(standin: StandinClient, speed: str | None, number: int | None) -> None:
    fields = {"rendering_speed": speed, "num_images": number}
    given: dict[str, Any] = {name: value for name, value in fields.items() if value}
    answer = call(standin, **given)
    assert (answer.retry_class, answer.code, answer.money) == (RetryClass.OK, None, MoneyStatus.SPENT)
    assert answer.charged == billed(standin) == quote("ideogram", build_provider_job(**given).instructions)
    assert len([link for link in answer.links if link.is_usable]) == (number or 1)


def test_removed_background_costs_a_cent_without_a_seed(standin: StandinClient) -> None:
    answer = call(standin, "remove")
    assert (answer.retry_class, answer.charged, billed(standin)) == (RetryClass.OK, 10_000, 10_000)
    assert [link.seed for link in answer.links] == [None]


def test_published_example_is_parsed() -> None:
    (link,) = answered(200, SUCCESS).links
    assert (link.seed, link.expires_at) == (12345, datetime(2025, 4, 5, 15, 43, 24, tzinfo=UTC))
    assert link.url == LINK


def test_published_example_of_removing_is_parsed() -> None:
    body = {"created": "2000-01-23 04:56:07+00:00", "data": [{"is_image_safe": True, "url": LINK}]}
    answer = answered(200, body, operation="remove")
    assert (answer.retry_class, answer.charged, len(answer.links)) == (RetryClass.OK, 10_000, 1)


@pytest.mark.parametrize("form", ["blank", "T"])
def test_creation_date_can_have_either_form(standin: StandinClient, form: str) -> None:
    standin.control("settings", {"created_form": form})
    assert call(standin).retry_class is RetryClass.OK


@pytest.mark.parametrize("created", [None, 7, "yesterday", {}])
def test_paid_response_with_an_invalid_date_is_parsed(created: object) -> None:
    body = {"created": created, "data": [{"is_image_safe": True, "url": LINK}], "unheard_of": [1]}
    assert answered(200, body).retry_class is RetryClass.OK


@pytest.mark.parametrize(("query", "known"), [("?exp=1743867804", True), ("?exp=soon", False), ("", False)])
def test_link_without_an_expiry_is_accepted(query: str, known: bool) -> None:
    body = {"data": [{"is_image_safe": True, "url": f"https://ideogram.ai/api/images/a.png{query}"}]}
    (link,) = answered(200, body).links
    assert (link.is_usable, link.expires_at is not None) == (True, known)


# -- unsafe or missing pictures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["null", "empty", "missing"])
def test_unsafe_picture_is_charged_without_a_link(standin: StandinClient, form: str) -> None:
    standin.add_fault("unsafe", {"which": [0], "form": form})
    answer = call(standin, num_images=2)
    assert (answer.retry_class, answer.code, answer.charged) == (RetryClass.OK, None, 120_000)
    assert [link.is_usable for link in answer.links] == [False, True]
    assert billed(standin) == 120_000


@pytest.mark.parametrize("operation", ["replace", "remove"])
def test_response_without_a_usable_picture_is_charged(standin: StandinClient, operation: str) -> None:
    standin.add_fault("unsafe", {"which": [0, 1]})
    answer = call(standin, operation)
    assert (answer.retry_class, answer.code, answer.money) == (RetryClass.OK, Code.UNSAFE_RESULT, MoneyStatus.SPENT)
    assert (answer.is_usable, answer.charged) == (False, billed(standin))


@pytest.mark.parametrize("url", [LINK, None, ""], ids=str)
def test_picture_is_withheld_only_by_the_safety_verdict(url: str | None) -> None:
    answer = answered(200, {"data": [{"is_image_safe": False, "url": url}]})
    assert (answer.retry_class, answer.code, answer.charged) == (RetryClass.OK, Code.UNSAFE_RESULT, 60_000)


@pytest.mark.parametrize("entry", [{"url": None}, {"url": ""}, {}, {"url": 7}, {"image": LINK}], ids=str)
def test_charged_entry_without_a_link_is_unrecognized_and_kept(entry: dict[str, Any]) -> None:
    body = {"data": [{"is_image_safe": True, **entry}], "note": "the key is standin-key"}
    answer = answered(200, body)
    assert (answer.retry_class, answer.code, answer.charged, answer.money) == (
        RetryClass.OK,
        None,
        60_000,
        MoneyStatus.SPENT,
    )
    assert [(link.url, link.is_unrecognized) for link in answer.links] == [(None, True)]
    assert json.loads(answer.raw_response) == {**body, "note": "the key is (key)"}


@pytest.mark.parametrize("damaged", [None, 7, "text", [], {}, True], ids=str)
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_damaged_entry_next_to_a_good_one_is_unrecognized(damaged: object, first: bool) -> None:
    """The good picture is not lost, and both were charged."""
    good = {"is_image_safe": True, "url": LINK}
    answer = answered(200, {"data": [damaged, good] if first else [good, damaged]})
    assert (answer.retry_class, answer.code, answer.charged) == (RetryClass.OK, None, 120_000)
    assert [link.is_unrecognized for link in answer.links] == ([True, False] if first else [False, True])
    assert answer.raw_response


def test_fewer_results_are_charged_by_their_number(standin: StandinClient) -> None:
    standin.add_fault("fewer_results")
    answer = call(standin, num_images=3)
    assert (answer.retry_class, len(answer.links), answer.charged) == (RetryClass.OK, 2, 120_000)
    assert billed(standin) == 120_000


# -- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["replace", "remove"])
@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, RetryClass.PERM, Code.REQUEST_REJECTED),
        (401, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
        (402, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
        (403, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
        (404, RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
        (405, RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
        (408, RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
        (413, RetryClass.PERM, Code.REQUEST_REJECTED),
        (415, RetryClass.PERM, Code.REQUEST_REJECTED),
        (422, RetryClass.PERM, Code.UNSAFE_REQUEST),
        (429, RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
        (500, RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
        (502, RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
        (503, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (504, RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
    ],
)
@pytest.mark.parametrize("form", ["usual", "empty object", "nothing", "html"])
def test_status_has_one_meaning_with_any_body(
    standin: StandinClient, operation: str, status: int, kind: RetryClass, code: Code, form: str
) -> None:
    bodies: dict[str, dict[str, object]] = {
        "usual": {},
        "empty object": {"body": {}},
        "nothing": {"body": ""},
        "html": {"html": True},
    }
    standin.add_fault("status", {"code": status, **bodies[form]})
    answer = call(standin, operation)
    if status == 403 and form in ("nothing", "html"):  # the network's answer, not the API's
        kind, code = RetryClass.BACKOFF, Code.PROVIDER_EDGE_REFUSES
    money = MoneyStatus.UNKNOWN if kind is RetryClass.AMBIG else MoneyStatus.NOT_SPENT
    assert (answer.retry_class, answer.code, answer.money) == (kind, code, money)
    assert (answer.links, answer.charged) == ((), 0)
    assert str(status) in answer.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, RetryClass.PAUSE),
        (307, RetryClass.PAUSE),
        (410, RetryClass.PAUSE),
        (418, RetryClass.PAUSE),
        (204, RetryClass.AMBIG),
        (501, RetryClass.AMBIG),
    ],
)
def test_undocumented_status_is_classified_by_its_first_digit(status: int, kind: RetryClass) -> None:
    assert answered(status, {}, more="Location: http://127.0.0.1:9/\r\n").retry_class is kind


def test_redirect_of_a_paid_call_is_not_followed() -> None:
    with recording() as other, recording(http(307, b"", more=f"Location: {other.url}/\r\n")) as server:
        assert (
            called(Ideogram(server.url, CALL_SECONDS, provide_key), build_provider_job(), PHOTO).code
            is Code.PROVIDER_MISCONFIGURED
        )
        assert other.requests == []


@pytest.mark.parametrize("name", ["error", "message", "detail"])
def test_message_contains_the_providers_text(name: str) -> None:
    assert "the sky is too blue" in answered(400, {name: "the sky is too blue"}).message


@pytest.mark.parametrize("status", [402, 429])
@pytest.mark.parametrize(
    ("reason", "kind", "code"),
    [
        ("inflight_limit", RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
        ("daily_limit", RetryClass.PAUSE, Code.PROVIDER_DAILY_LIMIT),
        ("insufficient_funds", RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
        ("subscription_required", RetryClass.PAUSE, Code.PROVIDER_PLAN_REFUSES),
        ("priority_credit_required", RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
        ("feature_limit", RetryClass.PAUSE, Code.PROVIDER_PLAN_REFUSES),
    ],
)
def test_reject_reason_takes_precedence_over_the_status(status: int, reason: str, kind: RetryClass, code: Code) -> None:
    answer = answered(status, {"error": "no", "reject_reason": reason})
    assert (answer.retry_class, answer.code) == (kind, code)


@pytest.mark.parametrize("body", ["error", "empty", "reject_reason"])
def test_busy_account_is_throttled_in_every_form(standin: StandinClient, body: str) -> None:
    standin.control("settings", {"too_many_body": body, "in_flight_limit": 1, "latency_seconds": 0.0})
    standin.add_fault("accept_then_wait", times=1)
    assert call(standin, timeout=2).retry_class is RetryClass.AMBIG
    wait_until(lambda: bool(standin.jobs()))
    assert call(standin).retry_class is RetryClass.QUOTA
    standin.control("release")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("-1", None),
        ("soon", None),
        ("99999", None),
        ("\u00b2", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_plausible_retry_after_is_respected(status: int, header: str, seconds: float | None) -> None:
    with recording(http(status, b"{}", more=f"Retry-After: {header}\r\n")) as server:
        assert (
            called(Ideogram(server.url, CALL_SECONDS, provide_key), build_provider_job(), PHOTO).retry_after_seconds
            == seconds
        )


def test_503_after_a_long_time_may_have_been_charged(standin: StandinClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_rules, "EARLY_SECONDS", 0.05)
    standin.add_fault("status", {"code": 503, "ms": 300})
    answer = call(standin)
    assert (answer.retry_class, answer.money) == (RetryClass.AMBIG, MoneyStatus.UNKNOWN)
