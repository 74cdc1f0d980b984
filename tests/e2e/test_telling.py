"""What happens is told: events for programs, metrics for operators, logs that hold no secret."""

import json
from dataclasses import asdict

import pytest

from backdrop_local.home import STACK
from tests.contract.standin_client import KEY
from tests.e2e.folder import Folder
from tests.e2e.shop import FUNCTIONS, Shop, eventually
from tests.e2e.told import counted, told

AN_HOUR = "3600"


def test_a_stored_photo_is_told_once_with_its_job_and_place(folder: Folder) -> None:
    folder.drop("red.jpg", {**folder.wish, "metadata": {"order": 17}})
    job = folder.stored("red.jpg")
    event = folder.event("red.jpg")
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
    folder.shop.send("DeliverQueueUrl", folder.message(job["job_id"], "deliver"))
    eventually(lambda: len(folder.events("red.jpg")) >= 2, "the event again")
    assert len({event["detail"]["event_id"] for event in folder.events("red.jpg")}) == 1


def test_every_end_and_every_delay_is_counted(folder: Folder) -> None:
    folder.fault("expired_url", nth=1)
    folder.drop("dead.jpg", folder.wish)
    folder.ended("dead.jpg", "dead")
    folder.fault("refuse_429", {"headers": {"Retry-After": "1"}}, times=1)
    folder.drop("stored.jpg", folder.wish)
    folder.stored("stored.jpg")
    folder.drop("refused.jpg", '{"promt": "a beach"}')
    folder.wrong("refused.jpg", "unknown_field")
    ideogram = {"provider": "ideogram", "operation": "replace"}
    nobodys = {"provider": "none", "operation": "none"}
    for name, labels in (
        ("Accepted", ideogram),
        ("Failed", {"code": "unknown_field", **nobodys}),
        ("ProviderLatency", ideogram),
        ("Throttled", ideogram),
        ("ThrottledSeconds", ideogram),
        ("Completed", ideogram),
        ("Failed", {"code": "link_expired", **ideogram}),
        ("DeadLettered", {"code": "link_expired", "provider": "ideogram"}),
    ):
        told(folder, lambda one=name, of=labels: counted(folder, **of)[one] >= 1, f"{name} is counted")


def test_a_message_handed_back_is_counted_and_is_no_error(folder: Folder) -> None:
    folder.fault("refuse_429", {"headers": {"Retry-After": AN_HOUR}}, times=1)
    folder.drop("red.jpg", folder.wish)
    folder.handed_back("red.jpg")
    told(folder, lambda: counted(folder, code="provider_throttled")["HandedBack"] >= 1, "it is counted")
    folder.remove("red.jpg")
    folder.ended("red.jpg", "cancelled")
    assert "UnexpectedError" not in counted(folder)
    assert folder.report("red.jpg") is None


def test_a_job_can_be_followed_through_the_logs_by_its_id(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    for function, words in (("intake", "job accepted"), ("render", "job rendered"), ("deliver", "job ended")):

        def look(function: str = function, words: str = words) -> bool:
            lines = folder.shop.log(function, folder.began)
            ours = [json.loads(line) for line in lines if job["job_id"] in line]
            said = [(line["message"], line["function_name"], line["service"]) for line in ours]
            return (words, f"{STACK}-{function}", STACK) in said

        told(folder, look, f"{function} says {words}")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_log_holds_a_key_a_signed_link_or_a_bug(folder: Folder, shop: Shop, function: str) -> None:
    folder.fault("foreign_url", {"kind": "userinfo"}, nth=1)
    folder.fault("status", {"code": 404}, nth=1, route="cdn")
    folder.drop("foreign.jpg", folder.wish)
    folder.ended("foreign.jpg", "dead")
    folder.drop("gone.jpg", folder.wish)
    folder.ended("gone.jpg", "dead")
    folder.settle()
    shop.check_the_logs(function)


def test_no_report_receipt_event_or_dead_letter_holds_a_key_or_a_signed_link(folder: Folder) -> None:
    folder.fault("foreign_url", {"kind": "userinfo"})
    folder.drop("red.jpg", folder.wish)
    folder.ended("red.jpg", "dead")
    folder.settle()
    told = [
        folder.report("red.jpg"),
        folder.receipt("red.jpg"),
        folder.events("red.jpg"),
        [asdict(letter) for letter in folder.dead_letters("red.jpg")],
    ]
    assert all(told)
    text = json.dumps(told)
    assert KEY not in text
    assert "sig=" not in text
