"""How often one photo touches what all photos share: counted in the simulated world."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench.aws_cost.units import Item, index_writes, size_of
from bench.beyond.large import LargeWorld
from simulation.world.dynamodb_writes import Key, read_key
from simulation.world.transport import ServiceCall

PHOTOS = 20


@dataclass(frozen=True)
class Heat:
    """For each photo: transactions that write the day's budget, reads of the lane's item, writes of the index.

    `largest`: bytes of the largest item.
    """

    budget: float
    lane: float
    index: float
    largest: int


@dataclass(eq=False)
class Thermometer:
    """Listens to a world's wire."""

    writes: Counter[str] = field(default_factory=Counter[str])
    reads: Counter[str] = field(default_factory=Counter[str])
    index: int = 0
    _items: dict[Key, Item] = field(default_factory=dict[Key, Item])

    def __call__(self, call: ServiceCall) -> None:
        """One request that was done."""
        if call.operation == "transact_write_items":
            for write in call.request["TransactItems"]:
                self._write(*next(iter(write.items())))
        if call.operation == "batch_get_item":
            for asked in call.request["RequestItems"].values():
                self.reads.update(kind(read_key(one)) for one in asked["Keys"])

    def _write(self, how: str, sent: Any) -> None:
        key = read_key(sent["Item"] if how == "Put" else sent["Key"])
        self.writes[kind(key)] += 1
        if how == "Put":
            self.index += index_writes(self._items.get(key, {}), sent["Item"])
            self._items[key] = sent["Item"]


def kind(key: Key) -> str:
    """What an item is, by its key."""
    return key[0].partition("#")[0]


def heat() -> Heat:
    """Some photos through a world."""
    world, thermometer = LargeWorld(1, in_flight=10, seconds=15.0, account=10), Thermometer()
    world.transport.listeners.append(thermometer)
    world.start()
    for n in range(PHOTOS):
        world.upload(f"shoes/{n}.jpg")
    world.play(PHOTOS, 3600)
    return Heat(
        budget=thermometer.writes["budget"] / PHOTOS,
        lane=thermometer.reads["lane"] / PHOTOS,
        index=thermometer.index / PHOTOS,
        largest=max(size_of(item) for item in world.table.items.values()),
    )
