"""The requests that the Segmind adapter sends: the published body, the configured URLs, the key in its header."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from backdrop.model.job import Job
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.ports import SegmindEndpoint
from backdrop.providers.segmind import Segmind
from tests.contract.adapter_calls import POLL_SECONDS, call, job_for, run_file_server
from tests.contract.adapters import CALL_SECONDS, PHOTO, Recorder, http, provide_key, recording
from tests.contract.standin_client import KEY, StandinClient, picture
from tests.unit.work_in_memory import FakeWork

ID = "2c7f59ea-13f1-402c-9353-915a2b5a2124"
LINK = "https://images.segmind.com/generations/2c7f59ea.jpeg"
FOREIGN = "https://elsewhere.example/steal"
TICKET = {"request_id": ID, "status": "QUEUED", "poll_url": FOREIGN, "status_url": FOREIGN, "response_url": FOREIGN}
DONE = {"status": "COMPLETED", "request_id": ID, "output": LINK, "metrics": {"cost": 0.075}}
REFERENCES = picture("PNG", color="gold"), picture("WEBP", color="white")
EVERYTHING: dict[str, Any] = {
    "prompt": 'Ünïcode "quoted" \\ ✨\nsecond line',
    "magic_prompt": "OFF",
    "seed": 100,
    "rendering_speed": "QUALITY",
    "style_codes": ["AAFF5733", "0133FF57"],
    "color_palette": {"members": [{"color_hex": "#b470b3", "color_weight": 0.5}]},
}
NEVER_SENT: dict[str, Any] = {"max_cost_usd": 1.0, "revision": "2", "metadata": {"a": 1}, "num_images": 1}


def json_reply(body: object, status: int = 200) -> Any:
    return http(status, json.dumps(body).encode())


def adapter(
    server: Recorder, base: str = "", work: FakeWork | None = None, endpoint: SegmindEndpoint = SegmindEndpoint.V2
) -> Segmind:
    return Segmind(
        server.url + base, CALL_SECONDS, provide_key, work or FakeWork(), endpoint, poll_seconds=POLL_SECONDS
    )


def body_of(job: Job, references: Sequence[bytes] = (), work: FakeWork | None = None) -> dict[str, Any]:
    """Returns the JSON of a call's only submit."""
    with recording(json_reply({"error": "no"}, 400)) as server:
        call(adapter(server, work=work), job, PHOTO, references)
        (request,) = server.requests
        return json.loads(request.body)


def test_only_given_fields_are_sent() -> None:
    body = body_of(job_for("segmind", **EVERYTHING, **NEVER_SENT))
    assert body.pop("image").startswith("https://work.example/")
    assert body == EVERYTHING


def test_prompt_alone_sends_photo_and_prompt() -> None:
    assert body_of(job_for("segmind")).keys() == {"image", "prompt"}


def test_photo_and_references_are_sent_as_links() -> None:
    fake_work = FakeWork()
    body = body_of(job_for("segmind", style_reference_images=["0", "1"]), REFERENCES, fake_work)
    assert [fake_work.lent[link] for link in (body["image"], *body["style_reference_images"])] == [PHOTO, *REFERENCES]


def test_photo_is_in_the_body_if_no_link_works() -> None:
    body = body_of(job_for("segmind"), work=FakeWork(reached=False))
    assert base64.b64decode(body["image"], validate=True) == PHOTO


@pytest.mark.parametrize("base", ["", "/", "/segmind", "/segmind/"])
def test_call_is_submit_status_and_result_at_configured_urls(base: str) -> None:
    with recording(
        json_reply(TICKET), json_reply({**TICKET, "status": "PROCESSING"}), json_reply(DONE), json_reply(DONE)
    ) as server:
        called = call(adapter(server, base), job_for("segmind"))
        lines = [request.line for request in server.requests]
    prefix = base.rstrip("/")
    status = f"GET {prefix}/v2/requests/{ID}/status HTTP/1.1"
    submit = f"POST {prefix}/v2/ideogram-3-replace-background HTTP/1.1"
    assert lines == [submit, status, status, f"GET {prefix}/v2/requests/{ID} HTTP/1.1"]
    assert (called.provider_result.retry_class, called.provider_result.links[0].url) == (RetryClass.OK, LINK)


def test_key_has_its_own_header_and_body_is_json() -> None:
    with recording(json_reply(TICKET), json_reply(DONE)) as server:
        call(adapter(server), job_for("segmind"))
        submit, *questions = server.requests
    assert submit.all("Content-Type") == ["application/json"]
    assert submit.all("Content-Length") == [str(len(submit.body))]
    for request in (submit, *questions):
        assert request.all("x-api-key") == [KEY]
        assert request.names.isdisjoint({"authorization", "api-key", "cookie"})
        assert KEY.encode() not in request.body
    assert all(request.body == b"" and "transfer-encoding" not in request.names for request in questions)


def test_id_of_the_work_is_reported_before_polling() -> None:
    asked_before: list[int] = []
    with recording(json_reply(TICKET), json_reply(DONE)) as server:
        prepared = adapter(server).prepare(job_for("segmind"), PHOTO)
        assert not isinstance(prepared, ProviderResult)
        prepared.send(lambda name: asked_before.append(len(server.requests)))
        assert (asked_before, len(server.requests)) == ([1], 3)


@pytest.mark.parametrize("name", ["a/../b", "a?b=c", "ä b"])
def test_id_cannot_lead_to_another_url(name: str) -> None:
    with recording(json_reply({"request_id": name}), json_reply({**DONE, "request_id": name})) as server:
        call(adapter(server), job_for("segmind"))
        path = server.requests[1].line.split()[1]
    assert path.startswith("/v2/requests/")
    assert path.count("/") == 4
    assert "?" not in path


def test_v1_is_one_call_to_its_own_path() -> None:
    with recording(http(200, b"\xff\xd8\xff", kind="image/jpeg")) as server:
        call(adapter(server, endpoint=SegmindEndpoint.V1), job_for("segmind"))
        assert [one.line for one in server.requests] == ["POST /v1/ideogram-3-replace-background HTTP/1.1"]


@pytest.mark.parametrize("endpoint", SegmindEndpoint)
@pytest.mark.parametrize(
    ("given", "references"),
    [
        ({}, ()),
        (EVERYTHING, ()),
        ({"rendering_speed": "TURBO", "seed": 999_999, "num_images": 1}, ()),
        ({"color_palette": {"name": "PASTEL"}, "style_reference_images": ["0", "1"]}, REFERENCES),
        ({"prompt": "x" * 10_000}, ()),
    ],
    ids=["prompt", "everything", "extremes", "references", "long"],
)
def test_strict_stand_in_accepts_every_body(
    standin: StandinClient, endpoint: SegmindEndpoint, given: dict[str, Any], references: tuple[bytes, ...]
) -> None:
    with run_file_server() as file_server:
        provider = Segmind(f"{standin.url}/segmind", 20, provide_key, file_server, endpoint, poll_seconds=POLL_SECONDS)
        called = call(provider, job_for("segmind", **given), PHOTO, references)
    assert called.provider_result.is_usable, called
    assert len(standin.jobs()) == 1
