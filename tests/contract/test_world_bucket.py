"""The simulated buckets behave like the emulator's for the calls of the product's adapters."""

import json
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backdrop.aws.events import parse_intake_message
from backdrop.aws.s3 import OutputBucket, PreconditionFailedError, S3InputBucket
from backdrop.aws.work_store import AnswerSpool
from backdrop.intake.service import LAST_CHARACTER
from backdrop.model.errors import MalformedMessageError
from simulation.world.simulated_stack import World
from tests.contract.services import SERVICES, code_of, emulator_alone, number
from tests.simulated.stage_worlds import OK, build_job

BUCKET = "photos"
TEXT = "text/plain"
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Buckets:
    """A client of a versioned bucket. Also returns a function that waits for a number of notifications about a folder
    and returns their bodies.
    """

    client: Any
    wait_for_notifications: Callable[[str, int], list[str]]

    def put(self, key: str, data: bytes = b"1", **sent: Any) -> dict[str, Any]:
        """Writes an object in the same way as the adapters."""
        return self.client.put_object(Bucket=BUCKET, Key=key, Body=data, ContentType=TEXT, **sent)


@pytest.fixture(scope="module", params=SERVICES)
def buckets(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Buckets]:
    if request.param == "simulated":
        world = World()
        messages = world.queues["intake"].messages
        yield Buckets(world.s3, lambda folder, _: [message.body for message in messages if folder in message.body])
        return
    with emulator_alone(tmp_path_factory.mktemp("emulator")) as clients:
        url = clients.sqs.create_queue(QueueName="events")["QueueUrl"]
        attributes = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]).get("Attributes", {})
        clients.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _policy(attributes["QueueArn"])})
        _create_bucket(clients.s3, attributes["QueueArn"])
        yield Buckets(clients.s3, lambda folder, count: _receive(clients.sqs, url, folder, count))


def _policy(queue_arn: str) -> str:
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed | {"Resource": queue_arn}]})


def _create_bucket(client: Any, queue_arn: str) -> None:
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    client.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [{"QueueArn": queue_arn, "Events": events}]}
    )


def _receive(client: Any, url: str, folder: str, count: int) -> list[str]:
    bodies: list[str] = []
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while len(bodies) < count and time.monotonic() < deadline:
        found = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        bodies += [message["Body"] for message in found if folder in message["Body"]]
    return bodies


def new_folder() -> str:
    """Returns a folder for this test only. Its name is not a prefix of another folder's name."""
    return f"folder{number()}x"


def assert_refused(code: str, call: Callable[[], object]) -> None:
    """Asserts that a call is refused with this AWS error code."""
    with pytest.raises(ClientError) as raised:
        call()
    assert code_of(raised) == code


def test_write_happens_only_if_its_condition_holds(buckets: Buckets) -> None:
    key = f"{new_folder()}/a"
    first = buckets.put(key, IfNoneMatch="*")
    assert_refused("PreconditionFailed", lambda: buckets.put(key, b"2", IfNoneMatch="*"))
    assert_refused("PreconditionFailed", lambda: buckets.put(key, b"2", IfMatch='"00000000000000000000000000000000"'))
    second = buckets.put(key, b"2", IfMatch=first["ETag"])
    assert second["VersionId"] != first["VersionId"]
    assert_refused("NoSuchKey", lambda: buckets.put(f"{key}/other", b"2", IfMatch=first["ETag"]))


def test_document_is_replaced_or_deleted_only_with_its_etag(buckets: Buckets) -> None:
    output, key = OutputBucket(buckets.client, BUCKET), f"{new_folder()}/view"
    output.put_if_unchanged(key, b"1", TEXT, expected_etag=None, metadata={"mark": "ä"})
    old = output.head(key)
    assert old
    assert dict(old.metadata) == {"mark": "ä"}
    with pytest.raises(PreconditionFailedError):
        output.put_if_unchanged(key, b"2", TEXT, expected_etag=None, metadata={})
    output.put_if_unchanged(key, b"2", TEXT, expected_etag=old.etag, metadata={})
    with pytest.raises(PreconditionFailedError):
        output.put_if_unchanged(key, b"3", TEXT, expected_etag=old.etag, metadata={})
    with pytest.raises(PreconditionFailedError):
        output.delete_if_unchanged(key, expected=old)
    new = output.head(key)
    assert new
    output.delete_if_unchanged(key, expected=new)
    assert output.head(key) is None
    with pytest.raises(PreconditionFailedError):
        output.put_if_unchanged(key, b"3", TEXT, expected_etag=new.etag, metadata={})
    output.put_if_unchanged(key, b"3", TEXT, expected_etag=None, metadata={})
    assert output.read(key) == b"3"


def test_missing_object_is_none(buckets: Buckets) -> None:
    key = f"{new_folder()}/nothing"
    photos, output = S3InputBucket(buckets.client), OutputBucket(buckets.client, BUCKET)
    assert photos.read(BUCKET, key, max_bytes=10) is None
    assert photos.read_tags(BUCKET, key) == {}
    assert output.head(key) is None
    assert output.find_key(key) is None
    assert_refused("NoSuchKey", lambda: buckets.client.get_object(Bucket=BUCKET, Key=key))
    assert_refused("404", lambda: buckets.client.head_object(Bucket=BUCKET, Key=key))


def test_bytes_are_read_only_if_new_and_within_the_limit(buckets: Buckets) -> None:
    key, photos = f"{new_folder()}/a", S3InputBucket(buckets.client)
    written = buckets.put(key, b"12345")
    whole = photos.read(BUCKET, key, max_bytes=5)
    assert whole
    assert (whole.data, whole.size, whole.etag, whole.version_id) == (
        b"12345",
        5,
        written["ETag"],
        written["VersionId"],
    )
    assert whole.modified_at.utcoffset() == timedelta(0)
    known = photos.read(BUCKET, key, max_bytes=5, known_etag=whole.etag)
    large = photos.read(BUCKET, key, max_bytes=4)
    assert known
    assert large
    assert (known.data, large.data) == (None, None)


def test_same_bytes_have_the_same_etag(buckets: Buckets) -> None:
    folder = new_folder()
    first, second = (buckets.put(f"{folder}/{name}", b"same") for name in "ab")
    assert first["ETag"] == second["ETag"] == '"51037a4a37730f52c8732586d3aaa316"'


def test_tags_are_read_as_written(buckets: Buckets) -> None:
    key = f"{new_folder()}/a"
    buckets.put(key)
    world_tag = getattr(buckets.client, "set_tags", None)
    tags = {"operation": "remove"}
    if world_tag:
        world_tag(BUCKET, key, tags)
    else:
        tag_set = [{"Key": name, "Value": text} for name, text in tags.items()]
        buckets.client.put_object_tagging(Bucket=BUCKET, Key=key, Tagging={"TagSet": tag_set})
    assert S3InputBucket(buckets.client).read_tags(BUCKET, key) == tags


def test_listing_is_ordered_by_bytes_and_paginated(buckets: Buckets) -> None:
    folder = new_folder()
    for name in ("a/b", "é", "z", "a", "B", "a/c"):
        buckets.put(f"{folder}/{name}", name.encode())
    sent: dict[str, Any] = {"Bucket": BUCKET, "Prefix": f"{folder}/", "MaxKeys": 4}
    first = buckets.client.list_objects_v2(**sent)
    second = buckets.client.list_objects_v2(**sent, ContinuationToken=first["NextContinuationToken"])
    assert (first["IsTruncated"], first["KeyCount"], second["IsTruncated"], second["KeyCount"]) == (True, 4, False, 2)
    entries = [*first["Contents"], *second["Contents"]]
    assert [entry["Key"].removeprefix(f"{folder}/") for entry in entries] == ["B", "a", "a/b", "a/c", "z", "é"]
    assert [entry["Size"] for entry in entries] == [1, 1, 3, 3, 1, 2]
    head = buckets.client.head_object(Bucket=BUCKET, Key=f"{folder}/z")
    assert (entries[4]["ETag"], entries[4]["LastModified"].replace(microsecond=0)) == (
        head["ETag"],
        head["LastModified"],
    )
    later = buckets.client.list_objects_v2(**sent, StartAfter=f"{folder}/a/c")
    assert [entry["Key"] for entry in later["Contents"]] == [f"{folder}/z", f"{folder}/é"]


def test_empty_listing_has_no_contents(buckets: Buckets) -> None:
    answer = buckets.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{new_folder()}/")
    assert "Contents" not in answer
    assert (answer["KeyCount"], answer["IsTruncated"]) == (0, False)


def test_listings_omit_deeper_folders_and_deleted_objects(buckets: Buckets) -> None:
    folder, photos, output = new_folder(), S3InputBucket(buckets.client), OutputBucket(buckets.client, BUCKET)
    for name in ("red.jpg", "red.png", "red.zip/deep.jpg", "red.gone"):
        buckets.put(f"{folder}/{name}")
    output.delete(f"{folder}/red.gone")
    listed_names = [f"{folder}/red.jpg", f"{folder}/red.png", f"{folder}/red.zip/"]
    assert list(photos.list_folder_keys(BUCKET, f"{folder}/red.")) == listed_names
    assert list(photos.list_folder_keys(BUCKET, f"{folder}/red.", f"{folder}/red.png")) == listed_names[2:]
    assert list(photos.list_folder_keys(BUCKET, f"{folder}/red.", f"{folder}/red.zip/{LAST_CHARACTER}")) == []
    assert list(output.list_keys(f"{folder}/")) == [
        f"{folder}/red.jpg",
        f"{folder}/red.png",
        f"{folder}/red.zip/deep.jpg",
    ]
    assert output.find_key(f"{folder}/red.p") == f"{folder}/red.png"
    listed = [
        entry.key for entry in photos.iterate_objects(BUCKET, f"{folder}/red.jpg") if entry.key.startswith(folder)
    ]
    assert listed == [f"{folder}/red.png", f"{folder}/red.zip/deep.jpg"]


def test_deleting_a_missing_object_succeeds(buckets: Buckets) -> None:
    OutputBucket(buckets.client, BUCKET).delete(f"{new_folder()}/nothing")


def test_delete_marker_is_a_separate_version(buckets: Buckets) -> None:
    key = f"{new_folder()}/a"
    written = buckets.put(key)
    deleted = buckets.client.delete_object(Bucket=BUCKET, Key=key)
    assert deleted["DeleteMarker"]
    assert deleted["VersionId"] != written["VersionId"]


def test_spooled_answer_is_found_again(buckets: Buckets) -> None:
    answers, job = AnswerSpool(OutputBucket(buckets.client, BUCKET)), build_job(job_id=f"{number():064x}")
    answers.save(job, 2, OK)
    assert answers.find(job, 2) == OK
    assert answers.find(job, 1) is None
    (kept,) = [kept for kept in answers.list_all() if kept.job_id == job.job_id]
    assert (kept.attempt_no, kept.result) == (2, OK)
    answers.delete(kept)
    assert answers.find(job, 2) is None


@pytest.mark.parametrize("name", ["plain.jpg", "ünïcode +(1) & %41.jpg", "100%.jpg"])
def test_notifications_report_written_and_deleted_objects(buckets: Buckets, name: str) -> None:
    folder = new_folder()
    key = f"{folder}/{name}"
    written = buckets.put(key)
    buckets.client.delete_object(Bucket=BUCKET, Key=key)
    bodies = buckets.wait_for_notifications(folder, 2)
    events = [event for body in bodies for event in parse_intake_message(body, input_bucket=BUCKET, is_repeated=False)]
    assert [(event.bucket, event.key) for event in events] == [(BUCKET, key)] * 2
    records = {
        record["eventName"].partition(":")[0]: record for body in bodies for record in json.loads(body)["Records"]
    }
    assert records.keys() == {"ObjectCreated", "ObjectRemoved"}
    assert records["ObjectCreated"]["s3"]["object"]["eTag"] == written["ETag"].strip('"')


def test_notification_of_another_bucket_is_malformed(buckets: Buckets) -> None:
    folder = new_folder()
    buckets.put(f"{folder}/a")
    (body,) = buckets.wait_for_notifications(folder, 1)
    with pytest.raises(MalformedMessageError):
        parse_intake_message(body, input_bucket="another", is_repeated=False)
