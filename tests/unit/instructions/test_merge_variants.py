"""Merging many sources for many variants: the nearest source wins, and groups never mix sources."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.instructions.merge import FIELD_GROUPS, ResolvedInstructions, is_complete, list_variants, resolve
from backdrop.instructions.sources import InstructionSource, parse_file, parse_request, parse_tags, select_backdrop_tags
from backdrop.model.capabilities import REPLACE_FIELDS
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from tests.unit.instruction_places import parse_sidecar
from tests.unit.ledger_items import quick

REPLACE = {"operation": "replace", "prompt": "a beach"}
REMOVE = {"operation": "remove"}
FOREST = {"operation": "replace", "prompt": "a forest"}


def build_source(name: str, fields: dict[str, Any] | None = None, **variants: dict[str, Any]) -> InstructionSource:
    """Builds a source with these fields and variants."""
    return InstructionSource(name, fields or {}, variants or None)


# -- which pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        ([], ("",)),
        ([build_source("a", REPLACE)], ("",)),
        ([build_source("a", b=REPLACE, a=REMOVE)], ("b", "a")),
        ([build_source("a", REPLACE), build_source("b", x=REMOVE)], ("x",)),
        ([build_source("a", y={}), build_source("b", x=REMOVE)], ("y",)),
        ([InstructionSource("a", REPLACE, {}), build_source("b", x=REMOVE)], ("",)),
    ],
    ids=["none", "no variants", "two", "inherited", "the nearest", "explicitly none"],
)
def test_nearest_source_with_variants_names_them_all(sources: list[InstructionSource], names: tuple[str, ...]) -> None:
    assert list_variants(sources) == names


def test_variant_overrides_its_source_but_not_nearer_sources() -> None:
    sources = [
        build_source("near", {"seed": 1}),
        build_source("far", {"seed": 2, "num_images": 2, **REPLACE}, x={"seed": 3, "num_images": 3}),
    ]
    found = resolve(sources, "x")
    assert found.fields == {"seed": 1, "num_images": 3, **REPLACE}
    assert found.provenance == {"seed": "near", "num_images": "far", "operation": "far", "prompt": "far"}


def test_empty_variant_has_the_fields_of_its_source() -> None:
    assert resolve([build_source("a", REPLACE, x={})], "x") == resolve([build_source("a", REPLACE)])


def test_variant_with_an_operation_inherits_no_prompt() -> None:
    assert resolve([build_source("a", REPLACE, x=REMOVE)], "x").fields == REMOVE
    with pytest.raises(InstructionError) as caught:
        resolve([build_source("a", REPLACE, x={"operation": "replace"})], "x")
    assert caught.value.code is Code.MISSING_PROMPT


def test_variant_style_replaces_the_whole_style_group() -> None:
    outside = {**REPLACE, "style_preset": "AURA", "style_type": "DESIGN"}
    found = resolve([build_source("a", outside, x={"style_codes": ["AAFF5733"]})], "x")
    assert found.fields == {**REPLACE, "style_codes": ["AAFF5733"]}


def test_nearer_source_overrides_a_farther_sources_variant() -> None:
    found = resolve([build_source("near", REMOVE), build_source("far", x=FOREST)], "x")
    assert (found.fields, found.provenance) == (REMOVE, {"operation": "near"})


def test_output_conflict_names_the_source_of_the_output() -> None:
    with pytest.raises(InstructionError) as caught:
        resolve([build_source("near", REMOVE), build_source("far", {"output": {"format": "jpg"}})])
    assert caught.value.code is Code.CONFLICTING_FIELDS
    assert str(caught.value).startswith("far: ")


# -- all four kinds of sources --------------------------------------------------------------------------------------


def test_request_then_sidecar_then_tags_then_each_folders_defaults() -> None:
    sources = [
        parse_request({"seed": 1}),
        parse_sidecar({"num_images": 2, "seed": 2}),
        parse_tags({"rendering_speed": "turbo", "seed": "3", "num_images": "3"}),
        parse_file("shoes/_backdrop.json", b'{"magic_prompt": "OFF", "rendering_speed": "QUALITY"}'),
        parse_file("_backdrop.json", b'{"prompt": "a beach", "magic_prompt": "ON"}'),
    ]
    assert resolve(sources).provenance == {
        "seed": "request",
        "num_images": "shoes/red.jpg.json",
        "rendering_speed": "tags",
        "magic_prompt": "shoes/_backdrop.json",
        "operation": "_backdrop.json",
        "prompt": "_backdrop.json",
    }


def test_schema_reference_for_editors_is_ignored() -> None:
    assert resolve([parse_sidecar({"$schema": "x", "prompt": "a beach"})]).fields == REPLACE


@pytest.mark.parametrize(
    ("tags", "ours"),
    [
        ({"GuardDutyMalwareScanStatus": "NO_THREATS_FOUND", "team": "shoes"}, {}),
        ({"prompt": "x", "team": "shoes"}, {"prompt": "x"}),
        ({"promt": "x"}, {"promt": "x"}),
        ({"backdrop:prompt": "x", "prompt": "y"}, {"prompt": "x"}),
        ({"backdrop:owner": "x", "prompt": "y"}, {}),
        ({"metadata": "x", "variants": "y"}, {"metadata": "x", "variants": "y"}),
    ],
)
def test_only_backdrop_tags_count(tags: dict[str, str], ours: dict[str, str]) -> None:
    assert select_backdrop_tags(tags) == ours


@pytest.mark.parametrize(
    ("sources", "complete"),
    [
        ([parse_file("a.json", b"{}"), parse_tags({})], True),
        ([parse_file("a.json", b"{"), parse_tags({})], True),
        ([parse_tags({"seed": "1"})], False),
        ([parse_tags({"operation": "paint"})], True),
        ([parse_tags({"prompt": "x"})], True),
        ([parse_tags({"promt": "x"})], False),
    ],
    ids=["empty sidecar", "broken sidecar", "options", "a wrong tag", "a prompt", "a near miss"],
)
def test_photo_waits_without_a_sidecar_or_complete_tags(sources: list[InstructionSource], complete: bool) -> None:
    assert is_complete(sources) is complete


# -- any sources ----------------------------------------------------------------------------------------------------

FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "operation": st.sampled_from(["replace", "remove"]),
        "prompt": st.sampled_from(["a beach", "a forest"]),
        "style": st.sampled_from(["aura", "AAFF5733"]),
        "style_type": st.just("DESIGN"),
        "style_reference_images": st.just(["a.jpg"]),
        "color_palette": st.sampled_from(["EMBER", "PASTEL"]),
        "num_images": st.integers(1, 3),
        "seed": st.integers(0, 3),
        "revision": st.sampled_from(["1", "2"]),
    },
)
VARIANTS: st.SearchStrategy[dict[str, Any]] = st.just({"seed": 0}) | st.fixed_dictionaries(
    {"variants": st.dictionaries(st.sampled_from("ab"), FIELDS, max_size=2)}
)


def _join(fields: dict[str, Any], variants: dict[str, Any]) -> dict[str, Any]:
    return {**variants, **fields}


ANY_INSTRUCTIONS: st.SearchStrategy[dict[str, Any]] = st.builds(_join, FIELDS, VARIANTS)


def parse_valid_sources(contents: Sequence[dict[str, Any]]) -> list[InstructionSource]:
    """Returns the sources of these files, without those that have errors."""
    sources = [parse_sidecar(content) for content in contents]
    return [
        InstructionSource(f"source {n}", one.fields, one.variants) for n, one in enumerate(sources) if not one.errors
    ]


def _resolve(sources: list[InstructionSource], variant: str) -> ResolvedInstructions | None:
    try:
        return resolve(sources, variant)
    except InstructionError as error:
        if error.code not in (Code.NO_INSTRUCTIONS, Code.MISSING_PROMPT):
            raise
        return None


@quick
@given(st.lists(ANY_INSTRUCTIONS, max_size=4))
def test_nearest_source_wins_and_groups_never_mix(contents: list[dict[str, Any]]) -> None:
    sources = parse_valid_sources(contents)
    for variant in list_variants(sources):
        found = _resolve(sources, variant)
        if found is None:
            continue
        layers = [(one.name, given) for one in sources for given in one.select_fields(variant)]
        for name, value in found.fields.items():
            group = next((group for group in FIELD_GROUPS if name in group), frozenset({name}))
            nearest = next(given for _, given in layers if group & given.keys())
            assert nearest[name] == value
        for group in FIELD_GROUPS:
            assert len({found.provenance[name] for name in group & found.fields.keys()}) <= 1
        assert not (found.operation == "remove" and found.fields.keys() & set(REPLACE_FIELDS))
        assert found.provenance.keys() == found.fields.keys()


@quick
@given(st.lists(ANY_INSTRUCTIONS, max_size=3), ANY_INSTRUCTIONS)
def test_farther_source_never_changes_a_nearer_value(contents: list[dict[str, Any]], far: dict[str, Any]) -> None:
    sources = parse_valid_sources(contents)
    before = _resolve(sources, "")
    if before is None or list_variants(sources) != ("",):
        return
    after = _resolve([*sources, *parse_valid_sources([far])], "")
    assert after
    assert before.fields.items() <= after.fields.items()
