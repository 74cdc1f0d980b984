"""What an image asks of AWS, counted on the wire: what the page of costs says, and less where many come at once."""

import json
from collections.abc import Generator, Sequence

import pytest

from backdrop_local.home import STACK
from bench.aws_cost.cost_result import load_costs
from bench.aws_cost.idle_stack import ONE_PROVIDER
from bench.aws_cost.image_usage import STAGES, WatchedCloud, build_photo, watch_cloud
from bench.aws_cost.request_names import RequestCount, count_by_name
from tests.e2e.clouds import running_cloud
from tests.e2e.shop import eventually

# One of them looks for copies of the photo that wait for it (decision 7).
MOST_ALONE, MOST_IN_A_DRAIN = 21, 19
DRAINED = 20


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Generator[WatchedCloud]:
    """A cloud of its own, whose functions have started and asked what they ask once in minutes."""
    given = {"DailyBudgetUSD": "1000", "SettleSeconds": "1"}
    with running_cloud(tmp_path_factory, given | ONE_PROVIDER) as cloud, watch_cloud(cloud) as one:
        drained(one, [f"warm/{n}.jpg" for n in range(DRAINED)])
        yield one


def drained(stage: WatchedCloud, keys: Sequence[str]) -> tuple[RequestCount, ...]:
    """What photos ask for whose sidecars are there, and that all wait for intake when it begins."""
    s3, bucket, first = stage.running.clients.s3, stage.outputs["InputBucketName"], len(stage.recorder.requests)
    for key in keys:
        s3.put_object(Bucket=bucket, Key=f"{key}.json", Body=json.dumps({"prompt": f"a beach, {key}"}).encode())
    stage.wait_until_quiet()
    switch_intake(stage, on=False)
    for key in keys:
        stage.dropped_count += 1
        s3.put_object(Bucket=bucket, Key=key, Body=build_photo(stage.dropped_count))
    eventually(lambda: waiting(stage) >= len(keys), "all wait for intake", lambda: waiting(stage))
    switch_intake(stage, on=True)
    eventually(lambda: all(stage.is_stored(key) for key in keys), "all are stored")
    stage.wait_until_quiet()
    return count_by_name((one for one in stage.recorder.requests[first:] if one.function in STAGES), len(keys))


def waiting(stage: WatchedCloud) -> int:
    """How many messages intake has not taken yet."""
    queue, counted = stage.outputs["IntakeQueueUrl"], "ApproximateNumberOfMessages"
    found = stage.running.clients.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[counted])
    return int(found.get("Attributes", {}).get(counted, 0))


def switch_intake(stage: WatchedCloud, *, on: bool) -> None:
    functions = stage.running.clients.functions
    (mapping,) = functions.list_event_source_mappings(FunctionName=f"{STACK}-intake")["EventSourceMappings"]
    uuid, state = mapping.get("UUID", ""), "Enabled" if on else "Disabled"
    functions.update_event_source_mapping(UUID=uuid, Enabled=on)
    eventually(lambda: functions.get_event_source_mapping(UUID=uuid).get("State") == state, f"intake is {state}")


def test_a_photo_alone_asks_what_the_page_says(stage: WatchedCloud) -> None:
    found = drained(stage, ["shoes/alone.jpg"])
    assert sorted(found, key=str) == sorted(load_costs().rows[0].usage.requests, key=str)
    assert sum(one.times for one in found) <= MOST_ALONE


def test_a_photo_of_many_asks_less(stage: WatchedCloud) -> None:
    found = drained(stage, [f"many/{n}.jpg" for n in range(DRAINED)])
    said = "\n".join(map(str, found))
    assert sum(one.times for one in found) <= MOST_IN_A_DRAIN, said
