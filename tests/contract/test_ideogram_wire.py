"""The bytes that the Ideogram adapter sends match the published form exactly."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backdrop.model.job import Job
from backdrop.model.provider_result import RetryClass
from backdrop.providers.ideogram import Ideogram
from tests.contract.adapters import (
    CALL_SECONDS,
    PHOTO,
    Request,
    build_provider_job,
    called,
    http,
    provide_key,
    recording,
)
from tests.contract.standin_client import KEY, StandinClient, picture

EVERYTHING: dict[str, Any] = {
    "prompt": 'Ünïcode "quoted" \\ ✨\r\nsecond line; name="image"',
    "magic_prompt": "OFF",
    "num_images": 2,
    "seed": 0,
    "rendering_speed": "TURBO",
}
NEVER_SENT: dict[str, Any] = {"provider": "ideogram", "max_cost_usd": 1.0, "revision": "2", "metadata": {"a": 1}}


def sent(job: Job, photo: bytes = PHOTO, *, base: str = "") -> Request:
    """Returns the only request of a call."""
    with recording() as server:
        assert called(Ideogram(server.url + base, CALL_SECONDS, provide_key), job, photo).retry_class is RetryClass.OK
        (request,) = server.requests
        return request


@pytest.mark.parametrize(
    ("operation", "path"),
    [("replace", "/v1/ideogram-v3/replace-background"), ("remove", "/v1/remove-background")],
)
@pytest.mark.parametrize("base", ["", "/", "/ideogram", "/ideogram/"])
def test_path_is_appended_to_the_base_url(operation: str, path: str, base: str) -> None:
    assert sent(build_provider_job(operation), base=base).line == f"POST {base.rstrip('/')}{path} HTTP/1.1"


def test_key_is_sent_only_in_its_own_header() -> None:
    request = sent(build_provider_job())
    assert request.all("Api-Key") == [KEY]
    assert request.names.isdisjoint({"authorization", "x-api-key", "cookie"})
    assert KEY.encode() not in request.body
    assert KEY not in request.line


def test_body_has_a_length_and_connection_is_closed() -> None:
    request = sent(build_provider_job())
    assert request.all("Content-Length") == [str(len(request.body))]
    assert "transfer-encoding" not in request.names
    assert "expect" not in request.names
    assert request.all("Connection") == ["close"]
    assert len(request.all("Content-Type")) == 1


def test_removing_sends_only_the_photo() -> None:
    (part,) = sent(build_provider_job("remove", **NEVER_SENT)).parts
    assert part.headers == (
        'Content-Disposition: form-data; name="image"; filename="photo.jpg"',
        "Content-Type: image/jpeg",
    )
    assert part.data == PHOTO


@pytest.mark.parametrize(
    ("kind", "filename", "media_type"),
    [("JPEG", "photo.jpg", "image/jpeg"), ("PNG", "photo.png", "image/png"), ("WEBP", "photo.webp", "image/webp")],
)
def test_photo_is_sent_with_its_real_type(kind: str, filename: str, media_type: str) -> None:
    photo = picture(kind)
    image = sent(build_provider_job("remove"), photo).parts[0]
    assert image.headers[0].endswith(f'filename="{filename}"')
    assert image.headers[1] == f"Content-Type: {media_type}"
    assert image.data == photo


def test_only_the_purchase_spec_is_sent() -> None:
    """The purchase spec determines the job's ID. Fields that only describe the job can change later."""
    job = build_provider_job()
    job = replace(
        job, instructions={**job.purchase_spec, **EVERYTHING, "style_codes": ["AAFF5733"], "prompt": "another"}
    )
    parts = sent(job).parts
    assert [part.name for part in parts] == ["image", "prompt"]
    assert parts[1].data == b"a beach"


def test_prompt_alone_is_two_parts() -> None:
    parts = sent(build_provider_job()).parts
    assert [part.name for part in parts] == ["image", "prompt"]
    assert parts[1].headers == ('Content-Disposition: form-data; name="prompt"',)
    assert parts[1].data == b"a beach"


def test_every_given_field_is_one_text_part() -> None:
    image, *texts = sent(build_provider_job(**EVERYTHING, **NEVER_SENT)).parts
    assert image.name == "image"
    assert {part.name: part.data.decode() for part in texts} == {name: str(EVERYTHING[name]) for name in EVERYTHING}
    assert len(texts) == len(EVERYTHING)
    assert all(part.headers == (f'Content-Disposition: form-data; name="{part.name}"',) for part in texts)


def test_style_codes_are_repeated_parts() -> None:
    parts = sent(build_provider_job(style_codes=["AAFF5733", "0133FF57"])).parts[2:]
    assert [(part.name, part.data) for part in parts] == [
        ("style_codes", b"AAFF5733"),
        ("style_codes", b"0133FF57"),
    ]
    assert {part.headers for part in parts} == {('Content-Disposition: form-data; name="style_codes"',)}


def test_preset_is_one_part() -> None:
    assert [(part.name, part.data) for part in sent(build_provider_job(style_preset="GOLDEN_HOUR")).parts[2:]] == [
        ("style_preset", b"GOLDEN_HOUR")
    ]


def test_request_contains_nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with recording(http(500)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert "authorization" not in sent(build_provider_job()).names
        assert proxy.requests == []


@pytest.mark.parametrize(
    "job",
    [
        build_provider_job("remove"),
        build_provider_job(),
        build_provider_job(**EVERYTHING),
        build_provider_job(style_preset="GOLDEN_HOUR", num_images=8, rendering_speed="FLASH"),
        build_provider_job(style_codes=["AAFF5733", "0133FF57"], magic_prompt="AUTO"),
        build_provider_job(prompt="x" * 10_000, seed=2_147_483_647, rendering_speed="QUALITY"),
    ],
    ids=["remove", "prompt", "everything", "preset", "codes", "extremes"],
)
def test_strict_stand_in_accepts_every_form(standin: StandinClient, job: Job) -> None:
    answer = called(Ideogram(f"{standin.url}/ideogram", CALL_SECONDS, provide_key), job, PHOTO)
    (entry,) = standin.see("requests")["requests"]
    assert (answer.retry_class, entry["status"], entry["method"]) == (RetryClass.OK, 200, "POST")
    assert {part["name"] for part in entry["parts"]} <= {"image", "style_codes", "style_preset", *EVERYTHING}
