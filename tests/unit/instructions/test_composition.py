"""`shadow`, `logo`, `background`, and the texts: spellings, errors, inheritance, and that none buys anything."""

import json
from typing import Any

import pytest

from backdrop.instructions.merge import find_errors, merge_instructions
from backdrop.instructions.sources import InstructionSource, parse_file, parse_tags
from backdrop.model.codes import Code
from backdrop.model.composition import (
    COMPOSITION_FIELDS,
    GradientBackground,
    Length,
    Logo,
    PictureBackground,
    PictureTexts,
    Shadow,
)
from backdrop.model.output_spec import OutputSpec, parse_outputs

LOGO_KEY = "_backdrop/brand/logo.png"
REMOVE: dict[str, Any] = {"operation": "remove"}


def parse(**fields: Any) -> InstructionSource:
    return parse_file("red.jpg.json", json.dumps(REMOVE | fields).encode())


def parse_only_output(**fields: Any) -> OutputSpec:
    source = parse(**fields)
    assert source.errors == ()
    (output,) = parse_outputs(source.fields)
    return output


def find_error(**fields: Any) -> str:
    (error,) = parse(**fields).errors
    return str(error.message)


# -- spellings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Drop", Shadow(type="drop", strength=0.35, softness=0.5)),
        ({"type": "contact", "strength": 1}, Shadow(type="contact", strength=1, softness=0.4)),
        ({"type": "reflection", "softness": 0}, Shadow(type="reflection", strength=0.3, softness=0)),
        ("none", None),
    ],
)
def test_shadow_is_a_type_or_an_object(given: object, expected: Shadow | None) -> None:
    assert parse_only_output(shadow=given).shadow == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (LOGO_KEY, Logo(image=LOGO_KEY)),
        (
            {"image": LOGO_KEY, "position": "Top-Left", "width": 240, "margin": "2 %", "opacity": 0.5},
            Logo(
                image=LOGO_KEY,
                position="top-left",
                width=Length(pixels=240),
                margin=Length(share=0.02),
                opacity=0.5,
            ),
        ),
        ("None", None),
    ],
)
def test_logo_is_a_key_or_an_object(given: object, expected: Logo | None) -> None:
    assert parse_only_output(logo=given).logo == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("White", "#ffffff"),
        ({"gradient": ["#fff", "silver"]}, GradientBackground(colors=("#ffffff", "#c0c0c0"))),
        (
            {"gradient": ["red", "red"], "direction": "Radial"},
            GradientBackground(colors=("#ff0000",) * 2, direction="radial"),
        ),
        ({"image": "shop/_backdrop/table.jpg"}, PictureBackground(image="shop/_backdrop/table.jpg")),
    ],
)
def test_background_is_a_color_a_gradient_or_a_picture(given: object, expected: object) -> None:
    assert parse_only_output(output={"background": given}).background == expected


def test_tags_take_the_short_forms() -> None:
    source = parse_tags({"operation": "remove", "shadow": "contact", "logo": LOGO_KEY, "alt": "A cup", "title": "Cup"})
    (output,) = parse_outputs(source.fields)
    assert (output.shadow, output.logo) == (Shadow(type="contact", strength=0.5, softness=0.4), Logo(image=LOGO_KEY))
    assert output.texts == PictureTexts(alt="A cup", title="Cup")


# -- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"shadow": "contacts"}, "Did you mean 'contact'?"),
        ({"shadow": {"strength": 0.5}}, "shadow needs 'type'"),
        ({"shadow": {"type": "drop", "softness": 1.5}}, "it must be at most 1"),
        ({"shadow": {"type": "drop", "softnes": 1}}, "Did you mean 'softness'?"),
        ({"logo": "brand/logo.png"}, "'_backdrop/brand/logo.png'"),
        ({"logo": "https://example.com/_backdrop/logo.png"}, "is a URL"),
        ({"logo": {"width": "12%"}}, "logo needs 'image'"),
        ({"logo": {"image": LOGO_KEY, "position": "bottomright"}}, "Did you mean 'bottom-right'?"),
        ({"logo": {"image": LOGO_KEY, "width": "0%"}}, "'1%' to '100%' of the picture's width"),
        ({"output": {"background": {}}}, "either a gradient or an image"),
        ({"output": {"background": {"gradient": ["#fff"]}}}, "at least 2 entries"),
        ({"output": {"background": {"gradient": ["#fff", "snow"]}}}, "'snow' is not a color"),
        ({"output": {"background": {"image": "none"}}}, "'none' would be a photo"),
        ({"output": {"background": {"image": LOGO_KEY, "direction": "down"}}}, "an image has no direction"),
        ({"output": [{"background": {"gradien": ["#fff", "#ddd"], "image": LOGO_KEY}}]}, "Did you mean 'gradient'?"),
        ({"output": {"background": 5}}, "text in quotes"),
        ({"alt": " "}, "alt is empty"),
        ({"title": "x" * 201}, "at most 200 characters"),
        ({"copyright": "\uffff"}, "U+FFFF"),
        ({"output": {"shadow": None}}, "output.shadow is null"),
    ],
)
def test_error_names_the_value_and_what_is_accepted(fields: dict[str, Any], expected: str) -> None:
    assert expected in find_error(**fields)


@pytest.mark.parametrize(
    "given", [{"operation": "replace", "prompt": "a beach"}, {"operation": None, "prompt": "a beach"}]
)
def test_shadow_next_to_a_prompt_is_an_error(given: dict[str, Any]) -> None:
    fields = {name: value for name, value in given.items() if value}
    for shadow, is_wrong in (("drop", True), ({"type": "drop"}, True), ("none", False), ({"type": "none"}, False)):
        source = parse_file("red.jpg.json", json.dumps(fields | {"shadow": shadow}).encode())
        assert [error.code for error in source.errors] == [Code.CONFLICTING_FIELDS] * is_wrong


@pytest.mark.parametrize(
    "output",
    [{"shadow": "drop"}, {"background": {"gradient": ["#fff", "#ddd"]}}, {"background": {"image": "_backdrop/t.jpg"}}],
)
def test_cut_out_feature_of_an_output_needs_remove(output: dict[str, Any]) -> None:
    for operation, codes in (("replace", [Code.CONFLICTING_FIELDS]), ("remove", [])):
        sources = [parse_file("_backdrop.json", json.dumps({"output": output}).encode())]
        prompt = {"prompt": "a beach"} if operation == "replace" else {}
        sources.insert(0, parse_file("a.json", json.dumps({"operation": operation, **prompt}).encode()))
        errors = find_errors(merge_instructions(sources), sources, "")
        assert [error.code for error in errors] == codes


def test_gradient_is_enough_of_a_background_for_a_jpg() -> None:
    output = {"format": "jpg", "background": {"gradient": ["#fff", "#ddd"]}, "margin": "5%"}
    source = parse(output=output)
    assert find_errors(merge_instructions([source]), [source], "") == []


# -- inheritance and identity ------------------------------------------------------------------------------------


def test_output_inherits_what_it_does_not_have_itself() -> None:
    source = parse(
        shadow="drop",
        logo=LOGO_KEY,
        title="Cup",
        output=[{"shadow": "none", "title": "Mug"}, {"name": "web", "logo": "none"}],
    )
    first, second = parse_outputs(source.fields)
    assert (first.shadow, first.logo, first.texts.title) == (None, Logo(image=LOGO_KEY), "Mug")
    assert (second.shadow is None, second.logo, second.texts.title) == (False, None, "Cup")


def test_inherited_shadow_is_ignored_for_a_new_background() -> None:
    sidecar = parse_file("red.jpg.json", b'{"prompt": "a beach"}')
    defaults = parse_file("_backdrop.json", b'{"operation": "remove", "shadow": "drop", "alt": "A cup"}')
    fields = merge_instructions([sidecar, defaults]).fields
    assert fields == {"operation": "replace", "prompt": "a beach", "alt": "A cup"}


def test_no_composition_field_is_part_of_the_purchase() -> None:
    values: dict[str, Any] = {"shadow": "drop", "logo": LOGO_KEY, "alt": "a", "title": "b", "copyright": "c"}
    assert set(values) == set(COMPOSITION_FIELDS)
    assert merge_instructions([parse(**values)]).purchase_fields == REMOVE


def test_texts_leave_a_plain_output_plain() -> None:
    assert parse_only_output(alt="A cup").is_plain_lossless
    assert not parse_only_output(logo=LOGO_KEY).is_plain_lossless
    assert not parse_only_output(shadow="drop").is_plain_lossless
