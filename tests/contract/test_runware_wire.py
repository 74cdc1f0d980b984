"""The requests that the Runware adapter sends: one task, with an ID that a resend reuses."""

import base64
import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from backdrop.model.job import Job
from backdrop.model.pricing import to_micro_usd
from backdrop.model.provider_result import RetryClass
from backdrop.providers.runware import Runware
from tests.contract.adapter_calls import POLL_SECONDS, call, claimed, get_task_id, job_for, run_file_server
from tests.contract.adapters import CALL_SECONDS, PHOTO, Recorder, Reply, http, provide_key, recording
from tests.contract.standin_client import KEY, StandinClient, picture
from tests.unit.work_in_memory import FakeWork

REFERENCES = picture("PNG", color="gold"), picture("WEBP", color="white")
URL = "https://im.runware.ai/image/os/a18d05/ws/2/ii/a6c11624-6994-4fb3-b3f3-58b60407ab8d.png"
EVERYTHING: dict[str, Any] = {
    "prompt": 'Ünïcode "quoted" \\ ✨\nsecond line',
    "magic_prompt": "OFF",
    "num_images": 2,
    "rendering_speed": "QUALITY",
    "style_type": "DESIGN",
    "style_preset": "MAGAZINE_EDITORIAL",
}
NEVER_SENT: dict[str, Any] = {"max_cost_usd": 1.0, "revision": "2", "metadata": {"a": 1}}


def json_reply(body: object, status: int = 200) -> Reply:
    return http(status, json.dumps(body).encode())


def ack(job: Job) -> Reply:
    return json_reply({"data": [{"taskType": "imageInference", "taskUUID": get_task_id(job)}]})


def result(job: Job, n: int = 0, **more: Any) -> dict[str, Any]:
    """Returns one result of a poll."""
    provider_id = f"a6c11624-6994-4fb3-b3f3-58b60407ab8{n:x}"
    found = {"taskType": "imageInference", "taskUUID": get_task_id(job), "status": "success", "imageUUID": provider_id}
    return {**found, "imageURL": URL, "cost": 0.06, **more}


def adapter(server: Recorder, base: str = "", seconds: float = CALL_SECONDS, **options: Any) -> Runware:
    work = options.pop("work", None) or FakeWork()
    return Runware(server.url + base, seconds, provide_key, work, poll_seconds=POLL_SECONDS, **options)


def task_of(job: Job, references: Sequence[bytes] = (), **options: Any) -> dict[str, Any]:
    """Returns the task that a call sends."""
    with recording(json_reply({"errors": [{"code": "invalidModel"}]}, 400)) as server:
        call(adapter(server, **options), job, PHOTO, references)
        (request,) = server.requests
        (task,) = json.loads(request.body)
        return task


def test_only_given_fields_are_sent() -> None:
    job = job_for("runware", **EVERYTHING, **NEVER_SENT)
    task = task_of(job)
    image = task.pop("inputs")["seedImage"]
    assert base64.b64decode(image.removeprefix("data:image/jpeg;base64,"), validate=True) == PHOTO
    settings = {"magicPrompt": "OFF", "renderingSpeed": "QUALITY", "styleType": "DESIGN"}
    assert task == {
        "taskType": "imageInference",
        "taskUUID": get_task_id(job),
        "model": "ideogram:4@5",
        "positivePrompt": EVERYTHING["prompt"],
        "numberResults": 2,
        "providerSettings": {"ideogram": {**settings, "stylePreset": "MAGAZINE_EDITORIAL"}},
        "deliveryMethod": "async",
        "outputType": "URL",
        "outputFormat": "PNG",
        "ttl": 86_400,
        "includeCost": True,
    }


def test_style_code_and_references_are_sent_in_runware_format() -> None:
    task = task_of(job_for("runware", style_codes=["AAFF5733"]))
    assert task["providerSettings"] == {"ideogram": {"styleCode": "AAFF5733"}}
    task = task_of(job_for("runware", style_reference_images=["0", "1"]), REFERENCES)
    images = task["providerSettings"]["ideogram"]["styleReferenceImages"]
    assert [image.partition(",")[0] for image in images] == ["data:image/png;base64", "data:image/webp;base64"]
    assert [base64.b64decode(image.partition(",")[2]) for image in images] == [*REFERENCES]


@pytest.mark.parametrize(
    ("model", "sent"),
    [({}, "runware:112@9"), ({"model": "ideogram"}, "ideogram:remove-background@0")],
    ids=["default", "ideogram"],
)
def test_removal_is_a_task_of_its_own_without_the_safety_check(model: dict[str, str], sent: str) -> None:
    job = job_for("runware", operation="remove", **model)
    task = task_of(job, uploads=True, check_content=True)
    assert task.pop("uploadEndpoint")
    assert task == {
        "taskType": "removeBackground",
        "taskUUID": get_task_id(job),
        "model": sent,
        "inputs": {"image": f"data:image/jpeg;base64,{base64.b64encode(PHOTO).decode()}"},
        "deliveryMethod": "async",
        "outputType": "URL",
        "outputFormat": "PNG",
        "ttl": 86_400,
        "includeCost": True,
    }


def test_prompt_alone_sends_no_settings() -> None:
    assert {"providerSettings", "numberResults", "safety", "uploadEndpoint"}.isdisjoint(task_of(job_for("runware")))


@pytest.mark.parametrize("base", ["", "/", "/runware", "/runware/"])
def test_requests_use_one_url_and_a_bearer_key(base: str) -> None:
    job = job_for("runware")
    with recording(ack(job), json_reply({"data": [result(job)]})) as server:
        called = call(adapter(server, base), job)
        submit, question = server.requests
    assert (called.provider_result.retry_class, called.names) == (RetryClass.OK, [])
    for request in (submit, question):
        assert request.line == f"POST {base.rstrip('/')}/v1 HTTP/1.1"
        assert request.all("Authorization") == [f"Bearer {KEY}"]
        assert request.all("Content-Type") == ["application/json"]
        assert request.names.isdisjoint({"api-key", "x-api-key"})
        assert KEY.encode() not in request.body
    assert json.loads(question.body) == [{"taskType": "getResponse", "taskUUID": get_task_id(job)}]


def test_resend_keeps_the_id_and_new_charge_changes_it() -> None:
    provider = Runware("http://127.0.0.1:9", CALL_SECONDS, provide_key, FakeWork())
    job = job_for("runware")
    first = provider.idempotency_key(job)
    assert first == task_of(job)["taskUUID"] == provider.idempotency_key(claimed(job, first))
    assert first
    assert uuid.UUID(first).version == 4
    others = {
        provider.idempotency_key(replace(job, charge_no=1)),
        provider.idempotency_key(job_for("runware", num_images=2)),
        first,
    }
    assert len(others) == 3


def test_content_check_and_upload_link_are_optional() -> None:
    task = task_of(job_for("runware"), uploads=True, check_content=True)
    assert task["safety"] == {"checkContent": True}
    assert task["uploadEndpoint"].startswith("https://work.example/runware-")
    several = task_of(job_for("runware", num_images=2), uploads=True)
    assert "uploadEndpoint" not in several
    assert "uploadEndpoint" not in task_of(job_for("runware"), uploads=True, work=FakeWork(reached=False))


@pytest.mark.parametrize(
    ("given", "references"),
    [
        ({}, ()),
        (EVERYTHING, ()),
        ({"style_codes": ["AAFF5733"], "rendering_speed": "TURBO", "num_images": 20}, ()),
        ({"style_reference_images": ["0", "1"], "style_type": "FICTION"}, REFERENCES),
        ({"prompt": "x" * 2_000, "magic_prompt": "AUTO"}, ()),
        ({"style_type": "RENDER_3D"}, ()),
        ({"style_type": "ANIME", "style_preset": "AURA"}, ()),
        ({"operation": "remove"}, ()),
        ({"operation": "remove", "model": "ideogram"}, ()),
    ],
    ids=["prompt", "everything", "code", "references", "long", "3D", "anime", "remove", "remove by Ideogram"],
)
def test_strict_stand_in_accepts_every_task(
    standin: StandinClient, given: dict[str, Any], references: tuple[bytes, ...]
) -> None:
    job = job_for("runware", **given)
    with run_file_server() as file_server:
        provider = Runware(
            f"{standin.url}/runware", 20, provide_key, file_server, True, True, poll_seconds=POLL_SECONDS
        )
        called = call(provider, job, PHOTO, references)
        assert called.provider_result.is_usable, called
        assert len(called.provider_result.links) == given.get("num_images", 1)
        assert len(file_server.results) == (given.get("num_images", 1) == 1)
    assert called.provider_result.charged == to_micro_usd(standin.total_usd())
