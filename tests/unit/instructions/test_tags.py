"""Object tags: other tools' tags are ignored, near misses warn, and styles are accepted in any spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.instructions.sources import parse_tags, select_backdrop_tags
from backdrop.model.codes import Code
from backdrop.model.styles import STYLE_PRESETS
from tests.unit.instruction_places import join_error_messages, list_error_codes, parse_sidecar
from tests.unit.ledger_items import quick


def test_number_of_presets_is_62() -> None:
    assert len(set(STYLE_PRESETS)) == 62


@pytest.mark.parametrize("preset", STYLE_PRESETS)
def test_preset_is_recognized_in_any_spelling(preset: str) -> None:
    spaced = preset.replace("_", " ")
    for spelling in (preset, preset.lower(), spaced, spaced.title(), spaced.replace(" ", "-"), f" {spaced} "):
        assert parse_sidecar({"style": spelling}).fields == {"style_preset": preset}
        assert parse_tags({"style": spelling}).fields == {"style_preset": preset}


@quick
@given(st.from_regex(r"[0-9a-fA-F]{8}", fullmatch=True))
def test_eight_hexadecimal_digits_are_a_style_code(code: str) -> None:
    assert parse_sidecar({"style": code}).fields == {"style_codes": [code.upper()]}


def test_numbers_in_tags_are_read_from_text() -> None:
    tags = {"prompt": "a beach", "num_images": "2", "seed": "7", "max_cost_usd": "0.5", "revision": "2"}
    fields = {"operation": "replace", "prompt": "a beach", "num_images": 2, "seed": 7, "max_cost_usd": 0.5}
    assert parse_tags(tags).fields == {**fields, "revision": "2"}


def test_frame_is_a_tag_like_any_other() -> None:
    tags = {"operation": "remove", "frame": "4:5", "subject_size": "0.85", "position": "bottom left"}
    fields = {"operation": "remove", "frame": "4:5", "subject_size": 0.85, "position": "bottom-left"}
    assert parse_tags(tags).fields == fields


def test_tags_list_providers_and_style_codes_separated_by_blanks() -> None:
    read = parse_tags({"provider": "segmind Ideogram", "style_codes": "AAFF5733 0133ff57"})
    assert read.fields == {"provider": ["segmind", "ideogram"], "style_codes": ["AAFF5733", "0133FF57"]}


def test_single_provider_in_a_tag_is_not_a_list() -> None:
    assert parse_tags({"provider": "ideogram"}).fields == {"provider": "ideogram"}


def test_other_tools_tags_are_ignored_without_a_warning() -> None:
    read = parse_tags({"CostCenter": "42", "project": "shoes", "operation": "remove"})
    assert (dict(read.fields), read.errors, read.warnings) == ({"operation": "remove"}, (), ())


def test_model_among_tags_is_another_tools_unless_it_names_ours() -> None:
    def read(tags: dict[str, str]) -> tuple[dict[str, object], list[Code], int]:
        found = parse_tags(tags)
        return dict(found.fields), [one.code for one in found.errors], len(found.warnings)

    assert read({"operation": "remove", "model": "X100"}) == ({"operation": "remove"}, [], 1)
    assert read({"operation": "remove", "model": "Ideogram"}) == ({"operation": "remove", "model": "ideogram"}, [], 0)
    assert read({"operation": "remove", "model": "birefnet-mating"})[1] == [Code.INVALID_VALUE]
    assert read({"backdrop:operation": "remove", "backdrop:model": "X100"})[1] == [Code.INVALID_VALUE]


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("promt", "prompt"),
        ("propmt", "prompt"),
        ("Prompt", "prompt"),
        ("num_image", "num_images"),
        ("styles", "style"),
        ("Seed", "seed"),
    ],
)
def test_near_miss_among_tags_is_a_warning(tag: str, meant: str) -> None:
    read = parse_tags({tag: "a beach", "operation": "remove"})
    assert (dict(read.fields), read.errors) == ({"operation": "remove"}, ())
    (warning,) = read.warnings
    assert repr(tag) in warning
    assert repr(meant) in warning


@pytest.mark.parametrize("name", ["stage", "type", "need", "feed", "shop", "send", "team", "state", "Type"])
def test_short_tag_of_another_tool_is_ignored(name: str) -> None:
    assert select_backdrop_tags({name: "x", "operation": "remove"}) == {"operation": "remove"}


def test_tag_three_edits_away_belongs_to_another_tool() -> None:
    assert parse_tags({"promptxyz": "a beach"}).warnings == ()


def test_only_prefixed_tags_are_read_if_any_has_the_prefix() -> None:
    read = parse_tags({"backdrop:operation": "remove", "prompt": "a beach", "sead": "1"})
    assert (dict(read.fields), read.errors, read.warnings) == ({"operation": "remove"}, (), ())


def test_near_miss_after_the_prefix_is_a_warning() -> None:
    read = parse_tags({"backdrop:promt": "x", "backdrop:operation": "remove"})
    assert len(read.warnings) == 1
    assert "prompt" in read.warnings[0]


def test_unknown_prefixed_tag_still_hides_unprefixed_tags() -> None:
    assert parse_tags({"backdrop:owner": "me", "prompt": "a beach"}).fields == {}


@pytest.mark.parametrize(
    ("tags", "code", "says"),
    [
        ({"style": "goldn hour"}, Code.INVALID_VALUE, "golden_hour"),
        ({"num_images": "two"}, Code.INVALID_VALUE, 'num_images is "two"'),
        ({"operation": "paint"}, Code.INVALID_VALUE, "'replace' or 'remove'"),
        ({"operation": "remove", "prompt": "a beach"}, Code.CONFLICTING_FIELDS, "prompt"),
        ({"prompt": ""}, Code.MISSING_PROMPT, "prompt"),
    ],
)
def test_wrong_value_in_a_tag_names_the_tags(tags: dict[str, str], code: Code, says: str) -> None:
    read = parse_tags(tags)
    assert list_error_codes(read) == [code]
    assert join_error_messages(read).startswith("tags: ")
    assert says in join_error_messages(read)


@pytest.mark.parametrize(
    ("tags", "output"),
    [
        ({"for": "amazon-main"}, {"for": "amazon-main"}),
        ({"for": "etsy shopify"}, {"for": ["etsy", "shopify"]}),
        ({"for": "shopify", "output": "jpg"}, {"for": "shopify", "format": "jpg"}),
        ({"backdrop:for": "ebay", "for": "email", "backdrop:operation": "remove"}, {"for": "ebay"}),
    ],
)
def test_tag_for_names_the_marketplaces_of_the_output(tags: dict[str, str], output: dict[str, object]) -> None:
    read = parse_tags({"operation": "remove", **tags})
    assert (read.errors, read.fields["output"]) == ((), output)


def test_tag_for_with_an_unknown_marketplace_suggests_the_nearest() -> None:
    (error,) = parse_tags({"operation": "remove", "for": "amazonmain"}).errors
    assert "Did you mean 'amazon-main'?" in str(error)


@pytest.mark.parametrize(
    ("output", "suggestion"),
    [("amazon-main", "amazon-main"), ("amazon-main ebay", "amazon-main ebay"), ("Ebay, amazon", "ebay amazon-main")],
)
def test_tag_output_with_a_marketplace_names_the_tag_for(output: str, suggestion: str) -> None:
    (error,) = parse_tags({"operation": "remove", "output": output}).errors
    assert str(error).endswith(f"For a marketplace, use the tag for={suggestion}")


@pytest.mark.parametrize("output", ["pmg", "tiff", "amazon-main tiff", " "])
def test_tag_output_with_an_unknown_format_names_no_marketplace(output: str) -> None:
    (error,) = parse_tags({"operation": "remove", "output": output}).errors
    assert "marketplace" not in str(error)


def test_tag_for_in_capitals_is_suggested() -> None:
    (warning,) = parse_tags({"operation": "remove", "For": "ebay"}).warnings
    assert "Did you mean 'for'?" in warning
