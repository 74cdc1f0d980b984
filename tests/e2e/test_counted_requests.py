"""A photo's requests to AWS, counted on the wire: as many as the costs page states."""

import json
from collections.abc import Generator, Sequence

import pytest

from backdrop_local.home import STACK
from bench.aws_cost.cost_result import load_costs
from bench.aws_cost.image_usage import STAGES, WatchedCloud, build_photo, watch_cloud
from bench.aws_cost.request_names import RequestCount, count_by_name
from tests.e2e.clouds import running_cloud
from tests.e2e.deployed_stack import eventually

# One of them searches for copies of the photo that wait for it (decision 7).
MAX_FOR_ONE_PHOTO = 22
WARM_UP_PHOTOS = 2
# On a busy machine, an invocation may return messages to their queue for lack of time, which costs requests.
RETURNS_MESSAGE = "ChangeMessageVisibility"
MAX_COUNTS = 3


@pytest.fixture(scope="module")
def watched_cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[WatchedCloud]:
    """A separate cloud with warm functions, which have already made their requests of every few minutes."""
    with running_cloud(tmp_path_factory) as cloud, watch_cloud(cloud) as watched:
        process_together(watched, [f"warm/{n}.jpg" for n in range(WARM_UP_PHOTOS)])
        yield watched


def count_requests(watched_cloud: WatchedCloud) -> tuple[RequestCount, ...]:
    """Counts the requests of a photo. Repeats the count with another photo if a message was returned to its queue."""
    for count in range(MAX_COUNTS):
        first_request = len(watched_cloud.recorder.requests)
        process_together(watched_cloud, [f"shoes/{count}.jpg"])
        requests = [one for one in watched_cloud.recorder.requests[first_request:] if one.function in STAGES]
        if not any(one.operation == RETURNS_MESSAGE for one in requests):
            return count_by_name(requests, 1)
    pytest.fail(f"messages were returned to their queues in each of {MAX_COUNTS} counts")


def process_together(watched_cloud: WatchedCloud, keys: Sequence[str]) -> None:
    """Drops photos with sidecars, which all wait in intake's queue when intake starts, until all are stored."""
    s3, bucket = watched_cloud.running.clients.s3, watched_cloud.outputs["InputBucketName"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=f"{key}.json", Body=json.dumps({"prompt": f"a beach, {key}"}).encode())
    watched_cloud.wait_until_quiet()
    switch_intake(watched_cloud, on=False)
    for key in keys:
        watched_cloud.dropped_count += 1
        s3.put_object(Bucket=bucket, Key=key, Body=build_photo(watched_cloud.dropped_count))
    eventually(
        lambda: count_waiting(watched_cloud) >= len(keys), "all wait for intake", lambda: count_waiting(watched_cloud)
    )
    switch_intake(watched_cloud, on=True)
    eventually(lambda: all(watched_cloud.is_stored(key) for key in keys), "all are stored")
    watched_cloud.wait_until_quiet()


def count_waiting(watched_cloud: WatchedCloud) -> int:
    """Returns how many messages intake has not received yet."""
    queue, name = watched_cloud.outputs["IntakeQueueUrl"], "ApproximateNumberOfMessages"
    response = watched_cloud.running.clients.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
    return int(response.get("Attributes", {}).get(name, 0))


def switch_intake(watched_cloud: WatchedCloud, *, on: bool) -> None:
    functions = watched_cloud.running.clients.functions
    (mapping,) = functions.list_event_source_mappings(FunctionName=f"{STACK}-intake")["EventSourceMappings"]
    uuid, state = mapping.get("UUID", ""), "Enabled" if on else "Disabled"
    functions.update_event_source_mapping(UUID=uuid, Enabled=on)
    eventually(lambda: functions.get_event_source_mapping(UUID=uuid).get("State") == state, f"intake is {state}")


def test_single_photo_makes_the_documented_requests(watched_cloud: WatchedCloud) -> None:
    requests = count_requests(watched_cloud)
    assert sorted(requests, key=str) == sorted(load_costs().rows[0].usage.requests, key=str)
    assert sum(request.times for request in requests) <= MAX_FOR_ONE_PHOTO
