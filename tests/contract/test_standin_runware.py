"""Runware's tasks, the ids that are the caller's, what it accepts, and what it says when something is wrong."""

import base64
import json
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests

from backdrop_local.standin.pictures import read_id
from tests.contract.standin_callers import BASE64, DATA_URI, Runware, our_host
from tests.contract.standin_client import JPEG, KEY, StandinClient, picture, wait_until


@pytest.fixture
def runware(standin: StandinClient) -> Runware:
    """A caller of Runware."""
    return Runware(standin)


def error_of(answer: requests.Response) -> dict[str, Any]:
    """The only error of an answer."""
    (error,) = answer.json()["errors"]
    return dict(error)


def item_of(answer: requests.Response) -> dict[str, Any]:
    """The only item of an answer that went well."""
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["data"]
    return dict(item)


def test_a_sync_task_answers_with_its_result(runware: Runware) -> None:
    ident = str(uuid4())
    item = item_of(runware.infer(ident, outputFormat="PNG"))
    (job,) = runware.standin.jobs()
    assert set(item) == {"taskType", "taskUUID", "imageUUID", "imageURL", "seed", "cost"}
    assert (item["taskUUID"], item["cost"], job["provider_id"]) == (ident, 0.06, ident)
    assert item["imageURL"].endswith(f"/{item['imageUUID']}.png")
    assert read_id(runware.standin.fetch(item["imageURL"]).content) == item["imageUUID"]


def test_an_async_task_is_acknowledged_and_asked_after(runware: Runware) -> None:
    runware.standin.control("settings", {"latency_seconds": 60})
    ident = str(uuid4())
    assert item_of(runware.infer(ident, deliveryMethod="async")) == {"taskType": "imageInference", "taskUUID": ident}
    running = item_of(runware.ask("getResponse", ident))
    assert (running["status"], running["taskUUID"]) == ("processing", ident)
    runware.standin.control("settings", {"latency_seconds": 0, "runware_running": "pending", "runware_ack": "empty"})
    assert item_of(runware.ask("getResponse", ident))["status"] == "pending"
    assert runware.infer(deliveryMethod="async").json() == {"data": []}
    (item,) = runware.finished(positivePrompt="other")["data"]
    assert (item["status"], "imageURL" in item) == ("success", True)


def test_results_share_their_tasks_id_and_have_their_own(runware: Runware) -> None:
    data = runware.infer(numberResults=3, renderingSpeed=None).json()["data"]
    assert len({item["taskUUID"] for item in data}) == 1
    assert len({item["imageUUID"] for item in data}) == len({item["seed"] for item in data}) == 3
    assert runware.standin.total_usd() == "0.18"
    assert len(runware.infer(numberResults=20).json()["data"]) == 20


@pytest.mark.parametrize(("speed", "cost"), [("TURBO", 0.03), ("DEFAULT", 0.06), ("QUALITY", 0.09)])
def test_the_cost_is_told_per_result_if_asked(runware: Runware, speed: str, cost: float) -> None:
    settings = {"ideogram": {"renderingSpeed": speed}}
    assert item_of(runware.infer(providerSettings=settings))["cost"] == cost
    assert "cost" not in item_of(runware.infer(providerSettings=settings, includeCost=None))
    runware.standin.control("settings", {"reported_cost": "zero"})
    assert item_of(runware.infer(providerSettings=settings))["cost"] == 0


@pytest.mark.parametrize(
    ("kind", "name"), [("base64Data", "imageBase64Data"), ("dataURI", "imageDataURI"), ("URL", "imageURL")]
)
def test_a_result_comes_as_the_caller_wants_it(runware: Runware, kind: str, name: str) -> None:
    item = item_of(runware.infer(outputType=kind, outputFormat="PNG"))
    assert [found for found in item if found.startswith("image") and found != "imageUUID"] == [name]
    if kind != "URL":
        content = base64.b64decode(item[name].rpartition(",")[2])
        assert read_id(content) == item["imageUUID"]


@pytest.mark.parametrize(("name", "kind"), [(None, "image/jpeg"), ("JPG", "image/jpeg"), ("WEBP", "image/webp")])
def test_the_format_is_jpg_unless_asked_otherwise(runware: Runware, name: str | None, kind: str) -> None:
    item = item_of(runware.infer(outputFormat=name, outputQuality=80))
    download = runware.standin.fetch(item["imageURL"])
    assert (download.headers["content-type"], read_id(download.content)) == (kind, item["imageUUID"])


@pytest.mark.parametrize("image", [DATA_URI, BASE64])
def test_the_photo_comes_inside_the_task(runware: Runware, image: str) -> None:
    assert runware.infer(inputs={"seedImage": image}).status_code == 200
    assert runware.infer(inputs=None, seedImage=image).status_code == 200


def test_the_photo_comes_by_link_or_as_an_upload_that_is_shrunk(runware: Runware) -> None:
    with our_host() as host:
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
        {"styleReferenceImages": [DATA_URI] * 4, "styleType": "AUTO"},
    ],
    ids=lambda style: ",".join(style),
)
def test_every_style_is_taken_as_the_contract_has_it(runware: Runware, style: dict[str, object]) -> None:
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
        ({"providerSettings": {"ideogram": {"styleType": "ANIME"}}}, "invalidStyleType"),
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
def test_a_task_that_is_wrong_is_400_with_its_code(runware: Runware, fields: dict[str, object], code: str) -> None:
    answer = runware.infer(**fields)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["taskType"]) == (400, code, "imageInference")
    assert {"message", "parameter", "documentation"} <= set(error)
    assert runware.standin.total_usd() == "0.00"


def test_an_unknown_model_is_404_and_an_unknown_task_400(runware: Runware) -> None:
    answer = runware.infer(model="ideogram:9@9")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "modelNotFound")
    assert error_of(runware.ask("videoInference", str(uuid4())))["code"] == "invalidTaskType"


@pytest.mark.parametrize("body", [{}, [], "x", [1], None], ids=repr)
def test_a_body_that_is_no_list_of_tasks_is_400(runware: Runware, body: object) -> None:
    answer = runware.send(body)
    assert (answer.status_code, "errors" in answer.json()) == (400, True)


def test_a_key_is_needed_in_the_header_or_in_a_first_task(runware: Runware) -> None:
    for refused in (runware.send([runware.task()], key=None), runware.send([runware.task()], key="invalid")):
        assert refused.status_code == 401
        error = error_of(refused)
        assert (error["code"], error["parameter"], error["taskType"]) == ("invalidApiKey", "apiKey", "authentication")
    first = {"taskType": "authentication", "apiKey": KEY}
    answer = runware.send([first, {"taskType": "ping"}], key=None).json()["data"]
    assert [item["taskType"] for item in answer] == ["authentication", "ping"]


def test_tasks_of_one_request_go_well_or_fail_each_for_itself(runware: Runware) -> None:
    answer = runware.send([runware.task(), runware.task(numberResults=0), {"taskType": "ping"}])
    said = answer.json()
    assert (answer.status_code, len(said["data"]), len(said["errors"])) == (200, 2, 1)
    assert runware.standin.total_usd() == "0.06"


def test_errors_can_come_under_a_good_status(runware: Runware) -> None:
    runware.standin.control("settings", {"runware_errors_in_200": True})
    answer = runware.infer(numberResults=0)
    assert (answer.status_code, answer.json()["data"], error_of(answer)["code"]) == (200, [], "invalidNumberResults")


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("method", ["sync", "async"])
def test_an_id_that_was_used_is_a_conflict_and_bills_nothing(runware: Runware, status: int, method: str) -> None:
    runware.standin.control("settings", {"runware_conflict_status": status})
    ident = str(uuid4())
    assert runware.infer(ident, deliveryMethod=method).status_code == 200
    conflict = runware.infer(ident, deliveryMethod=method)
    assert (conflict.status_code, conflict.json()["data"]) == (status, [])
    assert (error_of(conflict)["code"], error_of(conflict)["taskUUID"]) == ("conflictTaskUUID", ident)
    assert runware.standin.total_usd() == "0.06"


def test_an_id_of_a_task_that_was_refused_is_free(runware: Runware) -> None:
    ident = str(uuid4())
    assert runware.infer(ident, numberResults=0).status_code == 400
    assert runware.infer(ident).status_code == 200


def test_ids_may_be_forgotten_and_then_run_and_bill_again(runware: Runware) -> None:
    runware.standin.control("settings", {"runware_remembers_seconds": 5})
    ident = str(uuid4())
    runware.infer(ident)
    assert runware.infer(ident).status_code == 400
    runware.standin.fault("clock", {"offset_s": 7})
    assert item_of(runware.ask("getTaskDetails", ident))["response"]["data"]
    assert runware.infer(ident).status_code == 200
    (group,) = runware.standin.see("bill")["duplicates"]
    assert (group["charges"], group["usd"]) == (2, "0.12")


def test_an_unknown_id_is_answered_like_a_running_one_or_as_not_found(runware: Runware) -> None:
    unknown = str(uuid4())
    for kind in ("getResponse", "getTaskDetails"):
        assert runware.ask(kind, unknown).json() == {"data": []}
    runware.standin.control("settings", {"runware_unknown": "error"})
    answer = runware.ask("getResponse", unknown)
    assert (answer.status_code, error_of(answer)["code"]) == (404, "taskFailedOrNotFound")


def test_a_sync_task_is_found_by_its_details_alone(runware: Runware) -> None:
    task = runware.task()
    sent = item_of(runware.send([task]))
    assert runware.ask("getResponse", task["taskUUID"]).json() == {"data": []}
    details = item_of(runware.ask("getTaskDetails", task["taskUUID"]))
    assert (details["request"], details["response"]) == ([task], {"data": [sent]})


def test_another_key_finds_nothing(runware: Runware) -> None:
    task = runware.task()
    runware.send([task])
    asked = runware.send([{"taskType": "getTaskDetails", "taskUUID": task["taskUUID"]}], key="another")
    assert asked.json() == {"data": []}


def test_a_lost_answer_is_billed_once_and_the_resend_is_a_conflict(runware: Runware) -> None:
    ident = str(uuid4())
    runware.standin.fault("late_conflict", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        runware.infer(ident, deliveryMethod="async")
    assert error_of(runware.infer(ident, deliveryMethod="async"))["code"] == "conflictTaskUUID"
    wait_until(lambda: runware.ask("getResponse", ident).json()["data"][0]["status"] == "success")
    assert runware.standin.total_usd() == "0.06"


def test_a_failed_task_lies_among_the_errors_and_is_free_or_as_the_rule_says(runware: Runware) -> None:
    runware.standin.fault("job_fails", {"code": "timeoutProvider"}, times=1)
    said = runware.finished()
    (error,) = said["errors"]
    assert (said["data"], error["code"], error["status"]) == ([], "timeoutProvider", "error")
    runware.standin.fault("job_fails", {"billed": True}, times=1)
    failed = runware.infer()
    assert (failed.status_code, error_of(failed)["code"]) == (500, "inferenceError")
    assert runware.standin.total_usd() == "0.06"


def test_unsafe_shows_in_three_ways_in_turn(runware: Runware) -> None:
    runware.standin.fault("unsafe")
    blocked, flagged, bare = (runware.infer() for _ in range(3))
    assert (blocked.status_code, error_of(blocked)["code"]) == (400, "providerContentPolicyViolation")
    assert item_of(flagged)["NSFWContent"] is True
    assert "imageURL" not in item_of(bare)
    assert runware.standin.total_usd() == "0.12"


@pytest.mark.parametrize(
    ("safety", "told"),
    [({"checkContent": True}, True), ({"mode": "fast"}, True), ({"checkContent": True, "mode": "none"}, False)],
    ids=str,
)
def test_a_safety_check_says_what_it_found(runware: Runware, safety: dict[str, object], told: bool) -> None:
    assert ("NSFWContent" in item_of(runware.infer(safety=safety))) is told


def test_a_link_lives_for_its_ttl(runware: Runware) -> None:
    link = item_of(runware.infer(ttl=60))["imageURL"]
    assert runware.standin.fetch(link).status_code == 200
    runware.standin.fault("clock", {"offset_s": 62})
    assert runware.standin.fetch(link).status_code == 404
    runware.standin.fault("expired_url", times=1)
    assert runware.standin.fetch(item_of(runware.infer())["imageURL"]).status_code == 404


def test_real_links_are_on_the_real_host(runware: Runware) -> None:
    runware.standin.control("settings", {"url_mode": "real"})
    assert item_of(runware.infer())["imageURL"].startswith("https://im.runware.ai/image/os/a18d05/ws/2/ii/")


def test_the_picture_is_brought_to_the_upload_endpoint(runware: Runware) -> None:
    with our_host() as host:
        item = item_of(runware.infer(outputFormat="PNG", uploadEndpoint=f"{host.url}/out?sig=1"))
        (put,) = host.brought("PUT")
        assert (put.path, put.kind, read_id(put.body)) == ("/out?sig=1", "image/png", item["imageUUID"])
        runware.standin.fault("put_fail", times=1)
        item_of(runware.infer(positivePrompt="other", uploadEndpoint=f"{host.url}/out"))
        host.statuses = [500]
        assert "imageURL" in item_of(runware.infer(positivePrompt="third", uploadEndpoint=f"{host.url}/out"))
        assert len(host.brought("PUT")) == 2


@pytest.mark.parametrize(
    ("fault", "paths"),
    [
        (None, ["/hook?token=t"]),
        ("dup_webhook", ["/hook?token=t"] * 2),
        ("forged_webhook", ["/hook?token=forged", "/hook?token=t"]),
        ("no_webhook", []),
    ],
)
def test_the_news_is_brought_flat_once_for_each_result(runware: Runware, fault: str | None, paths: list[str]) -> None:
    if fault:
        runware.standin.fault(fault, times=1)
    with our_host() as host:
        ident = str(uuid4())
        runware.infer(ident, deliveryMethod="async", webhookURL=f"{host.url}/hook?token=t")
        runware.infer(deliveryMethod="async", positivePrompt="b", webhookURL=f"{host.url}/last")
        wait_until(lambda: len(host.brought("POST")) == len(paths) + 1)
        posts = [post for post in host.brought("POST") if post.path != "/last"]
    assert [post.path for post in posts] == paths
    assert all(json.loads(post.body)["taskUUID"] == ident for post in posts)


def test_news_that_nobody_takes_is_brought_again(runware: Runware) -> None:
    with our_host() as host:
        host.statuses = [500]
        runware.infer(deliveryMethod="async", webhookURL=f"{host.url}/hook")
        wait_until(lambda: len(host.brought("POST")) == 2)


def test_news_can_come_before_the_acknowledgement(runware: Runware) -> None:
    runware.standin.fault("early_webhook", times=1)
    with our_host() as host:
        runware.infer(deliveryMethod="async", webhookURL=f"{host.url}/hook")
        assert len(host.brought("POST")) == 1


def test_a_full_queue_is_429_and_whoever_goes_on_asking_gets_503(runware: Runware) -> None:
    runware.standin.control("settings", {"runware_workers": 1, "runware_queue": 1, "latency_seconds": 60})
    answers = [runware.infer(deliveryMethod="async") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 503, 503]
    assert error_of(answers[2])["code"] == "rateLimitExceeded"
    assert runware.standin.total_usd() == "0.12"
    row = runware.standin.slots()
    assert (row["provider"], row["limit"], row["peak"], row["refused"]) == ("runware", 2, 2, 3)


def test_what_waits_in_the_queue_is_made_after_what_came_before(runware: Runware) -> None:
    runware.standin.control("settings", {"runware_workers": 1, "latency_seconds": 60})
    idents = [str(uuid4()), str(uuid4())]
    for ident in idents:
        runware.infer(ident, deliveryMethod="async")
    wait_until(lambda: item_of(runware.ask("getResponse", idents[0]))["progress"] == 40)
    assert item_of(runware.ask("getResponse", idents[1]))["progress"] == 0


def test_a_poll_can_find_nothing_a_fault_or_no_end(runware: Runware) -> None:
    ident = runware.finished()["data"][0]["taskUUID"]
    runware.standin.fault("poll_404", times=1)
    runware.standin.fault("poll_5xx", times=1)
    runware.standin.fault("poll_stuck", times=1)
    assert runware.ask("getResponse", ident).json() == {"data": []}
    assert runware.ask("getResponse", ident).status_code == 500
    assert item_of(runware.ask("getResponse", ident))["status"] == "processing"
    assert item_of(runware.ask("getResponse", ident))["status"] == "success"


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 429, 500, 503, 504])
def test_any_status_can_be_asked_for_on_tasks_and_on_look_ups(runware: Runware, code: int) -> None:
    for route in ("imageInference", "getResponse", "getTaskDetails", "imageUpload"):
        runware.standin.fault("status", {"code": code}, route=route)
    answers = [runware.infer()]
    answers += [runware.ask(kind, str(uuid4())) for kind in ("getResponse", "getTaskDetails", "imageUpload")]
    assert [answer.status_code for answer in answers] == [code] * 4
    assert all(error_of(answer)["code"] for answer in answers)
    assert runware.standin.total_usd() == "0.00"


def test_an_error_of_another_task_can_stand_beside_the_answer(runware: Runware) -> None:
    runware.standin.fault("error_in_200", {"beside": True})
    ident = str(uuid4())
    said = runware.infer(ident).json()
    assert said["data"][0]["taskUUID"] == ident
    assert said["errors"][0]["taskUUID"] not in (ident, None)


def test_an_error_can_take_the_answers_place_under_a_good_status(runware: Runware) -> None:
    runware.standin.fault("error_in_200", {"status_code": 402})
    answer = runware.infer()
    assert (answer.status_code, error_of(answer)["code"]) == (200, "insufficientCredits")


def test_an_answer_can_be_hollow_a_page_or_about_another_task(runware: Runware) -> None:
    for variant in ("no_data", "empty_data", "wrong_types", "other_id"):
        runware.standin.fault("malformed_json", {"variant": variant}, times=1)
    runware.standin.fault("html_error", {"code": 200}, times=1)
    page, *answers = (runware.infer() for _ in range(5))
    assert page.text.startswith("<html>")
    assert [answer.json().get("data") for answer in answers[:3]] == [None, [], {"url": 7}]
    assert item_of(answers[3])["taskUUID"].startswith("00000000")


def test_money_that_is_gone_is_402(runware: Runware) -> None:
    runware.standin.fault("balance", {"usd": "0.06"})
    answers = [runware.infer() for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 402]
    assert error_of(answers[1])["code"] == "insufficientCredits"


def test_fewer_results_than_asked_are_billed_as_given(runware: Runware) -> None:
    runware.standin.fault("fewer_results")
    assert len(runware.infer(numberResults=3).json()["data"]) == 2
    assert runware.standin.total_usd() == "0.12"


def test_a_foreign_link_names_another_host(runware: Runware) -> None:
    runware.standin.fault("foreign_url")
    hosts = [urlsplit(item_of(runware.infer())["imageURL"]).netloc for _ in range(4)]
    assert hosts == ["evil.test", "im.runware.ai", "127.0.0.1:9", "im.runware.ai@evil.test"]


def test_a_paused_key_and_a_broken_upload_cost_nothing(runware: Runware) -> None:
    runware.standin.fault("drop_before_read", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        runware.infer()
    runware.standin.fault("key_paused", key=KEY)
    assert runware.infer().status_code == runware.ask("getResponse", str(uuid4())).status_code == 401
    assert runware.standin.total_usd() == "0.00"


def test_the_same_work_under_two_ids_is_a_duplicate(runware: Runware) -> None:
    runware.infer()
    runware.infer(inputs={"seedImage": BASE64}, ttl=60)
    runware.infer(inputs={"seedImage": base64.b64encode(JPEG).decode()}, outputFormat="PNG")
    (group,) = runware.standin.see("bill")["duplicates"]
    assert (group["charges"], group["usd"]) == (2, "0.12")
