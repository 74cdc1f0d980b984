"""What is left of a file when parts of it are cut out."""


class Rest:
    """The parts of one file that stay, in order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._view = memoryview(data)
        self._parts: list[bytes | memoryview] = []
        self._open = (0, 0)

    def keep(self, start: int, end: int) -> None:
        """These bytes of the file stay."""
        if start != self._open[1]:
            self._close()
            self._open = (start, start)
        self._open = (self._open[0], end)

    def put(self, part: bytes) -> None:
        """These bytes come next, wherever they are from."""
        self._close()
        self._parts.append(part)

    def joined(self) -> bytes:
        """The file that is left."""
        if not self._parts and self._open == (0, len(self._data)):
            return self._data
        self._close()
        return b"".join(self._parts)

    def _close(self) -> None:
        start, end = self._open
        if start < end:
            self._parts.append(self._view[start:end])
        self._open = (0, 0)
