"""The stand-in's Segmind: rate limits, failed jobs, and faults."""

from typing import Any

import pytest
import requests

from tests.contract.standin_callers import BASE64, SEGMIND_V1, SEGMIND_V2, Segmind
from tests.contract.standin_client import KEY, wait_until


@pytest.mark.parametrize(("reported_cost", "cost"), [("null", None), ("zero", 0.0)])
def test_reported_cost_can_be_null_or_zero(segmind: Segmind, reported_cost: str, cost: float | None) -> None:
    segmind.standin.control("settings", {"reported_cost": reported_cost})
    assert segmind.finished().json()["metrics"]["cost"] == cost


@pytest.mark.parametrize(
    "fields",
    [
        {"rendering_speed": "FLASH"},
        {"rendering_speed": "turbo"},
        {"seed": 99},
        {"seed": 1_000_000},
        {"seed": "100"},
        {"magic_prompt": "on"},
        {"color_palette": {"name": "GREY"}},
        {"color_palette": {"name": "PASTEL", "members": []}},
        {"color_palette": "PASTEL"},
        {"style_codes": ["XYZ"]},
        {"style_codes": "AAFF5733"},
        {"style_codes": ["AAFF5733"], "style_reference_images": ["http://127.0.0.1:9/a"]},
        {"style_reference_images": [BASE64]},
        {"num_images": 2},
        {"style_preset": "WATERCOLOR"},
        {"negative_prompt": "x"},
    ],
    ids=str,
)
def test_invalid_value_is_406_or_a_failed_job(segmind: Segmind, fields: dict[str, Any]) -> None:
    refused = segmind.call(**fields)
    assert (refused.status_code, "Invalid value" in refused.json()["error"]) == (406, True)
    failed = segmind.finished(**fields)
    assert (failed.status_code, failed.json()["status"]) == (422, "FAILED")
    assert segmind.standin.total_usd() == "0.00"


@pytest.mark.parametrize("name", ["image", "prompt"])
def test_missing_field_is_400_or_a_failed_job(segmind: Segmind, name: str) -> None:
    body = {"image": BASE64, "prompt": "a beach"}
    del body[name]
    refused = segmind.post(SEGMIND_V1, body)
    assert (refused.status_code, refused.json()) == (400, {"error": f"Missing required field: {name}"})
    provider_id = segmind.post(SEGMIND_V2, body).json()["request_id"]
    assert segmind.result(provider_id).status_code == segmind.status(provider_id).status_code == 422
    if name == "prompt":
        assert segmind.result(provider_id).json()["error"] == "Prompt is Mandatory and must be string"


@pytest.mark.parametrize("path", [SEGMIND_V1, SEGMIND_V2])
def test_used_up_credits_are_406(segmind: Segmind, path: str) -> None:
    segmind.standin.add_fault("balance", {"usd": "0.10"})
    body = {"image": BASE64, "prompt": "a beach"}
    answers = [segmind.post(path, body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 406]
    assert "Insufficient credits" in answers[1].json()["error"]
    assert segmind.get("/v1/get-user-credits").json() == {"credits": 0.025}


@pytest.mark.parametrize(("form", "mark"), [("iso", "T"), ("plain", " "), ("epoch", ""), ("missing", None)])
def test_rate_limit_reports_when_to_retry(segmind: Segmind, form: str, mark: str | None) -> None:
    segmind.standin.control("settings", {"requests_per_minute": {"segmind": 2}, "segmind_reset_form": form})
    answers = [segmind.submit() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    refused = answers[2]
    retry_at = refused.headers.get("x-rate-limit-reset-at-utc")
    assert (refused.json(), "retry-after" in refused.headers) == ({"error": "rate_limit_exceeded"}, False)
    assert (retry_at is None) if mark is None else (retry_at is not None and mark in retry_at)
    assert segmind.submit(key="another").status_code == 200
    segmind.standin.add_fault("clock", {"offset_s": 31})
    assert segmind.submit().status_code == 200


def test_polls_count_towards_the_rate_by_default(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"requests_per_minute": {"segmind": 2}})
    provider_id = segmind.submit().json()["request_id"]
    assert [segmind.status(provider_id).status_code for _ in range(2)] == [200, 429]
    segmind.standin.control("settings", {"segmind_polls_count": False})
    assert segmind.status(provider_id).status_code == 200


def statuses(segmind: Segmind, times: int) -> list[Any]:
    provider_id = segmind.submit().json()["request_id"]
    until_done = [segmind.result(provider_id) for _ in range(times)]
    return [answer.status_code for answer in until_done]


def test_poll_can_be_empty_fail_or_never_end(segmind: Segmind) -> None:
    segmind.standin.add_fault("poll_404", times=1)
    segmind.standin.add_fault("poll_5xx", {"code": 502, "html": True}, times=1)
    assert statuses(segmind, 2) == [404, 502]
    segmind.standin.add_fault("poll_stuck")
    done = segmind.submit(seed=500).json()["request_id"]
    assert segmind.result(done).json()["status"] == "PROCESSING"
    assert segmind.standin.total_usd() == "0.15"


def test_failed_job_is_422_and_free_by_default(segmind: Segmind) -> None:
    segmind.standin.add_fault("job_fails", {"message": "provider timeout"}, times=1)
    failed = segmind.finished()
    assert (failed.status_code, failed.json()["error"]) == (422, "provider timeout")
    assert "cost" not in failed.json()["metrics"]
    assert segmind.standin.total_usd() == "0.00"
    segmind.standin.add_fault("job_fails", {"in_200": True, "billed": True}, times=1)
    failed = segmind.finished()
    assert (failed.status_code, failed.json()["status"]) == (200, "FAILED")
    segmind.standin.add_fault("job_fails", times=1)
    assert segmind.call().status_code == 500
    assert segmind.standin.total_usd() == "0.075"


def test_unsafe_fault_leads_to_a_failed_job_or_no_output(segmind: Segmind) -> None:
    segmind.standin.add_fault("unsafe")
    first, second, third = (segmind.finished() for _ in range(3))
    assert "content policy" in first.json()["error"]
    assert second.json()["detail"][0]["type"] == "content_policy_violation"
    assert (third.status_code, third.json()["output"]) == (200, "")
    assert segmind.standin.total_usd() == "0.075"
    segmind.standin.control("faults", method="DELETE")
    segmind.standin.add_fault("unsafe", {"form": "error"}, times=1)
    assert segmind.call().status_code == 400
    segmind.standin.add_fault("unsafe", {"form": "no_output"}, times=1)
    assert segmind.call().content == b""


@pytest.mark.parametrize("submit", ["call", "submit"])
@pytest.mark.parametrize("fault", ["accept_then_drop", "reset_mid_body"])
def test_lost_answer_is_billed(segmind: Segmind, submit: str, fault: str) -> None:
    segmind.standin.add_fault(fault, provider="segmind")
    with pytest.raises(requests.exceptions.RequestException):
        getattr(segmind, submit)()
    assert segmind.standin.total_usd() == "0.075"
    wait_until(lambda: segmind.standin.see("bill")["keys"][0]["dropped_after_accept"] == 1)


def test_job_continues_after_a_lost_acknowledgement(segmind: Segmind) -> None:
    segmind.standin.add_fault("accept_then_drop", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        segmind.submit()
    (job,) = segmind.standin.jobs()
    wait_until(lambda: segmind.result(job["provider_id"]).json()["status"] == "COMPLETED")


@pytest.mark.parametrize("code", [400, 401, 403, 404, 406, 410, 422, 429, 500, 502, 503, 504])
def test_any_status_can_be_requested_on_every_route(segmind: Segmind, code: int) -> None:
    provider_id = segmind.submit().json()["request_id"]
    segmind.standin.add_fault("status", {"code": code}, route="v2/ideogram-3", times=1)
    segmind.standin.add_fault("status", {"code": code}, route="requests", times=1)
    answers = [segmind.submit(), segmind.result(provider_id)]
    assert [answer.status_code for answer in answers] == [code, code]
    assert all("error" in answer.json() for answer in answers)
    assert ("x-rate-limit-reset-at-utc" in answers[0].headers) is (code == 429)
    assert segmind.standin.total_usd() == "0.075"


def test_rule_without_a_route_does_not_affect_polls(segmind: Segmind) -> None:
    provider_id = segmind.submit().json()["request_id"]
    segmind.standin.add_fault("html_error", {"code": 200})
    assert segmind.result(provider_id).headers["content-type"] == "application/json"
    assert segmind.submit().text.startswith("<html>")


@pytest.mark.parametrize(
    ("variant", "found"),
    [("no_data", None), ("empty_data", []), ("wrong_types", {"url": 7}), ("other_id", "00000000-0000-4000-8000-0")],
)
def test_acknowledgement_can_be_empty_or_of_unexpected_form(segmind: Segmind, variant: str, found: object) -> None:
    segmind.standin.add_fault("malformed_json", {"variant": variant})
    request_id = segmind.submit().json().get("request_id")
    assert request_id[:25] == found if isinstance(found, str) else request_id == found


def test_downloads_and_v1_responses_can_be_damaged(segmind: Segmind) -> None:
    segmind.standin.add_fault("wrong_type", {"type": "text/html"}, provider="segmind", times=2)
    assert segmind.standin.fetch(segmind.finished().json()["output"]).headers["content-type"][:9] == "text/html"
    assert segmind.call().headers["content-type"][:9] == "text/html"
    segmind.standin.add_fault("foreign_url", {"kind": "userinfo"}, times=1)
    assert segmind.finished().json()["output"].startswith("https://images.segmind.com@evil.test/")
    segmind.standin.add_fault("expired_url", times=1)
    assert segmind.standin.fetch(segmind.finished().json()["output"]).status_code == 404


def test_paused_key_is_refused_on_every_route(segmind: Segmind) -> None:
    provider_id = segmind.submit().json()["request_id"]
    segmind.standin.add_fault("key_paused", key=KEY)
    answers = [segmind.call(), segmind.submit(), segmind.result(provider_id), segmind.get("/v1/get-user-credits")]
    assert [answer.status_code for answer in answers] == [401] * 4
