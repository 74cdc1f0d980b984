"""The stand-in's 1min.ai: uploads, feature requests, lookups, accepted values, and errors."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backdrop_local.standin.pictures import read_id
from tests.contract.standin_callers import OneMin
from tests.contract.standin_client import JPEG, KEY


def test_upload_returns_its_path(onemin: OneMin) -> None:
    answer = onemin.upload().json()
    assert answer["fileContent"]["path"] == answer["asset"]["key"]
    assert answer["fileContent"]["path"].startswith("images/")
    assert answer["fileContent"]["path"].endswith("_in.jpg")
    assert set(answer["fileContent"]) == {"uuid", "path", "type", "name"}
    assert (answer["asset"]["size"], answer["asset"]["acl"]) == (len(JPEG), "private")
    assert answer["asset"]["location"].startswith("https://asset.1min.ai.s3.us-east-1.amazonaws.com/images/")
    assert onemin.path() != onemin.path()
    assert onemin.standin.total_usd() == "0.00"


def test_uploaded_part_must_be_named_asset(onemin: OneMin) -> None:
    refused = onemin.upload(part="file")
    assert (refused.status_code, "message" in refused.json()) == (400, True)
    assert onemin.send("no form").status_code == 400


def test_synchronous_call_returns_the_whole_record(onemin: OneMin) -> None:
    answer = onemin.call(style_type="GENERAL", seed=7)
    record = answer.json()["aiRecord"]
    (job,) = onemin.standin.jobs()
    assert answer.status_code == 200
    assert (record["uuid"], record["model"], record["type"]) == (
        job["provider_id"],
        "ideogram-3",
        "BACKGROUND_REPLACER",
    )
    assert record["status"] == "SUCCESS"
    detail = record["aiRecordDetail"]
    assert detail["promptObject"]["seed"] == 7
    (key,) = detail["resultObject"]
    assert urlsplit(record["temporaryUrl"]).path.endswith(key)
    (entry,) = detail["responseObject"]["data"]
    assert (entry["seed"], entry["is_image_safe"]) == (7, True)
    assert set(entry) == {"url", "prompt", "resolution", "is_image_safe", "seed", "style_type"}
    for link in (record["temporaryUrl"], entry["url"]):
        assert [read_id(onemin.standin.fetch(link).content)] == job["results"]


@pytest.mark.parametrize("location", ["top", "list"])
def test_link_can_be_in_every_known_place(onemin: OneMin, location: str) -> None:
    onemin.standin.control("settings", {"onemin_link_place": location})
    answer = onemin.call().json()
    link = answer["temporaryUrl"] if location == "top" else answer["aiRecord"]["temporaryUrls"][0]
    assert onemin.standin.fetch(link).status_code == 200


def test_asynchronous_call_is_acknowledged_and_looked_up(onemin: OneMin) -> None:
    onemin.standin.control("settings", {"latency_seconds": 60})
    acknowledged = onemin.submit().json()["aiRecord"]
    assert (acknowledged["status"], acknowledged["aiRecordDetail"]) == ("PROCESSING", {"resultObject": []})
    assert onemin.look_up(acknowledged["uuid"]).json() == {"aiRecord": acknowledged}
    onemin.standin.control("settings", {"latency_seconds": 0})
    done = onemin.finished(seed=1)
    assert (done["status"], "temporaryUrl" in done) == ("SUCCESS", True)


def test_unknown_record_is_null_and_not_404(onemin: OneMin) -> None:
    provider_id = onemin.finished()["uuid"]
    for answer in (onemin.look_up("e40dd9ef-0944-4ce5-bc90-1edd2548619a"), onemin.look_up(provider_id, key="another")):
        assert (answer.status_code, answer.json()) == (200, {"aiRecord": None})


@pytest.mark.parametrize(
    "fields",
    [
        {"rendering_speed": "FLASH"},
        {"rendering_speed": "QUALITY", "magic_prompt": "ON"},
        {"style_type": "FICTION"},
        {"style_preset": "WATERCOLOR"},
        {"style_preset": "WATERCOLOR", "style_type": "GENERAL"},
        {"negative_prompt": "people"},
        {"seed": 2_147_483_647},
        {"num_images": 8},
    ],
    ids=str,
)
def test_every_documented_field_is_accepted(onemin: OneMin, fields: dict[str, Any]) -> None:
    assert onemin.call(**fields).status_code == 200


def test_references_are_up_to_five_uploaded_paths(onemin: OneMin) -> None:
    paths = [onemin.path() for _ in range(6)]
    assert onemin.call(style_reference_images=paths[:5]).status_code == 200
    assert onemin.call(style_reference_images=paths).status_code == 400
    assert onemin.call(style_reference_images=["images/none.png"]).status_code == 400
    assert onemin.call(style_reference_images=paths[:1], style_preset="WATERCOLOR").status_code == 400
    assert onemin.call(style_reference_images=paths[:1], style_type="DESIGN").status_code == 400
    onemin.standin.control("settings", {"max_image_bytes": 2 * len(JPEG) - 1})
    assert onemin.call(style_reference_images=paths[:2]).status_code == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"num_images": 0},
        {"num_images": 9},
        {"num_images": "1"},
        {"prompt": " "},
        {"rendering_speed": "SLOW"},
        {"magic_prompt": "on"},
        {"style_type": "CUSTOM"},
        {"style_preset": "NONE"},
        {"style_preset": "WATERCOLOR", "style_type": "REALISTIC"},
        {"seed": -1},
        {"seed": 2_147_483_648},
        {"style_codes": ["AAFF5733"]},
        {"color_palette": {"name": "PASTEL"}},
        {"imageUrl": "images/not_mine.png"},
    ],
    ids=str,
)
def test_invalid_value_is_400_with_a_message(onemin: OneMin, fields: dict[str, Any]) -> None:
    answer = onemin.call(**fields)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "BAD_REQUEST")
    assert onemin.standin.total_usd() == "0.00"


@pytest.mark.parametrize("name", ["prompt", "imageUrl", "num_images"])
def test_missing_required_field_is_400(onemin: OneMin, name: str) -> None:
    body = onemin.body()
    del body["promptObject"][name]
    assert onemin.send(body).status_code == 400


def test_unknown_model_or_feature_is_refused_by_name(onemin: OneMin) -> None:
    answer = onemin.send({**onemin.body(), "model": "ideogram-9"})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "UNSUPPORTED_MODEL")
    assert answer.json()["message"] == "Invalid model ideogram-9 for AI feature BACKGROUND_REPLACER!"
    assert onemin.send({**onemin.body(), "type": "CODE_GENERATOR"}).status_code == 400
    assert onemin.send({**onemin.body(), "async": "true"}).status_code == 400
    assert onemin.send({**onemin.body(), "isStreaming": True}).status_code == 400


def test_upload_is_valid_for_its_own_key_only(onemin: OneMin) -> None:
    body = onemin.body()
    assert onemin.send(body, key="another").status_code == 400
    assert onemin.send(body).status_code == 200


def test_uploaded_picture_is_checked_when_used(onemin: OneMin) -> None:
    path = onemin.upload(content=b"no picture").json()["fileContent"]["path"]
    assert onemin.call(imageUrl=path).status_code == 400


def test_credits_are_billed_per_image_at_their_price(onemin: OneMin) -> None:
    onemin.standin.control("settings", {"onemin_credits_per_image": 3, "onemin_usd_per_credit": "0.02"})
    onemin.call(num_images=2, rendering_speed="QUALITY")
    (job,) = onemin.standin.jobs()
    assert (job["credits"], job["usd"], job["n"]) == (6, "0.12", 2)


def test_every_route_requires_a_key(onemin: OneMin) -> None:
    answers = [onemin.upload(key="invalid"), onemin.send({}, key="invalid"), onemin.look_up("x", key="invalid")]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(401, {"message": "Invalid API Key"})] * 3


def test_same_work_from_two_uploads_is_a_duplicate(onemin: OneMin) -> None:
    onemin.call()
    onemin.submit()
    (group,) = onemin.standin.see("bill")["duplicates"]
    assert (group["provider"], group["charges"], group["usd"]) == ("onemin", 2, "0.10")


def test_link_lasts_seven_days_and_is_renewed_by_lookups(onemin: OneMin) -> None:
    record = onemin.finished()
    link = str(record["temporaryUrl"])
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Expires"] == ["604800"]
    onemin.standin.add_fault("clock", {"offset_s": 604_700})
    assert onemin.standin.fetch(link).status_code == 200
    onemin.standin.add_fault("clock", {"offset_s": 604_900})
    old = onemin.standin.fetch(link)
    assert (old.status_code, old.headers["content-type"]) == (403, "application/xml")
    assert "<Message>Request has expired</Message>" in old.text
    fresh = onemin.look_up(record["uuid"]).json()["aiRecord"]["temporaryUrl"]
    assert onemin.standin.fetch(fresh).status_code == 200


@pytest.mark.parametrize(("found", "put"), [("Signature=", "Signature=0"), ("?", "?x"), ("Expires=6", "Expires=7")])
def test_modified_link_is_403(onemin: OneMin, found: str, put: str) -> None:
    link = onemin.call().json()["aiRecord"]["temporaryUrl"]
    answer = onemin.standin.fetch(link.replace(found, put))
    assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True)


def test_download_with_a_key_is_refused(onemin: OneMin) -> None:
    link = onemin.call().json()["aiRecord"]["temporaryUrl"]
    assert onemin.standin.fetch(link, **{"API-KEY": KEY}).status_code == 400


def test_links_can_be_on_the_real_hosts(onemin: OneMin) -> None:
    onemin.standin.control("settings", {"url_mode": "real"})
    record = onemin.call().json()["aiRecord"]
    assert record["temporaryUrl"].startswith("https://s3.us-east-1.amazonaws.com/asset.1min.ai/images/")
    (entry,) = record["aiRecordDetail"]["responseObject"]["data"]
    assert entry["url"].startswith("https://ideogram.ai/api/images/ephemeral/")
