"""Filling the templates of a photo's instructions: values, missing values, and limits after filling."""

from typing import Any

import pytest

from backdrop.instructions.fill import TEMPLATE_FIELDS, fill_templates, list_template_values
from backdrop.instructions.merge import ResolvedInstructions, find_errors, merge_instructions
from backdrop.instructions.schema import InstructionsModel
from backdrop.instructions.sources import InstructionSource, parse_request
from backdrop.instructions.values import (
    FILLED_TEXTS,
    MAX_PROMPT_LENGTH,
    MAX_TEXT_LENGTHS,
)
from backdrop.model.codes import Code
from backdrop.model.composition import TEXT_FIELDS
from backdrop.model.errors import InstructionError
from backdrop.model.output_spec import parse_outputs
from tests.unit.instruction_places import join_error_messages, parse_sidecar

KEY = "shop/shoes/red.jpg"
MAX_LENGTHS = {name: MAX_TEXT_LENGTHS[name] for name in ("alt", "title", "copyright")}


def fill(fields: dict[str, Any], key: str = KEY) -> tuple[ResolvedInstructions, list[InstructionError]]:
    source = parse_sidecar(fields)
    assert not source.errors
    return fill_templates(merge_instructions([source]), "", "photos", key)


def fill_prompt(prompt: str, **metadata: Any) -> str:
    instructions, errors = fill({"prompt": prompt, "metadata": metadata})
    assert not errors
    return instructions.fields["prompt"]


def find_only_error(prompt: str, key: str = KEY, **metadata: Any) -> InstructionError:
    (error,) = fill({"prompt": prompt, "metadata": metadata}, key)[1]
    return error


@pytest.mark.parametrize(
    ("metadata", "prompt"),
    [
        ({"x": "0042"}, "a 0042"),
        ({"x": 42}, "a 42"),
        ({"x": 1.5}, "a 1.5"),
        ({"x": True}, "a true"),
        ({"x": "{stem}"}, "a {stem}"),
        ({"x": "e\u0301"}, "a \u00e9"),
    ],
)
def test_scalar_metadata_is_the_value_of_a_placeholder(metadata: dict[str, Any], prompt: str) -> None:
    assert fill_prompt("a {x}", **metadata) == prompt


@pytest.mark.parametrize("value", [None, [1], {"y": 1}])
def test_other_metadata_is_not_a_value(value: object) -> None:
    assert find_only_error("a {x}", x=value).code is Code.UNKNOWN_PLACEHOLDER


def test_stem_and_folder_come_from_the_key() -> None:
    assert fill_prompt("{stem} of {folder}") == "red of shoes"
    assert list_template_values({"stem": "mine"}, KEY) == {"stem": "red", "folder": "shoes"}
    assert list_template_values({}, "red.jpg") == {"stem": "red"}


def test_all_text_fields_are_filled() -> None:
    fields = {name: "no {x}" for name in TEMPLATE_FIELDS}
    instructions, _ = fill({**fields, "metadata": {"x": "people"}})
    assert {name: instructions.fields[name] for name in TEMPLATE_FIELDS} == dict.fromkeys(fields, "no people")
    assert instructions.filled_texts == dict.fromkeys(TEMPLATE_FIELDS, "no people")


def test_only_fields_that_exist_are_templates() -> None:
    assert set(TEMPLATE_FIELDS) <= InstructionsModel.model_fields.keys()
    assert [*FILLED_TEXTS] == [*TEMPLATE_FIELDS]


@pytest.mark.parametrize(
    ("outputs", "paths"),
    [
        ({"alt": "{x}"}, ["output.alt"]),
        (
            [{"title": "plain"}, {"name": "b", "alt": "{x}", "copyright": "{x}"}],
            ["output[1].alt", "output[1].copyright"],
        ),
    ],
)
def test_texts_of_outputs_are_filled(outputs: Any, paths: list[str]) -> None:
    instructions, errors = fill({"operation": "remove", "output": outputs, "metadata": {"x": "A {cup}"}})
    assert errors == []
    assert instructions.filled_texts == dict.fromkeys(paths, "A {cup}")
    assert parse_outputs(instructions.fields)[-1].texts.alt == "A {cup}"


@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_text_of_a_picture_is_limited_after_filling(field: str) -> None:
    limit = MAX_LENGTHS[field]
    fields = {"operation": "remove", field: "{" + "x" * limit + "}"}
    filled, errors = fill({**fields, "metadata": {"x" * limit: "y" * limit}})
    assert (len(filled.fields[field]), errors) == (limit, [])
    (error,) = fill({**fields, "metadata": {"x" * limit: "y" * (limit + 1)}})[1]
    assert str(error.message) == (
        f"shoes/red.jpg.json: {field} has {limit + 1:,} characters; it can have at most {limit:,} characters, after "
        "its placeholders are filled."
    )


@pytest.mark.parametrize(
    ("outputs", "value", "words"),
    [
        ([{}, {"name": "b", "alt": "{xx}"}], "a", "output[1].alt contains {xx}, but the photo has no such value"),
        ({"alt": "{x}"}, "\uffff", "output.alt: it contains U+FFFE or U+FFFF"),
        ([{"title": "{x}"}], " ", "output[0].title is empty"),
        ([{}, {"name": "b", "name_template": "{xx}.{ext}"}], "a", "output[1].name_template contains {xx}"),
        ([{"name_template": "{x}.{ext}"}], "a/b", "output[0].name_template: the value of {x}"),
    ],
)
def test_error_names_the_place_in_the_outputs(outputs: Any, value: str, words: str) -> None:
    _, (error,) = fill({"operation": "remove", "output": outputs, "metadata": {"x": value}})
    assert words in str(error.message)


@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_unbalanced_brace_in_a_text_of_an_output_is_an_error_of_its_source(field: str) -> None:
    source = parse_sidecar({"operation": "remove", "output": [{field: "a {"}]})
    assert [(one.code, one.path) for one in source.errors] == [(Code.INVALID_VALUE, f"output[0].{field}")]


def test_texts_of_a_picture_are_not_part_of_the_purchase() -> None:
    instructions, _ = fill({"operation": "remove", "alt": "{stem}", "output": {"title": "{folder}"}})
    assert instructions.purchase_fields == {"operation": "remove"}


def test_missing_value_is_reported_with_the_nearest_and_all_names() -> None:
    error = find_only_error("{products} in {light}", product="shoe", season="winter", sizes=[1])
    assert (error.code, str(error.message)) == (
        Code.UNKNOWN_PLACEHOLDER,
        "shoes/red.jpg.json: prompt contains {products} and {light}, but the photo has no such value. "
        "Did you mean {product}? The names that have a value are folder, product, season, stem.",
    )


def test_hundreds_of_names_do_not_fill_the_report() -> None:
    message = str(find_only_error("{x}", **{f"n{n:03}": "" for n in range(200)}).message)
    assert "n028, and 172 more." in message


def test_photo_at_the_root_has_no_folder() -> None:
    assert find_only_error("{folder}", "red.jpg").code is Code.UNKNOWN_PLACEHOLDER


def test_length_is_limited_after_filling() -> None:
    name = "n" * (MAX_PROMPT_LENGTH // 2)
    assert fill_prompt(f"a{{{name}}}{{{name}}}", **{name: "b"}) == "abb"
    assert fill_prompt("{{" * MAX_PROMPT_LENGTH) == "{" * MAX_PROMPT_LENGTH
    error = find_only_error("{x}{x}!", x="y" * (MAX_PROMPT_LENGTH // 2))
    assert (error.code, str(error.message)) == (
        Code.INVALID_VALUE,
        "shoes/red.jpg.json: prompt has 10,001 characters; it can have at most 10,000 characters, "
        "after its placeholders are filled.",
    )


def test_template_that_produces_no_text_is_a_missing_prompt() -> None:
    assert find_only_error(" {x} ", x=" ").code is Code.MISSING_PROMPT


def test_control_characters_of_a_value_are_refused() -> None:
    assert "U+0007" in str(find_only_error("{x}", x="\a").message)


@pytest.mark.parametrize("prompt", ["a {", "a } b", "{}"])
def test_unbalanced_brace_is_an_error_of_its_source(prompt: str) -> None:
    source = parse_sidecar({"variants": {"beach": {"prompt": prompt}}})
    assert [(one.code, one.path) for one in source.errors] == [(Code.INVALID_VALUE, "variants.beach.prompt")]
    assert "literal brace" in join_error_messages(source)


def test_inherited_prompt_of_a_removed_background_is_not_filled() -> None:
    sources = [InstructionSource("near", {"operation": "remove"}), InstructionSource("far", {"prompt": "{x}"})]
    assert fill_templates(merge_instructions(sources), "", "photos", KEY)[1] == []


def test_metadata_of_all_sources_is_merged_by_key() -> None:
    near = parse_request({"prompt": "x", "metadata": {"sku": 1}, "variants": {"a": {"metadata": {"size": 2}}}})
    far = InstructionSource("far", {"metadata": {"sku": 9, "season": "winter"}})
    instructions = merge_instructions([near, far], "a")
    assert instructions.fields["metadata"] == {"size": 2, "sku": 1, "season": "winter"}
    assert {name: origin for name, origin in instructions.provenance.items() if name.startswith("metadata")} == {
        "metadata": "request",
        "metadata.season": "far",
    }


def test_merged_metadata_keeps_the_limit_of_one_source() -> None:
    half = "x" * 5_000
    far = InstructionSource("far", {"metadata": {"b": half}})
    sources = [parse_request({"prompt": "x", "metadata": {"a": half}}), far]
    (error,) = find_errors(merge_instructions(sources), sources, "")
    assert (error.code, str(error.message)) == (
        Code.INVALID_VALUE,
        "The metadata of far and request together: it is larger than 8 KB.",
    )
