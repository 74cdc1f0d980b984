"""DynamoDB's read and write units of a request, by the items' real sizes.

Sizes and rounding follow the Developer Guide ("DynamoDB item sizes and formats", "DynamoDB read and write
operations"). A transaction performs each write twice. According to its page on transactions, indexes are updated
afterward, so an index's own writes count once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil
from typing import Any

from bench.aws_cost.recorder import RecordedRequest

WRITE_BYTES, READ_BYTES = 1024, 4096
INDEX_ATTRIBUTES = ("watch", "due")
Key = tuple[str, str]
Item = Mapping[str, Any]


def measure_item_bytes(item: Item) -> int:
    """Returns the bytes of an item: names and values."""
    return sum(len(name.encode()) + _measure_value_bytes(value) for name, value in item.items())


def _measure_value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return ceil(len(Decimal(content).as_tuple().digits) / 2) + 1
        case "BOOL" | "NULL":
            return 1
        case "M":
            return 3 + sum(1 + len(name.encode()) + _measure_value_bytes(one) for name, one in content.items())
        case "L":
            return 3 + sum(1 + _measure_value_bytes(one) for one in content)
        case _:
            raise TypeError(f"no item of the ledger has a {kind}: {json.dumps(value)}")


@dataclass(eq=False)
class DynamoDBUnits:
    """Adds up the units of requests, in order. Remembers the items and the index from these requests."""

    writes: float = 0
    reads: float = 0
    _items: dict[Key, Item] = field(default_factory=dict[Key, Item])

    def add(self, request: RecordedRequest) -> None:
        """Adds one request to DynamoDB. A rejected write costs what it would have written."""
        match request.operation:
            case "TransactWriteItems":
                for write in request.sent["TransactItems"]:
                    self._write(write, times=2, done=request.status == 200)
            case "UpdateItem":
                self._write({"Update": request.sent}, times=1, done=request.status == 200)
            case "GetItem":
                self._read([request.response.get("Item", {})], request.sent)
            case "Query":
                self._read(request.response["Items"], request.sent)
            case "BatchGetItem":
                self._read_each(request)
            case "DescribeTable":
                return
            case _:
                raise TypeError(f"the cost of {request.operation} is unknown")

    def _read(self, items: list[Item], sent: Mapping[str, Any]) -> None:
        whole = max(1, ceil(sum(map(measure_item_bytes, items)) / READ_BYTES))
        self.reads += whole if sent.get("ConsistentRead") else whole / 2

    def _read_each(self, request: RecordedRequest) -> None:
        """Adds each item separately. A missing item costs as much as a small one."""
        for table, wanted in request.sent["RequestItems"].items():
            found: list[Item] = request.response["Responses"].get(table, [])
            for item in (*found, *({} for _ in wanted["Keys"][len(found) :])):
                self._read([item], wanted)

    def _write(self, write: Mapping[str, Any], *, times: int, done: bool) -> None:
        ((kind, sent),) = write.items()
        key = _read_key(sent["Item"] if kind == "Put" else sent["Key"])
        before = self._items.get(key, {})
        # Only the day's few sums are updated in place, and they are far smaller than 1 KB.
        after = sent["Item"] if kind == "Put" else before or sent["Key"]
        self.writes += times * max(1, ceil(max(measure_item_bytes(before), measure_item_bytes(after)) / WRITE_BYTES))
        if done:
            self.writes += count_index_writes(before, after)
            self._items[key] = after


def _read_key(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def count_index_writes(before: Item, after: Item) -> int:
    """Counts the index writes: an entry that moves is deleted and inserted; an unchanged one is free (keys only)."""
    places = [tuple(item.get(name) for name in INDEX_ATTRIBUTES) for item in (before, after)]
    if places[0] == places[1]:
        return 0
    return sum(all(place) for place in places)
