"""Variants, references, and palettes in a file. Each error has its path in the JSON."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backdrop.instructions.schema import MAX_VARIANTS, VariantModel
from backdrop.instructions.sources import parse_file, parse_request, parse_tags
from backdrop.model.codes import Code
from tests.unit.instruction_places import NAME, is_encodable, join_error_messages, list_error_codes, parse_sidecar
from tests.unit.ledger_items import quick

BEACH = {"prompt": "a beach"}


def test_shorthand_fields_of_a_variant_are_expanded() -> None:
    read = parse_sidecar({"style": "aura", "variants": {"a": BEACH, "b": {"style": "AAFF5733"}, "c": {}}})
    assert read.fields == {"style_preset": "AURA"}
    assert read.variants == {"a": {"operation": "replace", **BEACH}, "b": {"style_codes": ["AAFF5733"]}, "c": {}}


def test_absent_variants_differ_from_empty_variants() -> None:
    assert (parse_sidecar(BEACH).variants, parse_sidecar({**BEACH, "variants": {}}).variants) == (None, {})


@pytest.mark.parametrize("name", ["a", "x" * 40, "2", "-", "result"])
def test_variant_name_has_lowercase_letters_digits_and_hyphens(name: str) -> None:
    assert parse_sidecar({"variants": {name: BEACH}}).errors == ()


@pytest.mark.parametrize(
    "name", ["", "x" * 41, "Beach", "../x", "a b", "a_b", "ä", "a\n", "\u0661", "\ud800"], ids=ascii
)
def test_invalid_variant_name_is_reported_with_the_rule(name: str) -> None:
    read = parse_sidecar({"variants": {name: BEACH}})
    assert (list_error_codes(read), read.variants) == ([Code.INVALID_VALUE], None)
    assert is_encodable(read)


def test_invalid_variant_name_is_quoted_in_the_message() -> None:
    assert join_error_messages(parse_sidecar({"variants": {"../x": BEACH}})) == (
        f'{NAME}: variants has the name "../x"; '
        "a name has 1 to 40 characters: lowercase letters a to z, digits, and hyphens"
    )


@quick
@given(
    st.text(alphabet=st.characters(), max_size=50),
    st.sampled_from([{"style": "aura", "style_preset": "aura"}, {"x": 1}, 1]),
)
@example("\ud800", {"style": "aura", "style_preset": "aura"})
def test_error_in_a_variant_of_any_name_can_be_stored(name: str, content: object) -> None:
    read = parse_sidecar({"variants": {name: content}})
    assert read.errors
    assert is_encodable(read)
    assert is_encodable(parse_request({"variants": {name: content}}))


def test_error_message_never_repeats_a_long_name() -> None:
    conflict = {"style": "aura", "style_preset": "aura", "seed": -1, "promt": "x"}
    read = parse_sidecar({"variants": {"x" * 30_000: conflict}})
    assert len(read.errors) == 4
    assert all(len(str(error)) < 600 for error in read.errors)


@pytest.mark.parametrize(("number", "refused"), [(MAX_VARIANTS, False), (MAX_VARIANTS + 1, True)])
def test_sidecar_may_have_at_most_twenty_variants(number: int, refused: bool) -> None:
    read = parse_sidecar({"variants": {f"v{n}": BEACH for n in range(number)}})
    assert list_error_codes(read) == ([Code.INVALID_VALUE] if refused else [])
    assert not refused or f"variants has {number} names; it can have at most 20 names" in join_error_messages(read)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"variants": {"beach": {"promt": "x"}}},
            ["'promt' is not a field of variants.beach", "Did you mean 'prompt'?"],
        ),
        ({"variants": {"beach": {"seed": -1}}}, ["variants.beach.seed is -1"]),
        ({"variants": {"beach": {"output": {"width": 0}}}}, ["variants.beach.output.width is 0"]),
        ({"output": [{"format": "png"}, {"name": "b", "width": 0}]}, ["output[1].width is 0"]),
        ({"output": {"formt": "png"}}, ["'formt' is not a field of output", "Did you mean 'format'?"]),
        (
            {"variants": {"output": {"promt": "x"}}},
            ["'promt' is not a field of variants.output", "Did you mean 'prompt'?"],
        ),
        (
            {"variants": {"members": {"widht": 3}}},
            ["'widht' is not a field of variants.members", "are operation, prompt"],
        ),
        ({"variants": {"output": {"output": {"widht": 3}}}}, ["variants.output.output", "Did you mean 'width'?"]),
        ({"variants": {"beach": {"variants": {}}}}, ["'variants' is not a field of variants.beach", "The fields are"]),
        ({"variants": {"beach": "on a beach"}}, ['variants.beach is "on a beach"', "an object in braces"]),
        ({"variants": [BEACH]}, ["variants is [{", "an object in braces"]),
        ({"color_palette": "pastell"}, ["color_palette.name", "Did you mean 'PASTEL'?"]),
        ({"color_palette": {"members": [{"color_hx": "#fff", "color_hex": "#fff"}]}}, ["color_palette.members[0]"]),
        ({"color_palette": {"members": [{"color_hex": "red"}]}}, ['members[0].color_hex is "red"']),
        ({"color_palette": {"members": [{"color_hex": "#fff"}] * 9}}, ["color_palette.members", "at most 8"]),
        ({"color_palette": {}}, ["either a name or members"]),
        ({"color_palette": {"name": "EMBER", "members": [{"color_hex": "#fff"}]}}, ["either a name or members"]),
        ({"style_reference_images": ["s3://others/a.jpg"]}, ["style_reference_images[0]", "key in the input bucket"]),
        ({"style_reference_images": "https://example.com/a.jpg"}, ["is a URL"]),
        ({"style_reference_images": [*"abcdef"]}, ["at most 5"]),
        ({"style_reference_images": []}, ["style_reference_images", "at least 1"]),
        ({"style_reference_images": [""]}, ["style_reference_images[0]"]),
        ({"prompt": "a\u0000b"}, ["prompt", "control character U+0000"]),
        ({"negative_prompt": "x" * 10_001}, ["negative_prompt has 10,001 characters", "at most 10,000"]),
        ({"style_type": "realistik"}, ["style_type", "Did you mean 'REALISTIC'?"]),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_error_names_its_path_in_the_json(given: dict[str, Any], says: list[str]) -> None:
    read = parse_sidecar(given)
    assert len(read.errors) == 1
    assert [part for part in [NAME, *says] if part not in join_error_messages(read)] == []


def test_errors_at_all_levels_are_reported_at_once() -> None:
    read = parse_sidecar(
        {
            "promt": "x",
            "operation": "remove",
            "style": "aura",
            "variants": {"../x": {}, "a": {"seed": -1}, "b": {"style": "aura", "style_codes": ["AAFF5733"]}},
            "output": {"format": "gif"},
        }
    )
    found = list_error_codes(read)
    assert {code: found.count(code) for code in found} == {
        Code.UNKNOWN_FIELD: 1,
        Code.INVALID_VALUE: 3,
        Code.CONFLICTING_FIELDS: 4,
    }


@pytest.mark.parametrize("field", [{"style": "aura"}, {"seed": 3}, {"negative_prompt": "people"}])
def test_variant_style_conflicts_with_remove_in_the_same_file(field: Any) -> None:
    read = parse_sidecar(
        {"operation": "remove", "variants": {"a": field, "b": {**field, "prompt": "a beach"}, "c": {}}}
    )
    (name,) = field
    assert join_error_messages(read) == (
        f"{NAME}: variants.a: operation remove, which is set outside the variants, makes no new background, so it "
        f"does not accept {name}"
    )


# -- conflicts within one source ----------------------------------------------------------------------------------


def test_variant_prompt_may_override_a_remove_operation() -> None:
    """A variant is nearer than its source, so it may override the source's fields."""
    read = parse_sidecar({"operation": "remove", "variants": {"beach": BEACH, "plain": {}}})
    assert (read.errors, read.variants) == ((), {"beach": {"operation": "replace", **BEACH}, "plain": {}})


@pytest.mark.parametrize("inside", [{"operation": "remove", "prompt": "x"}, {"operation": "Remove ", "seed": 1}])
def test_remove_with_a_prompt_in_one_variant_is_a_conflict(inside: dict[str, Any]) -> None:
    read = parse_sidecar({"variants": {"beach": inside}})
    assert list_error_codes(read) == [Code.CONFLICTING_FIELDS]
    assert "variants.beach: operation remove" in join_error_messages(read)


def test_style_references_exclude_the_other_ways_to_name_a_style() -> None:
    read = parse_sidecar({**BEACH, "style": "aura", "style_reference_images": "a.jpg"})
    assert list_error_codes(read) == [Code.CONFLICTING_FIELDS]
    assert parse_sidecar({**BEACH, "style_type": "DESIGN", "style_reference_images": "a.jpg"}).errors == ()


def test_bare_palette_name_is_accepted() -> None:
    assert parse_sidecar({"color_palette": "pastel"}).fields == {"color_palette": {"name": "PASTEL"}}
    assert parse_tags({"color_palette": "Pastel"}).fields == {"color_palette": {"name": "PASTEL"}}


def test_color_is_normalized_to_one_spelling() -> None:
    members = [{"color_hex": " #B470B3", "color_weight": 0.5}, {"color_hex": "#Fff"}]
    assert parse_sidecar({"color_palette": {"members": members}}).fields == {
        "color_palette": {"members": [{"color_hex": "#b470b3", "color_weight": 0.5}, {"color_hex": "#fff"}]}
    }


def test_list_of_colors_is_the_same_palette_as_members_without_weights() -> None:
    members = [{"color_hex": "#ff0000"}, {"color_hex": "#00ff00"}]
    palette = {"color_palette": {"members": members}}
    assert parse_sidecar(palette).fields == palette
    for colors in (["#ff0000", "#00ff00"], [" #FF0000", "#0f0"], ["red", "lime"]):
        assert parse_sidecar({"color_palette": colors}).fields == palette
        assert parse_sidecar({"variants": {"beach": {"color_palette": colors}}}).variants == {"beach": palette}


@pytest.mark.parametrize(
    ("colors", "words"),
    [
        (["#ff0000", "#ff00"], "color_palette[1]: '#ff00' is not a color: write it as '#ffffff'"),
        ([], "color_palette is []; it must have at least 1 entry"),
        (["#fff"] * 9, "color_palette has 9 entries; it can have at most 8"),
        ([16_711_680], "color_palette[0] is 16711680; it must be text in quotes"),
    ],
)
def test_error_in_a_list_of_colors_names_the_entry(colors: list[object], words: str) -> None:
    assert words in join_error_messages(parse_sidecar({"color_palette": colors}))


def test_repeated_reference_image_counts_once() -> None:
    assert parse_sidecar({"style_reference_images": ["b.jpg", "a.jpg", "b.jpg"]}).fields == {
        "style_reference_images": ["b.jpg", "a.jpg"]
    }


@pytest.mark.parametrize("name", ["variants", "metadata"])
def test_sidecar_only_field_in_a_tag_is_a_warning(name: str) -> None:
    read = parse_tags({name: "{}", "operation": "remove"})
    assert (dict(read.fields), read.errors) == ({"operation": "remove"}, ())
    assert [name in warning and "sidecar" in warning for warning in read.warnings] == [True]


def test_output_tag_names_a_format() -> None:
    assert parse_tags({"output": " WebP", "operation": "remove"}).fields["output"] == {"format": "webp"}


@quick
@given(st.binary(max_size=200))
def test_any_bytes_of_folder_defaults_can_be_parsed(data: bytes) -> None:
    assert is_encodable(parse_file("shoes/_backdrop.json", data))


@pytest.mark.parametrize("field", sorted(VariantModel.model_fields))
@pytest.mark.parametrize("variant", ["a", "metadata", "output"])
def test_null_is_an_error_that_advises_removal(field: str, variant: str) -> None:
    """An author might use null to mean "inherit nothing", which cannot be expressed."""
    read = parse_sidecar({**BEACH, "variants": {variant: {field: None}}})
    assert list_error_codes(read) == [Code.INVALID_VALUE]
    assert f"variants.{variant}.{field} is null, which has no meaning; remove it" in join_error_messages(read)


def test_each_null_outside_metadata_is_reported_once() -> None:
    read = parse_sidecar({"seed": None, "promt": None, "output": [{"width": None}], "metadata": {"sku": None}})
    assert list_error_codes(read) == [Code.UNKNOWN_FIELD, Code.INVALID_VALUE, Code.INVALID_VALUE]
    assert [part for part in ("seed is null", "output[0].width is null") if part not in join_error_messages(read)] == []
