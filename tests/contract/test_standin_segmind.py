"""Segmind's two ways of calling, what it accepts, and what it says when something is wrong."""

from typing import Any

import pytest
import requests

from backdrop_local.standin.pictures import read_id
from tests.contract.standin_callers import BASE64, SEGMIND_V1, SEGMIND_V2, Segmind, our_host
from tests.contract.standin_client import JPEG, KEY, StandinClient, picture, wait_until


@pytest.fixture
def segmind(standin: StandinClient) -> Segmind:
    """A caller of Segmind."""
    return Segmind(standin)


def test_v1_answers_with_the_picture_and_its_accounts(segmind: Segmind) -> None:
    answer = segmind.call(rendering_speed="QUALITY")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    (job,) = segmind.standin.jobs()
    assert [read_id(answer.content)] == job["results"]
    assert answer.headers["x-request-id"] == job["provider_id"] == job["id"]
    assert (answer.headers["x-cost"], job["usd"]) == ("0.1125", "0.1125")
    assert answer.headers["x-remaining-credits"] == "99.8875"
    assert float(answer.headers["x-generation-time"]) >= 0
    assert answer.headers["x-seed-value"].isdigit()
    wait_until(lambda: bool(segmind.standin.jobs()[0]["downloaded"]))


def test_v1_can_be_set_to_answer_in_json(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"segmind_json": True})
    link = segmind.call().json()["output"]
    assert segmind.standin.fetch(link).content.startswith(b"\xff\xd8")


@pytest.mark.parametrize(("speed", "usd"), [("TURBO", "0.0375"), ("DEFAULT", "0.075"), ("QUALITY", "0.1125")])
def test_the_price_is_ideograms_and_a_quarter(segmind: Segmind, speed: str, usd: str) -> None:
    segmind.submit(rendering_speed=speed)
    assert segmind.standin.total_usd() == usd


def test_v2_gives_an_id_and_its_addresses_at_once(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"queue_seconds": 60})
    ticket = segmind.submit().json()
    ident = ticket["request_id"]
    assert ticket == {
        "request_id": ident,
        "status": "QUEUED",
        "poll_url": f"https://api.segmind.com/v1/requests/{ident}",
        "status_url": f"https://api.segmind.com/v2/requests/{ident}/status",
        "response_url": f"https://api.segmind.com/v2/requests/{ident}",
    }
    assert segmind.status(ident).json()["status"] == "QUEUED"
    assert segmind.standin.jobs()[0]["provider_id"] == ident


def test_v2_is_processing_while_the_model_works(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"latency_seconds": 60})
    ident = segmind.submit().json()["request_id"]
    for path in (f"/v2/requests/{ident}/status", f"/v2/requests/{ident}", f"/v1/requests/{ident}"):
        answer = segmind.get(path).json()
        assert (answer["status"], answer["metrics"]) == ("PROCESSING", {})
        assert "output" not in answer


def test_v2_ends_with_an_output_and_what_it_cost(segmind: Segmind) -> None:
    done = segmind.finished().json()
    ident = done["request_id"]
    assert set(done) == {"status", "request_id", "output", "metrics"}
    assert set(done["metrics"]) == {
        "inference_time",
        "queue_time",
        "total_time",
        "cost",
        "remaining_credits",
        "retry_count",
    }
    assert (done["metrics"]["cost"], done["metrics"]["remaining_credits"]) == (0.075, 99.925)
    assert segmind.get(f"/v1/requests/{ident}").json() == done
    status = segmind.status(ident).json()
    assert status["status"] == "COMPLETED"
    assert "output" not in status
    assert "cost" not in status["metrics"]
    assert [read_id(segmind.standin.fetch(done["output"]).content)] == segmind.standin.jobs()[0]["results"]


@pytest.mark.parametrize(("form", "found"), [("list", "output"), ("images", "images"), ("image", "image")])
def test_the_output_comes_in_every_form_that_was_seen(segmind: Segmind, form: str, found: str) -> None:
    segmind.standin.control("settings", {"segmind_output": form})
    assert found in segmind.finished().json()


@pytest.mark.parametrize(("told", "cost"), [("null", None), ("zero", 0.0)])
def test_the_cost_can_be_untold(segmind: Segmind, told: str, cost: float | None) -> None:
    segmind.standin.control("settings", {"reported_cost": told})
    assert segmind.finished().json()["metrics"]["cost"] == cost


def test_the_format_can_be_set(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"segmind_format": "PNG"})
    answer = segmind.call()
    assert (answer.headers["content-type"], answer.content[:4]) == ("image/png", b"\x89PNG")


@pytest.mark.parametrize(
    "fields",
    [
        {"color_palette": {"name": "PASTEL"}},
        {"color_palette": {"members": [{"color_hex": "#b470b3", "color_weight": 0.6}]}},
        {"magic_prompt": "OFF", "seed": 100},
        {"seed": 999_999},
        {"seed": None},
        {"style_codes": ["AAFF5733", "0133FF57"]},
        {"style_codes": [], "style_reference_images": []},
    ],
    ids=str,
)
def test_every_field_is_taken_as_the_contract_has_it(segmind: Segmind, fields: dict[str, object]) -> None:
    assert segmind.call(**fields).status_code == 200


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
def test_a_value_that_is_wrong_is_406_on_v1_and_a_failed_job_on_v2(segmind: Segmind, fields: dict[str, object]) -> None:
    refused = segmind.call(**fields)
    assert (refused.status_code, "Invalid value" in refused.json()["error"]) == (406, True)
    failed = segmind.finished(**fields)
    assert (failed.status_code, failed.json()["status"]) == (422, "FAILED")
    assert segmind.standin.total_usd() == "0.00"


@pytest.mark.parametrize("name", ["image", "prompt"])
def test_a_missing_field_is_400_on_v1_and_a_failed_job_on_v2(segmind: Segmind, name: str) -> None:
    body = {"image": BASE64, "prompt": "a beach"}
    del body[name]
    refused = segmind.post(SEGMIND_V1, body)
    assert (refused.status_code, refused.json()) == (400, {"error": f"Missing required field: {name}"})
    ident = segmind.post(SEGMIND_V2, body).json()["request_id"]
    assert segmind.result(ident).status_code == segmind.status(ident).status_code == 422
    if name == "prompt":
        assert segmind.result(ident).json()["error"] == "Prompt is Mandatory and must be string"


def test_the_image_is_fetched_by_its_link(segmind: Segmind) -> None:
    with our_host() as host:
        assert segmind.call(image=f"{host.url}/in.jpg").status_code == 200
        assert segmind.call(style_reference_images=[f"{host.url}/in.jpg"]).status_code == 200
        missing = segmind.call(image=f"{host.url}/nothing.jpg")
    assert (missing.status_code, missing.json()) == (500, {"error": "Internal server error"})


@pytest.mark.parametrize("image", ["https://example.test/a.jpg", "http://10.0.0.1/a.jpg", "no picture", "bm90aGluZw=="])
def test_an_image_that_cannot_be_had_is_noticed_by_the_model_only(segmind: Segmind, image: str) -> None:
    assert segmind.call(image=image).status_code == 500
    assert segmind.finished(image=image).status_code == 422


def test_an_image_over_the_limit_is_refused(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"max_image_bytes": len(JPEG) - 1})
    assert segmind.call().status_code == 500


def test_links_that_differ_to_the_same_picture_are_the_same_work(segmind: Segmind) -> None:
    with our_host() as host:
        segmind.call(image=f"{host.url}/in.jpg")
    assert segmind.standin.see("bill")["duplicates"] == []
    segmind.submit()
    (group,) = segmind.standin.see("bill")["duplicates"]
    assert (group["provider"], group["charges"], group["usd"]) == ("segmind", 2, "0.15")


def test_an_upload_gives_a_public_link_that_can_be_sent(segmind: Segmind) -> None:
    content = picture(color="red")
    answer = segmind.post("/segmind/upload-asset", files={"file": ("in.jpg", content, "image/jpeg")})
    assert answer.json()["message"] == "Files uploaded successfully"
    (link,) = answer.json()["file_urls"]
    assert segmind.standin.fetch(link).content == content
    assert segmind.call(image=link).status_code == 200
    body = {"data_urls": [f"data:image/jpeg;base64,{BASE64}"]}
    (link,) = segmind.post("/segmind/upload-asset", body).json()["file_urls"]
    assert segmind.standin.fetch(link).content == JPEG


@pytest.mark.parametrize(
    ("key", "header", "error"),
    [
        (None, {"Authorization": f"Bearer {KEY}"}, "Missing Authorization or x-api-key in header"),
        ("invalid", {}, "Unauthorized. API key is invalid or may have expired..."),
    ],
)
@pytest.mark.parametrize("path", [SEGMIND_V1, SEGMIND_V2])
def test_a_key_goes_in_its_own_header(
    segmind: Segmind, path: str, key: str | None, header: dict[str, str], error: str
) -> None:
    answer = segmind.post(path, key=key, json={}, headers=header)
    assert (answer.status_code, answer.json()) == (401, {"error": error})


@pytest.mark.parametrize("path", [SEGMIND_V1, SEGMIND_V2])
def test_a_body_that_is_not_called_json_is_406(segmind: Segmind, path: str) -> None:
    answer = segmind.post(path, data=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()) == (406, {"error": "Invalid content type"})
    assert segmind.post(path, data=b"{", headers={"Content-Type": "application/json"}).status_code == 400


@pytest.mark.parametrize("path", [SEGMIND_V1, SEGMIND_V2])
def test_credits_that_are_used_up_are_406(segmind: Segmind, path: str) -> None:
    segmind.standin.fault("balance", {"usd": "0.10"})
    body = {"image": BASE64, "prompt": "a beach"}
    answers = [segmind.post(path, body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 406]
    assert "Insufficient credits" in answers[1].json()["error"]
    assert segmind.get("/v1/get-user-credits").json() == {"credits": 0.025}


def test_an_unknown_model_is_404_and_a_wrong_verb_a_page(segmind: Segmind) -> None:
    unknown = segmind.post("/segmind/v1/another-model", {})
    assert (unknown.status_code, unknown.json()) == (404, {"error": "Model not found"})
    wrong = segmind.get("/v1/ideogram-3-replace-background")
    assert (wrong.status_code, wrong.headers["content-type"][:9], "405" in wrong.text) == (405, "text/html", True)


def test_a_record_is_its_owners_and_lives_an_hour_and_a_file_seven_days(segmind: Segmind) -> None:
    done = segmind.finished().json()
    ident, link = done["request_id"], done["output"]
    assert segmind.get(f"/v2/requests/{ident}", key="another").status_code == 404
    segmind.standin.fault("clock", {"offset_s": 3_700})
    gone = segmind.result(ident)
    assert (gone.status_code, gone.json()) == (404, {"error": f"Request {ident} not found"})
    assert segmind.status(ident).status_code == 404
    assert segmind.standin.fetch(link).status_code == 200
    segmind.standin.fault("clock", {"offset_s": 7 * 86_400 + 60})
    assert segmind.standin.fetch(link).status_code == 404


def test_a_download_takes_no_key(segmind: Segmind) -> None:
    link = segmind.finished().json()["output"]
    assert segmind.standin.fetch(link, **{"x-api-key": KEY}).status_code == 403


def test_real_links_are_on_the_real_host(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"url_mode": "real"})
    assert segmind.finished().json()["output"].startswith("https://images.segmind.com/generations/")


@pytest.mark.parametrize(("form", "mark"), [("iso", "T"), ("plain", " "), ("epoch", ""), ("missing", None)])
def test_above_its_rate_a_key_is_told_when_to_come_again(segmind: Segmind, form: str, mark: str | None) -> None:
    segmind.standin.control("settings", {"requests_per_minute": {"segmind": 2}, "segmind_reset_form": form})
    answers = [segmind.submit() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    refused = answers[2]
    told = refused.headers.get("x-rate-limit-reset-at-utc")
    assert (refused.json(), "retry-after" in refused.headers) == ({"error": "rate_limit_exceeded"}, False)
    assert (told is None) if mark is None else (told is not None and mark in told)
    assert segmind.submit(key="another").status_code == 200
    segmind.standin.fault("clock", {"offset_s": 31})
    assert segmind.submit().status_code == 200


def test_polls_count_towards_the_rate_unless_set_otherwise(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"requests_per_minute": {"segmind": 2}})
    ident = segmind.submit().json()["request_id"]
    assert [segmind.status(ident).status_code for _ in range(2)] == [200, 429]
    segmind.standin.control("settings", {"segmind_polls_count": False})
    assert segmind.status(ident).status_code == 200


def statuses(segmind: Segmind, times: int) -> list[Any]:
    ident = segmind.submit().json()["request_id"]
    until_done = [segmind.result(ident) for _ in range(times)]
    return [answer.status_code for answer in until_done]


def test_a_poll_can_find_nothing_a_fault_or_no_end(segmind: Segmind) -> None:
    segmind.standin.fault("poll_404", times=1)
    segmind.standin.fault("poll_5xx", {"code": 502, "html": True}, times=1)
    assert statuses(segmind, 2) == [404, 502]
    segmind.standin.fault("poll_stuck")
    done = segmind.submit(seed=500).json()["request_id"]
    assert segmind.result(done).json()["status"] == "PROCESSING"
    assert segmind.standin.total_usd() == "0.15"


def test_a_failed_job_is_422_and_free_or_as_the_rule_says(segmind: Segmind) -> None:
    segmind.standin.fault("job_fails", {"message": "provider timeout"}, times=1)
    failed = segmind.finished()
    assert (failed.status_code, failed.json()["error"]) == (422, "provider timeout")
    assert "cost" not in failed.json()["metrics"]
    assert segmind.standin.total_usd() == "0.00"
    segmind.standin.fault("job_fails", {"in_200": True, "billed": True}, times=1)
    failed = segmind.finished()
    assert (failed.status_code, failed.json()["status"]) == (200, "FAILED")
    segmind.standin.fault("job_fails", times=1)
    assert segmind.call().status_code == 500
    assert segmind.standin.total_usd() == "0.075"


def test_unsafe_is_a_failed_job_in_two_forms_or_no_output(segmind: Segmind) -> None:
    segmind.standin.fault("unsafe")
    first, second, third = (segmind.finished() for _ in range(3))
    assert "content policy" in first.json()["error"]
    assert second.json()["detail"][0]["type"] == "content_policy_violation"
    assert (third.status_code, third.json()["output"]) == (200, "")
    assert segmind.standin.total_usd() == "0.075"
    segmind.standin.control("faults", method="DELETE")
    segmind.standin.fault("unsafe", {"form": "error"}, times=1)
    assert segmind.call().status_code == 400
    segmind.standin.fault("unsafe", {"form": "no_output"}, times=1)
    assert segmind.call().content == b""


@pytest.mark.parametrize("submit", ["call", "submit"])
@pytest.mark.parametrize("fault", ["accept_then_drop", "reset_mid_body"])
def test_a_lost_answer_is_billed(segmind: Segmind, submit: str, fault: str) -> None:
    segmind.standin.fault(fault, provider="segmind")
    with pytest.raises(requests.exceptions.RequestException):
        getattr(segmind, submit)()
    assert segmind.standin.total_usd() == "0.075"
    wait_until(lambda: segmind.standin.see("bill")["keys"][0]["dropped_after_accept"] == 1)


def test_an_acknowledgement_can_be_lost_and_the_job_runs_on(segmind: Segmind) -> None:
    segmind.standin.fault("accept_then_drop", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        segmind.submit()
    (job,) = segmind.standin.jobs()
    wait_until(lambda: segmind.result(job["provider_id"]).json()["status"] == "COMPLETED")


@pytest.mark.parametrize("code", [400, 401, 403, 404, 406, 410, 422, 429, 500, 502, 503, 504])
def test_any_status_can_be_asked_for_on_a_submit_and_on_a_poll(segmind: Segmind, code: int) -> None:
    ident = segmind.submit().json()["request_id"]
    segmind.standin.fault("status", {"code": code}, route="v2/ideogram-3", times=1)
    segmind.standin.fault("status", {"code": code}, route="requests", times=1)
    answers = [segmind.submit(), segmind.result(ident)]
    assert [answer.status_code for answer in answers] == [code, code]
    assert all("error" in answer.json() for answer in answers)
    assert ("x-rate-limit-reset-at-utc" in answers[0].headers) is (code == 429)
    assert segmind.standin.total_usd() == "0.075"


def test_a_rule_without_a_route_leaves_polls_alone(segmind: Segmind) -> None:
    ident = segmind.submit().json()["request_id"]
    segmind.standin.fault("html_error", {"code": 200})
    assert segmind.result(ident).headers["content-type"] == "application/json"
    assert segmind.submit().text.startswith("<html>")


@pytest.mark.parametrize(
    ("variant", "found"),
    [("no_data", None), ("empty_data", []), ("wrong_types", {"url": 7}), ("other_id", "00000000-0000-4000-8000-0")],
)
def test_an_acknowledgement_can_be_hollow_or_anothers(segmind: Segmind, variant: str, found: object) -> None:
    segmind.standin.fault("malformed_json", {"variant": variant})
    said = segmind.submit().json().get("request_id")
    assert said[:25] == found if isinstance(found, str) else said == found


def test_downloads_and_v1_answers_can_be_spoiled(segmind: Segmind) -> None:
    segmind.standin.fault("wrong_type", {"type": "text/html"}, provider="segmind", times=2)
    assert segmind.standin.fetch(segmind.finished().json()["output"]).headers["content-type"][:9] == "text/html"
    assert segmind.call().headers["content-type"][:9] == "text/html"
    segmind.standin.fault("foreign_url", {"kind": "userinfo"}, times=1)
    assert segmind.finished().json()["output"].startswith("https://images.segmind.com@evil.test/")
    segmind.standin.fault("expired_url", times=1)
    assert segmind.standin.fetch(segmind.finished().json()["output"]).status_code == 404


def test_a_paused_key_is_refused_everywhere(segmind: Segmind) -> None:
    ident = segmind.submit().json()["request_id"]
    segmind.standin.fault("key_paused", key=KEY)
    answers = [segmind.call(), segmind.submit(), segmind.result(ident), segmind.get("/v1/get-user-credits")]
    assert [answer.status_code for answer in answers] == [401] * 4
