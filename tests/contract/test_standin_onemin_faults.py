"""The stand-in's 1min.ai: rate limits, failed records, and faults."""

from typing import Any

import pytest
import requests

from tests.contract.standin_callers import OneMin
from tests.contract.standin_client import wait_until


def test_rate_limit_is_429_without_a_header(onemin: OneMin) -> None:
    assert onemin.standin.see("settings")["requests_per_minute"]["onemin"] == 180
    onemin.standin.control("settings", {"requests_per_minute": {"onemin": 2}})
    assert [onemin.upload().status_code for _ in range(2)] == [200, 200]
    refused = onemin.upload()
    assert (refused.status_code, refused.json()) == (429, {"message": "Too many requests"})
    assert "retry-after" not in refused.headers
    onemin.standin.add_fault("clock", {"offset_s": 31})
    assert onemin.upload().status_code == 200


def test_failed_record_is_200_and_free_by_default(onemin: OneMin) -> None:
    onemin.standin.add_fault("job_fails", times=1)
    answer = onemin.call()
    record = answer.json()["aiRecord"]
    assert (answer.status_code, record["status"]) == (200, "FAILURE")
    assert record["aiRecordDetail"]["resultObject"] == ["Generation failed."]
    assert onemin.standin.total_usd() == "0.00"
    onemin.standin.add_fault("job_fails", {"message": "upstream", "billed": True}, times=1)
    assert onemin.finished()["aiRecordDetail"]["resultObject"] == ["upstream"]
    assert onemin.standin.total_usd() == "0.05"


def test_unsafe_fault_alternates_between_three_forms(onemin: OneMin) -> None:
    onemin.standin.add_fault("unsafe")
    flagged, nothing, failed = (onemin.finished() for _ in range(3))
    (entry,) = flagged["aiRecordDetail"]["responseObject"]["data"]
    assert (entry["is_image_safe"], entry["url"]) == (False, None)
    assert (nothing["status"], nothing["aiRecordDetail"]["resultObject"]) == ("SUCCESS", [])
    assert "safety" in failed["aiRecordDetail"]["resultObject"][0]
    assert all("temporaryUrl" not in record for record in (flagged, nothing, failed))
    assert onemin.standin.total_usd() == "0.15"


def test_poll_can_be_empty_fail_or_never_end(onemin: OneMin) -> None:
    provider_id = onemin.finished()["uuid"]
    onemin.standin.add_fault("poll_404", times=1)
    onemin.standin.add_fault("poll_5xx", {"code": 503}, times=1)
    onemin.standin.add_fault("poll_stuck", times=1)
    assert onemin.look_up(provider_id).json() == {"aiRecord": None}
    assert onemin.look_up(provider_id).status_code == 503
    assert onemin.look_up(provider_id).json()["aiRecord"]["status"] == "PROCESSING"
    assert onemin.look_up(provider_id).json()["aiRecord"]["status"] == "SUCCESS"


@pytest.mark.parametrize("submit", ["call", "submit"])
def test_lost_answer_is_billed_and_uploads_are_unaffected(onemin: OneMin, submit: str) -> None:
    onemin.standin.add_fault("accept_then_drop")
    with pytest.raises(requests.exceptions.ConnectionError):
        getattr(onemin, submit)()
    assert onemin.standin.total_usd() == "0.05"
    (job,) = onemin.standin.jobs()
    wait_until(lambda: onemin.look_up(job["provider_id"]).json()["aiRecord"]["status"] == "SUCCESS")


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 406, 413, 422, 429, 500, 502, 503, 504])
def test_any_status_can_be_requested_on_each_route(onemin: OneMin, code: int) -> None:
    body = onemin.body()
    for route in ("features", "assets", "results"):
        onemin.standin.add_fault("status", {"code": code}, route=route, times=1)
    answers = [onemin.send(body), onemin.upload(), onemin.look_up("x")]
    assert [answer.status_code for answer in answers] == [code] * 3
    assert all("message" in answer.json() for answer in answers)
    assert onemin.standin.total_usd() == "0.00"


def test_used_up_credits_are_402_by_default(onemin: OneMin) -> None:
    for status in (402, 403):
        onemin.standin.add_fault("balance", {"usd": "0.04", "status": status})
        refused = onemin.call()
        assert (refused.status_code, refused.json()["errorCode"]) == (status, "INSUFFICIENT_CREDITS")


def test_error_with_status_200_is_a_failed_record(onemin: OneMin) -> None:
    onemin.standin.add_fault("error_in_200")
    answer = onemin.call()
    assert (answer.status_code, answer.json()["aiRecord"]["status"]) == (200, "FAILURE")
    assert onemin.standin.total_usd() == "0.05"


@pytest.mark.parametrize(
    ("variant", "fields"),
    [("no_data", {}), ("empty_data", {"aiRecord": []}), ("wrong_types", {"aiRecord": {"url": 7}})],
)
def test_response_can_lack_its_result(onemin: OneMin, variant: str, fields: dict[str, Any]) -> None:
    onemin.standin.add_fault("malformed_json", {"variant": variant})
    assert onemin.submit().json() == fields


def test_fewer_results_are_billed_by_their_number(onemin: OneMin) -> None:
    onemin.standin.add_fault("fewer_results")
    record = onemin.call(num_images=3).json()["aiRecord"]
    assert len(record["aiRecordDetail"]["resultObject"]) == 2
    assert "temporaryUrl" not in onemin.call().json()["aiRecord"]
    assert onemin.standin.total_usd() == "0.10"


def test_links_can_be_foreign_or_expired(onemin: OneMin) -> None:
    onemin.standin.add_fault("foreign_url", {"kind": "host"}, times=1)
    assert onemin.call().json()["aiRecord"]["temporaryUrl"].startswith("https://evil.test/asset.1min.ai/images/")
    onemin.standin.add_fault("expired_url", times=1)
    assert onemin.standin.fetch(onemin.call().json()["aiRecord"]["temporaryUrl"]).status_code == 403
