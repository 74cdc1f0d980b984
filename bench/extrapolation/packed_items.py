"""The ledger of a million photos in a few gigabytes of memory."""

import json
import zlib
from collections import OrderedDict
from collections.abc import Iterator, MutableMapping
from itertools import islice
from typing import override

from simulation.world.dynamodb_expressions import Item
from simulation.world.simulated_dynamodb import Key

MAX_RECENT = 20_000
DICTIONARY_ITEMS = 10
RAW_DEFLATE = -15


class PackedItems(MutableMapping[Key, Item]):
    """A table's items. Those that were not used recently are compressed, to a fifth of their text or less.

    The items resemble each other, so the first ones serve as the dictionary of the compression. An item must not be
    changed after it was stored.
    """

    def __init__(self, max_recent: int = MAX_RECENT) -> None:
        self._max_recent = max_recent
        self._recent: OrderedDict[Key, Item] = OrderedDict()
        self._packed: dict[Key, bytes] = {}
        self._dictionary = b""

    @override
    def __getitem__(self, key: Key) -> Item:
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        item = self._unpack(self._packed[key])
        self._keep(key, item)
        return item

    @override
    def __setitem__(self, key: Key, item: Item) -> None:
        self._packed.pop(key, None)
        self._recent.pop(key, None)
        self._keep(key, item)

    @override
    def __delitem__(self, key: Key) -> None:
        is_packed = self._packed.pop(key, None) is not None
        if self._recent.pop(key, None) is None and not is_packed:
            raise KeyError(key)

    @override
    def __iter__(self) -> Iterator[Key]:
        # A list, because reading an item while iterating moves it.
        yield from [*self._packed, *(key for key in self._recent if key not in self._packed)]

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)

    @override
    def __contains__(self, key: object) -> bool:
        return key in self._recent or key in self._packed

    def _keep(self, key: Key, item: Item) -> None:
        """Keeps an item as it is, in place of the one that was not used for longest."""
        self._recent[key] = item
        if len(self._recent) > self._max_recent:
            self._dictionary = (
                self._dictionary or json.dumps([*islice(self._recent.values(), DICTIONARY_ITEMS)]).encode()
            )
            oldest_key, oldest = self._recent.popitem(last=False)
            if oldest_key not in self._packed:
                self._packed[oldest_key] = self._pack(oldest)

    def _pack(self, item: Item) -> bytes:
        compressor = zlib.compressobj(level=1, wbits=RAW_DEFLATE, zdict=self._dictionary)
        return compressor.compress(json.dumps(item).encode()) + compressor.flush()

    def _unpack(self, packed: bytes) -> Item:
        return json.loads(zlib.decompressobj(wbits=RAW_DEFLATE, zdict=self._dictionary).decompress(packed))
