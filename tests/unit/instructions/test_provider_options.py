"""Every option at every provider: sent under the provider's own name, or refused with a reason, and never dropped."""

import json
from itertools import product
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.instructions.conflicts import STYLE_FIELDS
from backdrop.instructions.sources import parse_file
from backdrop.model.capabilities import (
    CAPABILITIES,
    PROVIDER_FIELDS,
    PROVIDERS,
    REFERENCES_FIELD,
    REPLACE_FIELDS,
    find_not_expressible,
    to_provider_fields,
    to_provider_json,
)
from backdrop.model.job import Job
from backdrop.model.styles import STYLE_PRESETS
from backdrop.providers import onemin, runware, segmind
from backdrop.providers.ideogram import build_form
from backdrop.providers.runware_errors import FIELD_ERROR_CODES
from backdrop.providers.segmind import Segmind
from tests.contract.adapter_calls import get_task_id, job_for
from tests.contract.adapters import PHOTO, provide_key
from tests.unit.ledger_items import quick
from tests.unit.work_in_memory import FakeWork

NO = None
FLASH, SPEED = "FLASH", "rendering_speed"
# Each option with a value, and each provider's own name for the option. None means that the provider refuses it.
CELLS: dict[tuple[str, Any], tuple[str | None, str | None, str | None, str | None]] = {
    # given                                   ideogram, segmind, 1min, runware
    ("prompt", "at sea"): ("prompt", "prompt", "promptObject.prompt", "positivePrompt"),
    ("prompt", "x" * 2_000): ("prompt", "prompt", "promptObject.prompt", "positivePrompt"),
    ("prompt", "x" * 2_001): ("prompt", "prompt", "promptObject.prompt", NO),
    ("prompt", "x" * 10_000): ("prompt", "prompt", "promptObject.prompt", NO),
    ("negative_prompt", "x" * 10_000): (NO, NO, "promptObject.negative_prompt", NO),
    ("style_type", "RENDER_3D"): (NO, NO, NO, "providerSettings.ideogram.styleType"),
    ("style_type", "ANIME"): (NO, NO, NO, "providerSettings.ideogram.styleType"),
    ("style_reference_images", (*"abcde",)): (NO, NO, "promptObject.style_reference_images", NO),
    ("negative_prompt", "people"): (NO, NO, "promptObject.negative_prompt", NO),
    ("num_images", 1): ("num_images", "", "promptObject.num_images", "numberResults"),
    ("num_images", 2): ("num_images", NO, "promptObject.num_images", "numberResults"),
    ("num_images", 8): ("num_images", NO, "promptObject.num_images", "numberResults"),
    ("num_images", 9): (NO, NO, NO, "numberResults"),
    ("num_images", 20): (NO, NO, NO, "numberResults"),
    ("seed", 0): ("seed", NO, "promptObject.seed", NO),
    ("seed", 99): ("seed", NO, "promptObject.seed", NO),
    ("seed", 100): ("seed", "seed", "promptObject.seed", NO),
    ("seed", 999_999): ("seed", "seed", "promptObject.seed", NO),
    ("seed", 1_000_000): ("seed", NO, "promptObject.seed", NO),
    ("seed", 2_147_483_647): ("seed", NO, "promptObject.seed", NO),
    (SPEED, FLASH): (SPEED, NO, f"promptObject.{SPEED}", NO),
    (SPEED, "TURBO"): (SPEED, SPEED, f"promptObject.{SPEED}", "providerSettings.ideogram.renderingSpeed"),
    (SPEED, "DEFAULT"): (SPEED, SPEED, f"promptObject.{SPEED}", "providerSettings.ideogram.renderingSpeed"),
    (SPEED, "QUALITY"): (SPEED, SPEED, f"promptObject.{SPEED}", "providerSettings.ideogram.renderingSpeed"),
    **{
        ("magic_prompt", word): (
            "magic_prompt",
            "magic_prompt",
            "promptObject.magic_prompt",
            "providerSettings.ideogram.magicPrompt",
        )
        for word in ("AUTO", "ON", "OFF")
    },
    **{
        ("style_type", word): (NO, NO, "promptObject.style_type", "providerSettings.ideogram.styleType")
        for word in ("AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION")
    },
    **{
        ("style_preset", preset): (
            "style_preset",
            NO,
            "promptObject.style_preset",
            "providerSettings.ideogram.stylePreset",
        )
        for preset in STYLE_PRESETS
    },
    ("style_codes", ("AAFF5733",)): ("style_codes", "style_codes", NO, "providerSettings.ideogram.styleCode"),
    ("style_codes", ("AAFF5733", "0133FF57")): ("style_codes", "style_codes", NO, NO),
    ("style_reference_images", ("a", "b", "c", "d")): (
        "style_reference_images",
        "style_reference_images",
        "promptObject.style_reference_images",
        "providerSettings.ideogram.styleReferenceImages",
    ),
    ("color_palette", "PASTEL"): ("color_palette", "color_palette", NO, NO),
}
REPLACE = {"operation": "replace", "prompt": "a beach"}


def build_value(value: Any) -> Any:
    """Returns the value as instructions contain it."""
    return (
        [*cast("tuple[str, ...]", value)]
        if isinstance(value, tuple)
        else {"name": value}
        if value == "PASTEL"
        else value
    )


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("cell", "names"), CELLS.items(), ids=lambda value: str(value)[:40])
def test_each_option_is_sent_or_refused_with_reason(
    provider: str, cell: tuple[str, Any], names: tuple[str | None, ...]
) -> None:
    field, value = cell[0], build_value(cell[1])
    instructions, name = {**REPLACE, field: value}, names[PROVIDERS.index(provider)]
    reasons = find_not_expressible(provider, instructions)
    if name is None:
        (reason,) = reasons
        assert reason.startswith(f"{provider} ")
        assert field in reason
        return
    assert reasons == []
    sent = dict(to_provider_fields(provider, instructions))
    if name:
        assert sent[name] == (value[0] if name.endswith("styleCode") else value)


@pytest.mark.parametrize(
    ("provider", "model", "sent"),
    [
        ("ideogram", None, {}),
        ("ideogram", "ideogram", {}),
        ("ideogram", "birefnet-matting", NO),
        ("runware", None, {}),
        ("runware", "birefnet-matting", {"model": "runware:112@9"}),
        ("runware", "ideogram", {"model": "ideogram:remove-background@0"}),
    ],
)
def test_model_of_a_cut_out_is_sent_by_the_vendors_name_or_refused(
    provider: str, model: str | None, sent: dict[str, str] | None
) -> None:
    instructions = {"operation": "remove"} | ({"model": model} if model else {})
    reasons = find_not_expressible(provider, instructions)
    assert reasons == ([] if sent is not None else ["ideogram accepts ideogram for model, not 'birefnet-matting'"])
    if sent is not None:
        assert dict(to_provider_fields(provider, instructions)) == sent


@pytest.mark.parametrize("provider", ["segmind", "1min"])
def test_provider_without_background_removal_refuses_it(provider: str) -> None:
    assert find_not_expressible(provider, {"operation": "remove"}) == [f"{provider} cannot remove a background"]


@pytest.mark.parametrize(
    ("provider", "given", "reasons"),
    [
        ("1min", {"style_type": "DESIGN", "style_preset": "AURA"}, ["style_preset"]),
        ("1min", {"style_type": "FICTION", "style_reference_images": ["a"]}, ["style_reference_images"]),
        ("1min", {"style_type": "AUTO", "style_preset": "AURA"}, []),
        ("1min", {"style_type": "GENERAL", "style_reference_images": ["a"]}, []),
        ("runware", {"style_type": "AUTO", "style_codes": ["AAFF5733"]}, ["style_codes"]),
        ("runware", {"style_type": "DESIGN", "style_preset": "AURA"}, []),
        ("runware", {"style_type": "DESIGN", "style_reference_images": ["a"]}, []),
    ],
)
def test_provider_refuses_options_it_cannot_combine(provider: str, given: dict[str, Any], reasons: list[str]) -> None:
    found = find_not_expressible(provider, {**REPLACE, **given})
    assert [one.rpartition(" ")[2] for one in found] == reasons
    assert all("style_type" in one for one in found)


@pytest.mark.parametrize("pair", [p for p in product(STYLE_FIELDS, repeat=2) if p[0] < p[1]], ids=str)
def test_options_that_always_exclude_each_other_are_a_conflict(pair: tuple[str, str]) -> None:
    values = {"style": "aura", "style_preset": "AURA", "style_codes": ["AAFF5733"], "style_reference_images": ["a"]}
    source = parse_file("a.json", json.dumps({"prompt": "x", **{name: values[name] for name in pair}}).encode())
    assert [error.code for error in source.errors] == ["conflicting_fields"]


# -- the requests match the table ------------------------------------------------------------------------------

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "prompt": st.text(min_size=1, max_size=20),
    "negative_prompt": st.text(min_size=1, max_size=20),
    "num_images": st.integers(1, 20),
    "seed": st.integers(0, 2_147_483_647),
    "rendering_speed": st.sampled_from(["FLASH", "TURBO", "DEFAULT", "QUALITY"]),
    "magic_prompt": st.sampled_from(["AUTO", "ON", "OFF"]),
    "style_type": st.sampled_from(["AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION", "RENDER_3D", "ANIME"]),
    "style_preset": st.sampled_from(STYLE_PRESETS),
    "style_codes": st.lists(st.sampled_from(["AAFF5733", "0133FF57"]), min_size=1, max_size=2, unique=True),
    "color_palette": st.just({"name": "PASTEL"}),
}
ANY_INSTRUCTIONS = st.fixed_dictionaries(
    {"operation": st.just("replace"), "prompt": VALUES["prompt"]},
    optional={name: values for name, values in VALUES.items() if name != "prompt"},
)


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Returns every value in nested objects by its dotted path. A palette counts as one value."""
    if isinstance(value, dict) and path.rpartition(".")[2] not in ("color_palette", "safety"):
        return {name: one for key, inner in value.items() for name, one in flatten(inner, f"{path}.{key}").items()}
    return {path.removeprefix("."): value}


def list_sent_values(provider: str, job: Job) -> dict[str, Any]:
    """Returns what the provider receives, by dotted path."""
    if provider == "ideogram":
        return {part._name: part.data for part in build_form(job, PHOTO)}  # noqa: SLF001  urllib3 shows it nowhere else
    if provider == "1min":
        return flatten(onemin.build_request(job, ["images/a.jpg"]))
    if provider == "runware":
        return flatten(runware.build_request(job, get_task_id(job), PHOTO))
    prepared: Any = Segmind("https://api.example", 5, provide_key, FakeWork()).prepare(job, PHOTO)
    return flatten(json.loads(prepared.send.args[1]))


@quick
@given(st.sampled_from(PROVIDERS), ANY_INSTRUCTIONS)
def test_sent_options_are_exactly_the_requested_or_constant_ones(provider: str, instructions: dict[str, Any]) -> None:
    if find_not_expressible(provider, instructions):
        return
    found = list_sent_values(provider, job_for(provider, **instructions))
    expected = dict(to_provider_fields(provider, instructions))
    assert expected.keys() <= found.keys()
    if provider != "ideogram":
        assert {name: found[name] for name in expected} == expected
    every_name = {field.name for field in CAPABILITIES[provider, "replace"].values()}
    always = {"promptObject.num_images"} if provider == "1min" else set[str]()
    assert (found.keys() & every_name) - always == expected.keys() - always


@quick
@given(st.sampled_from(PROVIDERS), ANY_INSTRUCTIONS)
def test_every_reason_names_a_field_that_was_given(provider: str, instructions: dict[str, Any]) -> None:
    for reason in find_not_expressible(provider, instructions):
        assert any(name in reason for name in instructions)


def test_nested_objects_are_flattened_to_paths() -> None:
    instructions = {**REPLACE, "style_codes": ["AAFF5733"], "magic_prompt": "ON"}
    settings = {"magicPrompt": "ON", "styleCode": "AAFF5733"}
    assert to_provider_json("runware", instructions) == {
        "positivePrompt": "a beach",
        "providerSettings": {"ideogram": settings},
    }
    assert all(name in PROVIDER_FIELDS for fields in CAPABILITIES.values() for name in fields)


def test_every_field_of_a_new_background_has_a_cell_and_a_value() -> None:
    """A field without them would be exempt from the tests above."""
    assert {field for field, _ in CELLS} == set(REPLACE_FIELDS)
    assert {*VALUES, REFERENCES_FIELD} == set(REPLACE_FIELDS), "the references are sent as bytes, not as given"


def test_every_nested_name_of_a_request_is_checked() -> None:
    """`flatten` treats these as one value, so none of the table's dotted names may be inside them."""
    names = {field.name for fields in CAPABILITIES.values() for field in fields.values()}
    assert not [name for name in names if {"color_palette", "safety"} & {*name.split(".")[:-1]}]


@pytest.mark.parametrize("provider", ["segmind", "runware"])
def test_refusal_that_names_any_sent_field_rejects_the_request(provider: str) -> None:
    for field in CAPABILITIES[provider, "replace"].values():
        for name in filter(None, field.name.split(".")):
            if provider == "segmind":
                assert name in segmind.REQUEST_PARAMETERS
            else:
                assert f"invalid{name[:1].upper()}{name[1:]}" in FIELD_ERROR_CODES
