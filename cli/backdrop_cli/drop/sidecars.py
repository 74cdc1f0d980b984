"""Which instructions apply to a photo that already has some: new ones, or the sidecar that exists."""

from collections.abc import Mapping
from enum import StrEnum

from backdrop.core.identity import sha256_hex
from backdrop.core.places import read_file
from backdrop.ports import Stored

MARK = "backdrop-sha256"
"""The S3 metadata of a sidecar that `drop` or the page wrote: the hash of the bytes that it wrote.

A copy keeps it. An edited sidecar has lost it or no longer matches it, and so counts as a person's.
"""


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


def mark_of(data: bytes) -> Mapping[str, str]:
    """The metadata of a sidecar that the command itself writes."""
    return {MARK: sha256_hex(data)}


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
