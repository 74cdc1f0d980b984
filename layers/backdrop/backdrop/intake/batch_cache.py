"""A cache of what is read from a bucket while a batch is handled."""

from collections.abc import Callable, Hashable


class BatchCache[Key: Hashable, Value]:
    """Values by key. It must be cleared before each batch, because objects may have changed or expired since."""

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}

    def get(self, key: Key, read: Callable[[], Value]) -> Value:
        """Returns the cached value, which `read` returned in this batch. Caches nothing if `read` raises."""
        if key not in self._values:
            self._values[key] = read()
        return self._values[key]

    def put(self, key: Key, value: Value) -> None:
        self._values[key] = value

    def clear(self) -> None:
        self._values.clear()
