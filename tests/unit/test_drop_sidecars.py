"""Whose instructions apply: decided by who wrote the sidecar, whether it says the same, and what a person answers."""

import json
from datetime import UTC, datetime

import pytest

from backdrop.ports import Stored
from backdrop_cli.drop.sidecars import Action, Answer, Author, author_of, decide, says_the_same
from backdrop_cli.drop.uploads import MARK, mark_of

WISH = b'{"prompt": "on sand"}'


@pytest.mark.parametrize(
    ("author", "same", "answer", "action"),
    [
        (None, False, None, Action.WRITE),
        (None, False, Answer.REPLACE, Action.WRITE),
        (None, False, Answer.KEEP, Action.WRITE),
        (Author.COMMAND, True, None, Action.NOTHING),
        (Author.COMMAND, True, Answer.REPLACE, Action.NOTHING),
        (Author.COMMAND, True, Answer.KEEP, Action.NOTHING),
        (Author.COMMAND, False, None, Action.REPLACE),
        (Author.COMMAND, False, Answer.REPLACE, Action.REPLACE),
        (Author.COMMAND, False, Answer.KEEP, Action.REPLACE),
        (Author.PERSON, True, None, Action.NOTHING),
        (Author.PERSON, True, Answer.REPLACE, Action.NOTHING),
        (Author.PERSON, True, Answer.KEEP, Action.NOTHING),
        (Author.PERSON, False, None, Action.ASK),
        (Author.PERSON, False, Answer.REPLACE, Action.REPLACE),
        (Author.PERSON, False, Answer.KEEP, Action.KEEP),
    ],
)
def test_author_sameness_and_answer_decide_the_action(
    author: Author | None, same: bool, answer: Answer | None, action: Action
) -> None:
    assert decide(author, same=same, answer=answer) is action


@pytest.mark.parametrize(
    ("metadata", "data", "author"),
    [
        (mark_of(WISH), WISH, Author.COMMAND),
        ({}, WISH, Author.PERSON),
        ({"made-by": "a script"}, WISH, Author.PERSON),
        ({MARK: ""}, WISH, Author.PERSON),
        (mark_of(WISH), b'{"prompt": "on ice"}', Author.PERSON),
        (mark_of(WISH), None, Author.PERSON),
    ],
    ids=["marked", "unmarked", "foreign metadata", "empty mark", "edited and the mark kept", "too large"],
)
def test_only_unedited_marked_sidecars_are_the_commands_own(
    metadata: dict[str, str], data: bytes | None, author: Author
) -> None:
    stored = Stored('"e"', None, 1, datetime(2026, 11, 22, tzinfo=UTC), data, metadata)
    assert author_of(stored) is author


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (WISH, True),
        (json.dumps({"prompt": "on sand"}, indent=4).encode(), True),
        (b'{"operation": "replace", "prompt": "on sand"}', True),
        (b'{"prompt": "on ice"}', False),
        (b'{"prompt": "on sand", "style": "golden hour"}', False),
        (b'{"prompt": "on sand", "variants": {"a": {"seed": 1}}}', False),
        (b'{"promt": "on sand"}', False),
        (b"no JSON", False),
        (None, False),
    ],
)
def test_sidecars_are_compared_by_what_they_say(one: bytes | None, same: bool) -> None:
    assert says_the_same(one, WISH) is same


def test_broken_sidecars_are_the_same_only_byte_by_byte() -> None:
    assert says_the_same(b"{", b"{")
    assert not says_the_same(b"{", b"[")
