"""The simulated services behave as AWS documents. Behavior that the emulator shares is checked in tests/contract."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulation.world.dynamodb_expressions import EvaluationScope, ExpressionError, is_met
from simulation.world.event_loop import SimulatedCrash
from simulation.world.simulated_dynamodb import SimulatedTable
from simulation.world.simulated_stack import INPUT_BUCKET, LEDGER_TABLE, World
from simulation.world.transport import TargetedFault, crash_worker, raise_conflict, raise_throttle
from tests.simulated.stage_worlds import KEY

ONLY_IF_NEW: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}


def code_of(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return raised.value.response.get("Error", {}).get("Code", "")


def put(pk: str, **condition: Any) -> dict[str, Any]:
    return {"Put": {"TableName": LEDGER_TABLE, "Item": {"pk": {"S": pk}, "sk": {"S": "x"}}, **condition}}


def write_indexed_item(table: SimulatedTable, number: int) -> None:
    """Writes an item that is in the index."""
    key = {"pk": {"S": f"p{number}"}, "sk": {"S": "x"}}
    table.put_item(TableName=LEDGER_TABLE, Item=key | {"watch": {"S": "w"}, "due": {"S": f"d{number}"}})


def query_index(table: SimulatedTable) -> list[str]:
    """Returns the keys in the index."""
    found = table.query(
        TableName=LEDGER_TABLE,
        IndexName="watch",
        KeyConditionExpression="watch = :w",
        ExpressionAttributeValues={":w": {"S": "w"}},
    )
    return [item["pk"]["S"] for item in found["Items"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lock_version",
        "rev = :nowhere",
        "#nowhere = :two",
        "status = :two",
        "size(rev) = :two",
        "rev IN (:two, :two)",
        "rev = :two extra",
        "rev ! :two",
        "(rev = :two",
        "contains(rev, :two)",
    ],
)
def test_unsupported_condition_is_rejected(text: str) -> None:
    with pytest.raises(ExpressionError):
        is_met(text, EvaluationScope({"lock_version": {"N": "3"}}, {}, {":two": {"N": "2"}}))


def test_every_part_of_a_condition_is_checked() -> None:
    with pytest.raises(ExpressionError):
        is_met("rev = :two OR rev = :nowhere", EvaluationScope({"lock_version": {"N": "2"}}, {}, {":two": {"N": "2"}}))


def test_client_token_is_valid_for_ten_minutes() -> None:
    world = World()
    for _ in range(2):
        world.table.transact_write_items(TransactItems=[put("a", **ONLY_IF_NEW)], ClientRequestToken="1")
    world.clock.sleep(601)
    with pytest.raises(ClientError) as raised:
        world.table.transact_write_items(TransactItems=[put("a", **ONLY_IF_NEW)], ClientRequestToken="1")
    assert code_of(raised) == "TransactionCanceledException"


def test_lagging_index_shows_earlier_items() -> None:
    world = World()
    write_indexed_item(world.table, 1)
    world.clock.sleep(10)
    world.table.index_lag = timedelta(seconds=5)
    write_indexed_item(world.table, 2)
    world.table.delete_item(TableName=LEDGER_TABLE, Key={"pk": {"S": "p1"}, "sk": {"S": "x"}})
    assert query_index(world.table) == ["p1"]
    world.clock.sleep(5)
    assert query_index(world.table) == ["p2"]


def test_batch_may_return_half_of_its_keys() -> None:
    world = World()
    world.table.returns_half_batches = True
    keys = [{"pk": {"S": pk}, "sk": {"S": "x"}} for pk in "abc"]
    for key in keys:
        world.table.put_item(TableName=LEDGER_TABLE, Item=key)
    responses: list[list[Any]] = []
    request_items: Any = {LEDGER_TABLE: {"Keys": keys, "ConsistentRead": True}}
    while request_items:
        response = world.table.batch_get_item(RequestItems=request_items)
        responses.append(response["Responses"][LEDGER_TABLE])
        request_items = response["UnprocessedKeys"]
    assert responses == [keys[:2], keys[2:]]


def test_written_keys_are_recorded() -> None:
    world = World()
    write_indexed_item(world.table, 1)
    world.s3.put_object(Bucket=INPUT_BUCKET, Key="a", Body=b"", ContentType="x")
    assert (world.table.changed_keys, world.input_bucket.changed_keys) == ({("p1", "x")}, {"a"})
    world.table.changed_keys.clear()
    with pytest.raises(ClientError):
        world.table.put_item(TableName=LEDGER_TABLE, Item={"pk": {"S": "p1"}, "sk": {"S": "x"}}, **ONLY_IF_NEW)
    assert not world.table.changed_keys


def test_undeleted_message_becomes_a_dead_letter() -> None:
    world = World()
    queue = world.sqs.create_queue(
        "q", visibility_seconds=30, dead_letter_queue=world.dead_letter_queue, max_receive_count=2
    )
    world.sqs.send_message(QueueUrl=queue.url, MessageBody="x", DelaySeconds=5)
    assert world.sqs.receive(queue) is None
    world.clock.sleep(5)
    received = world.sqs.receive(queue)
    assert received
    world.sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=received.receipt_handle, VisibilityTimeout=2)
    world.clock.sleep(2)
    assert world.sqs.receive(queue) is received
    assert world.sqs.find_next_visible_at([queue]) == world.clock.now() + timedelta(seconds=30)
    world.clock.sleep(30)
    assert world.sqs.receive(queue) is None
    assert world.dead_letter_queue.messages == [received]


def test_outdated_receipt_handle_deletes_nothing() -> None:
    world = World()
    queue = world.sqs.create_queue("q", visibility_seconds=30)
    world.sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    first = world.sqs.receive(queue)
    assert first
    handle = first.receipt_handle
    world.clock.sleep(30)
    assert world.sqs.receive(queue) is first
    world.sqs.delete(queue, handle)
    assert queue.messages == [first]
    world.sqs.delete(queue, first.receipt_handle)
    assert queue.messages == []


def test_visibility_of_a_visible_message_cannot_be_changed() -> None:
    world = World()
    queue = world.sqs.create_queue("q", visibility_seconds=30)
    world.sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    message = world.sqs.receive(queue)
    assert message
    world.clock.sleep(30)
    with pytest.raises(ClientError):
        world.sqs.change_message_visibility(
            QueueUrl=queue.url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=5
        )


def test_message_expires_after_the_retention_period() -> None:
    world = World()
    queue = world.sqs.create_queue("q", retention_seconds=100)
    world.sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    world.clock.sleep(100)
    assert world.sqs.find_next_visible_at([queue])
    world.clock.sleep(1)
    assert world.sqs.find_next_visible_at([queue]) is None
    assert [message.body for message in queue.expired] == ["x"]


@pytest.mark.parametrize(
    "request_",
    [
        {"MessageBody": ""},
        {"MessageBody": "x", "DelaySeconds": 901},
        {"MessageBody": "x", "MessageGroupId": "with blank"},
        {"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}},
    ],
)
def test_message_that_sqs_rejects_is_rejected(request_: dict[str, Any]) -> None:
    world = World()
    with pytest.raises(ClientError):
        world.sqs.send_message(QueueUrl=world.queues["intake"].url, **request_)


def test_call_repeated_by_botocore_finds_its_own_write() -> None:
    world = World()
    world.transport.retry_faults.append(lambda _: True)
    with pytest.raises(ClientError) as raised:
        world.s3.put_object(Bucket=INPUT_BUCKET, Key="a", Body=b"", ContentType="x", IfNoneMatch="*")
    assert code_of(raised) == "PreconditionFailed"
    assert [version.data for version in world.input_bucket.objects["a"]] == [b""]


def test_history_shows_the_outcome_of_each_call() -> None:
    world = World()
    world.transport.faults_before.append(TargetedFault(raise_throttle, nth=1))
    world.transport.faults_before.append(TargetedFault(raise_conflict, "transact_write_items", nth=1))
    world.transport.faults_after.append(TargetedFault(crash_worker, "put_item"))
    for action in (lambda: query_index(world.table), lambda: write_indexed_item(world.table, 1)):
        with suppress(ClientError, SimulatedCrash):
            action()
    world.upload_sidecar(KEY, prompt="x")
    with suppress(ClientError):
        world.table.transact_write_items(TransactItems=[put("a")], ClientRequestToken="1")
    history = "\n".join(queue.partition(" ")[2].partition(" ")[2] for queue in world.format_history())
    assert history.splitlines() == [
        '-              query {":w": {"S": "w"}} -> ThrottlingException',
        "-              put_item p1/x -> SimulatedCrash: 2 dynamodb.put_item",
        "** a user writes shoes/red.jpg.json {'prompt': 'x'}",
        "-              transact_write_items Put a/x -> TransactionCanceledException",
    ]
