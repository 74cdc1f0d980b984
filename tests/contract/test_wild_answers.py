"""Whatever JSON a provider answers with, every adapter classifies it, and the ledger can hold what it makes of it."""

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
from backdrop.ports import Provider, SegmindEndpoint
from backdrop.providers.http import HttpResponse
from backdrop.providers.ideogram import Ideogram
from backdrop.providers.onemin import OneMin
from backdrop.providers.runware import Runware
from backdrop.providers.segmind import Segmind
from tests.contract.adapters import NOW, SUCCESS, the_key
from tests.contract.calling import call, claimed, job_for, the_id
from tests.contract.onemin import DONE_RECORD, PRICE
from tests.contract.test_segmind_wire import DONE, TICKET
from tests.unit.core_items import quick
from tests.unit.shelf import FakeWork

URL, NO_WAIT = "https://provider.example", 60.0
ENDLESS_LINK = "https://x.example/a.png?X-Amz-Date=99991231T235959Z&X-Amz-Expires=9999999&exp=99999999999"
# As they stand in a body; `json.dumps` could not write most of them.
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
class Side:
    """One adapter, a job for it, the id that the provider knows the job by, and answers that mean something.

    `upload`: what is answered to an upload; where it is empty, that is what is tried out.
    """

    adapter: Provider
    job: Job
    ident: str
    honest: tuple[Mapping[str, Any], ...]
    upload: bytes = b""


def _sides() -> Iterator[tuple[str, Side]]:
    yield "ideogram", Side(Ideogram(URL, 5, the_key), job_for("ideogram"), "", (json.loads(SUCCESS),))
    for endpoint in SegmindEndpoint:
        ours = Segmind(URL, 5, the_key, FakeWork(), endpoint, poll_seconds=NO_WAIT)
        yield f"segmind {endpoint}", Side(ours, job_for("segmind"), TICKET["request_id"], (TICKET, DONE))
    onemin = OneMin(URL, 5, the_key, PRICE, poll_seconds=NO_WAIT)
    upload = {"fileContent": {"path": "in.jpg"}, "asset": {"key": "in.jpg"}}
    name = DONE_RECORD["aiRecord"]["uuid"]
    yield "1min", Side(onemin, job_for("1min"), name, (DONE_RECORD,), json.dumps(upload).encode())
    yield "upload to 1min", Side(onemin, job_for("1min"), name, (upload,))
    job = job_for("runware")
    task = {"taskType": "imageInference", "taskUUID": the_id(job)}
    result = {**task, "imageUUID": "one", "imageURL": ENDLESS_LINK, "cost": 0.06, "seed": 1, "NSFWContent": False}
    errors = {"errors": [{**task, "code": "inferenceError", "message": "no"}]}
    kept = {"data": [{**task, "taskType": "getTaskDetails", "request": [task], "response": {"data": [result]}}]}
    yield (
        "runware",
        Side(
            Runware(URL, 5, the_key, FakeWork(), poll_seconds=NO_WAIT),
            job,
            task["taskUUID"],
            ({"data": [result]}, errors, kept),
        ),
    )


SIDES = dict(_sides())


def written(body: object) -> bytes:
    """A body as JSON, its numbers as they are named."""
    return re.sub(r'"number (.*?)"', r"\1", json.dumps(body)).encode()


def ways(body: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a body, that of the whole included."""
    yield way
    if isinstance(body, dict):
        for name, value in cast("dict[str, Any]", body).items():
            yield from ways(value, (*way, name))
    if isinstance(body, list):
        for place, value in enumerate(cast("list[Any]", body)):
            yield from ways(value, (*way, place))


def with_in_place(body: Any, way: tuple[Any, ...], value: object) -> Any:
    """The same body with one value changed."""
    if not way:
        return value
    copy = deepcopy(body)
    copy[way[0]] = with_in_place(copy[way[0]], way[1:], value)
    return copy


def classified(
    monkeypatch: pytest.MonkeyPatch, side: Side, body: bytes, status: int = 200
) -> ProviderResult | LookupStatus:
    """What a call comes to that is answered so; it can be written down, and so can what a look-up comes to."""

    def exchange(_: str, url: str, *__: object) -> HttpResponse:
        uploads = side.upload and url.endswith("/api/assets")
        return (
            HttpResponse(200, {}, side.upload, latency_seconds=1.0)
            if uploads
            else HttpResponse(status, HEADERS, body, latency_seconds=1.0)
        )

    monkeypatch.setattr("backdrop.providers.http._send", exchange)
    job = replace(claimed(side.job, side.ident), status=JobStatus.SUBMITTING)
    answer = call(side.adapter, side.job).answer
    for said in (answer, side.adapter.look_up(job, side.ident)):
        if isinstance(said, ProviderResult):
            after = transitions.record_result(job, 1, said, NOW).job
            assert from_json(Job, to_json(after)) == after
            assert said.message.isprintable(), said.message
    return answer


@pytest.mark.parametrize("side", SIDES.values(), ids=[*SIDES])
def test_a_wild_value_anywhere_in_an_honest_answer_is_no_exception(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    wild: list[object] = [*(f"number {one}" for one in NUMBERS), *TEXTS, [], {}, [[1]], [{"code": 5}], {"a": [None]}]
    for honest in side.honest:
        for way in ways(honest):
            for value in wild:
                classified(monkeypatch, side, written(with_in_place(honest, way, value)))


@pytest.mark.parametrize("name", ["status", "status_code", "statusCode", "code"])
@pytest.mark.parametrize("side", SIDES.values(), ids=[*SIDES])
def test_a_number_that_is_no_http_status_tells_nothing_of_the_charge(
    side: Side, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in NUMBERS:
        said = classified(monkeypatch, side, written({name: f"number {value}", "error": "no"}))
        assert isinstance(said, ProviderResult)
        uploads = isinstance(side.adapter, OneMin) and not side.upload
        fate = (RetryClass.BACKOFF, MoneyStatus.NOT_SPENT) if uploads else (RetryClass.AMBIG, MoneyStatus.UNKNOWN)
        assert (said.retry_class, said.money) == fate, value


@pytest.mark.parametrize("depth", [100, 400, 900, 1000, 3000, 10_000, 100_000])
@pytest.mark.parametrize("name", ["message", "error", "status", "data", "cost", "imageUUID"])
@pytest.mark.parametrize("side", SIDES.values(), ids=[*SIDES])
def test_a_body_nested_ever_so_deep_is_no_exception(
    side: Side, name: str, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for inner in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        for status in (200, 422):
            classified(monkeypatch, side, b'{"%s":%s}' % (name.encode(), inner), status)


LEAVES = st.sampled_from([*(f"number {one}" for one in NUMBERS), *TEXTS, *(side.ident for side in SIDES.values())])
BODIES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("side", SIDES.values(), ids=[*SIDES])
@quick
@given(body=BODIES, status=st.sampled_from([200, 200, 200, 100, 302, 400, 404, 406, 422, 429, 500, 503, 999]))
def test_any_json_under_any_status_is_classified(side: Side, body: object, status: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        classified(monkeypatch, side, written(body), status)
