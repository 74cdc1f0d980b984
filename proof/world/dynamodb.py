"""A DynamoDB table in memory, with the client calls that the ledger makes."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from proof.world.clock import WorldClock
from proof.world.expressions import ExpressionError, Item, Words, holds, updated
from proof.world.wire import Wire, cancelled, refusal

# Limits: Amazon DynamoDB Developer Guide, "Quotas"; TransactWriteItems API reference.
LONGEST_TRANSACTION = 100
LARGEST_ITEM_BYTES = 400_000
TOKEN_LIFE = timedelta(minutes=10)
Key = tuple[str, str]


class SimulatedTable:
    """One table with the keys `pk` and `sk`; `page_items` makes queries come in pages, as a megabyte does on AWS."""

    def __init__(self, wire: Wire, clock: WorldClock, name: str, *, page_items: int = 3) -> None:
        self.items: dict[Key, dict[str, Any]] = {}
        self._wire = wire
        self._clock = clock
        self._name = name
        self._page_items = page_items
        self._tokens: dict[str, tuple[datetime, Any]] = {}

    def get_item(self, **sent: Any) -> dict[str, Any]:
        """One item, as it is now."""
        return self._wire.carry("dynamodb", "get_item", sent, lambda: self._get(**sent))

    def query(self, **sent: Any) -> dict[str, Any]:
        """The items of one partition in the order of their sort keys, one page."""
        return self._wire.carry("dynamodb", "query", sent, lambda: self._query(**sent))

    def transact_write_items(self, **sent: Any) -> dict[str, Any]:
        """All writes or none."""
        return self._wire.carry("dynamodb", "transact_write_items", sent, lambda: self._transact(**sent))

    def _check(self, table: str, *, consistent: bool) -> None:
        if table != self._name:
            raise refusal("ResourceNotFoundException", "Table", 400)
        if not consistent:
            raise NotImplementedError("reads that may be old are not imitated")

    def _get(self, *, TableName: str, Key: dict[str, Any], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        self._check(TableName, consistent=ConsistentRead)
        found = self.items.get(_key(Key))
        return {"Item": deepcopy(found)} if found is not None else {}

    def _query(
        self,
        *,
        TableName: str,  # noqa: N803
        KeyConditionExpression: str,  # noqa: N803
        ExpressionAttributeValues: dict[str, Any],  # noqa: N803
        ConsistentRead: bool,  # noqa: N803
        ExclusiveStartKey: dict[str, Any] | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        self._check(TableName, consistent=ConsistentRead)
        if KeyConditionExpression != "pk = :pk" or ExpressionAttributeValues.keys() != {":pk"}:
            raise NotImplementedError(f"no imitation of the query {KeyConditionExpression!r}")
        partition = ExpressionAttributeValues[":pk"]["S"]
        after = ExclusiveStartKey["sk"]["S"].encode() if ExclusiveStartKey else b""
        keys = sorted(key for key in self.items if key[0] == partition and key[1].encode() > after)
        page = keys[: self._page_items]
        answer: dict[str, Any] = {"Items": [deepcopy(self.items[key]) for key in page], "Count": len(page)}
        if len(keys) > len(page):
            answer["LastEvaluatedKey"] = {"pk": {"S": page[-1][0]}, "sk": {"S": page[-1][1]}}
        return answer

    def _transact(self, *, TransactItems: list[dict[str, Any]], ClientRequestToken: str) -> dict[str, Any]:  # noqa: N803
        if not 1 <= len(TransactItems) <= LONGEST_TRANSACTION:
            raise _invalid(f"{len(TransactItems)} writes in one transaction")
        if self._repeated(ClientRequestToken, TransactItems):
            return {}
        writes = [self._write(one) for one in TransactItems]
        if len({key for key, _, _ in writes}) < len(writes):
            raise _invalid("Transaction request cannot include multiple operations on one item")
        reasons = [reason for _, _, reason in writes]
        if any(reason["Code"] != "None" for reason in reasons):
            raise cancelled(reasons)
        for key, item, _ in writes:
            self.items[key] = item
        self._tokens[ClientRequestToken] = (self._clock.now(), deepcopy(TransactItems))
        return {}

    def _repeated(self, token: str, writes: Any) -> bool:
        """Whether this very transaction was done before."""
        at, known = self._tokens.get(token, (None, None))
        if at is None or self._clock.now() > at + TOKEN_LIFE:
            return False
        if known != writes:
            raise refusal("IdempotentParameterMismatchException", "TransactWriteItems", 400)
        return True

    def _write(self, one: dict[str, Any]) -> tuple[Key, dict[str, Any], dict[str, Any]]:
        """What one write would leave behind, and the reason why it may not."""
        ((kind, sent),) = one.items()
        if kind not in ("Put", "Update"):
            raise NotImplementedError(f"no imitation of {kind} in a transaction")
        self._check(sent["TableName"], consistent=True)
        key = _key(sent["Item"] if kind == "Put" else sent["Key"])
        before = self.items.get(key)
        try:
            allowed, after = _evaluate(kind, sent, before or {})
        except ExpressionError as error:
            raise _invalid(str(error)) from error
        _check_item(after)
        if allowed:
            return key, after, {"Code": "None"}
        return key, after, _refused(sent, before)


def _evaluate(kind: str, sent: Mapping[str, Any], before: Item) -> tuple[bool, dict[str, Any]]:
    names, values = sent.get("ExpressionAttributeNames", {}), sent.get("ExpressionAttributeValues", {})
    used: set[str] = set()
    allowed = True
    if "ConditionExpression" in sent:
        allowed = holds(Words(sent["ConditionExpression"], names, values, used), before)
    if kind == "Put":
        after = deepcopy(sent["Item"])
    else:
        after = updated(Words(sent["UpdateExpression"], names, values, used), before) | sent["Key"]
    if unused := (names.keys() | values.keys()) - used:
        raise ExpressionError(f"defined and not used: {', '.join(sorted(unused))}")
    return allowed, after


def _check_item(item: Item) -> None:
    size = 0
    for name, value in item.items():
        ((kind, content),) = value.items()
        if kind not in ("S", "N") or not isinstance(content, str):
            raise NotImplementedError(f"no imitation of the attribute {name}: {value!r}")
        size += len(name.encode()) + len(content.encode())
    if size > LARGEST_ITEM_BYTES:
        raise _invalid("Item size has exceeded the maximum allowed size")


def _refused(sent: Mapping[str, Any], before: Item | None) -> dict[str, Any]:
    reason: dict[str, Any] = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    if sent.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and before is not None:
        reason["Item"] = deepcopy(dict(before))
    return reason


def _key(item: Mapping[str, Any]) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _invalid(message: str) -> Exception:
    return refusal("ValidationException", "TransactWriteItems", 400, message)
