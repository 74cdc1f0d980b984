"""Ideogram v2: what is sent, which requests go to v1, and how each response is understood."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus, Suspicion
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.ports import IdeogramEndpoint
from backdrop.providers.ideogram import ENDPOINT_PATHS, V2_ENDPOINT_PATHS, Ideogram, fits_v2
from tests.contract.adapter_calls import Called, call, claimed
from tests.contract.adapters import (
    CALL_SECONDS,
    PHOTO,
    Reply,
    build_provider_job,
    http,
    provide_key,
    recording,
    silence,
)
from tests.contract.ideogram_v2 import build_ideogram_v2
from tests.contract.standin_client import StandinClient, picture

ACKNOWLEDGED = {"generation_id": "g1"}
COMPLETED: dict[str, Any] = {
    "generation_id": "g1",
    "status": "completed",
    "created": "2026-11-27T00:00:00+00:00",
    "response_type": "image",
    "data": [{"is_image_safe": True, "seed": 7, "url": "https://ideogram.ai/api/images/ephemeral/a.png?exp=1&sig=e"}],
    "usage_cost_usd_micros": 60_000,
}
FREE = MoneyStatus.NOT_SPENT


def as_json(body: Mapping[str, Any], status: int = 200, *, more: str = "") -> Reply:
    return http(status, json.dumps(body).encode(), more=more)


def called(*replies: Reply, seconds: float = CALL_SECONDS, **fields: Any) -> tuple[Called, int]:
    """Returns the answer to a call with v2, and how many requests it made."""
    with recording(*replies) as server:
        found = call(build_ideogram_v2(server.url, seconds), build_provider_job(**fields))
        return found, len(server.requests)


def polled(body: Mapping[str, Any]) -> ProviderResult:
    """Returns the result of a call whose poll gets this body."""
    return called(as_json(ACKNOWLEDGED), as_json(body))[0].provider_result


# -- the request -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        (
            {"num_images": 2, "rendering_speed": "QUALITY"},
            {"prompt": b"a beach", "num_images": b"2", "rendering_speed": b"quality", "private": b"true"},
        ),
        ({"operation": "remove"}, {"private": b"true", "async": b"true"}),
    ],
    ids=["replace", "remove"],
)
def test_form_is_private_and_asynchronous(fields: dict[str, Any], parts: dict[str, bytes]) -> None:
    job = build_provider_job(**fields)
    with recording(as_json(ACKNOWLEDGED), as_json(COMPLETED)) as server:
        call(build_ideogram_v2(server.url), job)
        submitted, poll = server.requests
    assert submitted.line == f"POST {V2_ENDPOINT_PATHS[job.operation]} HTTP/1.1"
    assert {part.name: part.data for part in submitted.parts} == {"image": PHOTO, **parts}
    assert (poll.line, poll.body) == ("GET /v2/generations/g1 HTTP/1.1", b"")
    assert submitted.all("Api-Key") == poll.all("Api-Key") != []


STYLED: list[dict[str, Any]] = [
    {"seed": 7},
    {"style_preset": "BAUHAUS"},
    {"style_codes": ["AAFF5733"]},
    {"style_reference_images": ["a.jpg"]},
    {"color_palette": {"name": "PASTEL"}},
    {"magic_prompt": "OFF"},
    {"rendering_speed": "FLASH"},
    {"prompt": "p" * 4_001},
]


@pytest.mark.parametrize("fields", STYLED, ids=lambda fields: next(iter(fields)))
def test_request_that_v2_cannot_express_goes_to_v1(fields: dict[str, Any]) -> None:
    prepared = build_ideogram_v2("http://127.0.0.1:1").prepare(build_provider_job(**fields), PHOTO)
    assert not isinstance(prepared, ProviderResult)
    assert prepared.endpoint == ENDPOINT_PATHS["replace"]


@pytest.mark.parametrize("size", [(97, 32), (32, 97)])
def test_elongated_photo_goes_to_v1(size: tuple[int, int]) -> None:
    adapter = build_ideogram_v2("http://127.0.0.1:1")
    endpoints = [
        prepared.endpoint
        for photo in (picture(size=size), picture(size=(96, 32)), b"\x89PNG without a size")
        if not isinstance(prepared := adapter.prepare(build_provider_job(), photo), ProviderResult)
    ]
    assert endpoints == [ENDPOINT_PATHS["replace"], V2_ENDPOINT_PATHS["replace"], ENDPOINT_PATHS["replace"]]


def test_v1_is_the_default() -> None:
    adapter = Ideogram("http://127.0.0.1:1", 5, provide_key, read_pixel_size=lambda _: (64, 48))
    prepared = adapter.prepare(build_provider_job(), PHOTO)
    assert not isinstance(prepared, ProviderResult)
    assert (adapter.endpoint, prepared.endpoint) == (IdeogramEndpoint.V1, ENDPOINT_PATHS["replace"])


SPEC = {"operation": "replace", "prompt": "a beach"}
LIMITS = [
    ({}, 50_000_000, (96, 32), True),
    ({}, 50_000_001, (96, 32), False),
    ({}, 1, (97, 32), False),
    ({}, 1, None, False),
    ({"prompt": "p" * 4_000}, 1, (1, 1), True),
    ({"operation": "remove"}, 25_000_000, (1, 3), True),
    ({"operation": "remove"}, 25_000_001, (1, 3), False),
    ({"provider": "ideogram", "num_images": 8, "rendering_speed": "TURBO"}, 1, (1, 1), True),
]


@pytest.mark.parametrize(("fields", "photo_bytes", "size", "fits"), LIMITS)
def test_limits_of_v2_are_inclusive(
    fields: dict[str, Any], photo_bytes: int, size: tuple[int, int] | None, *, fits: bool
) -> None:
    assert fits_v2(SPEC | fields, photo_bytes, size) is fits


@given(st.sampled_from(STYLED), st.integers(1, 50_000_000), st.tuples(st.integers(1, 9_000), st.integers(1, 9_000)))
def test_no_photo_makes_a_styled_request_fit(fields: dict[str, Any], photo_bytes: int, size: tuple[int, int]) -> None:
    assert not fits_v2(SPEC | fields, photo_bytes, size)


# -- the submission --------------------------------------------------------------------------------------------


def test_id_is_acknowledged_before_the_first_poll() -> None:
    polls_before: list[int] = []
    with recording(as_json(ACKNOWLEDGED), as_json(COMPLETED)) as server:
        prepared = build_ideogram_v2(server.url).prepare(build_provider_job(), PHOTO)
        assert not isinstance(prepared, ProviderResult)
        prepared.send(lambda provider_id: polls_before.append(len(server.requests)))
        assert (polls_before, len(server.requests)) == ([1], 2)


def test_lost_submission_leaves_the_charge_unknown() -> None:
    found, requests = called(silence)
    assert (found.provider_result.retry_class, found.provider_result.money, found.names, requests) == (
        RetryClass.AMBIG,
        MoneyStatus.UNKNOWN,
        [],
        1,
    )


@pytest.mark.parametrize("status", [402, 429])
@pytest.mark.parametrize(
    ("reason", "retry_class", "code"),
    [
        ("inflight_limit", RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
        ("daily_limit", RetryClass.PAUSE, Code.PROVIDER_DAILY_LIMIT),
        ("insufficient_funds", RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
        ("priority_credit_required", RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
        ("subscription_required", RetryClass.PAUSE, Code.PROVIDER_PLAN_REFUSES),
        ("feature_limit", RetryClass.PAUSE, Code.PROVIDER_PLAN_REFUSES),
    ],
)
def test_reject_reason_decides_before_the_status(status: int, reason: str, retry_class: RetryClass, code: Code) -> None:
    found, _ = called(as_json({"error": "no", "reject_reason": reason}, status))
    answer = found.provider_result
    assert (answer.retry_class, answer.code, answer.money) == (retry_class, code, FREE)


@pytest.mark.parametrize(
    ("status_code", "retry_class"), [(500, RetryClass.AMBIG), (503, RetryClass.AMBIG), (422, RetryClass.PERM)]
)
def test_failure_inside_a_200_has_the_class_of_its_status(status_code: int, retry_class: RetryClass) -> None:
    found, requests = called(as_json({"error": "Internal server error", "status_code": status_code}))
    assert (found.provider_result.retry_class, found.names, requests) == (retry_class, [], 1)


@pytest.mark.parametrize("provider_id", ["", 7, None, "a\nb", "x" * 201])
def test_success_without_a_usable_id_is_lost(provider_id: object) -> None:
    found, _ = called(as_json({"generation_id": provider_id, "error": "none"}))
    assert (found.provider_result.retry_class, found.names) == (RetryClass.AMBIG, [])


def test_pictures_in_the_submission_are_used() -> None:
    found, requests = called(as_json({**COMPLETED, "generation_id": None}), operation="remove")
    assert (found.provider_result.is_usable, found.provider_result.charged, requests) == (True, 60_000, 1)


# -- the generation --------------------------------------------------------------------------------------------


def test_completed_generation_reports_its_cost() -> None:
    found, requests = called(as_json(ACKNOWLEDGED), as_json({**ACKNOWLEDGED, "status": "pending"}), as_json(COMPLETED))
    answer = found.provider_result
    assert (answer.retry_class, answer.charged, answer.basis) == (RetryClass.OK, 60_000, "reported")
    assert (answer.links[0].seed, found.names, requests) == (7, ["g1"], 3)


@pytest.mark.parametrize("cost", [60_000.0, "60000", True, None, -1, 10**15, [60_000], {"usd": 1}], ids=repr)
def test_cost_that_is_no_whole_amount_is_replaced_by_the_list_price(cost: object) -> None:
    answer = polled({**COMPLETED, "usage_cost_usd_micros": cost})
    assert (answer.charged, answer.basis) == (60_000, "price_list")


@pytest.mark.parametrize("cost", [0, 1, 59_999])
def test_reported_cost_replaces_the_list_price(cost: int) -> None:
    answer = polled({**COMPLETED, "usage_cost_usd_micros": cost})
    assert (answer.charged, answer.basis) == (cost, "reported")


def test_missing_cost_is_replaced_by_the_list_price() -> None:
    answer = polled({name: value for name, value in COMPLETED.items() if name != "usage_cost_usd_micros"})
    assert (answer.charged, answer.basis) == (60_000, "price_list")


def test_withheld_pictures_are_charged_at_the_reported_cost() -> None:
    answer = polled({**COMPLETED, "data": [{"is_image_safe": False, "url": None}], "usage_cost_usd_micros": 10})
    assert (answer.code, answer.charged, answer.basis) == (Code.UNSAFE_RESULT, 10, "reported")


@pytest.mark.parametrize(
    ("reason", "retry_class", "code", "suspicion"),
    [
        ("content_policy_violation", RetryClass.PERM, Code.UNSAFE_REQUEST, None),
        ("model_error", RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, Suspicion.FAILURE),
        (None, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, Suspicion.FAILURE),
    ],
)
def test_failed_generation_is_not_charged(
    reason: str | None, retry_class: RetryClass, code: Code, suspicion: Suspicion | None
) -> None:
    answer = polled({**ACKNOWLEDGED, "status": "failed", "failure_reason": reason})
    assert (answer.retry_class, answer.code, answer.money, answer.suspicion) == (retry_class, code, FREE, suspicion)


@pytest.mark.parametrize(
    "reply",
    [
        as_json({"error": "Internal server error"}, 500),
        as_json({"error": "Internal server error", "status_code": 500}),
        as_json({**COMPLETED, "generation_id": "another"}),
        as_json({**ACKNOWLEDGED, "status": "queued"}),
        as_json({"error": "not found"}, 404),
        http(200, b"<html>", kind="text/html"),
        silence,
    ],
    ids=["500", "error in 200", "another generation", "unknown status", "not listed yet", "html", "no answer"],
)
def test_poll_that_proves_nothing_leaves_the_call_pending(reply: Reply) -> None:
    found, requests = called(as_json(ACKNOWLEDGED), reply, seconds=0.5)
    assert (found.answer, found.names) == (LookupStatus.PENDING, ["g1"])
    assert requests > 2


def test_throttled_poll_waits_as_long_as_requested() -> None:
    started_at = time.monotonic()
    _, requests = called(
        as_json(ACKNOWLEDGED), as_json({"error": "slow down"}, 429, more="Retry-After: 1\r\n"), as_json(COMPLETED)
    )
    assert (requests, time.monotonic() - started_at >= 1) == (3, True)


def test_throttled_poll_never_waits_beyond_the_call() -> None:
    found, _ = called(as_json(ACKNOWLEDGED), as_json({}, 429, more="Retry-After: 600\r\n"), seconds=0.5)
    assert found.answer is LookupStatus.PENDING


# -- later lookups ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", IdeogramEndpoint)
def test_generation_is_found_even_after_the_switch_back_to_v1(endpoint: IdeogramEndpoint) -> None:
    with recording(as_json(COMPLETED)) as server:
        adapter = Ideogram(server.url, CALL_SECONDS, provide_key, endpoint)
        found = adapter.look_up(claimed(build_provider_job(), "g1"), "g1")
        (request,) = server.requests
    assert isinstance(found, ProviderResult)
    assert (found.charged, request.line) == (60_000, "GET /v2/generations/g1 HTTP/1.1")


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (as_json({"error": "not found"}, 404), LookupStatus.ABSENT),
        (http(404, b"<html>", kind="text/html"), LookupStatus.PENDING),
        (as_json({"error": "no"}, 401), LookupStatus.PENDING),
        (as_json({"error": "no"}, 503), LookupStatus.PENDING),
    ],
    ids=["404", "404 of the edge", "401", "503"],
)
def test_only_ideograms_own_404_proves_that_there_is_no_generation(reply: Reply, status: LookupStatus) -> None:
    with recording(reply) as server:
        assert build_ideogram_v2(server.url).look_up(claimed(build_provider_job(), "g1"), "g1") is status


def test_id_is_one_segment_of_the_path() -> None:
    with recording(as_json(COMPLETED)) as server:
        build_ideogram_v2(server.url).look_up(claimed(build_provider_job(), "../a?b"), "../a?b")
        assert server.requests[0].line == "GET /v2/generations/..%2Fa%3Fb HTTP/1.1"


# -- against the stand-in --------------------------------------------------------------------------------------


def test_private_refused_by_the_plan_costs_nothing(standin: StandinClient) -> None:
    standin.control("settings", {"ideogram_private_plan": False})
    answer = call(build_ideogram_v2(f"{standin.url}/ideogram"), build_provider_job()).provider_result
    assert (answer.retry_class, answer.code, standin.total_usd()) == (
        RetryClass.PAUSE,
        Code.PROVIDER_PLAN_REFUSES,
        "0.00",
    )


def test_failed_generation_of_the_standin_is_free(standin: StandinClient) -> None:
    standin.add_fault("job_fails")
    answer = call(build_ideogram_v2(f"{standin.url}/ideogram"), build_provider_job()).provider_result
    assert (answer.code, answer.money, standin.total_usd()) == (Code.UNSAFE_REQUEST, FREE, "0.00")


@pytest.mark.parametrize("operation", ["replace", "remove"])
def test_slow_generation_is_found_by_a_later_lookup(standin: StandinClient, operation: str) -> None:
    standin.control("settings", {"latency_seconds": 1})
    job = build_provider_job(operation)
    adapter = build_ideogram_v2(f"{standin.url}/ideogram", 0.3)
    found = call(adapter, job)
    assert found.answer is LookupStatus.PENDING
    (provider_id,) = found.names
    result: ProviderResult | LookupStatus = LookupStatus.PENDING
    while result is LookupStatus.PENDING:
        result = adapter.look_up(claimed(job, provider_id), provider_id)
        time.sleep(0.05)
    assert isinstance(result, ProviderResult)
    assert (result.is_usable, len(standin.jobs())) == (True, 1)


def test_styled_request_is_charged_on_v1_in_the_same_lane(standin: StandinClient) -> None:
    adapter = build_ideogram_v2(f"{standin.url}/ideogram")
    for job in (build_provider_job(), build_provider_job(seed=7)):
        assert call(adapter, job).provider_result.charged == 60_000
    assert [job["route"] for job in standin.jobs()] == ["v2/replace-background", "replace-background"]
