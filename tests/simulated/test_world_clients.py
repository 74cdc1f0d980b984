"""The simulated services keep what AWS alone promises; what the emulator promises too is in tests/contract."""

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
from tests.simulated.simulation import KEY

FENCE: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}


def code_of(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return raised.value.response.get("Error", {}).get("Code", "")


def put(pk: str, **condition: Any) -> dict[str, Any]:
    return {"Put": {"TableName": LEDGER_TABLE, "Item": {"pk": {"S": pk}, "sk": {"S": "x"}}, **condition}}


def watched(table: SimulatedTable, number: int) -> None:
    """Write an item that the index holds."""
    place = {"pk": {"S": f"p{number}"}, "sk": {"S": "x"}}
    table.put_item(TableName=LEDGER_TABLE, Item=place | {"watch": {"S": "w"}, "due": {"S": f"d{number}"}})


def listed(table: SimulatedTable) -> list[str]:
    """What the index tells."""
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
def test_a_condition_that_is_not_known_is_refused_never_guessed(text: str) -> None:
    with pytest.raises(ExpressionError):
        is_met(text, EvaluationScope({"lock_version": {"N": "3"}}, {}, {":two": {"N": "2"}}))


def test_every_part_of_a_condition_is_checked_though_the_first_decides() -> None:
    with pytest.raises(ExpressionError):
        is_met("rev = :two OR rev = :nowhere", EvaluationScope({"lock_version": {"N": "2"}}, {}, {":two": {"N": "2"}}))


def test_a_token_makes_a_transaction_happen_once_for_ten_minutes() -> None:
    world = World()
    for _ in range(2):
        world.table.transact_write_items(TransactItems=[put("a", **FENCE)], ClientRequestToken="1")
    world.clock.sleep(601)
    with pytest.raises(ClientError) as raised:
        world.table.transact_write_items(TransactItems=[put("a", **FENCE)], ClientRequestToken="1")
    assert code_of(raised) == "TransactionCanceledException"


def test_an_index_that_lags_tells_what_was_there_before() -> None:
    world = World()
    watched(world.table, 1)
    world.clock.sleep(10)
    world.table.index_lag = timedelta(seconds=5)
    watched(world.table, 2)
    world.table.delete_item(TableName=LEDGER_TABLE, Key={"pk": {"S": "p1"}, "sk": {"S": "x"}})
    assert listed(world.table) == ["p1"]
    world.clock.sleep(5)
    assert listed(world.table) == ["p2"]


def test_a_batch_may_come_back_half_done() -> None:
    world = World()
    world.table.returns_half_batches = True
    keys = [{"pk": {"S": pk}, "sk": {"S": "x"}} for pk in "abc"]
    for key in keys:
        world.table.put_item(TableName=LEDGER_TABLE, Item=key)
    found: list[list[Any]] = []
    asked: Any = {LEDGER_TABLE: {"Keys": keys, "ConsistentRead": True}}
    while asked:
        answer = world.table.batch_get_item(RequestItems=asked)
        found.append(answer["Responses"][LEDGER_TABLE])
        asked = answer["UnprocessedKeys"]
    assert found == [keys[:2], keys[2:]]


def test_what_was_written_is_noted_for_checkers() -> None:
    world = World()
    watched(world.table, 1)
    world.s3.put_object(Bucket=INPUT_BUCKET, Key="a", Body=b"", ContentType="x")
    assert (world.table.changed_keys, world.input_bucket.changed_keys) == ({("p1", "x")}, {"a"})
    world.table.changed_keys.clear()
    with pytest.raises(ClientError):
        world.table.put_item(TableName=LEDGER_TABLE, Item={"pk": {"S": "p1"}, "sk": {"S": "x"}}, **FENCE)
    assert not world.table.changed_keys


def test_a_message_comes_again_when_nobody_deletes_it_and_at_last_is_a_dead_letter() -> None:
    world = World()
    line = world.sqs.create_queue(
        "q", visibility_seconds=30, dead_letter_queue=world.dead_letter_queue, max_receive_count=2
    )
    world.sqs.send_message(QueueUrl=line.url, MessageBody="x", DelaySeconds=5)
    assert world.sqs.receive(line) is None
    world.clock.sleep(5)
    received = world.sqs.receive(line)
    assert received
    world.sqs.change_message_visibility(QueueUrl=line.url, ReceiptHandle=received.receipt_handle, VisibilityTimeout=2)
    world.clock.sleep(2)
    assert world.sqs.receive(line) is received
    assert world.sqs.find_next_visible_at([line]) == world.clock.now() + timedelta(seconds=30)
    world.clock.sleep(30)
    assert world.sqs.receive(line) is None
    assert world.dead_letter_queue.messages == [received]


def test_a_message_that_was_handed_out_again_is_not_deleted_by_its_first_receiver() -> None:
    world = World()
    line = world.sqs.create_queue("q", visibility_seconds=30)
    world.sqs.send_message(QueueUrl=line.url, MessageBody="x")
    first = world.sqs.receive(line)
    assert first
    handle = first.receipt_handle
    world.clock.sleep(30)
    assert world.sqs.receive(line) is first
    world.sqs.delete(line, handle)
    assert line.messages == [first]
    world.sqs.delete(line, first.receipt_handle)
    assert line.messages == []


def test_nobody_hands_a_message_back_that_is_in_sight_again() -> None:
    world = World()
    line = world.sqs.create_queue("q", visibility_seconds=30)
    world.sqs.send_message(QueueUrl=line.url, MessageBody="x")
    message = world.sqs.receive(line)
    assert message
    world.clock.sleep(30)
    with pytest.raises(ClientError):
        world.sqs.change_message_visibility(
            QueueUrl=line.url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=5
        )


def test_a_queue_keeps_a_message_for_its_retention_and_no_longer() -> None:
    world = World()
    line = world.sqs.create_queue("q", retention_seconds=100)
    world.sqs.send_message(QueueUrl=line.url, MessageBody="x")
    world.clock.sleep(100)
    assert world.sqs.find_next_visible_at([line])
    world.clock.sleep(1)
    assert world.sqs.find_next_visible_at([line]) is None
    assert [message.body for message in line.expired] == ["x"]


@pytest.mark.parametrize(
    "sent",
    [
        {"MessageBody": ""},
        {"MessageBody": "x", "DelaySeconds": 901},
        {"MessageBody": "x", "MessageGroupId": "with blank"},
        {"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}},
    ],
)
def test_a_message_that_sqs_would_not_take_is_refused(sent: dict[str, Any]) -> None:
    world = World()
    with pytest.raises(ClientError):
        world.sqs.send_message(QueueUrl=world.queues["intake"].url, **sent)


def test_a_call_that_botocore_repeats_meets_its_own_work() -> None:
    world = World()
    world.transport.retry_faults.append(lambda _: True)
    with pytest.raises(ClientError) as raised:
        world.s3.put_object(Bucket=INPUT_BUCKET, Key="a", Body=b"", ContentType="x", IfNoneMatch="*")
    assert code_of(raised) == "PreconditionFailed"
    assert [version.data for version in world.input_bucket.objects["a"]] == [b""]


def test_the_history_tells_how_each_call_ended() -> None:
    world = World()
    world.transport.faults_before.append(TargetedFault(raise_throttle, nth=1))
    world.transport.faults_before.append(TargetedFault(raise_conflict, "transact_write_items", nth=1))
    world.transport.faults_after.append(TargetedFault(crash_worker, "put_item"))
    for act in (lambda: listed(world.table), lambda: watched(world.table, 1)):
        with suppress(ClientError, SimulatedCrash):
            act()
    world.upload_sidecar(KEY, prompt="x")
    with suppress(ClientError):
        world.table.transact_write_items(TransactItems=[put("a")], ClientRequestToken="1")
    told = "\n".join(line.partition(" ")[2].partition(" ")[2] for line in world.format_history())
    assert told.splitlines() == [
        '-              query {":w": {"S": "w"}} -> ThrottlingException',
        "-              put_item p1/x -> SimulatedCrash: 2 dynamodb.put_item",
        "** somebody writes shoes/red.jpg.json {'prompt': 'x'}",
        "-              transact_write_items Put a/x -> TransactionCanceledException",
    ]
