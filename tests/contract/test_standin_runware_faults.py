"""The stand-in's Runware: full queues, failed tasks, faults, and uploads and webhooks to our host."""

import json
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests

from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from backdrop.providers.runware import Runware as Adapter
from backdrop_local.standin.pictures import read_id
from tests.contract.adapter_calls import POLL_SECONDS, call, job_for
from tests.contract.adapters import provide_key
from tests.contract.standin_callers import Runware, run_host
from tests.contract.standin_client import KEY, StandinClient, wait_until
from tests.unit.work_in_memory import FakeWork


def error_of(answer: requests.Response) -> dict[str, Any]:
    """Returns the only error of a response."""
    (error,) = answer.json()["errors"]
    return dict(error)


def item_of(answer: requests.Response) -> dict[str, Any]:
    """Returns the only item of a successful response."""
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["data"]
    return dict(item)


def test_lost_answer_is_billed_and_resend_conflicts(runware: Runware) -> None:
    provider_id = str(uuid4())
    runware.standin.add_fault("late_conflict", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        runware.infer(provider_id, deliveryMethod="async")
    assert error_of(runware.infer(provider_id, deliveryMethod="async"))["code"] == "conflictTaskUUID"
    wait_until(lambda: runware.ask("getResponse", provider_id).json()["data"][0]["status"] == "success")
    assert runware.standin.total_usd() == "0.06"


def test_failed_task_is_an_error_and_free_by_default(runware: Runware) -> None:
    runware.standin.add_fault("job_fails", {"code": "timeoutProvider"}, times=1)
    document = runware.finished()
    (error,) = document["errors"]
    assert (document["data"], error["code"], error["status"]) == ([], "timeoutProvider", "error")
    assert runware.ask("getResponse", error["taskUUID"]).status_code == 200
    runware.standin.add_fault("job_fails", {"billed": True}, times=1)
    failed = runware.infer()
    assert (failed.status_code, error_of(failed)["code"]) == (500, "inferenceError")
    assert runware.standin.total_usd() == "0.06"


def test_unsafe_fault_alternates_between_three_forms(runware: Runware) -> None:
    runware.standin.add_fault("unsafe")
    blocked, flagged, bare = (runware.infer() for _ in range(3))
    assert (blocked.status_code, error_of(blocked)["code"]) == (400, "providerContentPolicyViolation")
    assert item_of(flagged)["NSFWContent"] is True
    assert "imageURL" not in item_of(bare)
    assert runware.standin.total_usd() == "0.12"


def test_picture_is_uploaded_to_the_endpoint(runware: Runware) -> None:
    with run_host() as host:
        item = item_of(runware.infer(outputFormat="PNG", uploadEndpoint=f"{host.url}/out?sig=1"))
        (put,) = host.received_by("PUT")
        assert (put.path, put.kind, read_id(put.body)) == ("/out?sig=1", "image/png", item["imageUUID"])
        runware.standin.add_fault("put_fail", times=1)
        item_of(runware.infer(positivePrompt="other", uploadEndpoint=f"{host.url}/out"))
        host.statuses = [500]
        assert "imageURL" in item_of(runware.infer(positivePrompt="third", uploadEndpoint=f"{host.url}/out"))
        assert len(host.received_by("PUT")) == 2


@pytest.mark.parametrize(
    ("fault", "paths"),
    [
        (None, ["/hook?token=t"]),
        ("dup_webhook", ["/hook?token=t"] * 2),
        ("forged_webhook", ["/hook?token=forged", "/hook?token=t"]),
        ("no_webhook", []),
    ],
)
def test_webhook_is_sent_once_per_result(runware: Runware, fault: str | None, paths: list[str]) -> None:
    if fault:
        runware.standin.add_fault(fault, times=1)
    with run_host() as host:
        provider_id = str(uuid4())
        runware.infer(provider_id, deliveryMethod="async", webhookURL=f"{host.url}/hook?token=t")
        runware.infer(deliveryMethod="async", positivePrompt="b", webhookURL=f"{host.url}/last")
        wait_until(lambda: len(host.received_by("POST")) == len(paths) + 1)
        posts = [post for post in host.received_by("POST") if post.path != "/last"]
    assert [post.path for post in posts] == paths
    assert all(json.loads(post.body)["taskUUID"] == provider_id for post in posts)


def test_rejected_webhook_is_sent_again(runware: Runware) -> None:
    with run_host() as host:
        host.statuses = [500]
        runware.infer(deliveryMethod="async", webhookURL=f"{host.url}/hook")
        wait_until(lambda: len(host.received_by("POST")) == 2)


def test_webhook_can_be_sent_before_the_acknowledgement(runware: Runware) -> None:
    runware.standin.add_fault("early_webhook", times=1)
    with run_host() as host:
        runware.infer(deliveryMethod="async", webhookURL=f"{host.url}/hook")
        assert len(host.received_by("POST")) == 1


def test_full_queue_is_429_and_then_503(runware: Runware) -> None:
    runware.standin.control("settings", {"runware_workers": 1, "runware_queue": 1, "latency_seconds": 60})
    answers = [runware.infer(deliveryMethod="async") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 503, 503]
    assert error_of(answers[2])["code"] == "rateLimitExceeded"
    assert runware.standin.total_usd() == "0.12"
    row = runware.standin.slots()
    assert (row["provider"], row["limit"], row["peak"], row["refused"]) == ("runware", 2, 2, 3)


def test_queued_tasks_run_in_order(runware: Runware) -> None:
    runware.standin.control("settings", {"runware_workers": 1, "latency_seconds": 60})
    provider_ids = [str(uuid4()), str(uuid4())]
    for provider_id in provider_ids:
        runware.infer(provider_id, deliveryMethod="async")
    wait_until(lambda: item_of(runware.ask("getResponse", provider_ids[0]))["progress"] == 40)
    assert item_of(runware.ask("getResponse", provider_ids[1]))["progress"] == 0


def test_poll_can_be_empty_fail_or_never_end(runware: Runware) -> None:
    provider_id = runware.finished()["data"][0]["taskUUID"]
    runware.standin.add_fault("poll_404", times=1)
    runware.standin.add_fault("poll_5xx", times=1)
    runware.standin.add_fault("poll_stuck", times=1)
    assert runware.ask("getResponse", provider_id).json() == {"data": []}
    assert runware.ask("getResponse", provider_id).status_code == 500
    assert item_of(runware.ask("getResponse", provider_id))["status"] == "processing"
    assert item_of(runware.ask("getResponse", provider_id))["status"] == "success"


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 429, 500, 503, 504])
def test_any_status_can_be_requested_on_every_route(runware: Runware, code: int) -> None:
    for route in ("imageInference", "getResponse", "getTaskDetails", "imageUpload"):
        runware.standin.add_fault("status", {"code": code}, route=route)
    answers = [runware.infer()]
    answers += [runware.ask(kind, str(uuid4())) for kind in ("getResponse", "getTaskDetails", "imageUpload")]
    assert [answer.status_code for answer in answers] == [code] * 4
    assert all(error_of(answer)["code"] for answer in answers)
    assert runware.standin.total_usd() == "0.00"


def test_error_of_another_task_can_be_included(runware: Runware) -> None:
    runware.standin.add_fault("error_in_200", {"beside": True})
    provider_id = str(uuid4())
    document = runware.infer(provider_id).json()
    assert document["data"][0]["taskUUID"] == provider_id
    assert document["errors"][0]["taskUUID"] not in (provider_id, None)


def test_error_can_replace_the_result_with_status_200(runware: Runware) -> None:
    runware.standin.add_fault("error_in_200", {"status_code": 402})
    answer = runware.infer()
    assert (answer.status_code, error_of(answer)["code"]) == (200, "insufficientCredits")


def test_response_can_be_empty_html_or_about_another_task(runware: Runware) -> None:
    for variant in ("no_data", "empty_data", "wrong_types", "other_id"):
        runware.standin.add_fault("malformed_json", {"variant": variant}, times=1)
    runware.standin.add_fault("html_error", {"code": 200}, times=1)
    page, *answers = (runware.infer() for _ in range(5))
    assert page.text.startswith("<html>")
    assert [answer.json().get("data") for answer in answers[:3]] == [None, [], {"url": 7}]
    assert item_of(answers[3])["taskUUID"].startswith("00000000")


def test_empty_balance_is_402(runware: Runware) -> None:
    runware.standin.add_fault("balance", {"usd": "0.06"})
    answers = [runware.infer() for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 402]
    assert error_of(answers[1])["code"] == "insufficientCredits"


def test_fewer_results_are_billed_by_their_number(runware: Runware) -> None:
    runware.standin.add_fault("fewer_results")
    assert len(runware.infer(numberResults=3).json()["data"]) == 2
    assert runware.standin.total_usd() == "0.12"


def test_foreign_link_is_on_another_host(runware: Runware) -> None:
    runware.standin.add_fault("foreign_url")
    hosts = [urlsplit(item_of(runware.infer())["imageURL"]).netloc for _ in range(4)]
    assert hosts == ["evil.test", "im.runware.ai", "127.0.0.1:9", "im.runware.ai@evil.test"]


def test_paused_key_and_interrupted_upload_are_free(runware: Runware) -> None:
    runware.standin.add_fault("drop_before_read", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        runware.infer()
    runware.standin.add_fault("key_paused", key=KEY)
    assert runware.infer().status_code == runware.ask("getResponse", str(uuid4())).status_code == 401
    assert runware.standin.total_usd() == "0.00"


# -- undocumented responses, through the adapter: one picture and one charge --------------------------------

UNUSUAL: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("inline_picture", {}, {}),
    ("inline_picture", {"form": "data_uri"}, {}),
    ("inline_picture", {"form": "link"}, {}),
    ("early_result", {}, {}),
    ("success_status", {"code": 202}, {}),
    ("interim", {}, {}),
    ("poll_partial", {}, {"runware_details": "named"}),
    ("poll_partial", {}, {}),
    ("", {}, {"runware_running": "queued", "latency_by_speed": {"DEFAULT": 0.3}}),
    ("", {}, {"runware_done": "completed"}),
    ("", {}, {"runware_done": "missing"}),
    ("poll_404", {}, {"runware_details": "named"}),
]


@pytest.mark.parametrize(("fault", "args", "settings"), UNUSUAL)
def test_unusual_response_leads_to_one_picture_and_charge(
    standin: StandinClient, fault: str, args: dict[str, Any], settings: dict[str, Any]
) -> None:
    standin.control("settings", settings)
    if fault:
        standin.add_fault(fault, args, times=2)
    job, work = job_for("runware", num_images=2), FakeWork()
    answer = call(
        Adapter(f"{standin.url}/runware", 20, provide_key, work, poll_seconds=POLL_SECONDS), job
    ).provider_result
    assert (answer.retry_class, answer.charged, standin.total_usd()) == (RetryClass.OK, 120_000, "0.12")
    inline = fault == "inline_picture"
    assert [(link.is_usable, link.result_name is not None) for link in answer.links] == [(True, inline)] * 2
    assert len(work.results) == (2 if inline else 0)


@pytest.mark.parametrize("code", ["", "whoKnows"])
def test_failure_without_a_published_code_leaves_the_charge_unknown(standin: StandinClient, code: str) -> None:
    standin.add_fault("job_fails", {"code": code}, times=1)
    adapter = Adapter(f"{standin.url}/runware", 20, provide_key, FakeWork(), poll_seconds=POLL_SECONDS)
    answer = call(adapter, job_for("runware")).provider_result
    assert (answer.retry_class, answer.code, answer.is_final) == (RetryClass.AMBIG, Code.PROVIDER_FAILED, True)


def test_renamed_link_is_kept_for_a_person(standin: StandinClient) -> None:
    standin.add_fault("malformed_json", {"variant": "renamed"}, route="getResponse")
    adapter = Adapter(f"{standin.url}/runware", 20, provide_key, FakeWork(), poll_seconds=POLL_SECONDS)
    answer = call(adapter, job_for("runware")).provider_result
    assert [link.is_unrecognized for link in answer.links] == [True]
    assert b"new_imageURL" in answer.raw_response


def test_fields_that_the_sdk_publishes_as_objects_are_accepted(runware: Runware) -> None:
    assert runware.infer(routing={"region": "eu"}, advancedFeatures={}).status_code == 200
    assert error_of(runware.infer(routing="eu"))["code"] == "invalidRouting"
