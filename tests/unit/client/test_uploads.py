"""The keys of the client never change: another key would buy every picture a second time."""

from typing import Any

import pytest

from backdrop_client.errors import InstructionsError
from backdrop_client.uploads import build_upload, derive_key, derive_redo_revision

JPEG = b"\xff\xd8\xff and so on"


def test_key_and_revision_of_a_photo_are_fixed() -> None:
    key = derive_key(JPEG, {"prompt": "on marble, « été »", "num_images": 2}, "clients/")
    assert key == "clients/5ea2c60ceaa5eb43d4dce0e2c805fc50.jpg"
    assert derive_redo_revision(key, {"prompt": "on oak"}) == "0a2c0b5fd0f231347825c1bcbb341a5d"


def test_key_depends_on_bytes_and_instructions_but_not_on_their_order() -> None:
    fields = {"prompt": "on marble", "num_images": 2}
    key = derive_key(JPEG, fields, "")
    assert key == derive_key(JPEG, dict(reversed(fields.items())), "")
    assert len({key, derive_key(JPEG + b"!", fields, ""), derive_key(JPEG, {**fields, "num_images": 3}, "")}) == 3


@pytest.mark.parametrize(
    ("data", "extension"), [(JPEG, "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"GIF89a", "gif"), (b"unknown", "bin")]
)
def test_extension_follows_from_the_bytes(data: bytes, extension: str) -> None:
    assert derive_key(data, {}, "").endswith(f".{extension}")


def nest_list(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


NO_JSON = [
    {"seed": float("nan")},
    {"prompt": object()},
    {"prompt": "\ud800"},
    {"seed": 10**5000},
    {"prompt": nest_list(100_000)},
]
NO_JSON_IDS = ["nan", "object", "half a surrogate pair", "digits", "nested"]


@pytest.mark.parametrize("fields", [{"prompt": ""}, {"promt": "x"}])
def test_instructions_with_errors_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InstructionsError):
        build_upload(JPEG, "clients/", fields)


@pytest.mark.parametrize("fields", NO_JSON, ids=NO_JSON_IDS)
def test_fields_that_are_not_json_are_refused_also_in_a_redo(fields: dict[str, object]) -> None:
    for use in (lambda: build_upload(JPEG, "clients/", fields), lambda: derive_redo_revision("clients/a.jpg", fields)):
        with pytest.raises(InstructionsError, match="The instructions are not JSON"):
            use()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": ""}, "prompt is empty."),
        ({"prompt": "x" * 5_000_000}, "The sidecar is 5,000,013 bytes; at most 65,536 are allowed."),
    ],
)
def test_message_about_wrong_instructions_is_a_sentence_with_a_subject(fields: dict[str, str], message: str) -> None:
    with pytest.raises(InstructionsError) as raised:
        build_upload(JPEG, "clients/", fields)
    assert raised.value.message == message
