"""DynamoDB's expressions have the same effect in the simulated table as in the emulator's."""

from collections.abc import Generator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from tests.contract.services import SERVICES, TABLE, a_key, code_of, read, table_client, write

VALUES: dict[str, Any] = {":two": {"N": "2"}, ":three": {"N": "3.0"}, ":ten": {"N": "10"}, ":b": {"S": "b"}}


@pytest.fixture(scope="module", params=SERVICES)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Any]:
    with table_client(request.param, tmp_path_factory.mktemp("emulator")) as client:
        yield client


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("rev = :three", True),
        ("rev = :b", False),
        ("rev <> :three", False),
        ("rev < :ten", True),
        ("rev < :b", False),
        ("rev <= :two", False),
        ("rev > :two", True),
        ("rev >= :three", True),
        ("absent < :ten", False),
        ("absent <> :ten", True),
        ("attribute_exists(rev)", True),
        ("attribute_not_exists(rev)", False),
        ("attribute_not_exists(absent)", True),
        ("NOT attribute_exists(absent) AND rev >= :two", True),
        ("rev = :two OR rev = :three AND word = :b", True),
        ("(rev = :two OR rev = :three) AND word <> :b", False),
        ("(attribute_not_exists(absent) AND rev >= :two) OR absent <= :two", True),
        ("rev BETWEEN :two AND :ten", True),
        ("begins_with(word, :b)", True),
        ("attribute_not_exists(committed) OR committed <= :two", True),
    ],
)
def test_condition_determines_whether_an_item_is_written(client: Any, condition: str, holds: bool) -> None:
    key = a_key()
    write(client, "put", Item=key | {"rev": {"N": "3"}, "word": {"S": "b"}})
    values = {name: value for name, value in VALUES.items() if name in condition}
    sent = {"ExpressionAttributeValues": values} if values else {}
    if holds:
        write(client, "delete", Key=key, ConditionExpression=condition, **sent)
        return
    with pytest.raises(ClientError) as raised:
        write(client, "delete", Key=key, ConditionExpression=condition, **sent)
    assert code_of(raised) == "ConditionalCheckFailedException"
    assert read(client, key)


@pytest.mark.parametrize(
    ("update", "after"),
    [
        ("SET rev = rev + :two, twin = rev ADD n :ten REMOVE word", {"rev": "5", "twin": "3", "n": "10"}),
        ("SET rev = if_not_exists(rev, :ten), begun = if_not_exists(begun, :two)", {"rev": "3", "begun": "2"}),
        ("SET rev = rev - :ten", {"rev": "-7"}),
        ("REMOVE absent", {"rev": "3"}),
        ("ADD rev :two, n :two", {"rev": "5", "n": "2"}),
    ],
)
def test_update_expressions_read_the_previous_item(client: Any, update: str, after: dict[str, str]) -> None:
    key = a_key()
    write(client, "put", Item=key | {"rev": {"N": "3"}, "word": {"S": "b"}})
    values = {name: value for name, value in VALUES.items() if name in update}
    sent = {"ExpressionAttributeValues": values} if values else {}
    shown = write(client, "update", Key=key, UpdateExpression=update, ReturnValues="ALL_NEW", **sent)
    item = read(client, key)
    assert {name: value["N"] for name, value in item.items() if "N" in value} == after
    assert ("word" in item) is ("word" not in update)
    assert shown["Attributes"] == item | key


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("put", {"ExpressionAttributeValues": {":unused": {"N": "1"}}, "ConditionExpression": "attribute_exists(pk)"}),
        ("put", {"ConditionExpression": "rev = :undefined"}),
        ("put", {"ConditionExpression": "rev ="}),
        ("put", {"ConditionExpression": "#undefined = rev"}),
        ("put", {"ConditionExpression": "attribute_exists(status)"}),
        ("put", {"ConditionExpression": "attribute_exists(copy)"}),
    ],
)
def test_invalid_expression_is_refused(client: Any, kind: str, sent: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as raised:
        write(client, kind, Item=a_key(), **sent)
    assert code_of(raised) == "ValidationException"


def test_update_of_a_missing_item_creates_it(client: Any) -> None:
    key = a_key()
    write(client, "update", Key=key, UpdateExpression="ADD n :two", ExpressionAttributeValues={":two": {"N": "2"}})
    assert client.get_item(TableName=TABLE, Key=key, ConsistentRead=True)["Item"] == key | {"n": {"N": "2"}}


def test_refused_write_returns_the_existing_item(client: Any) -> None:
    key = a_key()
    write(client, "put", Item=key | {"rev": {"N": "3"}})
    with pytest.raises(ClientError) as raised:
        write(
            client,
            "put",
            Item=key,
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    answer = cast("dict[str, Any]", raised.value.response)
    assert answer["Item"] == key | {"rev": {"N": "3"}}
