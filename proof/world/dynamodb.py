"""A DynamoDB table in memory, with the client calls that the ledger makes."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from proof.world.clock import WorldClock
from proof.world.dynamodb_items import INDEXES, TABLE_KEYS, Items, Place, place_of
from proof.world.dynamodb_writes import Key, Write, invalid, judge, key_of
from proof.world.expressions import Item, Scope, holds
from proof.world.wire import Wire, cancelled, refusal

# Limits: Amazon DynamoDB Developer Guide, "Quotas"; TransactWriteItems and BatchGetItem API references.
LONGEST_TRANSACTION = 100
LONGEST_BATCH = 100
TOKEN_LIFE = timedelta(minutes=10)
_KEY_CONDITION = re.compile(r"(#?\w+) = (:\w+)(?: AND (.+))?")
_RANGE = re.compile(r"#?\w+ BETWEEN (:\w+) AND (:\w+)")


class SimulatedTable:
    """One table with the keys `pk` and `sk`; `page_items` makes queries come in pages, as a megabyte does on AWS.

    `items` is the table, `changed` the keys written since somebody cleared it. What is told to `index_lag` later than
    it happened is not seen in an index yet; `halves` makes batches come back half done.
    """

    def __init__(self, wire: Wire, clock: WorldClock, name: str, *, page_items: int = 3) -> None:
        self.items = Items()
        self.changed: set[Key] = set()
        self.index_lag = timedelta(0)
        self.halves = False
        self._created = clock.time
        self._wire = wire
        self._clock = clock
        self._name = name
        self.page_items = page_items
        self._tokens: dict[str, tuple[datetime, Any]] = {}
        self._replaced: dict[Key, tuple[datetime, Item | None]] = {}

    def get_item(self, **sent: Any) -> dict[str, Any]:
        """One item, as it is now."""
        return self._wire.carry("dynamodb", "get_item", sent, lambda: self._get(**sent))

    def batch_get_item(self, **sent: Any) -> dict[str, Any]:
        """Some items, as they are now; what was not read is named."""
        return self._wire.carry("dynamodb", "batch_get_item", sent, lambda: self._get_many(**sent))

    def query(self, **sent: Any) -> dict[str, Any]:
        """The items of one partition, of the table or of an index, in the order of their sort keys, one page."""
        return self._wire.carry("dynamodb", "query", sent, lambda: self._query(**sent))

    def scan(self, **sent: Any) -> dict[str, Any]:
        """All items of the table, one page."""
        return self._wire.carry("dynamodb", "scan", sent, lambda: self._scan(**sent))

    def put_item(self, **sent: Any) -> dict[str, Any]:
        """Write one item whole."""
        return self._wire.carry("dynamodb", "put_item", sent, lambda: self._single("Put", sent))

    def update_item(self, **sent: Any) -> dict[str, Any]:
        """Change one item."""
        return self._wire.carry("dynamodb", "update_item", sent, lambda: self._single("Update", sent))

    def delete_item(self, **sent: Any) -> dict[str, Any]:
        """Take one item away."""
        return self._wire.carry("dynamodb", "delete_item", sent, lambda: self._single("Delete", sent))

    def transact_write_items(self, **sent: Any) -> dict[str, Any]:
        """All writes or none."""
        return self._wire.carry("dynamodb", "transact_write_items", sent, lambda: self._transact(**sent))

    def describe_table(self, **sent: Any) -> dict[str, Any]:
        """What AWS says of the table."""
        return self._wire.carry("dynamodb", "describe_table", sent, lambda: self._describe(**sent))

    # -- reading ------------------------------------------------------------------------------------------------

    def _check(self, table: str, *, consistent: bool = True) -> None:
        if table != self._name:
            raise refusal("ResourceNotFoundException", "Table", 400)
        if not consistent:
            raise NotImplementedError("reads that may be old are imitated for indexes alone")

    def _get(self, *, TableName: str, Key: dict[str, Any], ConsistentRead: bool = False) -> dict[str, Any]:  # noqa: N803
        self._check(TableName, consistent=ConsistentRead)
        found = self.items.get(key_of(Key))
        return {"Item": dict(found)} if found is not None else {}

    def _get_many(self, *, RequestItems: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        ((table, asked),) = RequestItems.items()
        self._check(table, consistent=asked.get("ConsistentRead", False))
        keys = [key_of(key) for key in asked["Keys"]]
        if not 1 <= len(keys) <= LONGEST_BATCH or len({*keys}) < len(keys):
            raise invalid(f"{len(keys)} keys in one batch, or one of them twice")
        read = (len(keys) + 1) // 2 if self.halves else len(keys)
        unread = {table: {**asked, "Keys": asked["Keys"][read:]}} if read < len(keys) else {}
        found = [dict(self.items[key]) for key in keys[:read] if key in self.items]
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
            raise invalid(f"the index {IndexName} cannot be read like this")
        scope = Scope({}, ExpressionAttributeNames or {}, ExpressionAttributeValues)
        attributes = INDEXES[IndexName] if IndexName else TABLE_KEYS
        size = min(Limit or self.page_items, self.page_items)
        after = place_of(ExclusiveStartKey, attributes) if ExclusiveStartKey else ()
        found = self._found(IndexName, KeyConditionExpression, scope, after, size + 1)
        answer = _page(found, attributes, size)
        if FilterExpression:
            kept = [item for item in answer["Items"] if holds(FilterExpression, replace(scope, item=item))]
            answer |= {"Items": kept, "Count": len(kept)}
        return answer

    def _scan(
        self,
        *,
        TableName: str,  # noqa: N803
        ProjectionExpression: str = "",  # noqa: N803
        ExpressionAttributeNames: dict[str, str] | None = None,  # noqa: N803
        ExclusiveStartKey: dict[str, Any] | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """Unlike a query it may miss what was written a moment ago; here it never does."""
        self._check(TableName)
        found = sorted(self.items.values(), key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
        if ExclusiveStartKey:
            after = key_of(ExclusiveStartKey)
            found = [item for item in found if (item["pk"]["S"], item["sk"]["S"]) > after]
        answer = _page(found, TABLE_KEYS, self.page_items)
        if ProjectionExpression:
            names = [(ExpressionAttributeNames or {}).get(one, one) for one in ProjectionExpression.split(",")]
            answer["Items"] = [{name: item[name] for name in names if name in item} for item in answer["Items"]]
        return answer

    def _found(self, index: str, condition: str, scope: Scope, after: Place, most: int) -> list[Item]:
        """The first items of a partition behind a place that meet a key condition; of an index, their keys."""
        attributes = INDEXES[index] if index else TABLE_KEYS
        said = _KEY_CONDITION.fullmatch(condition)
        if not said or scope.name(said[1]) != attributes[0]:
            raise NotImplementedError(f"no imitation of the query {condition!r}")
        rest = said[3] or ""
        within = _RANGE.fullmatch(rest)
        since, until = (_text(scope, within[1]), _text(scope, within[2])) if within else ("", None)
        known = self._known_by_now() if index and self.index_lag else self.items
        found = known.of(index, _text(scope, said[2]), since, until, after)
        kept = (item for item in found if within or not rest or holds(rest, Scope(item, scope.names, scope.values)))
        return list(islice(kept, most))

    def _known_by_now(self) -> Items:
        """The items as an index has them that is behind."""
        known: dict[Key, Item | None] = dict(self.items)
        for key, (at, before) in self._replaced.items():
            if self._clock.time < at + self.index_lag:
                known[key] = before
        return Items({key: item for key, item in known.items() if item is not None})

    def _describe(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803
        self._check(TableName)
        return {"Table": {"TableName": TableName, "TableStatus": "ACTIVE", "CreationDateTime": self._created}}

    # -- forgetting ---------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """What DynamoDB's time to live deletes by now; it may be days late, and nobody is told."""
        now = self._clock.time.timestamp()
        for key in [key for key, item in self.items.items() if int(item.get("expires_at", {"N": now})["N"]) < now]:
            del self.items[key]

    # -- writing ------------------------------------------------------------------------------------------------

    def _single(self, kind: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        self._check(sent["TableName"])
        write = judge(kind, sent, self.items)
        if not write.allowed:
            failed = "The conditional request failed"
            raise refusal("ConditionalCheckFailedException", kind, 400, failed, **write.shown)
        self._apply(write)
        shown = {"ALL_OLD": write.before, "ALL_NEW": write.after}.get(sent.get("ReturnValues", "NONE"))
        return {"Attributes": dict(shown)} if shown else {}

    def _transact(self, *, TransactItems: list[dict[str, Any]], ClientRequestToken: str) -> dict[str, Any]:  # noqa: N803
        if not 1 <= len(TransactItems) <= LONGEST_TRANSACTION:
            raise invalid(f"{len(TransactItems)} writes in one transaction")
        if self._repeated(ClientRequestToken, TransactItems):
            return {}
        writes = [self._write(one) for one in TransactItems]
        if len({write.key for write in writes}) < len(writes):
            raise invalid("Transaction request cannot include multiple operations on one item")
        if not all(write.allowed for write in writes):
            raise cancelled([write.reason for write in writes])
        for write in writes:
            self._apply(write)
        self._tokens[ClientRequestToken] = (self._clock.time, TransactItems)
        while (first := next(iter(self._tokens))) and self._clock.time > self._tokens[first][0] + TOKEN_LIFE:
            del self._tokens[first]
        return {}

    def _repeated(self, token: str, writes: Any) -> bool:
        """Whether this very transaction was done before."""
        at, known = self._tokens.get(token, (None, None))
        if at is None or self._clock.time > at + TOKEN_LIFE:
            return False
        if known != writes:
            raise refusal("IdempotentParameterMismatchException", "TransactWriteItems", 400)
        return True

    def _write(self, one: dict[str, Any]) -> Write:
        ((kind, sent),) = one.items()
        self._check(sent["TableName"])
        return judge(kind, sent, self.items)

    def _apply(self, write: Write) -> None:
        if not write.touches:
            return
        self._replaced[write.key] = (self._clock.time, write.before)
        self.changed.add(write.key)
        if write.after is None:
            self.items.pop(write.key, None)
        else:
            self.items[write.key] = write.after


def _text(scope: Scope, placeholder: str) -> str:
    """A key's text that a condition names."""
    return str((scope.value(placeholder) or {})["S"])


def _page(found: list[Item], attributes: tuple[str, str], size: int) -> dict[str, Any]:
    page = found[:size]
    answer: dict[str, Any] = {"Items": [dict(item) for item in page], "Count": len(page)}
    if len(found) > size:
        answer["LastEvaluatedKey"] = {name: page[-1][name] for name in {*attributes, *TABLE_KEYS}}
    return answer
