"""The simulated buckets keep the promises that the emulator's keep, asked in the product's own words."""

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
from backdrop.model.errors import MalformedMessageError
from simulation.world.simulated_stack import World
from tests.contract.services import SERVICES, code_of, emulator_alone, number
from tests.simulated.simulation import OK, build_job

BUCKET = "photos"
TEXT = "text/plain"
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Buckets:
    """A client of a versioned bucket, and the bodies of so many notifications about a folder, once they are there."""

    client: Any
    told: Callable[[str, int], list[str]]

    def put(self, key: str, data: bytes = b"1", **sent: Any) -> dict[str, Any]:
        """Write an object as the adapters do."""
        return self.client.put_object(Bucket=BUCKET, Key=key, Body=data, ContentType=TEXT, **sent)


@pytest.fixture(scope="module", params=SERVICES)
def buckets(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Buckets]:
    if request.param == "simulated":
        world = World()
        messages = world.queues["intake"].messages
        yield Buckets(world.s3, lambda folder, _: [one.body for one in messages if folder in one.body])
        return
    with emulator_alone(tmp_path_factory.mktemp("emulator")) as clients:
        url = clients.sqs.create_queue(QueueName="events")["QueueUrl"]
        found = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]).get("Attributes", {})
        clients.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _policy(found["QueueArn"])})
        _open(clients.s3, found["QueueArn"])
        yield Buckets(clients.s3, lambda folder, most: _received(clients.sqs, url, folder, most))


def _policy(queue_arn: str) -> str:
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed | {"Resource": queue_arn}]})


def _open(client: Any, queue_arn: str) -> None:
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    client.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [{"QueueArn": queue_arn, "Events": events}]}
    )


def _received(client: Any, url: str, folder: str, most: int) -> list[str]:
    bodies: list[str] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(bodies) < most and time.monotonic() < deadline:
        found = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        bodies += [message["Body"] for message in found if folder in message["Body"]]
    return bodies


def fresh() -> str:
    """A folder that no other test has, and whose name is no other's beginning."""
    return f"folder{number()}x"


def refused(code: str, act: Callable[[], object]) -> None:
    """The act is refused with AWS's own code."""
    with pytest.raises(ClientError) as raised:
        act()
    assert code_of(raised) == code


def test_a_write_happens_only_where_its_condition_holds(buckets: Buckets) -> None:
    key = f"{fresh()}/a"
    first = buckets.put(key, IfNoneMatch="*")
    refused("PreconditionFailed", lambda: buckets.put(key, b"2", IfNoneMatch="*"))
    refused("PreconditionFailed", lambda: buckets.put(key, b"2", IfMatch='"00000000000000000000000000000000"'))
    second = buckets.put(key, b"2", IfMatch=first["ETag"])
    assert second["VersionId"] != first["VersionId"]
    refused("NoSuchKey", lambda: buckets.put(f"{key}/other", b"2", IfMatch=first["ETag"]))


def test_a_view_is_replaced_or_taken_away_only_by_who_knows_it(buckets: Buckets) -> None:
    output, key = OutputBucket(buckets.client, BUCKET), f"{fresh()}/view"
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


def test_an_object_that_is_not_there_is_none(buckets: Buckets) -> None:
    key = f"{fresh()}/nothing"
    photos, output = S3InputBucket(buckets.client), OutputBucket(buckets.client, BUCKET)
    assert photos.read(BUCKET, key, max_bytes=10) is None
    assert photos.read_tags(BUCKET, key) == {}
    assert output.head(key) is None
    assert output.find_key(key) is None
    refused("NoSuchKey", lambda: buckets.client.get_object(Bucket=BUCKET, Key=key))
    refused("404", lambda: buckets.client.head_object(Bucket=BUCKET, Key=key))


def test_bytes_are_read_where_they_are_new_and_not_too_many(buckets: Buckets) -> None:
    key, photos = f"{fresh()}/a", S3InputBucket(buckets.client)
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


def test_the_same_bytes_have_the_same_etag(buckets: Buckets) -> None:
    folder = fresh()
    first, second = (buckets.put(f"{folder}/{name}", b"same") for name in "ab")
    assert first["ETag"] == second["ETag"] == '"51037a4a37730f52c8732586d3aaa316"'


def test_tags_are_read_as_they_were_put(buckets: Buckets) -> None:
    key = f"{fresh()}/a"
    buckets.put(key)
    world_tag = getattr(buckets.client, "set_tags", None)
    tags = {"operation": "remove"}
    if world_tag:
        world_tag(BUCKET, key, tags)
    else:
        tag_set = [{"Key": name, "Value": text} for name, text in tags.items()]
        buckets.client.put_object_tagging(Bucket=BUCKET, Key=key, Tagging={"TagSet": tag_set})
    assert S3InputBucket(buckets.client).read_tags(BUCKET, key) == tags


def test_a_listing_is_in_the_order_of_bytes_and_comes_in_pages(buckets: Buckets) -> None:
    folder = fresh()
    for name in ("a/b", "é", "z", "a", "B", "a/c"):
        buckets.put(f"{folder}/{name}", name.encode())
    sent: dict[str, Any] = {"Bucket": BUCKET, "Prefix": f"{folder}/", "MaxKeys": 4}
    first = buckets.client.list_objects_v2(**sent)
    second = buckets.client.list_objects_v2(**sent, ContinuationToken=first["NextContinuationToken"])
    assert (first["IsTruncated"], first["KeyCount"], second["IsTruncated"], second["KeyCount"]) == (True, 4, False, 2)
    found = [*first["Contents"], *second["Contents"]]
    assert [one["Key"].removeprefix(f"{folder}/") for one in found] == ["B", "a", "a/b", "a/c", "z", "é"]
    assert [one["Size"] for one in found] == [1, 1, 3, 3, 1, 2]
    head = buckets.client.head_object(Bucket=BUCKET, Key=f"{folder}/z")
    assert (found[4]["ETag"], found[4]["LastModified"].replace(microsecond=0)) == (head["ETag"], head["LastModified"])
    later = buckets.client.list_objects_v2(**sent, StartAfter=f"{folder}/a/c")
    assert [one["Key"] for one in later["Contents"]] == [f"{folder}/z", f"{folder}/é"]


def test_a_listing_of_nothing_has_no_contents(buckets: Buckets) -> None:
    answer = buckets.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{fresh()}/")
    assert "Contents" not in answer
    assert (answer["KeyCount"], answer["IsTruncated"]) == (0, False)


def test_listings_leave_out_deeper_folders_and_what_was_deleted(buckets: Buckets) -> None:
    folder, photos, output = fresh(), S3InputBucket(buckets.client), OutputBucket(buckets.client, BUCKET)
    for name in ("red.jpg", "red.png", "red.zip/deep.jpg", "red.gone"):
        buckets.put(f"{folder}/{name}")
    output.delete(f"{folder}/red.gone")
    assert list(photos.list_folder_keys(BUCKET, f"{folder}/red.")) == [f"{folder}/red.jpg", f"{folder}/red.png"]
    assert list(output.list_keys(f"{folder}/")) == [
        f"{folder}/red.jpg",
        f"{folder}/red.png",
        f"{folder}/red.zip/deep.jpg",
    ]
    assert output.find_key(f"{folder}/red.p") == f"{folder}/red.png"
    listed = [one.key for one in photos.iterate_objects(BUCKET, f"{folder}/red.jpg") if one.key.startswith(folder)]
    assert listed == [f"{folder}/red.png", f"{folder}/red.zip/deep.jpg"]


def test_deleting_nothing_is_no_error(buckets: Buckets) -> None:
    OutputBucket(buckets.client, BUCKET).delete(f"{fresh()}/nothing")


def test_a_delete_marker_is_a_version_of_its_own(buckets: Buckets) -> None:
    key = f"{fresh()}/a"
    written = buckets.put(key)
    deleted = buckets.client.delete_object(Bucket=BUCKET, Key=key)
    assert deleted["DeleteMarker"]
    assert deleted["VersionId"] != written["VersionId"]


def test_an_answer_that_the_ledger_did_not_take_is_found_again(buckets: Buckets) -> None:
    answers, job = AnswerSpool(OutputBucket(buckets.client, BUCKET)), build_job(job_id=f"{number():064x}")
    answers.save(job, 2, OK)
    assert answers.find(job, 2) == OK
    assert answers.find(job, 1) is None
    (kept,) = [kept for kept in answers.list_all() if kept.job_id == job.job_id]
    assert (kept.attempt_no, kept.result) == (2, OK)
    answers.delete(kept)
    assert answers.find(job, 2) is None


@pytest.mark.parametrize("name", ["plain.jpg", "ünïcode +(1) & %41.jpg", "100%.jpg"])
def test_a_notification_tells_of_what_was_written_and_deleted(buckets: Buckets, name: str) -> None:
    folder = fresh()
    key = f"{folder}/{name}"
    written = buckets.put(key)
    buckets.client.delete_object(Bucket=BUCKET, Key=key)
    bodies = buckets.told(folder, 2)
    looks = [look for body in bodies for look in parse_intake_message(body, input_bucket=BUCKET, is_repeated=False)]
    assert [(look.bucket, look.key) for look in looks] == [(BUCKET, key)] * 2
    records = {
        record["eventName"].partition(":")[0]: record for body in bodies for record in json.loads(body)["Records"]
    }
    assert records.keys() == {"ObjectCreated", "ObjectRemoved"}
    assert records["ObjectCreated"]["s3"]["object"]["eTag"] == written["ETag"].strip('"')


def test_a_notification_of_another_bucket_is_damaged(buckets: Buckets) -> None:
    folder = fresh()
    buckets.put(f"{folder}/a")
    (body,) = buckets.told(folder, 1)
    with pytest.raises(MalformedMessageError):
        parse_intake_message(body, input_bucket="another", is_repeated=False)
