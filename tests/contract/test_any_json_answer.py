"""Every adapter classifies any JSON that a provider sends, and the ledger can store the result."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model import transitions
from backdrop.model.codec import from_json, to_json
from backdrop.model.job import Job, JobStatus, MoneyStatus
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.ports import IdeogramEndpoint, Provider, SegmindEndpoint
from backdrop.providers.http import HttpResponse
from backdrop.providers.ideogram import Ideogram
from backdrop.providers.onemin import OneMin
from backdrop.providers.runware import Runware
from backdrop.providers.segmind import Segmind
from tests.contract.adapter_calls import call, claimed, get_task_id, job_for
from tests.contract.adapters import NOW, SUCCESS, provide_key
from tests.contract.onemin import DONE_RECORD, PRICE
from tests.contract.test_segmind_wire import DONE, TICKET
from tests.unit.ledger_items import quick
from tests.unit.work_in_memory import FakeWork

URL, NO_WAIT = "https://provider.example", 60.0
ENDLESS_LINK = "https://x.example/a.png?X-Amz-Date=99991231T235959Z&X-Amz-Expires=9999999&exp=99999999999"
# As written in a body. `json.dumps` cannot write most of them.
NUMBERS = (
    *("99999", "-1", "0", "99", "600", "503.0", "true", "false", "null", "NaN", "-Infinity", "1e400", "-0.0"),
    *("1e99999999", "-1e99999999999999999999", "0.000001", "9" * 4300, "9" * 5000),
)
TEXTS = (
    *("", "abc", "503", "\ud800", "\x00\n", "https://[", ENDLESS_LINK, "COMPLETED", "SUCCESS", "FAILURE", "FAILED"),
    *("error", "processing", "conflictTaskUUID", "taskFailedOrNotFound", "imageInference", "safety", "inflight_limit"),
)
NAMES = (
    *("request_id", "status", "status_code", "statusCode", "code", "error", "errors", "message", "detail", "details"),
    *(
        "data",
        "output",
        "images",
        "image",
        "url",
        "metrics",
        "cost",
        "aiRecord",
        "uuid",
        "temporaryUrl",
        "asset",
        "key",
    ),
    *("temporaryUrls", "aiRecordDetail", "resultObject", "responseObject", "is_image_safe", "seed", "taskUUID", "path"),
    *("taskType", "imageUUID", "imageURL", "NSFWContent", "response", "request", "model", "context", "reject_reason"),
    *("fileContent", "errorCode"),
)
HEADERS = {"Retry-After": "9" * 5000, "x-rate-limit-reset-at-utc": "0001-01-01T00:00:00+23:59", "x-cost": "1e99999999"}


@dataclass(frozen=True)
class AdapterCase:
    """One adapter, a job for it, the ID under which the provider knows the job, and valid responses.

    `upload`: the response to uploads. If empty, uploads get the tested response.
    """

    adapter: Provider
    job: Job
    ident: str
    responses: tuple[Mapping[str, Any], ...]
    upload: bytes = b""


def _build_cases() -> Iterator[tuple[str, AdapterCase]]:
    yield "ideogram", AdapterCase(Ideogram(URL, 5, provide_key), job_for("ideogram"), "", (json.loads(SUCCESS),))
    v2 = Ideogram(URL, 5, provide_key, IdeogramEndpoint.V2, lambda _: (64, 48), poll_seconds=NO_WAIT)
    completed = {**json.loads(SUCCESS), "generation_id": "one", "status": "completed", "usage_cost_usd_micros": 60_000}
    failed = {"generation_id": "one", "status": "failed", "failure_reason": "content_policy_violation"}
    yield "ideogram v2", AdapterCase(v2, job_for("ideogram"), "one", ({"generation_id": "one"}, completed, failed))
    for endpoint in SegmindEndpoint:
        segmind = Segmind(URL, 5, provide_key, FakeWork(), endpoint, poll_seconds=NO_WAIT)
        yield f"segmind {endpoint}", AdapterCase(segmind, job_for("segmind"), TICKET["request_id"], (TICKET, DONE))
    onemin = OneMin(URL, 5, provide_key, PRICE, poll_seconds=NO_WAIT)
    upload = {"fileContent": {"path": "in.jpg"}, "asset": {"key": "in.jpg"}}
    name = DONE_RECORD["aiRecord"]["uuid"]
    yield "1min", AdapterCase(onemin, job_for("1min"), name, (DONE_RECORD,), json.dumps(upload).encode())
    yield "upload to 1min", AdapterCase(onemin, job_for("1min"), name, (upload,))
    job = job_for("runware")
    task = {"taskType": "imageInference", "taskUUID": get_task_id(job)}
    result = {**task, "imageUUID": "one", "imageURL": ENDLESS_LINK, "cost": 0.06, "seed": 1, "NSFWContent": False}
    errors = {"errors": [{**task, "code": "inferenceError", "message": "no"}]}
    kept = {"data": [{**task, "taskType": "getTaskDetails", "request": [task], "response": {"data": [result]}}]}
    yield (
        "runware",
        AdapterCase(
            Runware(URL, 5, provide_key, FakeWork(), poll_seconds=NO_WAIT),
            job,
            task["taskUUID"],
            ({"data": [result]}, errors, kept),
        ),
    )


ADAPTERS = dict(_build_cases())


def encode(body: object) -> bytes:
    """Returns a body as JSON, with the text `number 5` replaced by the number 5."""
    return re.sub(r'"number (.*?)"', r"\1", json.dumps(body)).encode()


def iterate_paths(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path of every value of a body, including the whole body."""
    yield path
    if isinstance(body, dict):
        for name, value in cast("dict[str, Any]", body).items():
            yield from iterate_paths(value, (*path, name))
    if isinstance(body, list):
        for index, value in enumerate(cast("list[Any]", body)):
            yield from iterate_paths(value, (*path, index))


def replace_value(body: Any, path: tuple[Any, ...], value: object) -> Any:
    """Returns a copy of a body with one value replaced."""
    if not path:
        return value
    copy = deepcopy(body)
    copy[path[0]] = replace_value(copy[path[0]], path[1:], value)
    return copy


def classify(
    monkeypatch: pytest.MonkeyPatch, case: AdapterCase, body: bytes, status: int = 200
) -> ProviderResult | LookupStatus:
    """Returns the result of a call with this response. Checks that the results of call and lookup can be stored."""

    def exchange(_: str, url: str, *__: object) -> HttpResponse:
        uploads = case.upload and url.endswith("/api/assets")
        return (
            HttpResponse(200, {}, case.upload, latency_seconds=1.0)
            if uploads
            else HttpResponse(status, HEADERS, body, latency_seconds=1.0)
        )

    monkeypatch.setattr("backdrop.providers.http._send", exchange)
    job = replace(claimed(case.job, case.ident), status=JobStatus.SUBMITTING)
    answer = call(case.adapter, case.job).answer
    for result in (answer, case.adapter.look_up(job, case.ident)):
        if isinstance(result, ProviderResult):
            after = transitions.record_result(job, 1, result, NOW).job
            assert from_json(Job, to_json(after)) == after
            assert result.message.isprintable(), result.message
    return answer


@pytest.mark.parametrize("case", ADAPTERS.values(), ids=[*ADAPTERS])
def test_unexpected_value_anywhere_in_a_response_raises_nothing(
    case: AdapterCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    unexpected: list[object] = [
        *(f"number {number}" for number in NUMBERS),
        *TEXTS,
        [],
        {},
        [[1]],
        [{"code": 5}],
        {"a": [None]},
    ]
    for responses in case.responses:
        for path in iterate_paths(responses):
            for value in unexpected:
                classify(monkeypatch, case, encode(replace_value(responses, path, value)))


@pytest.mark.parametrize("name", ["status", "status_code", "statusCode", "code"])
@pytest.mark.parametrize("case", ADAPTERS.values(), ids=[*ADAPTERS])
def test_invalid_http_status_leaves_the_charge_unknown(
    case: AdapterCase, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in NUMBERS:
        result = classify(monkeypatch, case, encode({name: f"number {value}", "error": "no"}))
        assert isinstance(result, ProviderResult)
        uploads = isinstance(case.adapter, OneMin) and not case.upload
        expected = (RetryClass.BACKOFF, MoneyStatus.NOT_SPENT) if uploads else (RetryClass.AMBIG, MoneyStatus.UNKNOWN)
        assert (result.retry_class, result.money) == expected, value


@pytest.mark.parametrize("depth", [100, 400, 900, 1000, 3000, 10_000, 100_000])
@pytest.mark.parametrize("name", ["message", "error", "status", "data", "cost", "imageUUID"])
@pytest.mark.parametrize("case", ADAPTERS.values(), ids=[*ADAPTERS])
def test_deeply_nested_body_raises_nothing(
    case: AdapterCase, name: str, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for inner in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        for status in (200, 422):
            classify(monkeypatch, case, b'{"%s":%s}' % (name.encode(), inner), status)


LEAVES = st.sampled_from(
    [*(f"number {number}" for number in NUMBERS), *TEXTS, *(case.ident for case in ADAPTERS.values())]
)
BODIES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("case", ADAPTERS.values(), ids=[*ADAPTERS])
@quick
@given(body=BODIES, status=st.sampled_from([200, 200, 200, 100, 302, 400, 404, 406, 422, 429, 500, 503, 999]))
def test_any_json_with_any_status_is_classified(case: AdapterCase, body: object, status: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        classify(monkeypatch, case, encode(body), status)
