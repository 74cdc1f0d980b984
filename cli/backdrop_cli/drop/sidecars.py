"""Which instructions apply to a photo that already has some: new ones, or the sidecar that exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.sources import read_file
from backdrop.model.ids import sha256_hex
from backdrop.ports import InputBucket, Listed, Stored
from backdrop_cli.drop.uploads import MARK, etag_of


class Author(StrEnum):
    """Who wrote a sidecar."""

    COMMAND = "command"
    PERSON = "person"


class Answer(StrEnum):
    """What becomes of a person's sidecars: `--replace` and `--keep`."""

    REPLACE = "replace"
    KEEP = "keep"


class Action(StrEnum):
    """What becomes of one photo's instructions."""

    WRITE = "write"
    NOTHING = "nothing"
    REPLACE = "replace"
    KEEP = "keep"
    ASK = "ask"


def decide(author: Author | None, *, same: bool, answer: Answer | None) -> Action:
    """What new instructions do to the sidecar in force; `author` is None where there is none.

    `same`: whether both say the same. `answer` counts for a person's sidecar alone.
    """
    if author is None:
        return Action.WRITE
    if same:
        return Action.NOTHING
    if author is Author.COMMAND:
        return Action.REPLACE
    return {Answer.REPLACE: Action.REPLACE, Answer.KEEP: Action.KEEP, None: Action.ASK}[answer]


def author_of(stored: Stored) -> Author:
    """Who wrote the sidecar; its bytes must have been read."""
    written = stored.data is not None and stored.metadata.get(MARK) == sha256_hex(stored.data)
    return Author.COMMAND if written else Author.PERSON


def says_the_same(one: bytes | None, other: bytes) -> bool:
    """Whether two sidecars give the same instructions, however they are written down. None: too large to be one."""
    if one is None or one == other:
        return one is not None
    ours, theirs = read_file("", one), read_file("", other)
    broken = ours.errors or theirs.errors
    return not broken and (ours.fields, ours.variants) == (theirs.fields, theirs.variants)


@dataclass(frozen=True)
class Choice:
    """Which instructions apply to a photo: the command line's, its sidecar's on this machine, or the bucket's.

    `over`: the sidecar that the new instructions differ from; `is_local`: it is on this machine. `written`: what
    becomes the photo's own sidecar in the bucket. `unused`: its sidecar on this machine, where that is not uploaded.
    """

    key: str
    action: Action = Action.NOTHING
    author: Author | None = None
    over: str = ""
    is_local: bool = False
    written: bytes | None = None
    unused: str = ""


class BucketSidecars:
    """The sidecars of a bucket, against which new instructions are held; `there` is what it lists."""

    def __init__(self, photos: InputBucket, bucket: str, there: Mapping[str, Listed]) -> None:
        self._photos, self._bucket, self._there = photos, bucket, there
        self._read: dict[str, Stored | None] = {}

    def choose(self, answer: Answer | None, key: str, new: bytes, names: Sequence[str]) -> Choice:
        """New instructions for a photo against the nearest of these sidecars."""
        over = next((name for name in names if name in self._there), "")
        author, same = self._compare(over, new) if over else (None, False)
        action = decide(author, same=same, answer=answer)
        written = new if action in (Action.WRITE, Action.REPLACE) else None
        return Choice(key, action, author, over, written=written)

    def _compare(self, name: str, new: bytes) -> tuple[Author | None, bool]:
        """Who wrote it, and whether it says the same; one with the ETag of the new one is not read."""
        if self._there[name].etag == etag_of(new):
            return Author.COMMAND, True
        if name not in self._read:
            self._read[name] = self._photos.read(self._bucket, name, limit=MAX_SIDECAR_BYTES)
        stored = self._read[name]
        return (author_of(stored), says_the_same(stored.data, new)) if stored else (None, False)
