"""Any bytes can be parsed as a sidecar. Errors are reported with their position and reason."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backdrop.instructions.json_text import MAX_SIDECAR_BYTES
from backdrop.instructions.schema import InstructionsModel
from backdrop.instructions.sources import parse_file, parse_tags
from backdrop.model.codec import from_json, to_json
from backdrop.model.codes import Code
from tests.unit.instruction_places import (
    BEACH,
    NAME,
    is_encodable,
    join_error_messages,
    list_error_codes,
    parse_sidecar,
)
from tests.unit.ledger_items import build_job, quick

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
OUR_FIELDS = st.dictionaries(st.sampled_from(sorted(InstructionsModel.model_fields)), ANY_JSON, max_size=5)


@quick
@given(st.binary(max_size=300))
@example(b"")
@example(b"{")
@example(b"\xef\xbb\xbf")
@example(b"1" * 5_000)
@example(b"{}" + b"\0" * 50)
def test_any_sidecar_bytes_can_be_parsed(data: bytes) -> None:
    assert is_encodable(parse_file(NAME, data))


@quick
@given(ANY_JSON | OUR_FIELDS)
def test_any_sidecar_json_can_be_parsed(content: object) -> None:
    assert is_encodable(parse_sidecar(content))


@quick
@given(
    st.sampled_from(sorted(InstructionsModel.model_fields)),
    st.text(alphabet=st.characters(categories=["Cs", "L", "N", "Cc"])),
)
def test_lone_surrogate_in_any_field_is_rejected(field: str, text: str) -> None:
    assert is_encodable(parse_sidecar({field: text}))
    assert is_encodable(parse_sidecar({field: [text]}))
    assert is_encodable(parse_sidecar({field: {text: text}}))


@quick
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=8))
def test_any_tags_can_be_parsed(tags: dict[str, str]) -> None:
    assert is_encodable(parse_tags(tags))


@pytest.mark.parametrize("depth", [100, 900, 5_000, 10_000, 30_000])
@pytest.mark.parametrize("field", ["prompt", "metadata", "beside"])
def test_deep_nesting_is_reported_as_an_error(field: str, depth: int) -> None:
    read = parse_file(NAME, b'{"%s":{"a":%s%s}}' % (field.encode(), b"[" * depth, b"]" * depth))
    assert bool(read.errors) is not (field == "metadata" and bool(read.fields))


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": "Ünïcode ✨ \0 \u2028"},
        {"a": [1, -1, 1.5, 1e300, 2**63, 10**40, True, None, ""]},
        {"": {"": {}}},
        {"a": {"b": {"c": [[[[[[{"d": "e"}]]]]]]}}},
    ],
    ids=str,
)
def test_metadata_is_unchanged_after_a_round_trip_through_the_ledger(metadata: dict[str, Any]) -> None:
    kept = build_job(instructions=dict(parse_sidecar({"metadata": metadata}).fields))
    assert from_json(type(kept), to_json(kept)) == kept


@pytest.mark.parametrize("depth", [20, 150, 200, 220, 260, 1_000, 4_000])
def test_metadata_too_deep_for_the_ledger_is_refused(depth: int) -> None:
    read = parse_file(NAME, b'{"prompt":"x","metadata":{"a":%s%s}}' % (b"[" * depth, b"]" * depth))
    if read.errors:
        assert list_error_codes(read) == [Code.INVALID_VALUE]
        assert "metadata" in join_error_messages(read)
        return
    kept = build_job(instructions=dict(read.fields))
    assert from_json(type(kept), to_json(kept)) == kept


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty."),
        (b" \n", "it is empty."),
        (
            b'{"prompt": "a\nb"}',
            "a string contains a raw line break, tab, or other control character; write \\n or \\t",
        ),
        (b'{"prompt": "a beach"', "line 1, column 21"),
        (b"{'prompt': 'a beach'}", "line 1, column 2"),
        (b'{"prompt": "a",\n "seed": }', "line 2, column 10"),
        (BEACH.encode("utf-16"), "it is UTF-16; save it as UTF-8"),
        (b"\xfe\xff" + BEACH.encode("utf-16-be"), "it is UTF-16; save it as UTF-8"),
        (BEACH.encode("utf-32"), "it is UTF-32; save it as UTF-8"),
        (BEACH.encode("utf-16-le"), "it is UTF-16; save it as UTF-8"),
        (BEACH.encode("utf-16-be"), "it is UTF-16; save it as UTF-8"),
        (BEACH.encode("utf-32-le"), "it is UTF-32; save it as UTF-8"),
        (BEACH.encode("utf-32-be"), "it is UTF-32; save it as UTF-8"),
        (b'// a beach\n{"prompt": "a"}', "line 1, column 1: Expecting value; JSON has no comments"),
        (b'{"prompt": "a"} # a beach', "JSON has no comments"),
        (b'{"prompt": "a", /* a beach */ "seed": 1}', "JSON has no comments"),
        (b'{"prompt": "a",}', "trailing comma"),
        (b'["a",]', "comma"),
        ("{\u201cprompt\u201d: 1}".encode(), 'typographic quote, and JSON accepts only "'),
        (b"{\"prompt\": 'a beach'}", "JSON accepts only double quotes"),
        (b'{"seed": 1' + b"0" * 5_000 + b"}", "a number may have at most 4,300 digits"),
        ('{"prompt": "Mönch"}'.encode("latin-1"), "byte 13 is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "byte 0 is not UTF-8"),
        (b"null", "contains null"),
        (b'["a beach"]', "contains a list"),
        (b'"a beach"', "contains a string"),
        (b"7", "contains a number"),
        (b"true", "contains true or false"),
        (b'{"prompt": "a", "prompt": "b"}', "'prompt' is repeated"),
        (b'{"metadata": {"a": 1, "a": 2}}', "'a' is repeated"),
        (b'{"max_cost_usd": NaN}', "NaN"),
        (b'{"max_cost_usd": -Infinity}', "Infinity"),
    ],
)
def test_invalid_json_is_reported_with_line_and_reason(data: bytes, says: str) -> None:
    read = parse_file(NAME, data)
    assert list_error_codes(read) == [Code.SIDECAR_NOT_JSON]
    assert NAME in join_error_messages(read)
    assert says in join_error_messages(read)


@pytest.mark.parametrize("data", [BEACH.encode("utf-8-sig"), b"\r\n\t " + BEACH.encode() + b"\n"])
def test_editor_additions_around_the_json_are_accepted(data: bytes) -> None:
    assert parse_file(NAME, data).fields == {"operation": "replace", "prompt": "a beach"}


@pytest.mark.parametrize(("size", "refused"), [(MAX_SIDECAR_BYTES, False), (MAX_SIDECAR_BYTES + 1, True)])
def test_sidecar_has_at_most_64_kilobytes(size: int, refused: bool) -> None:
    read = parse_file(NAME, BEACH.encode().ljust(size))
    assert list_error_codes(read) == ([Code.SIDECAR_TOO_LARGE] if refused else [])


def test_sidecar_of_five_megabytes_is_refused_without_parsing() -> None:
    assert list_error_codes(parse_file(NAME, b"[" * 5_000_000)) == [Code.SIDECAR_TOO_LARGE]
