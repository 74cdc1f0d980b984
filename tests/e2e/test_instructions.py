"""Sidecars and tags reach the provider, and the pictures and receipts are where the documentation says."""

from pathlib import PurePosixPath
from typing import Any

from backdrop_local.home import STACK
from tests.e2e.folder import Folder
from tests.e2e.log_polling import poll_logs
from tests.e2e.log_rules import find_function_lines

# The last two contain line separators of Unicode and ASCII, at which some code would split them.
ODD_STEMS = (
    "sub folder/ünïcode +(1) & 100%",
    "sub folder/one\u2028two\u2029three\x85four",
    "sub folder/one\ntwo\r\nthree\tfour",
)


def test_photo_with_a_sidecar_gets_a_new_background(folder: Folder) -> None:
    folder.drop("red.jpg", {"prompt": folder.prompt})
    job = folder.wait_until_stored("red.jpg")
    assert folder.pictures("red.jpg") == ["red.png"]
    assert folder.picture("red.jpg", "red.png").format == "PNG"
    assert job["operation"] == "replace"
    assert job["instructions"] == {"operation": "replace", "prompt": folder.prompt}
    assert job["provenance"] == dict.fromkeys(("operation", "prompt"), f"{folder.key('red.jpg')}.json")
    assert job["cost"] == {"usd": 0.06, "basis": "price_list", "unknown_usd": 0}
    assert [charge["usd"] for charge in folder.charges()] == ["0.06"]
    assert_documented(folder, job)
    assert_logged_by_every_function(folder, job)


def assert_documented(folder: Folder, job: dict[str, Any]) -> None:
    """Asserts that the photo's only event is about its job, and that picture and paid file are where they should be."""
    receipt, event = folder.receipt("red.jpg"), folder.wait_for_event("red.jpg")
    assert receipt
    assert (event["source"], event["detail-type"]) == ("backdrop", "Image Completed")
    assert set(event["detail"]) == {"event_id", "source", "job"}
    assert (event["detail"]["source"], event["detail"]["job"]) == (receipt["source"], job)
    (result,) = job["results"]
    head = folder.stack.clients.s3.head_object(Bucket=folder.stack.output_bucket, Key=result["key"])
    assert (head["ContentType"], head["ContentLength"]) == ("image/png", result["bytes"])
    assert head["VersionId"] == result["version_id"]
    assert len(folder.list_outputs(f"_backdrop/paid/{job['job_id']}/")) == 1


def assert_logged_by_every_function(folder: Folder, job: dict[str, Any]) -> None:
    """Asserts that the job can be followed through the logs by its ID."""
    for function, message in (("intake", "job accepted"), ("render", "job rendered"), ("deliver", "job ended")):
        fields = {"job_id": job["job_id"], "message": message, "service": STACK}
        fields |= {"function_name": f"{STACK}-{function}"}

        def poll(function: str = function, fields: dict[str, str] = fields) -> bool:
            return bool(find_function_lines(folder.stack.read_log(function, folder.started_at), **fields))

        poll_logs(folder, poll, f"{function} logs {message}")


def test_tags_are_sufficient_and_unrelated_tags_are_ignored(folder: Folder) -> None:
    tags = {"prompt": folder.prompt, "rendering_speed": "flash", "cost-center": "1234"}
    folder.drop("red.jpg", tags=tags)
    job = folder.wait_until_stored("red.jpg")
    assert job["instructions"] == {"operation": "replace", "prompt": folder.prompt, "rendering_speed": "FLASH"}
    assert set(job["provenance"].values()) == {"tags"}


def test_keys_with_unusual_characters_are_kept(folder: Folder) -> None:
    for stem in ODD_STEMS:
        folder.drop(f"{stem}.jpg", folder.instructions)
    for stem in ODD_STEMS:
        folder.wait_until_stored(f"{stem}.jpg")
        assert folder.pictures(f"{stem}.jpg") == [f"{PurePosixPath(stem).name}.png"]
        receipt = folder.receipt(f"{stem}.jpg")
        assert receipt
        assert receipt["source"]["key"] == folder.key(f"{stem}.jpg")
