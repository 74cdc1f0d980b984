"""The items of a table, with each partition and each index in its order, so that a query reads what it asks for."""

from bisect import bisect_left, bisect_right, insort
from collections import UserDict
from collections.abc import Iterator, Mapping
from typing import Any, override

from simulation.world.dynamodb_expressions import Item

# As template.yaml has them: the table's own keys, and each index's.
TABLE_KEYS = "pk", "sk"
INDEXES = {"watch": ("watch", "due")}
MAX_SORT_KEY = "\U0010ffff"

type Key = tuple[str, str]
type IndexPosition = tuple[str, ...]


def find_position(item: Mapping[str, Any], attributes: tuple[str, str]) -> IndexPosition:
    """Where an item stands in its partition: by the sort key, then, as an index may hold several, by the table's."""
    return tuple(item[name]["S"] for name in (attributes[1], *TABLE_KEYS))


class ItemStore(UserDict[Key, Item]):
    """The items by their keys."""

    def __init__(self, items: Mapping[Key, Item] | None = None) -> None:
        self._positions: dict[tuple[str, str], list[IndexPosition]] = {}
        super().__init__(items)

    @override
    def __setitem__(self, key: Key, item: Item) -> None:
        self._reindex(self.data.get(key), item)
        self.data[key] = item

    @override
    def __delitem__(self, key: Key) -> None:
        self._reindex(self.data[key], None)
        del self.data[key]

    def query(self, index: str, partition: str, since: str, until: str | None, after: IndexPosition) -> Iterator[Item]:
        """The items of a partition (of an index: their keys) between two sort keys and behind a place, in order."""
        attributes = INDEXES[index] if index else TABLE_KEYS
        positions = self._positions.get((index, partition), [])
        first = max(bisect_left(positions, (since,)), bisect_right(positions, after))
        last = len(positions) if until is None else bisect_right(positions, (until, MAX_SORT_KEY))
        for place in positions[first:last]:
            item = self.data[place[1], place[2]]
            yield {name: item[name] for name in {*TABLE_KEYS, *attributes}} if index else item

    def _reindex(self, before: Item | None, after: Item | None) -> None:
        """An item's places in the table and in each index, as it was and as it becomes."""
        for index, attributes in (("", TABLE_KEYS), *INDEXES.items()):
            old, new = (_find_index_entry(index, item, attributes) for item in (before, after))
            if old == new:
                continue
            if old:
                positions = self._positions[old[0]]
                del positions[bisect_left(positions, old[1])]
            if new:
                insort(self._positions.setdefault(new[0], []), new[1])


def _find_index_entry(
    index: str, item: Item | None, attributes: tuple[str, str]
) -> tuple[tuple[str, str], IndexPosition] | None:
    """The partition and the place in it; None where an item has none."""
    if item is None or not item.keys() >= {*attributes}:
        return None
    return (index, item[attributes[0]]["S"]), find_position(item, attributes)
