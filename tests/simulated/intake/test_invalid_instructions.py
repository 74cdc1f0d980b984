"""Instructions with errors: every error of the file is reported, and nothing is bought."""

import json
from typing import Any

import pytest

from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY
from tests.simulated.uploads_and_requests import (
    BEACH,
    REMOVE,
    upload_defaults,
    upload_sidecar_bytes,
    upload_unique_photo,
)
from tests.unit.instruction_places import parse_sidecar


def list_messages(content: object) -> list[str]:
    """Returns a sidecar's error messages, without its name."""
    instruction_source = parse_sidecar(content)
    return [str(error.detail) for error in instruction_source.errors]


def report_errors(
    content: dict[str, Any], *, inherited: dict[str, Any] | bytes | None = None
) -> list[tuple[str, str | None]]:
    """Returns the codes and variants in the report of a photo with this sidecar."""
    world = World()
    if inherited is not None:
        upload_defaults(world, "", inherited)
    upload_sidecar_bytes(world, KEY, json.dumps(content).encode())
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    report = world.read_report(KEY)
    assert world.list_jobs() == []
    return [(one["code"], one["variant"]) for one in report["errors"]] if report else []


# -- in one file -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        {"output": {"fit": "pad", "width": 9, "height": "9"}},
        {"output": {"fit": "pad", "width": 9, "hight": 9}},
        {"output": {"fit": "pad", "pixels": 9}},
        {"output": {"format": "gif", "quality": 80}},
        {"output": {"format": "jpg", "margin": 3, "background": "reddish"}},
        {"output": {"format": "jpg", "margin": 3, "bg": "white"}},
        {"output": {"format": "jpg", "margin": "50%"}},
        {"output": [{}, {"name": "A"}]},
        {"output": [{}, {"nmae": "a"}]},
        {"output": {"width": 80, "margin": -1}},
        {"color_palette": {"nmae": "PASTEL"}},
        {"color_palette": {"name": "PASTL"}},
        {"provider": ["ideogram", "ideogrm"]},
        {"output": None},
    ],
)
def test_consequence_of_an_error_is_not_reported(content: Any) -> None:
    assert len(list_messages(content)) == 1


def test_too_long_list_is_reported_as_one_error() -> None:
    found = list_messages({"output": [{"name": f"n{n}", "width": 0} for n in range(11)]})
    assert found == ["output has 11 entries; it can have at most 10 entries"]


@pytest.mark.parametrize("name", ["one", "list", "output"])
def test_path_of_an_error_contains_any_variant_name(name: str) -> None:
    assert list_messages({"variants": {name: {"seed": -1}}}) == [f"variants.{name}.seed is -1; it must be at least 0"]


# -- in all instructions of a photo -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        {"operation": "replace", "seed": -1},
        {**REMOVE, "seeed": 1},
        {**BEACH, "seed": -1},
        {**BEACH, "style_reference_images": ["gone.jpg"], "seed": -1},
        {**BEACH, "max_cost_usd": 0, "seed": -1},
        {"variants": {"a": REMOVE, "b": {**BEACH, "seed": -1}}},
        {"variants": {"a": {**REMOVE, "seeed": 1}, "b": BEACH}},
        {"variants": {"a": BEACH, "b": BEACH}, "seed": -1},
        {"operation": "replace", "promt": "on a beach"},
        {"operation": "replace", "text": "on a beach"},
        {"operation": "replace", "prompt": 5},
        {"operation": "replace", "prompt": None},
        {"operation": "removee"},
        {"promt": "on a beach"},
        {"operation": "removee", "output": {"format": "jpg"}},
        {"operation": "remove", "output": {"format": "jpg", "background": "reddish"}},
        {"operation": "remove", "output": {"format": "jpg", "bakground": "white"}},
        {"operation": "remove", "output": "jpg"},
        {**BEACH, "max_cost_usd": 0.05, "rendering_speed": "TURB"},
        {**BEACH, "max_cost_usd": 0.05, "num_images": "1"},
        {**BEACH, "max_cost_usd": 0.05, "provider": "ideogrm"},
        {**BEACH, "max_cost_usd": "0"},
        {**BEACH, "provider": ["segmind", "ideogrm"]},
        {**BEACH, "num_images": 0},
        {**BEACH, "style_reference_images": ["gone.jpg", 5]},
        {"variants": {"A": REMOVE}},
        {"variants": {"a": 5}},
        {"variants": 5},
        {"varients": {"a": REMOVE}},
        {"variants": {"a": {"promt": "on a beach"}}},
        {"variants": {"a": {"promt": "on a beach"}}, "operation": "replace"},
    ],
)
def test_instructions_with_an_error_buy_nothing(content: Any) -> None:
    """This holds even if tags and folder defaults would complete the instructions."""
    assert len(report_errors(content)) == 1
    assert len(report_errors(content, inherited=BEACH)) == 1


def test_missing_instructions_are_reported_after_errors_are_fixed() -> None:
    world = World()
    upload_unique_photo(world, KEY)
    found: list[list[str]] = []
    for content in ({"operation": "replace", "seed": -1}, {"operation": "replace"}, BEACH):
        upload_sidecar_bytes(world, KEY, json.dumps(content).encode())
        world.run_until_empty()
        found.append(list_report_codes(world, KEY))
    assert found == [["invalid_value"], ["missing_prompt"], []]
    assert len(world.list_jobs()) == 1


def test_photo_and_its_instructions_are_reported_together() -> None:
    world = World()
    upload_sidecar_bytes(world, KEY, json.dumps({**BEACH, "seed": -1}).encode())
    world.upload_photo(KEY, b"no photo")
    world.run_until_empty()
    assert (list_report_codes(world, KEY), world.list_jobs()) == (["not_a_photo", "invalid_value"], [])


def test_contradiction_causes_no_further_errors() -> None:
    assert report_errors({**REMOVE, **BEACH, "output": {"format": "jpg"}}) == [("conflicting_fields", None)]


def test_broken_folder_defaults_have_their_own_report() -> None:
    content = {"rendering_speed": "TURBO", "seed": -1}
    assert report_errors(content, inherited=b"{") == [("invalid_value", None)]
    assert report_errors(content, inherited={"promt": "on a beach"}) == [("invalid_value", None)]


def test_invalid_json_is_the_only_reported_error() -> None:
    world = World()
    upload_sidecar_bytes(world, KEY, b"{")
    upload_unique_photo(world, KEY, operation="replace")
    world.run_until_empty()
    report = world.read_report(KEY)
    assert report
    assert [one["code"] for one in report["errors"]] == ["sidecar_not_json"]
