"""The bucket's notifications: a photo before its instructions, deletions, multipart uploads, and copies."""

import json

from tests.e2e.folder import Folder


def test_photo_runs_when_instructions_arrive_and_its_picture_outlives_it(folder: Folder) -> None:
    folder.drop("red.jpg")
    entry = folder.wait_for_error("red.jpg", "no_instructions")
    assert (entry["status"], entry["money"], entry["job_id"]) == ("refused", "not_spent", None)
    assert "sidecar" in entry["hint"]
    folder.put("red.jpg.json", json.dumps(folder.instructions))
    folder.wait_until_stored("red.jpg")
    folder.delete("red.jpg.json")
    folder.delete("red.jpg")
    folder.wait_until_queues_empty()
    assert folder.pictures("red.jpg") == ["red.png"]
    assert (folder.job("red.jpg") or {})["status"] == "stored"
    assert folder.report("red.jpg") is None
    assert len(folder.charges()) == 1


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
