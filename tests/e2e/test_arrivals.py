"""In whatever order, however often and however large things arrive: each photo is bought once."""

import json
import random
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.e2e.folder import Folder
from tests.e2e.queues import Message
from tests.e2e.shop import Shop, eventually

IGNORED = ("notes.txt", "list.csv", "red.jpg.part", "red.tmp", ".hidden.jpg", "_backdrop-notes.jpg")


def s3_event(shop: Shop, key: str, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """S3's notification about one object, as short as intake needs it."""
    s3 = {"bucket": {"name": shop.photos}, "object": {"key": quote_plus(key)}}
    return {"Records": [{"eventSource": "aws:s3", "eventName": name, "s3": s3}]}


@pytest.mark.parametrize("first", ["sidecar", "photo"])
def test_sidecar_and_photo_may_come_in_either_order(folder: Folder, first: str) -> None:
    if first == "sidecar":
        folder.put("red.jpg.json", json.dumps(folder.wish))
        folder.put("red.jpg", folder.photo("red.jpg"))
    else:
        folder.put("red.jpg", folder.photo("red.jpg"))
        folder.put("red.jpg.json", json.dumps(folder.wish))
    folder.stored("red.jpg")
    folder.settle()
    assert len(folder.charges()) == 1
    assert len((folder.receipt("red.jpg") or {})["jobs"]) == 1


def test_a_photo_that_settled_without_a_word_is_reported_and_runs_when_the_sidecar_comes(folder: Folder) -> None:
    folder.drop("red.jpg")
    entry = folder.wrong("red.jpg", "no_instructions")
    assert (entry["status"], entry["money"], entry["job_id"]) == ("refused", "not_spent", None)
    assert "sidecar" in entry["hint"]
    folder.put("red.jpg.json", json.dumps(folder.wish))
    folder.stored("red.jpg")


def test_a_photo_uploaded_in_parts_and_a_copied_one_run_too(folder: Folder) -> None:
    s3, bucket = folder.shop.clients.s3, folder.shop.photos
    for name in ("parts.jpg", "copy.jpg"):
        folder.put(f"{name}.json", json.dumps(folder.wish))
    key = folder.key("parts.jpg")
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=folder.photo("parts.jpg"))
    done = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=done)
    folder.put("original.txt", folder.photo("copy.jpg"))
    s3.copy_object(Bucket=bucket, Key=folder.key("copy.jpg"), CopySource=f"{bucket}/{folder.key('original.txt')}")
    folder.stored("parts.jpg")
    folder.stored("copy.jpg")
    assert len(folder.charges()) == 2


def test_the_same_photo_dropped_again_is_not_bought_again(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    folder.stored("red.jpg")
    folder.drop("red.jpg", folder.wish)
    folder.drop("red.jpg")
    folder.drop("later.jpg", folder.wish)
    folder.stored("later.jpg")
    folder.settle()
    assert len(folder.charges()) == 2
    assert len((folder.receipt("red.jpg") or {})["jobs"]) == 1


def test_events_that_come_twice_late_and_in_any_order_change_nothing(folder: Folder) -> None:
    names = ("red.jpg", "red.jpg.json", "blue.jpg", "blue.jpg.json")
    for name in ("red.jpg", "blue.jpg"):
        folder.drop(name, folder.wish)
    bodies = [s3_event(folder.shop, folder.key(name)) for name in names] * 3
    random.Random(7).shuffle(bodies)
    for body in bodies:
        folder.shop.send("IntakeQueueUrl", body)
    for name in ("red.jpg", "blue.jpg"):
        folder.stored(name)
    folder.settle()
    assert len(folder.charges()) == 2


def test_jobs_and_deliveries_that_come_again_buy_and_change_nothing(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    job = folder.stored("red.jpg")
    receipt = folder.receipt("red.jpg")
    message = folder.message(job["job_id"])
    for queue in ("IdeogramQueueUrl", "DeliverQueueUrl") * 2:
        folder.shop.send(queue, message)
    folder.settle()
    assert len(folder.charges()) == 1
    assert folder.receipt("red.jpg") == receipt
    assert len({event["detail"]["event_id"] for event in folder.events("red.jpg")}) == 1


def test_an_edited_sidecar_buys_exactly_one_more_and_the_receipt_shows_both(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    first = folder.stored("red.jpg")
    edited = f"{folder.prompt} and at night"
    folder.put("red.jpg.json", json.dumps({**folder.wish, "prompt": edited}))
    eventually(lambda: (folder.job("red.jpg") or first)["job_id"] != first["job_id"], "a second job")
    second = folder.stored("red.jpg")
    folder.settle()
    receipt = folder.receipt("red.jpg")
    assert receipt
    assert [(job["job_id"], job["current"]) for job in receipt["jobs"]] == [
        (second["job_id"], True),
        (first["job_id"], False),
    ]
    assert receipt["total_usd"] == 0.06
    assert (len(folder.charges()), len(folder.charges(edited))) == (1, 1)
    assert folder.pictures("red.jpg") == ["red.png"]
    assert second["results"][0]["version_id"] != first["results"][0]["version_id"]


def test_what_is_no_photo_of_ours_is_ignored_without_a_word(folder: Folder) -> None:
    for name in IGNORED:
        folder.put(name, folder.photo(name), tags={"prompt": folder.prompt})
    folder.put("sub/", b"")
    folder.put("_backdrop/inner.jpg", folder.photo("inner"), tags={"prompt": folder.prompt})
    folder.put("lonely.jpg.json", json.dumps(folder.wish))
    folder.drop("real.jpg", tags={"operation": "remove"})
    folder.stored("real.jpg")
    folder.settle()
    folder.nothing_came_of(*IGNORED, "sub/", "_backdrop/inner.jpg", "lonely.jpg", "lonely.jpg.json")
    assert folder.charges() == []


def test_s3s_test_event_and_events_of_what_is_gone_make_nothing(folder: Folder) -> None:
    shop = folder.shop
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": shop.photos, "HostId": folder.key("")}
    shop.send("IntakeQueueUrl", event)
    shop.send("IntakeQueueUrl", s3_event(shop, folder.key("never.jpg")))
    shop.send("IntakeQueueUrl", s3_event(shop, folder.key("never.jpg"), "ObjectRemoved:Delete"))
    folder.settle()
    folder.nothing_came_of("never.jpg")
    assert [letter for letter in shop.queue("DeadLetterQueueUrl").messages() if folder.name in letter.body] == []


def test_deleting_photo_and_sidecar_afterwards_leaves_what_was_bought(folder: Folder) -> None:
    folder.drop("red.jpg", folder.wish)
    folder.stored("red.jpg")
    folder.remove("red.jpg.json")
    folder.remove("red.jpg")
    folder.drop("later.jpg", folder.wish)
    folder.stored("later.jpg")
    folder.settle()
    assert folder.pictures("red.jpg") == ["red.png"]
    assert (folder.receipt("red.jpg") or {})["jobs"][0]["status"] == "stored"
    assert folder.report("red.jpg") is None
    assert len(folder.charges()) == 2


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("not JSON", id="no-json"),
        pytest.param('{"hello": "world"}', id="no-event"),
        pytest.param('{"bucket": "somebody-elses", "key": "red.jpg"}', id="another-bucket"),
    ],
)
def test_a_message_that_nobody_can_read_is_kept_whole_as_a_dead_letter(folder: Folder, body: str) -> None:
    folder.shop.send("IntakeQueueUrl", body)

    def look() -> list[Message]:
        letters = folder.shop.queue("DeadLetterQueueUrl").messages()
        return [letter for letter in letters if json.loads(letter.body).get("body") == body]

    (letter,) = eventually(look, "a dead letter")
    assert letter.attributes["code"] == "damaged_message"
    assert letter.attributes["money"] == "not_spent"
    assert json.loads(letter.body)["queue"] == PurePosixPath(folder.shop.outputs["IntakeQueueUrl"]).name
