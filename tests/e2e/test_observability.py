"""Events for programs, metrics for operators, and logs without secrets."""

import json
from dataclasses import asdict

import pytest

from backdrop_local.home import STACK
from tests.contract.standin_client import KEY
from tests.e2e.deployed_stack import FUNCTIONS, DeployedStack, eventually
from tests.e2e.folder import Folder
from tests.e2e.log_polling import poll_logs, sum_metrics

AN_HOUR = "3600"


def test_stored_photo_has_one_event_with_job_and_source(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.instructions, "metadata": {"order": 17}})
    job = folder.wait_until_stored("red.jpg")
    event = folder.wait_for_event("red.jpg")
    assert (event["source"], event["detail-type"]) == ("backdrop", "Image Completed")
    receipt = folder.receipt("red.jpg")
    assert receipt
    assert set(event["detail"]) == {"event_id", "source", "job"}
    assert event["detail"]["source"] == receipt["source"]
    assert event["detail"]["job"] == job
    assert event["detail"]["job"]["instructions"]["metadata"] == {"order": 17}


def test_repeated_delivery_reuses_the_event_id(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")
    folder.stack.send("DeliverQueueUrl", folder.message(job["job_id"], "deliver"))
    eventually(lambda: len(folder.events("red.jpg")) >= 2, "the event again")
    assert len({event["detail"]["event_id"] for event in folder.events("red.jpg")}) == 1


def test_every_outcome_and_every_delay_is_counted(folder: Folder) -> None:
    folder.add_fault("expired_url", nth=1)
    folder.drop("dead.jpg", folder.instructions)
    folder.wait_for_status("dead.jpg", "dead")
    folder.add_fault("refuse_429", {"headers": {"Retry-After": "1"}}, times=1)
    folder.drop("stored.jpg", folder.instructions)
    folder.wait_until_stored("stored.jpg")
    folder.drop("refused.jpg", '{"promt": "a beach"}')
    folder.wait_for_error("refused.jpg", "unknown_field")
    ideogram = {"provider": "ideogram", "operation": "replace"}
    no_job = {"provider": "none", "operation": "none"}
    for name, labels in (
        ("Accepted", ideogram),
        ("Failed", {"code": "unknown_field", **no_job}),
        ("ProviderLatency", ideogram),
        ("Throttled", ideogram),
        ("ThrottledSeconds", ideogram),
        ("Completed", ideogram),
        ("Failed", {"code": "link_expired", **ideogram}),
        ("DeadLettered", {"code": "link_expired", "provider": "ideogram"}),
    ):
        poll_logs(folder, lambda metric=name, of=labels: sum_metrics(folder, **of)[metric] >= 1, f"{name} is counted")


def test_returned_message_is_counted_and_is_not_an_error(folder: Folder) -> None:
    folder.add_fault("refuse_429", {"headers": {"Retry-After": AN_HOUR}}, times=1)
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_returned("red.jpg")
    poll_logs(folder, lambda: sum_metrics(folder, code="provider_throttled")["ReturnedToQueue"] >= 1, "it is counted")
    folder.delete("red.jpg")
    folder.wait_for_status("red.jpg", "cancelled")
    assert "UnexpectedError" not in sum_metrics(folder)
    assert folder.report("red.jpg") is None


def test_job_can_be_followed_through_the_logs_by_id(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")
    for function, message in (("intake", "job accepted"), ("render", "job rendered"), ("deliver", "job ended")):

        def poll(function: str = function, message: str = message) -> bool:
            lines = folder.stack.read_log(function, folder.started_at)
            job_lines = [json.loads(line) for line in lines if job["job_id"] in line]
            entries = [(line["message"], line["function_name"], line["service"]) for line in job_lines]
            return (message, f"{STACK}-{function}", STACK) in entries

        poll_logs(folder, poll, f"{function} logs {message}")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logs_contain_no_key_signed_link_or_bug(folder: Folder, stack: DeployedStack, function: str) -> None:
    folder.add_fault("foreign_url", {"kind": "userinfo"}, nth=1)
    folder.add_fault("status", {"code": 404}, nth=1, route="cdn")
    folder.drop("foreign.jpg", folder.instructions)
    folder.wait_for_status("foreign.jpg", "dead")
    folder.drop("gone.jpg", folder.instructions)
    folder.wait_for_status("gone.jpg", "dead")
    folder.wait_until_queues_empty()
    stack.check_logs(function)


def test_documents_contain_no_key_or_signed_link(folder: Folder) -> None:
    folder.add_fault("foreign_url", {"kind": "userinfo"})
    folder.drop("red.jpg", folder.instructions)
    folder.wait_for_status("red.jpg", "dead")
    folder.wait_until_queues_empty()
    documents = [
        folder.report("red.jpg"),
        folder.receipt("red.jpg"),
        folder.events("red.jpg"),
        [asdict(letter) for letter in folder.dead_letters("red.jpg")],
    ]
    assert all(documents)
    text = json.dumps(documents)
    assert KEY not in text
    assert "sig=" not in text
