"""The stand-in's Segmind: its two endpoints, accepted values, and errors."""

from typing import Any

import pytest

from backdrop_local.standin.pictures import read_id
from tests.contract.standin_callers import BASE64, SEGMIND_V1, SEGMIND_V2, Segmind, run_host
from tests.contract.standin_client import JPEG, KEY, picture, wait_until


def test_v1_returns_the_picture_with_its_cost(segmind: Segmind) -> None:
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


def test_v1_can_return_json(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"segmind_json": True})
    link = segmind.call().json()["output"]
    assert segmind.standin.fetch(link).content.startswith(b"\xff\xd8")


@pytest.mark.parametrize(("speed", "usd"), [("TURBO", "0.0375"), ("DEFAULT", "0.075"), ("QUALITY", "0.1125")])
def test_price_is_ideograms_plus_25_percent(segmind: Segmind, speed: str, usd: str) -> None:
    segmind.submit(rendering_speed=speed)
    assert segmind.standin.total_usd() == usd


@pytest.mark.parametrize("mode", ["loopback", "real"])
def test_v2_returns_an_id_and_urls_at_once(segmind: Segmind, mode: str) -> None:
    api = "https://api.segmind.com" if mode == "real" else f"{segmind.standin.url}/segmind"
    segmind.standin.control("settings", {"queue_seconds": 60, "url_mode": mode})
    ticket = segmind.submit().json()
    provider_id = ticket["request_id"]
    assert ticket == {
        "request_id": provider_id,
        "status": "QUEUED",
        "poll_url": f"{api}/v1/requests/{provider_id}",
        "status_url": f"{api}/v2/requests/{provider_id}/status",
        "response_url": f"{api}/v2/requests/{provider_id}",
    }
    assert segmind.status(provider_id).json()["status"] == "QUEUED"
    assert segmind.standin.jobs()[0]["provider_id"] == provider_id


def test_v2_is_processing_while_the_model_works(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"latency_seconds": 60})
    provider_id = segmind.submit().json()["request_id"]
    for path in (f"/v2/requests/{provider_id}/status", f"/v2/requests/{provider_id}", f"/v1/requests/{provider_id}"):
        answer = segmind.get(path).json()
        assert (answer["status"], answer["metrics"]) == ("PROCESSING", {})
        assert "output" not in answer


def test_v2_ends_with_an_output_and_cost(segmind: Segmind) -> None:
    done = segmind.finished().json()
    provider_id = done["request_id"]
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
    assert segmind.get(f"/v1/requests/{provider_id}").json() == done
    status = segmind.status(provider_id).json()
    assert status["status"] == "COMPLETED"
    assert "output" not in status
    assert "cost" not in status["metrics"]
    assert [read_id(segmind.standin.fetch(done["output"]).content)] == segmind.standin.jobs()[0]["results"]


@pytest.mark.parametrize(("form", "found"), [("list", "output"), ("images", "images"), ("image", "image")])
def test_output_can_have_each_known_form(segmind: Segmind, form: str, found: str) -> None:
    segmind.standin.control("settings", {"segmind_output": form})
    assert found in segmind.finished().json()


def test_output_format_can_be_set(segmind: Segmind) -> None:
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
def test_every_documented_field_is_accepted(segmind: Segmind, fields: dict[str, Any]) -> None:
    assert segmind.call(**fields).status_code == 200


def test_image_is_fetched_from_its_link(segmind: Segmind) -> None:
    with run_host() as host:
        assert segmind.call(image=f"{host.url}/in.jpg").status_code == 200
        assert segmind.call(style_reference_images=[f"{host.url}/in.jpg"]).status_code == 200
        missing = segmind.call(image=f"{host.url}/nothing.jpg")
    assert (missing.status_code, missing.json()) == (500, {"error": "Internal server error"})


@pytest.mark.parametrize("image", ["https://example.test/a.jpg", "http://10.0.0.1/a.jpg", "no picture", "bm90aGluZw=="])
def test_unavailable_image_fails_only_in_the_model(segmind: Segmind, image: str) -> None:
    assert segmind.call(image=image).status_code == 500
    assert segmind.finished(image=image).status_code == 422


def test_image_above_the_limit_is_refused(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"max_image_bytes": len(JPEG) - 1})
    assert segmind.call().status_code == 500


def test_different_links_to_one_picture_are_the_same_work(segmind: Segmind) -> None:
    with run_host() as host:
        segmind.call(image=f"{host.url}/in.jpg")
    assert segmind.standin.see("bill")["duplicates"] == []
    segmind.submit()
    (group,) = segmind.standin.see("bill")["duplicates"]
    assert (group["provider"], group["charges"], group["usd"]) == ("segmind", 2, "0.15")


def test_upload_returns_a_usable_public_link(segmind: Segmind) -> None:
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
def test_key_is_accepted_only_in_its_own_header(
    segmind: Segmind, path: str, key: str | None, header: dict[str, str], error: str
) -> None:
    answer = segmind.post(path, key=key, json={}, headers=header)
    assert (answer.status_code, answer.json()) == (401, {"error": error})


@pytest.mark.parametrize("path", [SEGMIND_V1, SEGMIND_V2])
def test_body_without_json_content_type_is_406(segmind: Segmind, path: str) -> None:
    answer = segmind.post(path, data=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()) == (406, {"error": "Invalid content type"})
    assert segmind.post(path, data=b"{", headers={"Content-Type": "application/json"}).status_code == 400


def test_unknown_model_is_404_and_wrong_method_html(segmind: Segmind) -> None:
    unknown = segmind.post("/segmind/v1/another-model", {})
    assert (unknown.status_code, unknown.json()) == (404, {"error": "Model not found"})
    wrong = segmind.get("/v1/ideogram-3-replace-background")
    assert (wrong.status_code, wrong.headers["content-type"][:9], "405" in wrong.text) == (405, "text/html", True)


def test_records_and_files_expire_and_are_private(segmind: Segmind) -> None:
    done = segmind.finished().json()
    provider_id, link = done["request_id"], done["output"]
    assert segmind.get(f"/v2/requests/{provider_id}", key="another").status_code == 404
    segmind.standin.add_fault("clock", {"offset_s": 3_700})
    gone = segmind.result(provider_id)
    assert (gone.status_code, gone.json()) == (404, {"error": f"Request {provider_id} not found"})
    assert segmind.status(provider_id).status_code == 404
    assert segmind.standin.fetch(link).status_code == 200
    segmind.standin.add_fault("clock", {"offset_s": 7 * 86_400 + 60})
    assert segmind.standin.fetch(link).status_code == 404


def test_download_with_a_key_is_refused(segmind: Segmind) -> None:
    link = segmind.finished().json()["output"]
    assert segmind.standin.fetch(link, **{"x-api-key": KEY}).status_code == 403


def test_links_can_be_on_the_real_host(segmind: Segmind) -> None:
    segmind.standin.control("settings", {"url_mode": "real"})
    assert segmind.finished().json()["output"].startswith("https://images.segmind.com/generations/")
