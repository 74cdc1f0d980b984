"""Each photo is bought once, in whatever order, however often, and however its events arrive."""

import json
import random
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.folder import Folder
from tests.e2e.queues import Message

IGNORED = ("notes.txt", "list.csv", "red.jpg.part", "red.tmp", ".hidden.jpg", "_backdrop-notes.jpg")


def s3_event(stack: DeployedStack, key: str, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """Returns S3's notification about an object, with only the fields that intake reads."""
    s3 = {"bucket": {"name": stack.input_bucket}, "object": {"key": quote_plus(key)}}
    return {"Records": [{"eventSource": "aws:s3", "eventName": name, "s3": s3}]}


@pytest.mark.parametrize("first", ["sidecar", "photo"])
def test_sidecar_and_photo_can_arrive_in_either_order(folder: Folder, first: str) -> None:
    if first == "sidecar":
        folder.put("red.jpg.json", json.dumps(folder.instructions))
        folder.put("red.jpg", folder.photo("red.jpg"))
    else:
        folder.put("red.jpg", folder.photo("red.jpg"))
        folder.put("red.jpg.json", json.dumps(folder.instructions))
    folder.wait_until_stored("red.jpg")
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 1
    assert len((folder.receipt("red.jpg") or {})["jobs"]) == 1


def test_photo_without_instructions_runs_when_they_arrive(folder: Folder) -> None:
    folder.drop("red.jpg")
    entry = folder.wait_for_error("red.jpg", "no_instructions")
    assert (entry["status"], entry["money"], entry["job_id"]) == ("refused", "not_spent", None)
    assert "sidecar" in entry["hint"]
    folder.put("red.jpg.json", json.dumps(folder.instructions))
    folder.wait_until_stored("red.jpg")


def test_multipart_uploads_and_copied_photos_also_run(folder: Folder) -> None:
    s3, bucket = folder.stack.clients.s3, folder.stack.input_bucket
    for name in ("parts.jpg", "copy.jpg"):
        folder.put(f"{name}.json", json.dumps(folder.instructions))
    key = folder.key("parts.jpg")
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=folder.photo("parts.jpg"))
    done = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=done)
    folder.put("original.txt", folder.photo("copy.jpg"))
    s3.copy_object(Bucket=bucket, Key=folder.key("copy.jpg"), CopySource=f"{bucket}/{folder.key('original.txt')}")
    folder.wait_until_stored("parts.jpg")
    folder.wait_until_stored("copy.jpg")
    assert len(folder.charges()) == 2


def test_photo_uploaded_again_is_not_bought_again(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_stored("red.jpg")
    folder.drop("red.jpg", folder.instructions)
    folder.drop("red.jpg")
    folder.drop("later.jpg", folder.instructions)
    folder.wait_until_stored("later.jpg")
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 2
    assert len((folder.receipt("red.jpg") or {})["jobs"]) == 1


def test_repeated_and_reordered_events_buy_nothing_more(folder: Folder) -> None:
    names = ("red.jpg", "red.jpg.json", "blue.jpg", "blue.jpg.json")
    for name in ("red.jpg", "blue.jpg"):
        folder.drop(name, folder.instructions)
    bodies = [s3_event(folder.stack, folder.key(name)) for name in names] * 3
    random.Random(7).shuffle(bodies)
    for body in bodies:
        folder.stack.send("IntakeQueueUrl", body)
    for name in ("red.jpg", "blue.jpg"):
        folder.wait_until_stored(name)
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 2


def test_repeated_job_and_deliver_messages_change_nothing(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    job = folder.wait_until_stored("red.jpg")
    receipt = folder.receipt("red.jpg")
    for queue, kind in (("IdeogramQueueUrl", "job"), ("DeliverQueueUrl", "deliver")) * 2:
        folder.stack.send(queue, folder.message(job["job_id"], kind))
    folder.wait_until_queues_empty()
    assert len(folder.charges()) == 1
    assert folder.receipt("red.jpg") == receipt
    assert len({event["detail"]["event_id"] for event in folder.events("red.jpg")}) == 1


def test_edited_sidecar_buys_a_second_picture_and_receipt_shows_both(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    first = folder.wait_until_stored("red.jpg")
    edited = f"{folder.prompt} and at night"
    folder.put("red.jpg.json", json.dumps({**folder.instructions, "prompt": edited}))
    eventually(lambda: (folder.job("red.jpg") or first)["job_id"] != first["job_id"], "a second job")
    second = folder.wait_until_stored("red.jpg")
    folder.wait_until_queues_empty()
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


def test_files_that_are_not_photos_are_ignored(folder: Folder) -> None:
    for name in IGNORED:
        folder.put(name, folder.photo(name), tags={"prompt": folder.prompt})
    folder.put("sub/", b"")
    folder.put("_backdrop/inner.jpg", folder.photo("inner"), tags={"prompt": folder.prompt})
    folder.put("lonely.jpg.json", json.dumps(folder.instructions))
    folder.drop("real.jpg", tags={"operation": "remove"})
    folder.wait_until_stored("real.jpg")
    folder.wait_until_queues_empty()
    folder.assert_no_results(*IGNORED, "sub/", "_backdrop/inner.jpg", "lonely.jpg", "lonely.jpg.json")
    assert folder.charges() == []


def test_s3_test_event_and_deletion_events_do_nothing(folder: Folder) -> None:
    stack = folder.stack
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": stack.input_bucket, "HostId": folder.key("")}
    stack.send("IntakeQueueUrl", event)
    stack.send("IntakeQueueUrl", s3_event(stack, folder.key("never.jpg")))
    stack.send("IntakeQueueUrl", s3_event(stack, folder.key("never.jpg"), "ObjectRemoved:Delete"))
    folder.wait_until_queues_empty()
    folder.assert_no_results("never.jpg")
    assert [letter for letter in stack.queue("DeadLetterQueueUrl").messages() if folder.name in letter.body] == []


def test_deleting_photo_and_sidecar_keeps_the_bought_picture(folder: Folder) -> None:
    folder.drop("red.jpg", folder.instructions)
    folder.wait_until_stored("red.jpg")
    folder.delete("red.jpg.json")
    folder.delete("red.jpg")
    folder.drop("later.jpg", folder.instructions)
    folder.wait_until_stored("later.jpg")
    folder.wait_until_queues_empty()
    assert folder.pictures("red.jpg") == ["red.png"]
    assert (folder.receipt("red.jpg") or {})["jobs"][0]["status"] == "stored"
    assert folder.report("red.jpg") is None
    assert len(folder.charges()) == 2


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("not JSON", id="no-json"),
        pytest.param('{"hello": "world"}', id="no-event"),
        pytest.param('{"bucket": "another-bucket", "key": "red.jpg"}', id="another-bucket"),
    ],
)
def test_unreadable_message_becomes_a_dead_letter_unchanged(folder: Folder, body: str) -> None:
    folder.stack.send("IntakeQueueUrl", body)

    def poll() -> list[Message]:
        letters = folder.stack.queue("DeadLetterQueueUrl").messages()
        return [letter for letter in letters if json.loads(letter.body).get("body") == body]

    (letter,) = eventually(poll, "a dead letter")
    assert letter.attributes["code"] == "damaged_message"
    assert letter.attributes["money"] == "not_spent"
    assert json.loads(letter.body)["queue"] == PurePosixPath(folder.stack.outputs["IntakeQueueUrl"]).name
