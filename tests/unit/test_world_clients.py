"""The simulated services keep their services' promises, above all the inconvenient ones."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from proof.world.expressions import ExpressionError, Item, Words, holds, updated
from proof.world.stack import INPUT, OUTPUT, TABLE, World
from tests.unit.simulation import KEY

ITEM: Item = {"rev": {"N": "3"}, "text": {"S": "b"}}
VALUES: dict[str, dict[str, Any]] = {
    ":two": {"N": "2"},
    ":three": {"N": "3.0"},
    ":ten": {"N": "10"},
    ":b": {"S": "b"},
}


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("rev = :three", True),
        ("rev = :b", False),
        ("rev < :ten", True),
        ("rev < :b", False),
        ("missing < :ten", False),
        ("missing <> :ten", True),
        ("attribute_exists(rev)", True),
        ("attribute_not_exists(rev)", False),
        ("NOT attribute_exists(missing) AND rev >= :two", True),
        ("rev = :two OR rev = :three AND #text = :b", True),
        ("(rev = :two OR rev = :three) AND #text <> :b", False),
        ("(attribute_not_exists(missing) AND :ten >= :two) OR missing <= :two", True),
    ],
)
def test_conditions_mean_what_they_mean_to_dynamodb(text: str, truth: bool) -> None:
    assert holds(Words(text, {"#text": "text"}, VALUES), ITEM) is truth


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rev",
        "rev = :nowhere",
        "#nowhere = :two",
        "status = :two",
        "size(rev) = :two",
        "rev BETWEEN :two AND :ten",
        "rev = :two extra",
        "rev ! :two",
        "(rev = :two",
        "begins_with(rev, :b)",
    ],
)
def test_a_condition_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        holds(Words(text, {}, VALUES), ITEM)


def test_updates_read_the_item_as_it_was() -> None:
    after = updated(Words("SET copy = rev, rev = rev + :two ADD n :ten REMOVE text", {}, VALUES), ITEM)
    assert after == {"copy": {"N": "3"}, "rev": {"N": "5"}, "n": {"N": "10"}}
    with pytest.raises(ExpressionError):
        updated(Words("ADD text :ten", {}, VALUES), ITEM)
    with pytest.raises(ExpressionError):
        updated(Words("DELETE rev :ten", {}, VALUES), ITEM)


def put(pk: str, **more: Any) -> dict[str, Any]:
    """One write of a transaction."""
    return {"Put": {"TableName": TABLE, "Item": {"pk": {"S": pk}, "sk": {"S": "x"}}, **more}}


FENCE = {"ConditionExpression": "attribute_not_exists(pk)"}


def code_of(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return raised.value.response.get("Error", {}).get("Code", "")


def test_a_transaction_is_done_whole_or_not_at_all() -> None:
    table = World().table
    table.transact_write_items(TransactItems=[put("a", **FENCE)], ClientRequestToken="1")
    with pytest.raises(ClientError) as raised:
        table.transact_write_items(TransactItems=[put("b", **FENCE), put("a", **FENCE)], ClientRequestToken="2")
    reasons: Any = raised.value.response
    assert [one["Code"] for one in reasons["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert {key[0] for key in table.items} == {"a"}


def test_a_token_makes_a_transaction_happen_once_for_ten_minutes() -> None:
    world = World()
    for _ in range(2):
        world.table.transact_write_items(TransactItems=[put("a", **FENCE)], ClientRequestToken="1")
    with pytest.raises(ClientError) as raised:
        world.table.transact_write_items(TransactItems=[put("b")], ClientRequestToken="1")
    assert code_of(raised) == "IdempotentParameterMismatchException"
    world.clock.sleep(601)
    with pytest.raises(ClientError) as raised:
        world.table.transact_write_items(TransactItems=[put("a", **FENCE)], ClientRequestToken="1")
    assert code_of(raised) == "TransactionCanceledException"


@pytest.mark.parametrize(
    "write",
    [
        put("a", ExpressionAttributeValues={":unused": {"N": "1"}}),
        put("a", ConditionExpression="status = :s", ExpressionAttributeValues={":s": {"S": "x"}}),
    ],
    ids=["a value that nothing uses", "a reserved word"],
)
def test_a_request_that_dynamodb_would_not_take_is_refused(write: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as raised:
        World().table.transact_write_items(TransactItems=[write], ClientRequestToken="1")
    assert code_of(raised) == "ValidationException"


def test_a_bucket_writes_only_where_its_condition_holds() -> None:
    s3 = World().s3
    first = s3.put_object(Bucket=OUTPUT, Key="a", Body=b"1", ContentType="x", IfNoneMatch="*")
    for condition, code in (({"IfNoneMatch": "*"}, "PreconditionFailed"), ({"IfMatch": '"x"'}, "PreconditionFailed")):
        with pytest.raises(ClientError) as raised:
            s3.put_object(Bucket=OUTPUT, Key="a", Body=b"2", ContentType="x", **condition)
        assert code_of(raised) == code
    second = s3.put_object(Bucket=OUTPUT, Key="a", Body=b"2", ContentType="x", IfMatch=first["ETag"])
    assert second["VersionId"] != first["VersionId"]
    s3.delete_object(Bucket=OUTPUT, Key="a", IfMatch=second["ETag"])
    with pytest.raises(ClientError) as raised:
        s3.delete_object(Bucket=OUTPUT, Key="a", IfMatch=second["ETag"])
    assert code_of(raised) == "NoSuchKey"
    assert [version.data for version in s3.buckets[OUTPUT].objects["a"]] == [b"1", b"2", None]


def test_a_listing_comes_in_pages_and_in_the_order_of_bytes() -> None:
    world = World()
    for key in ("a/b", "é", "z", "a", "a-b", "a/c"):
        world.s3.drop(INPUT, key, b"")
    pages = world.s3.get_paginator("list_objects_v2").paginate(Bucket=INPUT, PaginationConfig={"PageSize": 4})
    found = [[one["Key"] for one in page["Contents"]] for page in pages]
    assert found == [["a", "a-b", "a/b", "a/c"], ["z", "é"]]


def test_a_message_comes_again_when_nobody_deletes_it_and_at_last_is_a_dead_letter() -> None:
    world = World()
    line = world.sqs.open("q", visibility_seconds=30, dead_letters=world.dead_letters, most_receives=2)
    world.sqs.send_message(QueueUrl=line.url, MessageBody="x", DelaySeconds=5)
    assert world.sqs.receive(line) is None
    world.clock.sleep(5)
    received = world.sqs.receive(line)
    assert received
    assert world.sqs.receive(line) is None
    world.sqs.change_message_visibility(QueueUrl=line.url, ReceiptHandle=received.receipt_handle, VisibilityTimeout=2)
    world.clock.sleep(2)
    assert world.sqs.receive(line) is received
    assert world.sqs.next_moment([line]) == world.clock.now() + timedelta(seconds=30)
    world.clock.sleep(30)
    assert world.sqs.receive(line) is None
    assert world.dead_letters.messages == [received]


@pytest.mark.parametrize(
    "sent",
    [
        {"MessageBody": ""},
        {"MessageBody": "\u0000"},
        {"MessageBody": "\uffff"},
        {"MessageBody": "x", "DelaySeconds": 901},
        {"MessageBody": "x", "MessageGroupId": "with blank"},
        {"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}},
    ],
)
def test_a_message_that_sqs_would_not_take_is_refused(sent: dict[str, Any]) -> None:
    world = World()
    with pytest.raises(ClientError):
        world.sqs.send_message(QueueUrl=world.lines["intake"].url, **sent)


def test_the_same_seed_tells_the_same_story() -> None:
    stories: list[list[str]] = []
    for _ in range(2):
        world = World(7, shuffled=True)
        for line in world.lines.values():
            line.twice = 0.5
        world.drop(KEY, b"no photo", operation="remove")
        world.run()
        stories.append([str(call) for call in world.wire.calls])
    assert stories[0] == stories[1]
