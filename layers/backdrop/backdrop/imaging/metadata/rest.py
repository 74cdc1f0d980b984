"""What is left of a file when parts of it are cut out."""


class ByteSplicer:
    """The parts of one file that stay, in order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._view = memoryview(data)
        self._parts: list[bytes | memoryview] = []
        self._open = (0, 0)

    def keep(self, start: int, end: int) -> None:
        """These bytes of the file stay."""
        if start != self._open[1]:
            self._flush()
            self._open = (start, start)
        self._open = (self._open[0], end)

    def insert(self, part: bytes) -> None:
        """These bytes come next, wherever they are from."""
        self._flush()
        self._parts.append(part)

    def join(self) -> bytes:
        """The file that is left."""
        if not self._parts and self._open == (0, len(self._data)):
            return self._data
        self._flush()
        return b"".join(self._parts)

    def _flush(self) -> None:
        start, end = self._open
        if start < end:
            self._parts.append(self._view[start:end])
        self._open = (0, 0)
