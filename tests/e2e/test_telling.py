"""What happens is told: events for programs, metrics for operators, logs that hold no secret."""

import json
from typing import Any

import pytest

from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

FUNCTIONS = ("intake", "render", "deliver")
KEY = "standin-key"


def value_of(lines: list[dict[str, Any]], name: str, **dimensions: str) -> float:
    """The sum of a metric over the lines that have these dimensions."""
    fitting = [line for line in lines if all(line.get(key) == text for key, text in dimensions.items())]
    return sum(sum(line[name]) if isinstance(line[name], list) else line[name] for line in fitting)


def test_a_stored_photo_is_told_once_with_its_job_and_place(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.wish, "metadata": {"order": 17}})
    job = folder.stored("red.jpg")
    (event,) = eventually(lambda: folder.events("red.jpg"), "an event")
    assert (event["source"], event["detail-type"]) == ("backdrop", "Image Completed")
    receipt = folder.receipt("red.jpg")
    assert receipt
    assert set(event["detail"]) == {"event_id", "source", "job"}
    assert event["detail"]["source"] == receipt["source"]
    assert event["detail"]["job"] == job
    assert event["detail"]["job"]["instructions"]["metadata"] == {"order": 17}


def test_a_repeated_delivery_repeats_the_events_id(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    items = folder.shop.clients.dynamodb.scan(TableName=folder.shop.outputs["LedgerTableName"])["Items"]
    (item,) = [item for item in items if item["sk"].get("S") == f"job#{job['job_id']}"]
    source_id = json.loads(item["body"].get("S", ""))["source_id"]
    folder.shop.send("DeliverQueueUrl", {"source_id": source_id, "job_id": job["job_id"]})
    eventually(lambda: len(folder.events("red.jpg")) == 2, "the event again")
    assert len({event["detail"]["event_id"] for event in folder.events("red.jpg")}) == 1


def test_every_end_and_every_delay_is_counted(folder: Folder) -> None:
    shop = folder.shop
    folder.fault("expired_url", nth=1)
    folder.drop("dead.jpg", folder.wish)
    folder.ended("dead.jpg", "dead")
    folder.fault("refuse_429", {"headers": {"Retry-After": "1"}}, times=1)
    folder.drop("stored.jpg", folder.wish)
    folder.stored("stored.jpg")
    folder.drop("refused.jpg", '{"promt": "a beach"}')
    folder.wrong("refused.jpg", "unknown_field")
    shop.settle()
    ideogram = {"provider": "ideogram", "operation": "replace"}
    for function, name, dimensions in (
        ("intake", "Accepted", ideogram),
        ("intake", "Failed", {"code": "unknown_field"}),
        ("render", "ProviderLatency", ideogram),
        ("render", "Throttled", ideogram),
        ("render", "ThrottledSeconds", ideogram),
        ("deliver", "Completed", ideogram),
        ("deliver", "Failed", {"code": "link_expired", **ideogram}),
        ("deliver", "DeadLettered", {"provider": "ideogram"}),
    ):
        assert value_of(shop.metrics(function, name), name, **dimensions) >= 1, name


def test_metrics_stand_in_one_namespace_with_their_units(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    folder.stored("red.jpg")
    (declared,) = {
        json.dumps(line["_aws"]["CloudWatchMetrics"]) for line in folder.shop.metrics("deliver", "Completed")
    }
    (directive,) = json.loads(declared)
    assert directive["Namespace"] == "Backdrop"
    assert directive["Metrics"] == [{"Name": "Completed", "Unit": "Count"}]
    latency = folder.shop.metrics("render", "ProviderLatency")[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    assert latency == [{"Name": "ProviderLatency", "Unit": "Milliseconds"}]


def test_a_message_handed_back_is_counted_and_is_no_error(folder: Folder) -> None:
    shop = folder.shop
    before = len(shop.metrics("render", "HandedBack"))
    unexpected = {name: len(shop.metrics(name, "UnexpectedError")) for name in FUNCTIONS}
    folder.fault("refuse_429", {"headers": {"Retry-After": "21"}}, times=1)
    folder.drop("red.jpg", folder.wish)
    handed_back = eventually(lambda: shop.metrics("render", "HandedBack")[before:], "the message is handed back")
    assert handed_back[0]["code"] == "provider_throttled"
    folder.remove("red.jpg")
    eventually(lambda: (folder.job("red.jpg") or {})["status"] == "cancelled", "the photo is forgotten")
    assert {name: len(shop.metrics(name, "UnexpectedError")) for name in FUNCTIONS} == unexpected
    assert folder.report("red.jpg") is None


def test_a_job_can_be_followed_through_the_logs_by_its_id(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    for function, words in (("intake", "job accepted"), ("render", "job rendered"), ("deliver", "job ended")):
        lines = [json.loads(line) for line in folder.shop.log(function) if job["job_id"] in line]
        assert [line for line in lines if line["message"] == words and line["service"] == function]


@pytest.mark.parametrize("function", [*FUNCTIONS, "deployment-check"])
def test_no_log_holds_a_key_a_signed_link_or_a_bug(folder: Folder, shop: Shop, function: str) -> None:
    folder.fault("foreign_url", {"kind": "userinfo"}, nth=1)
    folder.fault("status", {"code": 404}, nth=1, route="cdn")
    folder.drop("foreign.jpg", folder.wish)
    folder.ended("foreign.jpg", "dead")
    folder.drop("gone.jpg", folder.wish)
    folder.ended("gone.jpg", "dead")
    lines = shop.log(function)
    assert [line for line in lines if KEY in line] == []
    assert [line for line in lines if "sig=" in line or "exp=" in line] == []
    assert [line for line in lines if "Traceback" in line or "unexpected error" in line] == []


def test_no_report_receipt_event_or_dead_letter_holds_a_key_or_a_signed_link(folder: Folder) -> None:
    folder.fault("foreign_url", {"kind": "userinfo"})
    folder.drop("red.jpg", folder.wish)
    folder.ended("red.jpg", "dead")
    folder.shop.settle()
    told = [
        folder.report("red.jpg"),
        folder.receipt("red.jpg"),
        folder.events("red.jpg"),
        folder.dead_letters("red.jpg"),
    ]
    assert all(told)
    text = json.dumps(told)
    assert KEY not in text
    assert "sig=" not in text
