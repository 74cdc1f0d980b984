"""The stand-in's Runware: tasks, the caller's IDs, accepted values, and errors."""

import base64
from typing import Any
from uuid import uuid4

import pytest
import requests

from backdrop_local.standin.pictures import read_id
from tests.contract.standin_callers import BASE64, DATA_URI, Runware, run_host
from tests.contract.standin_client import JPEG, KEY, picture


def error_of(answer: requests.Response) -> dict[str, Any]:
    """Returns the only error of a response."""
    (error,) = answer.json()["errors"]
    return dict(error)


def item_of(answer: requests.Response) -> dict[str, Any]:
    """Returns the only item of a successful response."""
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["data"]
    return dict(item)


def test_synchronous_task_returns_its_result(runware: Runware) -> None:
    provider_id = str(uuid4())
    item = item_of(runware.infer(provider_id, outputFormat="PNG"))
    (job,) = runware.standin.jobs()
    assert set(item) == {"taskType", "taskUUID", "imageUUID", "imageURL", "seed", "cost"}
    assert (item["taskUUID"], item["cost"], job["provider_id"]) == (provider_id, 0.06, provider_id)
    assert item["imageURL"].endswith(f"/{item['imageUUID']}.png")
    assert read_id(runware.standin.fetch(item["imageURL"]).content) == item["imageUUID"]


def test_asynchronous_task_is_acknowledged_and_polled(runware: Runware) -> None:
    runware.standin.control("settings", {"latency_seconds": 60})
    provider_id = str(uuid4())
    assert item_of(runware.infer(provider_id, deliveryMethod="async")) == {
        "taskType": "imageInference",
        "taskUUID": provider_id,
    }
    running = item_of(runware.ask("getResponse", provider_id))
    assert (running["status"], running["taskUUID"]) == ("processing", provider_id)
    runware.standin.control("settings", {"latency_seconds": 0, "runware_running": "pending", "runware_ack": "empty"})
    assert item_of(runware.ask("getResponse", provider_id))["status"] == "pending"
    assert runware.infer(deliveryMethod="async").json() == {"data": []}
    (item,) = runware.finished(positivePrompt="other")["data"]
    assert (item["status"], "imageURL" in item) == ("success", True)


def test_results_have_the_tasks_id_and_their_own(runware: Runware) -> None:
    data = runware.infer(numberResults=3, renderingSpeed=None).json()["data"]
    assert len({item["taskUUID"] for item in data}) == 1
    assert len({item["imageUUID"] for item in data}) == len({item["seed"] for item in data}) == 3
    assert runware.standin.total_usd() == "0.18"
    assert len(runware.infer(numberResults=20).json()["data"]) == 20


@pytest.mark.parametrize(("speed", "cost"), [("TURBO", 0.03), ("DEFAULT", 0.06), ("QUALITY", 0.09)])
def test_cost_per_result_is_included_on_request(runware: Runware, speed: str, cost: float) -> None:
    settings = {"ideogram": {"renderingSpeed": speed}}
    assert item_of(runware.infer(providerSettings=settings))["cost"] == cost
    assert "cost" not in item_of(runware.infer(providerSettings=settings, includeCost=None))
    runware.standin.control("settings", {"reported_cost": "zero"})
    assert item_of(runware.infer(providerSettings=settings))["cost"] == 0


@pytest.mark.parametrize(
    ("kind", "name"), [("base64Data", "imageBase64Data"), ("dataURI", "imageDataURI"), ("URL", "imageURL")]
)
def test_result_has_the_requested_form(runware: Runware, kind: str, name: str) -> None:
    item = item_of(runware.infer(outputType=kind, outputFormat="PNG"))
    assert [found for found in item if found.startswith("image") and found != "imageUUID"] == [name]
    if kind != "URL":
        content = base64.b64decode(item[name].rpartition(",")[2])
        assert read_id(content) == item["imageUUID"]


@pytest.mark.parametrize(("name", "kind"), [(None, "image/jpeg"), ("JPG", "image/jpeg"), ("WEBP", "image/webp")])
def test_format_is_jpg_by_default(runware: Runware, name: str | None, kind: str) -> None:
    item = item_of(runware.infer(outputFormat=name, outputQuality=80))
    download = runware.standin.fetch(item["imageURL"])
    assert (download.headers["content-type"], read_id(download.content)) == (kind, item["imageUUID"])


@pytest.mark.parametrize("image", [DATA_URI, BASE64])
def test_photo_can_be_inside_the_task(runware: Runware, image: str) -> None:
    assert runware.infer(inputs={"seedImage": image}).status_code == 200
    assert runware.infer(inputs=None, seedImage=image).status_code == 200


def test_photo_can_be_a_link_or_an_upload(runware: Runware) -> None:
    with run_host() as host:
        assert runware.infer(inputs={"seedImage": f"{host.url}/in.jpg"}).status_code == 200
    large = base64.b64encode(picture(size=(2_400, 30))).decode()
    task = {"taskType": "imageUpload", "taskUUID": str(uuid4()), "image": f"data:image/jpeg;base64,{large}"}
    uploaded = item_of(runware.send([task]))
    assert set(uploaded) == {"taskType", "taskUUID", "imageUUID"}
    assert runware.infer(inputs={"seedImage": uploaded["imageUUID"]}).status_code == 200
    runware.standin.control("settings", {"runware_upload_answer": "object"})
    assert isinstance(runware.send([task]).json()["data"], dict)


@pytest.mark.parametrize(
    "style",
    [
        {"magicPrompt": "ON", "renderingSpeed": "TURBO"},
        {"styleCode": "AAFF5733"},
        {"stylePreset": "WATERCOLOR", "styleType": "DESIGN"},
        {"styleType": "RENDER_3D"},
        {"styleType": "ANIME"},
        {"styleReferenceImages": [DATA_URI] * 4, "styleType": "AUTO"},
    ],
    ids=lambda style: ",".join(style),
)
def test_every_documented_style_is_accepted(runware: Runware, style: dict[str, Any]) -> None:
    assert runware.infer(providerSettings={"ideogram": style}).status_code == 200


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"positivePrompt": None}, "missingPositivePrompt"),
        ({"positivePrompt": "x" * 2_001}, "invalidPositivePromptLength"),
        ({"inputs": None}, "missingSeedImage"),
        ({"inputs": {"seedImage": "bm90aGluZw=="}}, "invalidSeedImage"),
        ({"inputs": {"seedImage": str(uuid4())}}, "invalidSeedImage"),
        ({"numberResults": 21}, "invalidNumberResults"),
        ({"numberResults": 0}, "invalidNumberResults"),
        ({"outputFormat": "png"}, "invalidOutputFormat"),
        ({"outputQuality": 100}, "invalidOutputQuality"),
        ({"outputQuality": 19}, "invalidOutputQuality"),
        ({"outputType": "file"}, "invalidOutputType"),
        ({"ttl": 59}, "invalidTtl"),
        ({"ttl": 60, "outputType": "dataURI"}, "incompatibleParameters"),
        ({"deliveryMethod": "later"}, "invalidDeliveryMethod"),
        ({"includeCost": "yes"}, "invalidIncludeCost"),
        ({"safety": {"mode": "full"}}, "invalidMode"),
        ({"webhookURL": "ftp://a"}, "invalidWebhookURL"),
        ({"seed": 7}, "unknownParameter"),
        ({"width": 1024}, "unknownParameter"),
        ({"negativePrompt": "x"}, "unknownParameter"),
        ({"providerSettings": {"bfl": {}}}, "mismatchProviderSettingsProvider"),
        ({"providerSettings": {"ideogram": {"renderingSpeed": "FLASH"}}}, "invalidRenderingSpeed"),
        ({"providerSettings": {"ideogram": {"colorPalette": {}}}}, "unknownParameter"),
        ({"providerSettings": {"ideogram": {"styleType": "PHOTO"}}}, "invalidStyleType"),
        ({"providerSettings": {"ideogram": {"styleCode": "AB"}}}, "invalidStyleCode"),
        ({"providerSettings": {"ideogram": {"styleReferenceImages": []}}}, "invalidStyleReferenceImages"),
        ({"providerSettings": {"ideogram": {"styleReferenceImages": [DATA_URI] * 5}}}, "invalidStyleReferenceImages"),
        (
            {"providerSettings": {"ideogram": {"styleCode": "AAFF5733", "styleType": "AUTO"}}},
            "incompatibleParameters",
        ),
        (
            {"providerSettings": {"ideogram": {"stylePreset": "WEIRD", "styleReferenceImages": [DATA_URI]}}},
            "incompatibleParameters",
        ),
        ({"taskUUID": None}, "missingTaskUUID"),
        ({"taskUUID": "1"}, "invalidTaskUUID"),
        ({"model": None}, "missingModel"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-",
)
def test_invalid_task_is_400_with_its_code(runware: Runware, fields: dict[str, Any], code: str) -> None:
    answer = runware.infer(**fields)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["taskType"]) == (400, code, "imageInference")
    assert {"message", "parameter", "documentation"} <= set(error)
    assert runware.standin.total_usd() == "0.00"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"inputs": None}, "missingInputs"),
        ({"inputs": {}}, "missingImage"),
        ({"inputs": {"seedImage": DATA_URI}}, "unknownParameter"),
        ({"inputs": {"image": "bm90aGluZw=="}}, "invalidImage"),
        ({"outputFormat": "GIF"}, "invalidOutputFormat"),
        ({"numberResults": 1}, "unknownParameter"),
        ({"safety": {"checkContent": True}}, "unknownParameter"),
        ({"model": "ideogram:4@5"}, "modelNotFound"),
    ],
    ids=str,
)
def test_invalid_removal_is_refused_with_its_code(runware: Runware, fields: dict[str, Any], code: str) -> None:
    error = error_of(runware.send([runware.removal(**fields)]))
    assert (error["code"], error["taskType"], runware.standin.total_usd()) == (code, "removeBackground", "0.00")


def test_removal_answers_as_the_vendors_example(runware: Runware) -> None:
    item = item_of(runware.send([runware.removal(outputFormat="PNG")]))
    assert set(item) == {"taskType", "taskUUID", "imageUUID", "imageURL", "inputImageUUID", "cost"}
    assert (item["taskType"], item["cost"]) == ("imageBackgroundRemoval", 0.0006)


def test_unknown_model_is_404_and_unknown_task_400(runware: Runware) -> None:
    answer = runware.infer(model="ideogram:9@9")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "modelNotFound")
    assert error_of(runware.ask("videoInference", str(uuid4())))["code"] == "invalidTaskType"


@pytest.mark.parametrize("body", [{}, [], "x", [1], None], ids=repr)
def test_body_that_is_not_a_list_is_400(runware: Runware, body: object) -> None:
    answer = runware.send(body)
    assert (answer.status_code, "errors" in answer.json()) == (400, True)


def test_key_is_required_in_header_or_first_task(runware: Runware) -> None:
    for refused in (runware.send([runware.task()], key=None), runware.send([runware.task()], key="invalid")):
        assert refused.status_code == 401
        error = error_of(refused)
        assert (error["code"], error["parameter"], error["taskType"]) == ("invalidApiKey", "apiKey", "authentication")
    first = {"taskType": "authentication", "apiKey": KEY}
    answer = runware.send([first, {"taskType": "ping"}], key=None).json()["data"]
    assert [item["taskType"] for item in answer] == ["authentication", "ping"]


def test_tasks_of_one_request_fail_independently(runware: Runware) -> None:
    answer = runware.send([runware.task(), runware.task(numberResults=0), {"taskType": "ping"}])
    document = answer.json()
    assert (answer.status_code, len(document["data"]), len(document["errors"])) == (200, 2, 1)
    assert runware.standin.total_usd() == "0.06"


def test_errors_can_have_status_200(runware: Runware) -> None:
    runware.standin.control("settings", {"runware_errors_in_200": True})
    answer = runware.infer(numberResults=0)
    assert (answer.status_code, answer.json()["data"], error_of(answer)["code"]) == (200, [], "invalidNumberResults")


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("method", ["sync", "async"])
def test_used_id_is_a_conflict_without_a_charge(runware: Runware, status: int, method: str) -> None:
    runware.standin.control("settings", {"runware_conflict_status": status})
    provider_id = str(uuid4())
    assert runware.infer(provider_id, deliveryMethod=method).status_code == 200
    conflict = runware.infer(provider_id, deliveryMethod=method)
    assert (conflict.status_code, conflict.json()["data"]) == (status, [])
    assert (error_of(conflict)["code"], error_of(conflict)["taskUUID"]) == ("conflictTaskUUID", provider_id)
    assert runware.standin.total_usd() == "0.06"


def test_id_of_a_refused_task_can_be_reused(runware: Runware) -> None:
    provider_id = str(uuid4())
    assert runware.infer(provider_id, numberResults=0).status_code == 400
    assert runware.infer(provider_id).status_code == 200


def test_task_with_a_forgotten_id_runs_and_is_billed_again(runware: Runware) -> None:
    runware.standin.control("settings", {"runware_remembers_seconds": 5})
    provider_id = str(uuid4())
    runware.infer(provider_id)
    assert runware.infer(provider_id).status_code == 400
    runware.standin.add_fault("clock", {"offset_s": 7})
    assert item_of(runware.ask("getTaskDetails", provider_id))["response"]["data"]
    assert runware.infer(provider_id).status_code == 200
    (group,) = runware.standin.see("bill")["duplicates"]
    assert (group["charges"], group["usd"]) == (2, "0.12")


def test_unknown_id_is_running_or_not_found(runware: Runware) -> None:
    unknown = str(uuid4())
    for kind in ("getResponse", "getTaskDetails"):
        assert runware.ask(kind, unknown).json() == {"data": []}
    runware.standin.control("settings", {"runware_unknown": "error"})
    answer = runware.ask("getResponse", unknown)
    assert (answer.status_code, error_of(answer)["code"]) == (404, "taskFailedOrNotFound")


def test_synchronous_task_is_found_only_in_details(runware: Runware) -> None:
    task = runware.task()
    sent = item_of(runware.send([task]))
    assert runware.ask("getResponse", task["taskUUID"]).json() == {"data": []}
    details = item_of(runware.ask("getTaskDetails", task["taskUUID"]))
    assert (details["request"], details["response"]) == ([task], {"data": [sent]})


def test_tasks_of_another_key_are_not_found(runware: Runware) -> None:
    task = runware.task()
    runware.send([task])
    response = runware.send([{"taskType": "getTaskDetails", "taskUUID": task["taskUUID"]}], key="another")
    assert response.json() == {"data": []}


@pytest.mark.parametrize(
    ("safety", "is_reported"),
    [({"checkContent": True}, True), ({"mode": "fast"}, True), ({"checkContent": True, "mode": "none"}, False)],
    ids=str,
)
def test_safety_check_is_reported(runware: Runware, safety: dict[str, object], is_reported: bool) -> None:
    assert ("NSFWContent" in item_of(runware.infer(safety=safety))) is is_reported


def test_link_expires_after_its_ttl(runware: Runware) -> None:
    link = item_of(runware.infer(ttl=60))["imageURL"]
    assert runware.standin.fetch(link).status_code == 200
    runware.standin.add_fault("clock", {"offset_s": 62})
    assert runware.standin.fetch(link).status_code == 404
    runware.standin.add_fault("expired_url", times=1)
    assert runware.standin.fetch(item_of(runware.infer())["imageURL"]).status_code == 404


def test_links_can_be_on_the_real_host(runware: Runware) -> None:
    runware.standin.control("settings", {"url_mode": "real"})
    assert item_of(runware.infer())["imageURL"].startswith("https://im.runware.ai/image/os/a18d05/ws/2/ii/")


def test_same_work_under_two_ids_is_a_duplicate(runware: Runware) -> None:
    runware.infer()
    runware.infer(inputs={"seedImage": BASE64}, ttl=60)
    runware.infer(inputs={"seedImage": base64.b64encode(JPEG).decode()}, outputFormat="PNG")
    (group,) = runware.standin.see("bill")["duplicates"]
    assert (group["charges"], group["usd"]) == (2, "0.12")
