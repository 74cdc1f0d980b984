"""Editing a file's bytes by listing the parts to keep, without copying them more than once."""


class ByteSplicer:
    """Builds a file from parts of another file and inserted bytes, in order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._view = memoryview(data)
        self._parts: list[bytes | memoryview] = []
        self._pending = (0, 0)

    def keep(self, start: int, end: int) -> None:
        """Appends a part of the original file. Adjacent parts become one."""
        if start != self._pending[1]:
            self._flush()
            self._pending = (start, start)
        self._pending = (self._pending[0], end)

    def insert(self, part: bytes) -> None:
        """Appends bytes that are not from the original file."""
        self._flush()
        self._parts.append(part)

    def join(self) -> bytes:
        """Returns the new file; the original `bytes` object if every byte was kept and none inserted."""
        if not self._parts and self._pending == (0, len(self._data)):
            return self._data
        self._flush()
        return b"".join(self._parts)

    def _flush(self) -> None:
        start, end = self._pending
        if start < end:
            self._parts.append(self._view[start:end])
        self._pending = (0, 0)
