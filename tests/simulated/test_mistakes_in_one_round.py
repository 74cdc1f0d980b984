"""A place with mistakes is told all of them in one round, and nothing that is only the consequence of another."""

import json
from typing import Any

import pytest

from proof.world.stack import World
from tests.simulated.simulation import KEY
from tests.simulated.wishes import BEACH, REMOVE, defaults, said, sidecar_bytes
from tests.unit.core_places import sidecar

PAD = "needs width and height"
JPG = "needs a background"
EITHER = "either a name or members"
TWICE = "named twice"


def told(content: object) -> list[str]:
    """What is wrong with a sidecar, without its name."""
    place = sidecar(content)
    return [error.message.removeprefix(f"{place.name}: ") for error in place.errors]


def reported(
    content: dict[str, Any], *, inherited: dict[str, Any] | bytes | None = None
) -> list[tuple[str, str | None]]:
    """The codes and variants in the report of a photo with this sidecar."""
    world = World()
    if inherited is not None:
        defaults(world, "", inherited)
    sidecar_bytes(world, KEY, json.dumps(content).encode())
    said(world, KEY)
    world.run()
    report = world.report(KEY)
    assert world.jobs() == []
    return [(one["code"], one["variant"]) for one in report["errors"]] if report else []


# -- between the fields of one object ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "slip"),
    [
        (
            {"output": {"fit": "pad", "width": 9, "trim": 1}},
            f"output: pad makes a picture of exactly one size, so it {PAD}",
        ),
        (
            {"output": [{"fit": "pad", "width": 9, "trim": 1}]},
            f"output[0]: pad makes a picture of exactly one size, so it {PAD}",
        ),
        ({"output": {"format": "jpg", "margin": 3, "width": "9"}}, JPG),
        ({"output": {"quality": 80, "fit": "fill"}}, "quality means nothing for png"),
        ({"output": {"fit": "cover", "width": 9, "height": "9", "margin": 1}}, "cannot have a margin"),
        ({"output": {"width": 80, "margin": "40px", "nmae": "x"}}, "leaves nothing of 80 pixels"),
        ({"output": [{"name": "a"}, {"name": "a", "width": 0}]}, "output: 'a': two outputs cannot have the same name"),
        ({"output": [{}, {"width": 0}]}, "output: 2 outputs have no name"),
        ({"output": [{"quality": 80}, {}]}, "output: 2 outputs have no name"),
        ({"color_palette": {"name": "PASTL", "members": [{"color_hex": "#fff"}]}}, EITHER),
        ({"provider": ["ideogram", "Ideogram", "ideogrm"]}, TWICE),
        ({"variants": {"b": {"output": {"fit": "pad", "trim": 1}}}}, PAD),
        ({"variants": {"b": {"provider": ["1min", "1min", "x"]}}}, TWICE),
        ({"output": {"fit": "pad", "width": 9, "trim": None}}, PAD),
    ],
)
def test_what_fields_say_against_one_another_is_told_beside_what_is_wrong_in_others(content: Any, slip: str) -> None:
    found = told(content)
    assert len(found) > 1
    assert [one for one in found if slip in one] != []


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
def test_what_is_only_the_consequence_of_a_mistake_is_not_told(content: Any) -> None:
    assert len(told(content)) == 1


def test_of_a_list_that_is_too_long_the_entries_are_told_too() -> None:
    found = told({"output": [{"name": f"n{n}", "width": 0} for n in range(11)]})
    assert [one.partition(" ")[0] for one in found] == ["output", *(f"output[{n}].width" for n in range(10))]


def test_that_there_are_too_many_variants_is_told_beside_their_mistakes() -> None:
    found = told({"variants": {f"v{n}": {"seed": n - 1} for n in range(21)}})
    assert found == ["variants.v0.seed is -1; it can be at least 0", "variants: there are 21; at most 20 can be made"]


@pytest.mark.parametrize("name", ["one", "list", "output"])
def test_a_variants_name_stands_in_the_place_that_is_told_whatever_it_is(name: str) -> None:
    assert told({"variants": {name: {"seed": -1}}}) == [f"variants.{name}.seed is -1; it can be at least 0"]


# -- with all that is said of the photo ----------------------------------------------------------------------------

SEED = {"seed": -1}
ALONE = [("invalid_value", None)]


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ({"operation": "replace"}, [("missing_prompt", None)]),
        ({"operation": "remove", "output": {"format": "jpg"}}, [("conflicting_fields", None)]),
        (
            {"operation": "remove", "output": [{"format": "jpg", "trim": 1}]},
            [("invalid_value", None), ("conflicting_fields", None)],
        ),
        ({**BEACH, "negative_prompt": "people"}, [("not_expressible", None)]),
        ({**BEACH, "provider": "segmind"}, [("provider_not_configured", None)]),
        ({**BEACH, "style_reference_images": ["gone.jpg"]}, [("reference_not_found", None)]),
        ({**BEACH, "max_cost_usd": 0}, [("max_cost_exceeded", None)]),
        ({"rendering_speed": "TURBO"}, []),
        ({"variants": {"a": REMOVE, "b": {"operation": "replace"}}}, [("missing_prompt", "b")]),
        (
            {"variants": {"a": {"operation": "remove", "seeed": 1}, "b": {"operation": "replace"}}, "num_images": 2},
            [("unknown_field", None), ("missing_prompt", "b")],
        ),
        (
            {"variants": {"a": {"operation": "replace", "num_images": 0}}},
            [("invalid_value", None), ("missing_prompt", "a")],
        ),
        ({**BEACH, "promt": "x", "num_images": 12}, [("unknown_field", None), ("not_expressible", None)]),
    ],
)
def test_what_the_places_come_to_is_told_with_the_mistakes_of_one(content: Any, more: list[Any]) -> None:
    assert sorted(reported({**content, **SEED}), key=str) == sorted([*ALONE, *more], key=str)


@pytest.mark.parametrize(
    "content",
    [
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
def test_what_may_be_right_when_the_mistakes_are_mended_is_not_told(content: Any) -> None:
    assert len(reported(content)) == 1


def test_a_contradiction_has_no_further_consequences() -> None:
    assert reported({**REMOVE, **BEACH, "output": {"format": "jpg"}}) == [("conflicting_fields", None)]


def test_what_a_broken_folder_may_bring_is_not_missed() -> None:
    content = {"operation": "replace", **SEED}
    assert reported(content, inherited=b"{") == ALONE
    assert reported({"rendering_speed": "TURBO", **SEED}, inherited={"promt": "on a beach"}) == ALONE


def test_of_a_file_that_is_no_json_only_that_is_told() -> None:
    world = World()
    sidecar_bytes(world, KEY, b"{")
    said(world, KEY, operation="replace")
    world.run()
    report = world.report(KEY)
    assert report
    assert [one["code"] for one in report["errors"]] == ["sidecar_not_json"]
