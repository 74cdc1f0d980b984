"""The ledger and the buckets of a million photos in a few gigabytes of memory."""

import pickle
import zlib
from collections import OrderedDict
from collections.abc import Iterator, MutableMapping
from itertools import islice
from typing import override

from sortedcontainers import SortedList

from simulation.world.simulated_s3 import ObjectVersion

MAX_RECENT = 30_000
DICTIONARY_VALUES = 10
PACKED_PER_DICTIONARY = 100_000
INDEX_BYTES = 2
RAW_DEFLATE = -15


class PackedMapping[K, V](MutableMapping[K, V]):
    """Values by key. Those that were not used recently are compressed, to a fourth of their pickle or less.

    The values resemble each other, so some of them serve as the dictionary of the compression. Others take their place
    from time to time, because the values of a finished photo differ from those of a new one. A value must not be
    changed after it was stored.
    """

    def __init__(self, max_recent: int = MAX_RECENT) -> None:
        self._max_recent = max_recent
        self._recent: OrderedDict[K, V] = OrderedDict()
        self._packed: dict[K, bytes] = {}
        self._dictionaries: list[bytes] = []
        self._packings = 0

    @override
    def __getitem__(self, key: K) -> V:
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        value = self._unpack(self._packed[key])
        self._keep(key, value)
        return value

    @override
    def __setitem__(self, key: K, value: V) -> None:
        self._packed.pop(key, None)
        self._recent.pop(key, None)
        self._keep(key, value)

    @override
    def __delitem__(self, key: K) -> None:
        is_packed = self._packed.pop(key, None) is not None
        if self._recent.pop(key, None) is None and not is_packed:
            raise KeyError(key)

    @override
    def __iter__(self) -> Iterator[K]:
        # A list, because reading a value while iterating moves it.
        yield from [*self._packed, *(key for key in self._recent if key not in self._packed)]

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)

    @override
    def __contains__(self, key: object) -> bool:
        return key in self._recent or key in self._packed

    def _keep(self, key: K, value: V) -> None:
        """Keeps a value as it is, in place of the one that was not used for longest."""
        self._recent[key] = value
        if len(self._recent) > self._max_recent:
            oldest_key, oldest = self._recent.popitem(last=False)
            if oldest_key not in self._packed:
                self._packed[oldest_key] = self._pack(oldest)

    def _pack(self, value: V) -> bytes:
        if self._packings % PACKED_PER_DICTIONARY == 0:
            step = max(1, len(self._recent) // DICTIONARY_VALUES)
            self._dictionaries.append(pickle.dumps([*islice(self._recent.values(), 0, None, step)]))
        self._packings += 1
        index = len(self._dictionaries) - 1
        compressor = zlib.compressobj(wbits=RAW_DEFLATE, zdict=self._dictionaries[index])
        return index.to_bytes(INDEX_BYTES) + compressor.compress(pickle.dumps(value)) + compressor.flush()

    def _unpack(self, packed: bytes) -> V:
        dictionary = self._dictionaries[int.from_bytes(packed[:INDEX_BYTES])]
        pickled = zlib.decompressobj(wbits=RAW_DEFLATE, zdict=dictionary).decompress(packed[INDEX_BYTES:])
        return pickle.loads(pickled)  # noqa: S301  # what _pack has written


class PackedObjects(PackedMapping[str, list[ObjectVersion]]):
    """A bucket's versions by key, with the keys in order."""

    def __init__(self, max_recent: int = MAX_RECENT) -> None:
        super().__init__(max_recent)
        self._keys: SortedList[str] = SortedList()

    @override
    def __setitem__(self, key: str, value: list[ObjectVersion]) -> None:
        if key not in self:
            self._keys.add(key)
        super().__setitem__(key, value)

    @override
    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._keys.remove(key)

    def irange(self, minimum: str, *, inclusive: tuple[bool, bool]) -> Iterator[str]:
        """Yields the keys from a minimum on, in order, as SortedDict does."""
        return self._keys.irange(minimum, inclusive=inclusive)
