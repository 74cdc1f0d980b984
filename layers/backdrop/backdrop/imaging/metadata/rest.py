"""What is left of a file when parts of it are cut out, and words for those that are."""

from dataclasses import dataclass

EXIF, XMP, IPTC, COMMENT, TEXT, TIME, PROFILE = "exif", "xmp", "iptc", "comment", "text", "time", "icc"
THUMBNAIL, MORE_PICTURES, ANIMATION, C2PA, OTHER = "thumbnail", "mpf", "animation", "c2pa", "other"


@dataclass(frozen=True, slots=True)
class Stripped:
    """A photo without its metadata; the same bytes where there was none.

    `removed`: what was cut out, each word once, in the order of the file: `exif`, `xmp`, `iptc`, `comment`, `text`,
    `time`, `icc`, `thumbnail`, `mpf` (the index of further pictures), `animation`, `c2pa`, `other`, and
    `trailer:<bytes>` for what followed the end marker.
    `profile`: the ICC profile; None where there is none or it is damaged.
    """

    data: bytes
    removed: tuple[str, ...]
    profile: bytes | None


class Rest:
    """The parts of one file that stay, in order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._view = memoryview(data)
        self._parts: list[bytes | memoryview] = []
        self._open = (0, 0)
        self._words: dict[str, None] = {}

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

    def drop(self, word: str) -> None:
        """Something is not kept."""
        self._words[word] = None

    def end(self, at: int) -> None:
        """The picture ends here; what follows in the file is dropped."""
        if at < len(self._data):
            self.drop(f"trailer:{len(self._data) - at}")

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(self._words)

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
