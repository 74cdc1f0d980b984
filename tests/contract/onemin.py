"""Helpers for the tests of 1min.ai's adapter: responses, and calls that receive them."""

import json
from collections.abc import Sequence
from typing import Any

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.providers.onemin import OneMin
from tests.contract.adapter_calls import POLL_SECONDS, Called, call, claimed, job_for
from tests.contract.adapters import CALL_SECONDS, Recorder, Reply, http, provide_key, recording
from tests.contract.standin_client import picture

PRICE = 45_000
ID = "e40dd9ef-0944-4ce5-bc90-1edd2548619a"
PATH = "development/images/2026_04_15_bg_replace_result.png"
LINK = (
    f"https://s3.us-east-1.amazonaws.com/asset.1min.ai/{PATH}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Date=20260415T103000Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature=0123"
)
LOST = (RetryClass.AMBIG, Code.CHARGE_UNKNOWN, MoneyStatus.UNKNOWN)
REFERENCES = picture("PNG", color="gold"), picture("WEBP", color="white")
OPTIONS: dict[str, Any] = {
    "prompt": 'Ünïcode "quoted" \\ ✨\nsecond line',
    "negative_prompt": "people",
    "magic_prompt": "OFF",
    "seed": 0,
    "rendering_speed": "FLASH",
    "style_type": "GENERAL",
    "style_preset": "GOLDEN_HOUR",
}
NEVER_SENT: dict[str, Any] = {"max_cost_usd": 1.0, "revision": "2", "metadata": {"a": 1}}


def json_reply(body: object, status: int = 200) -> Reply:
    return http(status, json.dumps(body).encode())


def uploaded(path: str = "development/images/in.jpg") -> Reply:
    return json_reply({"asset": {"key": "not this one"}, "fileContent": {"path": path}})


def record(status: str = "PROCESSING", **more: Any) -> Reply:
    return json_reply({"aiRecord": record_of(status, **more)})


def record_of(status: str, provider_id: str = ID, result: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    detail = {"resultObject": [*result], "responseObject": {"data": more.pop("data", [])}}
    return {"uuid": provider_id, "status": status, "aiRecordDetail": detail, **more}


MADE = [{"is_image_safe": True, "seed": 12345}]
DONE_RECORD = {"aiRecord": record_of("SUCCESS", result=[PATH], temporaryUrl=LINK, data=MADE)}
DONE = json_reply(DONE_RECORD)


def adapter(server: Recorder, base: str = "", seconds: float = CALL_SECONDS) -> OneMin:
    return OneMin(server.url + base, seconds, provide_key, PRICE, poll_seconds=POLL_SECONDS)


def called(*replies: Reply, seconds: float = CALL_SECONDS, **fields: Any) -> Called:
    """Makes a call whose feature request gets these replies."""
    with recording(uploaded(), *replies) as server:
        return call(adapter(server, seconds=seconds), job_for("1min", **fields))


def look_up_with(reply: Reply, **fields: Any) -> ProviderResult | LookupStatus:
    with recording(reply) as server:
        return adapter(server).look_up(claimed(job_for("1min", **fields), ID), ID)


def outcome_of(answer: ProviderResult | LookupStatus) -> tuple[RetryClass, Code | None, MoneyStatus]:
    assert isinstance(answer, ProviderResult)
    return answer.retry_class, answer.code, answer.money
