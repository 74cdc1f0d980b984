"""One report contains every problem of a photo, with messages that a person can act on."""

import json
import re
from typing import Any

import pytest

from backdrop.instructions.sources import MAX_REPORTED_ERRORS, InstructionSource, parse_file, parse_tags
from backdrop.model.codes import Code
from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY
from tests.simulated.uploads_and_requests import BEACH, upload_unique_photo
from tests.unit.instruction_places import parse_sidecar

NESTED: dict[str, Any] = json.loads('{"a":' * 40 + json.dumps({"a": "x" * 9000}) + "}" * 40)


def list_reported_errors(**fields: Any) -> list[dict[str, Any]]:
    """Returns the reported errors of a photo with this sidecar."""
    world = World()
    world.upload_sidecar(KEY, **fields)
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    report = world.read_report(KEY)
    assert (list_report_codes(world, KEY), world.list_jobs()) != ([], [])
    return report["errors"] if report else []


def test_routing_cost_and_reference_errors_are_reported_together() -> None:
    found = list_reported_errors(
        **BEACH, negative_prompt="people", num_images=12, max_cost_usd=0.1, style_reference_images=["a.jpg", "b.jpg"]
    )
    assert [one["code"] for one in found] == ["not_expressible", "reference_not_found", "max_cost_exceeded"]


def test_all_missing_references_are_named() -> None:
    (found,) = list_reported_errors(**BEACH, style_reference_images=["a.jpg", "b.jpg"])
    assert [key for key in ("a.jpg", "b.jpg") if f"There is no {key} in the bucket" not in found["message"]] == []


def test_photo_as_its_own_reference_hides_no_other_error() -> None:
    (found,) = list_reported_errors(**BEACH, style_reference_images=[KEY, "a.jpg"])
    assert found["code"] == "reference_unusable"
    assert [one for one in ("cannot be its own style reference", "no a.jpg in") if one not in found["message"]] == []


def test_disabled_provider_is_reported_without_its_price() -> None:
    (found,) = list_reported_errors(**BEACH, provider="segmind", max_cost_usd=0)
    assert found["code"] == "provider_not_configured"


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [({"seed": 7.0}, "seed", 7), ({"seed": 1e3}, "seed", 1000), ({"num_images": 2.0}, "num_images", 2)],
)
def test_whole_number_is_accepted_in_any_json_spelling(given: dict[str, Any], field: str, value: int) -> None:
    read = parse_sidecar({**BEACH, **given})
    assert (read.errors, read.fields[field], type(read.fields[field])) == ((), value, int)


def test_whole_numbers_in_an_output_are_accepted_too() -> None:
    read = parse_sidecar({**BEACH, "output": {"format": "webp", "width": 400.0, "quality": 80.0, "margin": 4.0}})
    output = read.fields["output"]
    assert (read.errors, output["width"], output["quality"], output["margin"]) == ((), 400, 80, "4px")


def test_error_in_a_tag_suggests_the_prefix_to_avoid_conflicts() -> None:
    (error,) = parse_tags({"style": "summer-collection"}).errors
    assert "another tool" in str(error.hint)
    assert "backdrop:operation" in str(error.hint)
    assert "another tool" not in str(parse_sidecar({"style": "summer-collection"}).errors[0].hint)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfea", b"caf\xe9", b'{"seed": 1, "seed": 2}', b'{"seed": NaN}', b"[1]", b"[" * 20_000]
)
def test_non_syntax_error_has_no_syntax_advice(data: bytes) -> None:
    (error,) = parse_file("a.jpg.json", data).errors
    assert (error.code, "comma" in str(error.hint)) == (Code.SIDECAR_NOT_JSON, False)


def test_syntax_error_has_syntax_advice() -> None:
    (error,) = parse_file("a.jpg.json", b'{"seed": 1,}').errors
    assert "comma" in str(error.hint)


def join_messages(read: InstructionSource) -> list[str]:
    """Returns a source's error messages, without its name."""
    return [str(error.detail) for error in read.errors]


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        (
            {"prompt": "\a" + "x" * 12_500},
            ["control character U+0007", "it has 12,501 characters; it can have at most"],
        ),
        ({"prompt": "a\0b\ac"}, ["control characters U+0000, U+0007"]),
        ({"prompt": "\ud800\a" + "x" * 12_500}, ["half of a surrogate pair", "U+0007", "it has 12,502 characters"]),
        ({"revision": "\a" * 201, **BEACH}, ["U+0007", "it has 201 characters; it can have at most 200"]),
        ({"metadata": NESTED, **BEACH}, ["more than 32 levels deep", "larger than 8 KB"]),
        ({"metadata": {"a": "\ud800" * 5000}, **BEACH}, ["half of a surrogate pair", "larger than 8 KB"]),
    ],
    ids=["long with control", "two signs", "prompt: all", "revision", "deep and large", "invalid and large"],
)
def test_all_errors_of_one_value_are_reported(given: dict[str, Any], messages: list[str]) -> None:
    (words,) = join_messages(parse_sidecar(given))
    assert [one for one in messages if one not in words] == []


def test_non_json_values_are_reported_with_all_other_errors() -> None:
    read = parse_file(
        "a.json",
        b'{"prompt": "a", "prompt": "b", "promt": "c", "num_images": 99, "max_cost_usd": NaN, '
        b'"output": [{"format": "png", "format": "jpg"}], "variants": {"b": {"seed": 1%s}}}' % (b"0" * 5000),
    )
    assert join_messages(read) == [
        "a.json cannot be read as JSON: prompt: the key 'prompt' is repeated.",
        "a.json cannot be read as JSON: max_cost_usd: NaN is not a JSON number.",
        "a.json cannot be read as JSON: output[0].format: the key 'format' is repeated.",
        "a.json cannot be read as JSON: variants.b.seed: a number may have at most 4,300 digits.",
        "num_images is 99; it must be at most 20",
        "'promt' is not a field. Did you mean 'prompt'?",
    ]


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({f"field-{n}": n for n in range(3_000)}).encode(),
        b'{"seed": [' + b"NaN," * 15_000 + b"1]}",
        json.dumps({"style_codes": "x " * 20_000}).encode(),
        json.dumps({"provider": ["x"] * 10_000}).encode(),
    ],
    ids=["unknown fields", "no numbers", "no codes", "no providers"],
)
def test_only_the_first_of_thousands_of_errors_are_reported(data: bytes) -> None:
    read = parse_file("a.json", data)
    assert len(read.errors) == MAX_REPORTED_ERRORS + 1
    assert re.fullmatch(r"a.json: there are \d+,\d\d\d more errors; correct these first", str(read.errors[-1].message))


def test_photo_with_thousands_of_errors_ends_in_a_report() -> None:
    found = list_reported_errors(**{f"field-{n}": n for n in range(3_000)})
    assert len(found) == MAX_REPORTED_ERRORS + 1


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        ({"num_images": "2"}, 'num_images is "2"; it must be a whole number, without quotes'),
        ({"num_images": "two"}, 'num_images is "two"; it must be a whole number'),
        ({"seed": 7.5}, "seed is 7.5; it must be a whole number"),
        ({"max_cost_usd": "0.5"}, 'max_cost_usd is "0.5"; it must be a number, without quotes'),
        ({"max_cost_usd": -1}, "max_cost_usd is -1; it must be at least 0"),
        ({"style": 7}, "style is 7; it must be text in quotes"),
        ({"revision": 2}, "revision is 2; it must be text in quotes"),
        ({"output": []}, "output is []; it must have at least 1 entry"),
        ({"output": {"trim": "yes"}}, 'output.trim is "yes"; it must be true or false, without quotes'),
        (
            {"color_palette": {"members": [{"color_hex": "red"}]}},
            "color_palette.members[0].color_hex is \"red\"; it must be a color such as '#b470b3' or '#b7b'",
        ),
        ({"color_palette": {"members": 7}}, "color_palette.members is 7; it must be a list in brackets"),
    ],
)
def test_error_for_a_wrong_type_names_the_right_type(given: dict[str, Any], messages: str) -> None:
    assert join_messages(parse_sidecar({**BEACH, **given})) == [messages]
