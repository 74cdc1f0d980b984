"""A call whose answer is lost is never sent again by itself, and the receipt says what it may have cost."""

import json
import os
import re
import signal
from typing import Any

import pytest

from tests.e2e.folder import Folder
from tests.e2e.shop import Shop, eventually

LOST = [
    pytest.param("accept_then_drop", {}, "0.03", id="connection-closed"),
    pytest.param("reset_mid_body", {}, "0.03", id="reset-in-the-answer"),
    pytest.param("slow", {"ms": 10_500}, "0.03", id="longer-than-the-time-out"),
    pytest.param("malformed_json", {"variant": "cut"}, "0.03", id="half-an-answer"),
    pytest.param("malformed_json", {"variant": "no_data"}, "0.03", id="an-answer-without-pictures"),
    pytest.param("error_in_200", {}, "0.03", id="an-error-in-a-200"),
    pytest.param("html_error", {"code": 200, "billed": True}, "0.03", id="a-page-for-an-answer"),
    pytest.param("status", {"code": 502, "after_run": True}, "0.03", id="502-after-the-run"),
    pytest.param("status", {"code": 500}, "0.00", id="500-without-a-charge"),
]
LONG_AGO = "2020-01-01T00:00:00Z"


def assert_held(folder: Folder) -> dict[str, Any]:
    """The job is held, its charge unknown, and the uploader is told what to do."""
    job = folder.ended("red.jpg", "held")
    entry = folder.wrong("red.jpg", "charge_unknown")
    assert (entry["status"], entry["retryable"], entry["money"]) == ("held", False, "unknown")
    assert "revision" in entry["hint"]
    assert (job["cost"]["usd"], job["cost"]["unknown_usd"]) == (0, 0.03)
    assert [(one["outcome"], one["money"]) for one in job["attempts"]] == [("lost", "unknown")]
    assert folder.pictures("red.jpg") == []
    return job


@pytest.mark.parametrize(("fault", "args", "billed"), LOST)
def test_a_lost_answer_is_held_and_charged_at_most_once(
    folder: Folder, fault: str, args: dict[str, object], billed: str
) -> None:
    folder.fault(fault, args)
    folder.drop("red.jpg", folder.wish)
    assert_held(folder)
    folder.shop.settle()
    charges = folder.charges()
    assert len(charges) <= 1
    assert sum(float(charge["usd"]) for charge in charges) == float(billed)
    (event,) = folder.events("red.jpg")
    assert event["detail-type"] == "Image Failed"
    assert event["detail"]["job"]["status"] == "held"
    assert folder.dead_letters("red.jpg") == []


def ledger_item(shop: Shop, job_id: str) -> dict[str, Any]:
    """A job's item in the ledger."""
    items = shop.clients.dynamodb.scan(TableName=shop.outputs["LedgerTableName"])["Items"]
    (item,) = [item for item in items if item["sk"].get("S") == f"job#{job_id}"]
    return dict(item)


def end_lease(shop: Shop, job_id: str) -> dict[str, str]:
    """Lets a job's lease be over, and gives the message of its lane."""
    item = ledger_item(shop, job_id)
    item["body"]["S"] = re.sub(r'("lease_until":)"[^"]+"', rf'\1"{LONG_AGO}"', item["body"]["S"])
    shop.clients.dynamodb.put_item(TableName=shop.outputs["LedgerTableName"], Item=item)
    return {"source_id": json.loads(item["body"]["S"])["source_id"], "job_id": job_id}


def test_a_worker_that_dies_in_the_call_leads_to_no_second_charge(folder: Folder) -> None:
    shop = folder.shop
    folder.drop("red.jpg")
    shop.kill_render_workers()
    accepted = shop.standin.see("accepted")["accepted"]
    folder.fault("accept_then_wait")
    folder.put("red.jpg.json", json.dumps(folder.wish))
    last = accepted[-1]["n"] if accepted else 0
    eventually(lambda: shop.standin.see(f"accepted?after={last}&wait=5")["accepted"], "the provider took the job")
    (worker,) = shop.render_workers()
    os.kill(worker, signal.SIGKILL)
    shop.standin.control("release")
    job = eventually(lambda: folder.job("red.jpg"), "a receipt")
    message = end_lease(shop, job["job_id"])
    shop.send("IdeogramQueueUrl", message)
    assert_held(folder)
    assert [charge["usd"] for charge in folder.charges()] == ["0.03"]


def test_a_job_under_lease_is_left_alone_by_a_second_message(folder: Folder) -> None:
    shop = folder.shop
    folder.fault("accept_then_wait")
    folder.drop("red.jpg", folder.wish)
    job = eventually(lambda: folder.job("red.jpg") if folder.charges() else None, "the provider took the job")
    source_id = ledger_item(shop, job["job_id"])["pk"]["S"].removeprefix("source#")
    before = len(shop.metrics("render", "HandedBack"))
    shop.send("IdeogramQueueUrl", {"source_id": source_id, "job_id": job["job_id"]})
    eventually(lambda: len(shop.metrics("render", "HandedBack")) > before, "the second message is handed back")
    shop.standin.control("release")
    folder.stored("red.jpg")
    assert len(folder.charges()) == 1
