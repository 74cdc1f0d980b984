"""Merging a sidecar and tags: the nearest source wins, groups stay together, and each value keeps its provenance."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backdrop.instructions.merge import FIELD_GROUPS, PURCHASE_FIELDS, ResolvedInstructions, is_complete, resolve
from backdrop.instructions.schema import InstructionsModel, VariantModel
from backdrop.instructions.sources import InstructionSource, parse_tags
from backdrop.model.capabilities import REPLACE_FIELDS
from backdrop.model.codes import Code
from backdrop.model.composition import COMPOSITION_FIELDS
from backdrop.model.errors import InstructionError
from backdrop.model.fidelity import SUBJECT_FIELD
from backdrop.model.frame import FRAME_FIELD, SUBJECT_FIELDS
from tests.unit.instruction_places import parse_sidecar
from tests.unit.ledger_items import quick

NOT_PURCHASED = frozenset(
    {"approval", "output", "max_cost_usd", "revision", "metadata", SUBJECT_FIELD, *COMPOSITION_FIELDS}
)
FRAME_FIELDS = frozenset({FRAME_FIELD, *SUBJECT_FIELDS})


def merge(*sources: dict[str, Any]) -> ResolvedInstructions:
    """Merges sources named `first`, `second` …, nearest first."""
    return resolve(
        [InstructionSource(name, fields) for name, fields in zip(("first", "second", "third"), sources, strict=False)]
    )


REPLACE = {"operation": "replace", "prompt": "a beach"}


def test_nearest_source_wins_field_by_field() -> None:
    found = merge({**REPLACE, "seed": 1}, {"seed": 2, "num_images": 3})
    assert found.fields == {**REPLACE, "seed": 1, "num_images": 3}


def test_each_value_has_its_provenance() -> None:
    found = merge(REPLACE, {"seed": 2}, {"seed": 3, "num_images": 3})
    origins = {"operation": "first", "prompt": "first", "seed": "second", "num_images": "third"}
    assert found.provenance == origins


@pytest.mark.parametrize(
    ("near", "far", "together"),
    [
        (REPLACE, {"operation": "remove"}, REPLACE),
        ({"operation": "remove"}, REPLACE, {"operation": "remove"}),
        ({**REPLACE, "style_preset": "AURA"}, {"style_codes": ["AAFF5733"]}, {**REPLACE, "style_preset": "AURA"}),
        (
            {**REPLACE, "style_codes": ["AAFF5733"]},
            {"style_preset": "AURA"},
            {**REPLACE, "style_codes": ["AAFF5733"]},
        ),
        (REPLACE, {"style_preset": "AURA"}, {**REPLACE, "style_preset": "AURA"}),
    ],
)
def test_group_of_fields_is_inherited_whole_or_not_at_all(
    near: dict[str, Any], far: dict[str, Any], together: dict[str, Any]
) -> None:
    assert merge(near, far).fields == together


def test_nearer_replace_does_not_inherit_a_farther_prompt() -> None:
    with pytest.raises(InstructionError) as caught:
        merge({"operation": "replace"}, {"operation": "replace", "prompt": "a beach"})
    assert caught.value.code is Code.MISSING_PROMPT
    assert "first" in str(caught.value.message)


def test_nearer_prompt_overrides_a_farther_remove() -> None:
    assert resolve([parse_sidecar({"prompt": "a beach"}), parse_tags({"operation": "remove"})]).operation == "replace"


@pytest.mark.parametrize("field", [*REPLACE_FIELDS, SUBJECT_FIELD])
def test_inherited_fields_without_meaning_for_remove_are_dropped(field: str) -> None:
    found = merge({"operation": "remove", "max_cost_usd": 1}, {field: "anything"})
    assert found.fields == assert_found_only(found, "operation", "max_cost_usd")
    assert field not in found.provenance


def assert_found_only(found: ResolvedInstructions, *names: str) -> dict[str, Any]:
    return {name: found.fields[name] for name in names}


def test_model_of_a_cut_out_is_inherited_only_by_cut_outs() -> None:
    assert merge({"operation": "remove"}, {"model": "ideogram"}).fields == {"operation": "remove", "model": "ideogram"}
    replaced = {"operation": "replace", "prompt": "a beach"}
    assert merge(replaced, {"model": "ideogram"}).fields == replaced


def test_nearer_field_without_meaning_for_remove_is_dropped() -> None:
    assert merge({"num_images": 2}, {"operation": "remove"}).fields == {"operation": "remove"}


def test_empty_sources_contain_no_instructions() -> None:
    with pytest.raises(InstructionError) as caught:
        resolve([parse_tags({"owner": "me"})])
    assert caught.value.code is Code.NO_INSTRUCTIONS
    assert "sidecar" in str(caught.value.message)


def test_options_without_an_operation_are_named() -> None:
    with pytest.raises(InstructionError) as caught:
        merge({"seed": 1}, {"num_images": 2})
    assert caught.value.code is Code.NO_INSTRUCTIONS
    assert "first sets seed; second sets num_images" in str(caught.value.message)


def test_warnings_of_all_sources_are_kept() -> None:
    sources = [
        InstructionSource("first", REPLACE, warnings=("one",)),
        InstructionSource("second", {}, warnings=("two",)),
    ]
    assert [str(one.text) for one in resolve(sources).warnings] == ["one", "two"]


@pytest.mark.parametrize(
    ("sources", "complete"),
    [
        ([], False),
        ([InstructionSource("tags")], False),
        ([InstructionSource("tags", {"seed": 1})], False),
        ([InstructionSource("tags", {"operation": "remove"})], True),
        ([InstructionSource("sidecar"), InstructionSource("tags", REPLACE)], True),
        (
            [
                InstructionSource("sidecar", errors=(InstructionError(Code.INVALID_VALUE, "x"),)),
                InstructionSource("tags"),
            ],
            True,
        ),
    ],
)
def test_photo_with_complete_instructions_runs_immediately(sources: list[InstructionSource], complete: bool) -> None:
    assert is_complete(sources) is complete


def test_purchase_fields_are_all_that_reach_the_provider() -> None:
    found = merge({**REPLACE, "provider": "segmind", "max_cost_usd": 1, "revision": "2", "metadata": {"a": 1}})
    assert found.purchase_fields == {**REPLACE, "provider": "segmind"}
    assert found.revision == "2"


@pytest.mark.parametrize("field", sorted(VariantModel.model_fields))
def test_every_field_is_listed_as_sent_to_the_provider_or_not(field: str) -> None:
    """A new field in neither list would be dropped silently, or become part of every job's ID."""
    assert [field in PURCHASE_FIELDS, field in NOT_PURCHASED, field in FRAME_FIELDS, field == "style"].count(True) == 1


def test_purchase_field_lists_contain_only_fields() -> None:
    assert set(VariantModel.model_fields) == PURCHASE_FIELDS | NOT_PURCHASED | FRAME_FIELDS | {"style"}
    assert set(InstructionsModel.model_fields) == set(VariantModel.model_fields) | {"variants"}


def test_only_the_shape_of_a_frame_reaches_the_provider() -> None:
    framed = merge({**REPLACE, "frame": "1200x628", "position": "bottom"})
    assert framed.purchase_fields == {**REPLACE, "frame": "300:157", "subject_size": 0.85, "position": "bottom"}
    assert merge({"operation": "remove", "frame": "4:5"}).purchase_fields == {"operation": "remove"}


def test_unlisted_field_is_not_a_purchase_field() -> None:
    assert merge({**REPLACE, "unheard_of": 1}).purchase_fields == REPLACE


@pytest.mark.parametrize(
    ("given", "providers"),
    [({}, ("ideogram",)), ({"provider": "1min"}, ("1min",)), ({"provider": ["1min", "runware"]}, ("1min", "runware"))],
)
def test_providers_are_in_order_of_preference(given: dict[str, Any], providers: tuple[str, ...]) -> None:
    assert merge({**REPLACE, **given}).list_providers("ideogram") == providers


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "operation": st.sampled_from(["replace", "remove"]),
        "prompt": st.sampled_from(["a beach", "a forest"]),
        "style_preset": st.just("AURA"),
        "style_codes": st.just(["AAFF5733"]),
        "num_images": st.integers(1, 3),
        "seed": st.integers(0, 3),
        "max_cost_usd": st.integers(0, 3),
    },
)


@quick
@given(st.lists(FIELDS, min_size=1, max_size=3))
def test_merge_adds_no_conflict_and_no_value(sources: list[dict[str, Any]]) -> None:
    sources = [_self_consistent(source) for source in sources]
    try:
        found = merge(*sources)
    except InstructionError as error:
        assume(error.code not in (Code.NO_INSTRUCTIONS, Code.MISSING_PROMPT))
        raise
    by_name: dict[str, dict[str, Any]] = dict(zip(("first", "second", "third"), sources, strict=False))
    assert found.provenance.keys() == found.fields.keys()
    assert all(by_name[found.provenance[name]][name] == value for name, value in found.fields.items())
    for group in FIELD_GROUPS:
        assert len({found.provenance[name] for name in group & found.fields.keys()}) <= 1
    assert not (found.operation == "remove" and found.fields.keys() & set(REPLACE_FIELDS))


def _self_consistent(source: dict[str, Any]) -> dict[str, Any]:
    """Like a validated source: one style, only meaningful fields with remove, and a prompt implies replace."""
    source = {**source, "operation": source.get("operation", "replace")} if "prompt" in source else source
    if source.get("operation") == "remove":
        return {name: value for name, value in source.items() if name not in REPLACE_FIELDS}
    return {name: value for name, value in source.items() if name != "style_codes" or "style_preset" not in source}


AMAZON: dict[str, Any] = {"output": {"for": "amazon-main"}}
SHADOW: dict[str, Any] = {"shadow": {"type": "contact"}}
LOGO: dict[str, Any] = {"logo": {"image": "_backdrop/logo.png"}}


@pytest.mark.parametrize("field", [SHADOW, LOGO])
def test_marketplace_output_accepts_a_brand_kit_from_a_less_specific_place(field: dict[str, Any]) -> None:
    assert merge({"operation": "remove"} | AMAZON, field).fields["output"] == AMAZON["output"]
    assert merge({"operation": "remove"}, AMAZON, field).fields["output"] == AMAZON["output"]


@pytest.mark.parametrize("field", [SHADOW, LOGO])
@pytest.mark.parametrize("is_nearer", [True, False])
def test_what_a_marketplace_does_not_accept_is_an_error_next_to_its_output(
    field: dict[str, Any], *, is_nearer: bool
) -> None:
    sources = [{"operation": "remove"} | field, AMAZON] if is_nearer else [{"operation": "remove"} | field | AMAZON]
    with pytest.raises(InstructionError, match="amazon-main") as raised:
        merge(*sources)
    assert '"none" in the output' in str(raised.value.hint)
