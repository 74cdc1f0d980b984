"""Every problem of a photo in one report, in words that a person can follow."""

from typing import Any

import pytest

from backdrop.core.codes import Code
from backdrop.core.places import read_file, read_tags
from proof.world.stack import World
from tests.unit.core_places import sidecar
from tests.unit.days import codes
from tests.unit.simulation import KEY
from tests.unit.wishes import BEACH, said


def reported(**fields: Any) -> list[dict[str, Any]]:
    """The errors of a photo with this sidecar."""
    world = World()
    world.sidecar(KEY, **fields)
    said(world, KEY)
    world.run()
    report = world.report(KEY)
    assert (codes(world, KEY), world.jobs()) != ([], [])
    return report["errors"] if report else []


def test_what_cannot_be_expressed_and_what_it_would_cost_and_what_is_missing_are_told_together() -> None:
    found = reported(
        **BEACH, negative_prompt="people", num_images=12, max_cost_usd=0.1, style_reference_images=["a.jpg", "b.jpg"]
    )
    assert [one["code"] for one in found] == ["not_expressible", "reference_not_found", "max_cost_exceeded"]


def test_all_references_that_are_missing_are_named() -> None:
    (found,) = reported(**BEACH, style_reference_images=["a.jpg", "b.jpg"])
    assert [key for key in ("a.jpg", "b.jpg") if f"There is no {key} in the bucket" not in found["message"]] == []


def test_a_provider_that_is_off_is_told_without_its_price() -> None:
    (found,) = reported(**BEACH, provider="segmind", max_cost_usd=0)
    assert found["code"] == "provider_not_configured"


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [({"seed": 7.0}, "seed", 7), ({"seed": 1e3}, "seed", 1000), ({"num_images": 2.0}, "num_images", 2)],
)
def test_a_whole_number_is_one_however_json_spells_it(given: dict[str, Any], field: str, value: int) -> None:
    read = sidecar({**BEACH, **given})
    assert (read.errors, read.fields[field], type(read.fields[field])) == ((), value, int)


def test_an_outputs_whole_numbers_too() -> None:
    read = sidecar({**BEACH, "output": {"format": "webp", "width": 400.0, "quality": 80.0, "margin": 4.0}})
    output = read.fields["output"]
    assert (read.errors, output["width"], output["quality"], output["margin"]) == ((), 400, 80, "4px")


def test_a_wrong_value_in_a_tag_may_be_another_tools_and_the_prefix_is_named() -> None:
    (error,) = read_tags({"style": "summer-collection"}).errors
    assert "another tool" in error.hint
    assert "backdrop:operation" in error.hint
    assert "another tool" not in sidecar({"style": "summer-collection"}).errors[0].hint


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfea", b"caf\xe9", b'{"seed": 1, "seed": 2}', b'{"seed": NaN}', b"[1]", b"[" * 20_000]
)
def test_a_file_without_a_slip_of_the_pen_is_not_told_to_look_for_one(data: bytes) -> None:
    (error,) = read_file("a.jpg.json", data).errors
    assert (error.code, "comma" in error.hint) == (Code.SIDECAR_NOT_JSON, False)


def test_a_slip_of_the_pen_is() -> None:
    (error,) = read_file("a.jpg.json", b'{"seed": 1,}').errors
    assert "comma" in error.hint
