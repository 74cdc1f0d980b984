"""A DynamoDB table in memory, with the client calls that the ledger makes."""

import re
from collections import UserDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any, override

from sortedcontainers import SortedList

from simulation.world.dynamodb_expressions import (
    EvaluationScope,
    ExpressionError,
    Item,
    apply_update,
    find_placeholders,
    is_met,
)
from simulation.world.ledger_roles import check_role
from simulation.world.transport import Transport, build_client_error, build_transaction_error
from simulation.world.world_clock import WorldClock

# The keys of the table and of its index, as in template.yaml.
TABLE_KEYS = "pk", "sk"
INDEXES = {"watch": ("watch", "due")}
MAX_SORT_KEY = "\U0010ffff"
# Limits: Amazon DynamoDB Developer Guide, "Quotas"; TransactWriteItems and BatchGetItem API references.
MAX_ITEM_BYTES = 400_000
MAX_TRANSACTION_WRITES = 100
MAX_BATCH_KEYS = 100
CLIENT_TOKEN_LIFETIME = timedelta(minutes=10)
WRITE_KINDS = "Put", "Update", "Delete", "ConditionCheck"
_KEY_CONDITION = re.compile(r"(#?\w+) = (:\w+)(?: AND (.+))?")
_BETWEEN = re.compile(r"#?\w+ BETWEEN (:\w+) AND (:\w+)")

type Key = tuple[str, str]
type IndexPosition = tuple[str, ...]


# -- items ------------------------------------------------------------------------------------------------------


class ItemStore(UserDict[Key, Item]):
    """The items by key. Table and indexes keep their items sorted, so that a query reads only what it returns."""

    def __init__(self, items: Mapping[Key, Item] | None = None) -> None:
        self._positions: dict[tuple[str, str], SortedList[IndexPosition]] = {}
        self._sorted_keys: SortedList[Key] = SortedList()
        super().__init__(items)

    @override
    def __setitem__(self, key: Key, item: Item) -> None:
        before = self.data.get(key)
        self._reindex(before, item)
        if before is None:
            self._sorted_keys.add(key)
        self.data[key] = item

    @override
    def __delitem__(self, key: Key) -> None:
        self._reindex(self.data[key], None)
        self._sorted_keys.remove(key)
        del self.data[key]

    def scan(self, after: Key | None, limit: int) -> list[Item]:
        """Returns the first items of the table after a key, in the order of their keys."""
        return [self.data[key] for key in islice(self._sorted_keys.irange(after, inclusive=(False, True)), limit)]

    def query(self, index: str, partition: str, since: str, until: str | None, after: IndexPosition) -> Iterator[Item]:
        """Yields a partition's items (for an index, their keys) between two sort keys, after a position, in order."""
        last = MAX_SORT_KEY if until is None else until
        if not index:
            after_key = (after[1], after[2]) if after else ("", "")
            first_key = max((partition, since), after_key)
            for key in self._sorted_keys.irange(first_key, (partition, last), inclusive=(first_key != after_key, True)):
                yield self.data[key]
            return
        positions, first = self._positions.get((index, partition), SortedList()), max((since,), after)
        for position in positions.irange(first, (last, MAX_SORT_KEY), inclusive=(first != after, True)):
            yield _build_index_entry(index, partition, position)

    def _reindex(self, before: Item | None, after: Item | None) -> None:
        """Replaces an item's positions in the indexes."""
        for index, attributes in INDEXES.items():
            if before is not None and after is not None and all(before.get(n) == after.get(n) for n in attributes):
                continue
            old, new = _find_index_entry(index, before, attributes), _find_index_entry(index, after, attributes)
            if old:
                self._positions[old[0]].remove(old[1])
            if new:
                self._positions.setdefault(new[0], SortedList()).add(new[1])


def _find_index_entry(
    index: str, item: Item | None, attributes: tuple[str, str]
) -> tuple[tuple[str, str], IndexPosition] | None:
    """Returns an item's partition and its position there; None if the index does not have it."""
    if item is None or attributes[0] not in item or attributes[1] not in item:
        return None
    return (index, item[attributes[0]]["S"]), find_position(item, attributes)


def _build_index_entry(index: str, partition: str, position: IndexPosition) -> Item:
    """Returns what an index has of an item: only keys."""
    sort_key, *table_key = position
    partition_name, sort_name = INDEXES[index]
    names = dict(zip(TABLE_KEYS, table_key, strict=True)) | {partition_name: partition, sort_name: sort_key}
    return {name: {"S": text} for name, text in names.items()}


def find_position(item: Mapping[str, Any], attributes: tuple[str, str]) -> IndexPosition:
    """Returns an item's position in its partition.

    The table's own key follows the sort key, because several items of an index may have the same one.
    """
    return item[attributes[1]]["S"], item["pk"]["S"], item["sk"]["S"]


def read_key(item: Mapping[str, Any]) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


# -- writes -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EvaluatedWrite:
    """One write: the item before and after it (None: no item), and whether its condition holds."""

    key: Key
    before: Item | None
    after: Item | None
    is_allowed: bool
    returns_item_on_failure: bool = False
    changes_item: bool = True

    @property
    def cancellation_reason(self) -> dict[str, Any]:
        """The write's entry among the reasons of a canceled transaction."""
        if self.is_allowed:
            return {"Code": "None"}
        reason: dict[str, Any] = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
        return reason | self.item_on_failure

    @property
    def item_on_failure(self) -> dict[str, Any]:
        """The item that the condition failed on, if the caller asked for it."""
        return {"Item": dict(self.before)} if self.returns_item_on_failure and self.before is not None else {}


def evaluate_write(operation: str, request: Mapping[str, Any], items: Mapping[Key, Item]) -> EvaluatedWrite:
    """Returns what a write would change.

    Raises ValidationException for requests that DynamoDB would not accept.
    """
    if operation not in WRITE_KINDS:
        raise NotImplementedError(f"the simulation does not implement {operation}")
    key = read_key(request["Item"] if operation == "Put" else request["Key"])
    before = items.get(key)
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    scope = EvaluationScope(before or {}, names, values)
    try:
        is_allowed = "ConditionExpression" not in request or is_met(request["ConditionExpression"], scope)
        after = _compute_after(operation, request, scope) if is_allowed or operation == "Put" else before
        _check_placeholders(request, names.keys() | values.keys())
    except ExpressionError as error:
        raise build_validation_error(str(error)) from error
    if after is not None:
        _check_item(after)
    returns_item_on_failure = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return EvaluatedWrite(key, before, after, is_allowed, returns_item_on_failure, operation != "ConditionCheck")


def _compute_after(operation: str, request: Mapping[str, Any], scope: EvaluationScope) -> Item | None:
    if operation == "Put":
        return dict(request["Item"])
    if operation == "Update":
        return apply_update(request.get("UpdateExpression", ""), scope) | request["Key"]
    return None if operation == "Delete" else scope.item


def _check_placeholders(request: Mapping[str, Any], defined: set[str]) -> None:
    used = find_placeholders(
        condition=request.get("ConditionExpression", ""), update=request.get("UpdateExpression", "")
    )
    if unused := defined - used:
        raise ExpressionError(f"defined, but not used: {', '.join(sorted(unused))}")


def _check_item(item: Item) -> None:
    size = 0
    for name, value in item.items():
        ((kind, content),) = value.items()
        if kind not in ("S", "N") or not isinstance(content, str):
            raise NotImplementedError(f"the simulation does not support the attribute {name}: {value!r}")
        size += len(name if name.isascii() else name.encode())
        size += len(content if content.isascii() else content.encode())
    if size > MAX_ITEM_BYTES:
        raise build_validation_error("Item size has exceeded the maximum allowed size")


def build_validation_error(message: str) -> Exception:
    """Builds the error for a request that DynamoDB does not accept."""
    return build_client_error("ValidationException", "Write", 400, message)


# -- the client -------------------------------------------------------------------------------------------------


class SimulatedTable:
    """One table with the keys `pk` and `sk`.

    `page_size`: items per page of a query, in place of DynamoDB's limit of one megabyte. `changed_keys`: keys written
    since they were last cleared. `index_lag`: how long an index does not show a write. `returns_half_batches`: a batch
    returns only half of its keys.
    """

    def __init__(self, transport: Transport, clock: WorldClock, name: str, *, page_size: int = 3) -> None:
        self.items = ItemStore()
        self.changed_keys: set[Key] = set()
        self.index_lag = timedelta(0)
        self.returns_half_batches = False
        self._created = clock.time
        self._transport = transport
        self._clock = clock
        self._name = name
        self.page_size = page_size
        self._client_tokens: dict[str, tuple[datetime, Any]] = {}
        self._replaced: dict[Key, tuple[datetime, Item | None]] = {}

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Returns one item, with a consistent read."""
        return self._transport.execute("dynamodb", "get_item", request, lambda: self._get(**request))

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Returns some items, with a consistent read, and the keys that were not read."""
        return self._transport.execute("dynamodb", "batch_get_item", request, lambda: self._batch_get(**request))

    def query(self, **request: Any) -> dict[str, Any]:
        """Returns one page of a partition of the table or of an index, in the order of the sort keys."""
        return self._transport.execute("dynamodb", "query", request, lambda: self._query(**request))

    def scan(self, **request: Any) -> dict[str, Any]:
        """Returns one page of all items."""
        return self._transport.execute("dynamodb", "scan", request, lambda: self._scan(**request))

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._transport.execute("dynamodb", "put_item", request, lambda: self._write_one("Put", request))

    def update_item(self, **request: Any) -> dict[str, Any]:
        return self._transport.execute("dynamodb", "update_item", request, lambda: self._write_one("Update", request))

    def delete_item(self, **request: Any) -> dict[str, Any]:
        return self._transport.execute("dynamodb", "delete_item", request, lambda: self._write_one("Delete", request))

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Does all writes or none."""
        return self._transport.execute("dynamodb", "transact_write_items", request, lambda: self._transact(**request))

    def describe_table(self, **request: Any) -> dict[str, Any]:
        return self._transport.execute("dynamodb", "describe_table", request, lambda: self._describe(**request))

    # -- reading ------------------------------------------------------------------------------------------------

    def _check(self, table: str, *, consistent: bool = True) -> None:
        if table != self._name:
            raise build_client_error("ResourceNotFoundException", "Table", 400)
        if not consistent:
            raise NotImplementedError("eventually consistent reads are simulated only for indexes")

    def _get(self, *, TableName: str, Key: dict[str, Any], ConsistentRead: bool = False) -> dict[str, Any]:  # noqa: N803
        self._check(TableName, consistent=ConsistentRead)
        found = self.items.get(read_key(Key))
        return {"Item": dict(found)} if found is not None else {}

    def _batch_get(self, *, RequestItems: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        ((table, batch),) = RequestItems.items()
        self._check(table, consistent=batch.get("ConsistentRead", False))
        keys = [read_key(key) for key in batch["Keys"]]
        if not 1 <= len(keys) <= MAX_BATCH_KEYS or len({*keys}) < len(keys):
            raise build_validation_error(f"{len(keys)} keys in one batch, or a duplicate key")
        read_count = (len(keys) + 1) // 2 if self.returns_half_batches else len(keys)
        unread = {table: {**batch, "Keys": batch["Keys"][read_count:]}} if read_count < len(keys) else {}
        found = [dict(self.items[key]) for key in keys[:read_count] if key in self.items]
        return {"Responses": {table: found}, "UnprocessedKeys": unread}

    def _query(
        self,
        *,
        TableName: str,  # noqa: N803
        KeyConditionExpression: str,  # noqa: N803
        ExpressionAttributeValues: dict[str, Any],  # noqa: N803
        ExpressionAttributeNames: dict[str, str] | None = None,  # noqa: N803
        IndexName: str = "",  # noqa: N803
        FilterExpression: str = "",  # noqa: N803
        ConsistentRead: bool = False,  # noqa: N803
        ExclusiveStartKey: dict[str, Any] | None = None,  # noqa: N803
        Limit: int = 0,  # noqa: N803
    ) -> dict[str, Any]:
        self._check(TableName, consistent=ConsistentRead or bool(IndexName))
        if IndexName and (ConsistentRead or IndexName not in INDEXES):
            raise build_validation_error(f"the index {IndexName} does not support this read")
        scope = EvaluationScope({}, ExpressionAttributeNames or {}, ExpressionAttributeValues)
        attributes = INDEXES[IndexName] if IndexName else TABLE_KEYS
        size = min(Limit or self.page_size, self.page_size)
        after = find_position(ExclusiveStartKey, attributes) if ExclusiveStartKey else ()
        found = self._select(IndexName, KeyConditionExpression, scope, after, size + 1)
        response = _build_page(found, attributes, size)
        if FilterExpression:
            kept = [
                item
                for item in response["Items"]
                if is_met(FilterExpression, EvaluationScope(item, scope.names, scope.values))
            ]
            response |= {"Items": kept, "Count": len(kept)}
        return response

    def _scan(
        self,
        *,
        TableName: str,  # noqa: N803
        ProjectionExpression: str = "",  # noqa: N803
        ExpressionAttributeNames: dict[str, str] | None = None,  # noqa: N803
        ExclusiveStartKey: dict[str, Any] | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """Unlike on AWS, a scan sees all writes that have been made."""
        self._check(TableName)
        found = self.items.scan(read_key(ExclusiveStartKey) if ExclusiveStartKey else None, self.page_size + 1)
        response = _build_page(found, TABLE_KEYS, self.page_size)
        if ProjectionExpression:
            names = [(ExpressionAttributeNames or {}).get(name, name) for name in ProjectionExpression.split(",")]
            response["Items"] = [{name: item[name] for name in names if name in item} for item in response["Items"]]
        return response

    def _select(
        self, index: str, condition: str, scope: EvaluationScope, after: IndexPosition, limit: int
    ) -> list[Item]:
        """Returns the first items of a partition that meet a key condition, after a position; for an index, keys."""
        attributes = INDEXES[index] if index else TABLE_KEYS
        parsed = _parse_key_condition(condition)
        if not parsed or scope.resolve_name(parsed.name) != attributes[0]:
            raise NotImplementedError(f"the simulation does not support the query {condition!r}")
        since, until = [_read_key_text(scope, text) for text in parsed.bounds] if parsed.bounds else ("", None)
        store = self._list_lagged_items() if index and self.index_lag else self.items
        found = store.query(index, _read_key_text(scope, parsed.value), since, until, after)
        if parsed.rest:
            found = (item for item in found if is_met(parsed.rest, EvaluationScope(item, scope.names, scope.values)))
        return list(islice(found, limit))

    def discard_replaced(self) -> None:
        """Discards what an index with a lag would still show."""
        self._replaced.clear()

    def _list_lagged_items(self) -> ItemStore:
        """Returns the items as a lagging index has them."""
        items: dict[Key, Item | None] = dict(self.items)
        for key, (at, before) in self._replaced.items():
            if self._clock.time < at + self.index_lag:
                items[key] = before
        return ItemStore({key: item for key, item in items.items() if item is not None})

    def _describe(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803
        self._check(TableName)
        return {"Table": {"TableName": TableName, "TableStatus": "ACTIVE", "CreationDateTime": self._created}}

    # -- expiry -------------------------------------------------------------------------------------------------

    def expire_items(self) -> None:
        """Deletes what DynamoDB's time to live has expired. On AWS this may happen days later."""
        now = self._clock.time.timestamp()
        for key in [key for key, item in self.items.items() if int(item.get("expires_at", {"N": now})["N"]) < now]:
            del self.items[key]

    # -- writing ------------------------------------------------------------------------------------------------

    def _write_one(self, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
        write = self._evaluate({kind: request})
        if not write.is_allowed:
            failed = "The conditional request failed"
            raise build_client_error("ConditionalCheckFailedException", kind, 400, failed, **write.item_on_failure)
        self._apply(write)
        attributes = {"ALL_OLD": write.before, "ALL_NEW": write.after}.get(request.get("ReturnValues", "NONE"))
        return {"Attributes": dict(attributes)} if attributes else {}

    def _transact(self, *, TransactItems: list[dict[str, Any]], ClientRequestToken: str) -> dict[str, Any]:  # noqa: N803
        if not 1 <= len(TransactItems) <= MAX_TRANSACTION_WRITES:
            raise build_validation_error(f"{len(TransactItems)} writes in one transaction")
        if self._is_repeated(ClientRequestToken, TransactItems):
            return {}
        writes = [self._evaluate(entry) for entry in TransactItems]
        if len({write.key for write in writes}) < len(writes):
            raise build_validation_error("Transaction request cannot include multiple operations on one item")
        if not all(write.is_allowed for write in writes):
            raise build_transaction_error([write.cancellation_reason for write in writes])
        for write in writes:
            self._apply(write)
        self._client_tokens[ClientRequestToken] = (self._clock.time, TransactItems)
        while (first := next(iter(self._client_tokens))) and self._clock.time > self._client_tokens[first][
            0
        ] + CLIENT_TOKEN_LIFETIME:
            del self._client_tokens[first]
        return {}

    def _is_repeated(self, token: str, writes: Any) -> bool:
        """Whether this transaction was already done."""
        at, previous = self._client_tokens.get(token, (None, None))
        if at is None or self._clock.time > at + CLIENT_TOKEN_LIFETIME:
            return False
        if previous != writes:
            raise build_client_error("IdempotentParameterMismatchException", "TransactWriteItems", 400)
        return True

    def _evaluate(self, entry: dict[str, Any]) -> EvaluatedWrite:
        ((kind, request),) = entry.items()
        self._check(request["TableName"])
        write = evaluate_write(kind, request, self.items)
        worker = self._clock.event_loop.current_worker if self._clock.event_loop else None
        if worker:
            check_role(worker.name, kind, write.key[0])
        return write

    def _apply(self, write: EvaluatedWrite) -> None:
        if not write.changes_item:
            return
        self._replaced[write.key] = (self._clock.time, write.before)
        self.changed_keys.add(write.key)
        if write.after is None:
            self.items.pop(write.key, None)
        else:
            self.items[write.key] = write.after


@dataclass(frozen=True)
class KeyCondition:
    """A condition on the keys: one on the partition, and `bounds` of the sort key or any other condition on it."""

    name: str
    value: str
    bounds: tuple[str, str] | None
    rest: str


@cache
def _parse_key_condition(text: str) -> KeyCondition | None:
    found = _KEY_CONDITION.fullmatch(text)
    if not found:
        return None
    rest = found[3] or ""
    within = _BETWEEN.fullmatch(rest)
    return KeyCondition(found[1], found[2], (within[1], within[2]) if within else None, "" if within else rest)


def _read_key_text(scope: EvaluationScope, placeholder: str) -> str:
    return str((scope.read_value(placeholder) or {})["S"])


def _build_page(found: list[Item], attributes: tuple[str, str], size: int) -> dict[str, Any]:
    page = found[:size]
    response: dict[str, Any] = {"Items": [dict(item) for item in page], "Count": len(page)}
    if len(found) > size:
        response["LastEvaluatedKey"] = {name: page[-1][name] for name in {*attributes, *TABLE_KEYS}}
    return response
