"""The stand-in works with the vendors' own clients of Runware and Segmind, over HTTP."""

import asyncio
import io
from collections.abc import Generator
from typing import Any

import pytest
from PIL import Image
from runware import Runware as VendorClient
from runware import RunwareError
from segmind import AsyncJob, InferenceFailed, SegmindClient, SegmindError

from backdrop_local.standin.pictures import read_id
from tests.contract.standin_callers import BASE64, Runware
from tests.contract.standin_client import KEY, WAIT_SECONDS, StandinClient

SEGMINDS_MODEL = "ideogram-3-replace-background"

# -- Runware's -----------------------------------------------------------------------------------------------


def run(standin: StandinClient, **fields: Any) -> list[dict[str, Any]]:
    """Runs one task with the vendor's client."""
    return asyncio.run(_run(f"{standin.url}/runware/v1", Runware.task(**fields)))


async def _run(url: str, task: dict[str, Any]) -> list[dict[str, Any]]:
    options: dict[str, Any] = {"api_key": KEY, "transport": "rest", "http_base_url": url, "retry_delay": 1}
    async with VendorClient(**options) as client:
        results: Any = await client.run(task)
        return [dict(result) for result in results]


@pytest.mark.parametrize("method", ["async", "sync"])
def test_runware_client_finds_the_results_of_a_task(standin: StandinClient, method: str) -> None:
    first, second = run(standin, deliveryMethod=method, numberResults=2, outputFormat="PNG")
    found = [read_id(standin.fetch(str(item["imageURL"])).content) for item in (first, second)]
    assert found == [first["imageUUID"], second["imageUUID"]]
    assert (first["cost"], standin.total_usd()) == (0.06, "0.12")


@pytest.mark.parametrize("method", ["async", "sync"])
@pytest.mark.parametrize(
    ("model", "usd"), [("runware:112@9", "0.0006"), ("ideogram:remove-background@0", "0.01")], ids=str
)
def test_runware_client_removes_a_background(standin: StandinClient, model: str, usd: str, method: str) -> None:
    (item,) = asyncio.run(
        _run(f"{standin.url}/runware/v1", Runware.removal(model=model, deliveryMethod=method, outputFormat="PNG"))
    )
    content = standin.fetch(str(item["imageURL"])).content
    with Image.open(io.BytesIO(content)) as cut_out:
        assert (cut_out.mode, read_id(content)) == ("RGBA", item["imageUUID"])
    assert (str(item["cost"]), standin.total_usd()) == (usd, usd)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"fault": "unsafe", "args": {"form": "code"}}, "safety"),
        ({"fault": "job_fails", "args": {"code": "inferenceError"}}, "provider"),
        ({"fault": "balance", "args": {"usd": "0"}}, "quota"),
        ({"fault": "key_paused"}, "auth"),
        ({"fault": "status", "args": {"code": 400}}, "validation"),
    ],
    ids=str,
)
def test_runware_client_reports_errors(standin: StandinClient, rule: dict[str, object], code: str) -> None:
    standin.control("faults", rule)
    with pytest.raises(RunwareError) as raised:
        run(standin)
    assert raised.value.code == code


@pytest.mark.parametrize("rule", [{"fault": "refuse_429"}, {"fault": "status", "args": {"code": 503}}], ids=str)
def test_runware_client_retries_transient_refusals(standin: StandinClient, rule: dict[str, object]) -> None:
    standin.control("faults", {**rule, "times": 1})
    assert len(run(standin)) == 1
    assert standin.total_usd() == "0.06"


# -- Segmind's -----------------------------------------------------------------------------------------------


@pytest.fixture
def client(standin: StandinClient) -> Generator[SegmindClient]:
    """The vendor's client. The test closes its connections."""
    vendor_client = SegmindClient(KEY, f"{standin.url}/segmind/v1")
    yield vendor_client
    vars(vendor_client)["_client"].close()


def submitted(client: SegmindClient) -> AsyncJob:
    """Submits work with the vendor's client, which polls the URL in the response."""
    return client.submit_async(SEGMINDS_MODEL, image=BASE64, prompt="a beach")


def test_segmind_client_finds_the_result_of_a_submit(standin: StandinClient, client: SegmindClient) -> None:
    standin.control("settings", {"latency_seconds": 0.2})
    job = submitted(client)
    assert job.status()["status"] == "PROCESSING"
    done = job.wait(timeout=WAIT_SECONDS, interval=0.05)
    found = read_id(standin.fetch(str(done["output"])).content)
    assert [found] == standin.jobs()[0]["results"]
    assert (done["metrics"]["cost"], standin.total_usd()) == (0.075, "0.075")


def test_segmind_client_receives_the_picture_from_v1(standin: StandinClient, client: SegmindClient) -> None:
    answer = client.run_sync(SEGMINDS_MODEL, image=BASE64, prompt="a beach")
    assert [read_id(answer.content)] == standin.jobs()[0]["results"]
    assert (answer.headers["x-cost"], standin.total_usd()) == ("0.075", "0.075")


def test_segmind_client_reports_failed_work(standin: StandinClient, client: SegmindClient) -> None:
    standin.control("faults", {"fault": "job_fails", "args": {"message": "upstream timeout"}})
    job = submitted(client)
    with pytest.raises(InferenceFailed) as raised:
        job.wait(timeout=WAIT_SECONDS, interval=0.05)
    assert (raised.value.detail, standin.total_usd()) == ("upstream timeout", "0.00")


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({"fault": "balance", "args": {"usd": "0"}}, 406),
        ({"fault": "status", "args": {"code": 401}}, 401),
        ({"fault": "status", "args": {"code": 400}}, 400),
        ({"fault": "refuse_429"}, 429),
    ],
    ids=str,
)
def test_segmind_client_reports_why_a_submit_was_refused(
    standin: StandinClient, client: SegmindClient, rule: dict[str, object], status: int
) -> None:
    standin.control("faults", rule)
    with pytest.raises(SegmindError) as raised:
        submitted(client)
    assert raised.value.status == status
    assert raised.value.detail
    assert standin.total_usd() == "0.00"
