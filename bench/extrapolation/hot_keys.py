"""How often one photo accesses the keys that all photos share, counted in the simulated world."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench.aws_cost.dynamodb_units import Item, count_index_writes, measure_item_bytes
from bench.extrapolation.large_world import LargeWorld
from simulation.world.simulated_dynamodb import Key, read_key
from simulation.world.transport import ServiceCall

PHOTOS = 20


@dataclass(frozen=True)
class KeyHeat:
    """Per photo: transactions that write the day's budget, reads of the lane's item, and writes of the index."""

    budget_writes: float
    lane_reads: float
    index_writes: float
    largest_item_bytes: int


@dataclass(eq=False)
class KeyAccessCounter:
    """Counts a world's accesses to the ledger."""

    writes: Counter[str] = field(default_factory=Counter[str])
    reads: Counter[str] = field(default_factory=Counter[str])
    index: int = 0
    _items: dict[Key, Item] = field(default_factory=dict[Key, Item])

    def __call__(self, call: ServiceCall) -> None:
        """Counts one completed request."""
        if call.operation == "transact_write_items":
            for write in call.request["TransactItems"]:
                self._write(*next(iter(write.items())))
        if call.operation == "batch_get_item":
            for asked in call.request["RequestItems"].values():
                self.reads.update(item_kind(read_key(one)) for one in asked["Keys"])

    def _write(self, how: str, sent: Any) -> None:
        key = read_key(sent["Item"] if how == "Put" else sent["Key"])
        self.writes[item_kind(key)] += 1
        if how == "Put":
            self.index += count_index_writes(self._items.get(key, {}), sent["Item"])
            self._items[key] = sent["Item"]


def item_kind(key: Key) -> str:
    """Returns an item's kind from its key."""
    return key[0].partition("#")[0]


def measure_hot_keys() -> KeyHeat:
    """Counts the accesses of some photos in a simulated world."""
    world, thermometer = LargeWorld(1, in_flight=10, seconds=15.0, account=10), KeyAccessCounter()
    world.transport.listeners.append(thermometer)
    world.start()
    for n in range(PHOTOS):
        world.upload(f"shoes/{n}.jpg")
    world.run_until_ended(PHOTOS, 3600)
    return KeyHeat(
        budget_writes=thermometer.writes["budget"] / PHOTOS,
        lane_reads=thermometer.reads["lane"] / PHOTOS,
        index_writes=thermometer.index / PHOTOS,
        largest_item_bytes=max(measure_item_bytes(item) for item in world.table.items.values()),
    )
