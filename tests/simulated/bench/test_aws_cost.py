"""The cost page bills requests as AWS does, and counts every request."""

import json
from collections import Counter
from typing import Any

import pytest

from backdrop_local import template
from bench.aws_cost.bill import BillLine, sum_usd
from bench.aws_cost.cost_result import load_costs
from bench.aws_cost.dynamodb_units import DynamoDBUnits, measure_item_bytes
from bench.aws_cost.idle_stack import ONE_PROVIDER, TemplateStack, build_idle_lines, count_alarm_metrics
from bench.aws_cost.image_usage import parse_metrics
from bench.aws_cost.page import MAX_SHARE, compute_share, read_memory
from bench.aws_cost.prices import PRICES
from bench.aws_cost.recorder import RecordedRequest
from bench.aws_cost.request_names import UnnamedRequestError, count_by_name
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET

KEY = {"pk": {"S": "source#1"}, "sk": {"S": "job#1"}}
AWS = frozenset({"s3", "dynamodb", "sqs", "events"})


def build_request(
    operation: str, sent: Any, answered: Any = None, status: int = 200, service: str = "dynamodb"
) -> RecordedRequest:
    return RecordedRequest("intake", service, operation, "", sent, answered or {}, status)


def build_transaction(*items: Any) -> RecordedRequest:
    return build_request("TransactWriteItems", {"TransactItems": [{"Put": {"Item": item}} for item in items]})


def count_units(*requests: RecordedRequest) -> DynamoDBUnits:
    units = DynamoDBUnits()
    for one in requests:
        units.add(one)
    return units


def test_item_size_is_that_of_its_names_and_values() -> None:
    assert measure_item_bytes({"pk": {"S": "ä"}, "lock_version": {"N": "123"}, "on": {"BOOL": True}}) == 4 + 15 + 3


def test_transaction_bills_each_started_kilobyte_twice() -> None:
    assert count_units(build_transaction(KEY)).writes == 2
    assert count_units(build_transaction(KEY | {"body": {"S": "x" * 1024}})).writes == 4
    assert count_units(build_transaction(KEY, KEY | {"sk": {"S": "source"}})).writes == 4


def test_index_entry_costs_when_inserted_moved_and_deleted() -> None:
    here, there = ({"watch": {"S": "open#1"}, "due": {"S": due}} for due in "12")
    came = count_units(build_transaction(KEY | here))
    assert came.writes == 2 + 1
    came.add(build_transaction(KEY | here))
    assert came.writes == 3 + 2
    came.add(build_transaction(KEY | there))
    assert came.writes == 5 + 2 + 2
    came.add(build_transaction(KEY))
    assert came.writes == 9 + 2 + 1


def test_refused_write_is_billed_and_changes_nothing() -> None:
    sent = build_transaction(KEY | {"watch": {"S": "open#1"}, "due": {"S": "1"}}).sent
    assert count_units(build_request("TransactWriteItems", sent, status=400)).writes == 2


def test_read_is_billed_per_four_kilobytes_half_if_stale() -> None:
    items = {"Items": [KEY | {"body": {"S": "x" * 4096}}]}
    assert count_units(build_request("Query", {"ConsistentRead": True}, items)).reads == 2
    assert count_units(build_request("Query", {}, items)).reads == 1
    assert count_units(build_request("GetItem", {"ConsistentRead": True})).reads == 1


def test_items_of_one_batch_read_are_billed_separately() -> None:
    """A lane that was never written to has no item."""
    sent = {"RequestItems": {"table": {"Keys": [KEY, KEY | {"sk": {"S": "lane"}}], "ConsistentRead": True}}}
    found = {"Responses": {"table": [KEY | {"body": {"S": "x" * 4096}}]}}
    assert count_units(build_request("BatchGetItem", sent, found)).reads == 2 + 1


def test_request_without_a_name_is_an_error() -> None:
    sent = {"QueueUrl": "http://localhost/1/stack-DeliverQueue-1"}
    [row] = count_by_name([build_request("SendMessage", sent, service="sqs")] * 2, images=2)
    assert (row.subject, row.times) == ("deliver", 1)
    with pytest.raises(UnnamedRequestError, match="PurgeQueue"):
        count_by_name([build_request("PurgeQueue", sent, service="sqs")], images=1)


def test_metric_is_identified_by_its_name_and_dimensions() -> None:
    metrics = (
        '{"service": "shop", "code": "x", "_aws": {"CloudWatchMetrics": '
        '[{"Dimensions": [["service", "code"]], "Metrics": [{"Name": "Failed"}]}]}}'
    )
    assert parse_metrics(metrics) == [("Failed", "shop", "x")]
    assert parse_metrics("START") == []


def test_alarm_is_billed_by_the_metrics_it_watches() -> None:
    two: dict[str, Any] = {"Metrics": [{"Expression": "a + b"}, {"MetricStat": {}}, {"MetricStat": {}}]}
    assert count_alarm_metrics(two) == 2
    assert count_alarm_metrics({"MetricName": "Failed"}) == 1


def test_disabled_provider_costs_nothing() -> None:
    document, defaults = template.load_template(), template.read_defaults()
    alone = build_idle_lines(TemplateStack(document, defaults | ONE_PROVIDER), [])
    two = build_idle_lines(TemplateStack(document, defaults | ONE_PROVIDER | {"SegmindMaxInFlight": "4"}), [])
    assert alone[0] == BillLine("the provider's secret", "secrets", 1)
    assert sum_usd(two) - sum_usd(alone) == pytest.approx(0.40 + 0.26, abs=0.01)


def test_free_tier_is_subtracted_only_up_to_its_limit() -> None:
    price = PRICES["sqs"]
    assert price.usd_beyond_free(price.free) == 0
    assert price.usd_beyond_free(price.free + 1_000_000) == pytest.approx(0.40)


def test_aws_costs_a_small_share_of_a_replaced_image() -> None:
    assert compute_share(load_costs().rows[0], read_memory(TemplateStack(template.load_template(), {}))) < MAX_SHARE


def upload_and_finish(world: World, name: str) -> None:
    """Uploads a photo with its sidecar, and processes it to the end."""
    world.s3.upload(INPUT_BUCKET, f"{name}.json", json.dumps({"prompt": f"on a beach, {name}"}).encode())
    world.run_until_empty()
    world.s3.upload(INPUT_BUCKET, name, build_photo(name))
    world.run_until_empty("intake", "deliver")
    world.run_until_empty()


def test_photo_makes_exactly_the_requests_listed_on_the_page() -> None:
    """Uses the same stages and adapters in the simulated world.

    To see where they differ, run `python -m bench.aws_cost`.
    """
    world = World()
    upload_and_finish(world, "shoes/red.jpg")
    before = len(world.transport.calls)
    upload_and_finish(world, "shoes/blue.jpg")
    found = Counter(call.operation for call in world.transport.calls[before:] if call.service in AWS)
    counted = Counter[str]()
    for one in load_costs().rows[0].usage.requests:
        counted[one.operation] += round(one.times)
    assert {name.replace("_", ""): times for name, times in found.items()} == {
        name.lower(): times for name, times in counted.items()
    }
