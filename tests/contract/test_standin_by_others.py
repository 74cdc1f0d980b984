"""The stand-in answers a client that others wrote: Runware's own, over HTTP."""

import asyncio
from typing import Any

import pytest
from runware import Runware as VendorClient
from runware import RunwareError

from backdrop_local.standin.pictures import read_id
from tests.contract.standin_callers import Runware
from tests.contract.standin_client import KEY, StandinClient


def run(standin: StandinClient, **fields: Any) -> list[dict[str, Any]]:
    """What the vendor's client makes of one task."""
    return asyncio.run(_run(f"{standin.url}/runware/v1", Runware.task(**fields)))


async def _run(url: str, task: dict[str, Any]) -> list[dict[str, Any]]:
    options: dict[str, Any] = {"api_key": KEY, "transport": "rest", "http_base_url": url, "retry_delay": 1}
    async with VendorClient(**options) as client:
        results: Any = await client.run(task)
        return [dict(result) for result in results]


@pytest.mark.parametrize("method", ["async", "sync"])
def test_it_finds_the_results_of_a_task(standin: StandinClient, method: str) -> None:
    first, second = run(standin, deliveryMethod=method, numberResults=2, outputFormat="PNG")
    found = [read_id(standin.fetch(str(item["imageURL"])).content) for item in (first, second)]
    assert found == [first["imageUUID"], second["imageUUID"]]
    assert (first["cost"], standin.total_usd()) == (0.06, "0.12")


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
def test_it_understands_what_goes_wrong(standin: StandinClient, rule: dict[str, object], code: str) -> None:
    standin.control("faults", rule)
    with pytest.raises(RunwareError) as raised:
        run(standin)
    assert raised.value.code == code


@pytest.mark.parametrize("rule", [{"fault": "refuse_429"}, {"fault": "status", "args": {"code": 503}}], ids=str)
def test_it_comes_again_after_a_refusal_that_is_momentary(standin: StandinClient, rule: dict[str, object]) -> None:
    standin.control("faults", {**rule, "times": 1})
    assert len(run(standin)) == 1
    assert standin.total_usd() == "0.06"
