"""Whose instructions apply depends on the sidecar's author, whether its content changed, and a person's answer."""

import json
from datetime import UTC, datetime

import pytest

from backdrop.ports import StoredObject
from backdrop_cli.uploads.sidecar_decisions import (
    SidecarAction,
    SidecarAuthor,
    SidecarPolicy,
    are_equivalent,
    decide_sidecar_action,
    detect_author,
)
from backdrop_client.s3_uploader import SIDECAR_HASH_METADATA_KEY, build_sidecar_metadata

INSTRUCTIONS = b'{"prompt": "on sand"}'


@pytest.mark.parametrize(
    ("author", "same", "answer", "action"),
    [
        (None, False, None, SidecarAction.WRITE),
        (None, False, SidecarPolicy.REPLACE, SidecarAction.WRITE),
        (None, False, SidecarPolicy.KEEP, SidecarAction.WRITE),
        (SidecarAuthor.COMMAND, True, None, SidecarAction.NOTHING),
        (SidecarAuthor.COMMAND, True, SidecarPolicy.REPLACE, SidecarAction.NOTHING),
        (SidecarAuthor.COMMAND, True, SidecarPolicy.KEEP, SidecarAction.NOTHING),
        (SidecarAuthor.COMMAND, False, None, SidecarAction.REPLACE),
        (SidecarAuthor.COMMAND, False, SidecarPolicy.REPLACE, SidecarAction.REPLACE),
        (SidecarAuthor.COMMAND, False, SidecarPolicy.KEEP, SidecarAction.REPLACE),
        (SidecarAuthor.PERSON, True, None, SidecarAction.NOTHING),
        (SidecarAuthor.PERSON, True, SidecarPolicy.REPLACE, SidecarAction.NOTHING),
        (SidecarAuthor.PERSON, True, SidecarPolicy.KEEP, SidecarAction.NOTHING),
        (SidecarAuthor.PERSON, False, None, SidecarAction.ASK),
        (SidecarAuthor.PERSON, False, SidecarPolicy.REPLACE, SidecarAction.REPLACE),
        (SidecarAuthor.PERSON, False, SidecarPolicy.KEEP, SidecarAction.KEEP),
    ],
)
def test_author_content_and_answer_determine_the_action(
    author: SidecarAuthor | None, same: bool, answer: SidecarPolicy | None, action: SidecarAction
) -> None:
    assert decide_sidecar_action(author, is_equivalent=same, policy=answer) is action


@pytest.mark.parametrize(
    ("metadata", "data", "author"),
    [
        (build_sidecar_metadata(INSTRUCTIONS), INSTRUCTIONS, SidecarAuthor.COMMAND),
        ({}, INSTRUCTIONS, SidecarAuthor.PERSON),
        ({"made-by": "a script"}, INSTRUCTIONS, SidecarAuthor.PERSON),
        ({SIDECAR_HASH_METADATA_KEY: ""}, INSTRUCTIONS, SidecarAuthor.PERSON),
        (build_sidecar_metadata(INSTRUCTIONS), b'{"prompt": "on ice"}', SidecarAuthor.PERSON),
        (build_sidecar_metadata(INSTRUCTIONS), None, SidecarAuthor.PERSON),
    ],
    ids=["marked", "unmarked", "foreign metadata", "empty mark", "edited, with its mark kept", "too large"],
)
def test_only_unedited_marked_sidecars_are_the_commands_own(
    metadata: dict[str, str], data: bytes | None, author: SidecarAuthor
) -> None:
    stored = StoredObject('"e"', None, 1, datetime(2026, 11, 22, tzinfo=UTC), data, metadata)
    assert detect_author(stored) is author


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (INSTRUCTIONS, True),
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
def test_sidecars_are_compared_by_their_content(one: bytes | None, same: bool) -> None:
    assert are_equivalent(one, INSTRUCTIONS) is same


def test_broken_sidecars_are_compared_byte_by_byte() -> None:
    assert are_equivalent(b"{", b"{")
    assert not are_equivalent(b"{", b"[")
