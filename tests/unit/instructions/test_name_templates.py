"""Names of pictures: which templates and values are accepted, and what the errors say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.instructions.fill import fill_templates
from backdrop.instructions.merge import merge_instructions
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.object_keys import MAX_S3_KEY_BYTES
from tests.unit.instruction_places import join_error_messages, parse_sidecar
from tests.unit.ledger_items import quick

KEY = "shoes/red.jpg"


def resolve_output(
    output: dict[str, Any], *, variant: str = "", key: str = KEY, **fields: Any
) -> tuple[dict[str, Any], list[InstructionError]]:
    source = parse_sidecar({"operation": "remove", "output": output, **fields})
    assert not source.errors, join_error_messages(source)
    instructions, errors = fill_templates(merge_instructions([source], variant), variant, "photos", key)
    return instructions.fields["output"], errors


def resolve_name(template: str, *, variant: str = "", **output: Any) -> str:
    filled, errors = resolve_output({"name_template": template, **output}, variant=variant, metadata={"sku": "47-1"})
    assert not errors
    return filled["name_template"]


def find_error(template: str, **fields: Any) -> tuple[Code, str]:
    _, errors = resolve_output({"name_template": template}, **fields)
    (error,) = errors
    return error.code, str(error.message).removeprefix(f"{KEY}.json: output.name_template: ")


@pytest.mark.parametrize(
    ("template", "output", "name"),
    [
        ("{sku}.{ext}", {}, "47-1.png"),
        ("{sku}_{width}.{ext}", {"format": "webp", "width": 400}, "47-1_400.webp"),
        ("{sku}_{n}.{ext}", {}, "47-1_{n}.png"),
        ("{folder}/white/{stem}.{ext}", {"name": "x"}, "shoes/white/red.png"),
        ("{output}/{sku}.jpeg", {"name": "shop", "format": "jpg", "background": "white"}, "shop/47-1.jpeg"),
        ("Gr\u00f6\u00dfe {sku}.PNG", {}, "Gr\u00f6\u00dfe 47-1.PNG"),
        ("Gro\u0308 {sku}.png", {}, "Gr\u00f6 47-1.png"),
        ("\u0915\u093f.{ext}", {}, "\u0915\u093f.png"),
    ],
)
def test_name_is_filled_except_for_the_number(template: str, output: dict[str, Any], name: str) -> None:
    assert resolve_name(template, **output) == name


@pytest.mark.parametrize(
    ("output", "name"),
    [
        ({"for": "amazon-main"}, "amazon-main_2000.jpg"),
        ({"for": ["walmart"]}, "walmart_2200.jpg"),
        ({"for": "ebay", "name": "shop", "width": 800, "format": "webp"}, "shop_800.webp"),
        ({"for": "ebay", "height": 800}, "ebay_800.jpg"),
    ],
)
def test_name_has_the_values_of_the_marketplace(output: dict[str, Any], name: str) -> None:
    assert resolve_name("{output}_{width}.{ext}", **output) == name


@pytest.mark.parametrize(
    ("frame", "output", "name"),
    [
        ("1200x628", {}, "1200.png"),
        ("1200x628", {"width": 600}, "600.png"),
        ("4:5", {"width": 600}, "600.png"),
    ],
)
def test_width_is_that_of_the_frame_if_the_output_has_no_size(frame: str, output: dict[str, Any], name: str) -> None:
    filled, errors = resolve_output({"name_template": "{width}.{ext}", **output}, frame=frame)
    assert (filled["name_template"], errors) == (name, [])


@pytest.mark.parametrize(("frame", "output"), [("4:5", {}), ("1200x628", {"height": 300})])
def test_shape_without_a_width_has_no_value(frame: str, output: dict[str, Any]) -> None:
    _, (error,) = resolve_output({"name_template": "{width}.{ext}", **output}, frame=frame)
    assert error.code is Code.UNKNOWN_PLACEHOLDER


def test_output_for_several_marketplaces_has_a_name_for_each() -> None:
    outputs: Any = [
        {"name": "web"},
        {"for": ["ebay", "etsy"], "title": "Cup", "name_template": "{output}/{stem}.{ext}"},
    ]
    for output, others in ((outputs, [{"name": "web"}]), (outputs[1], [])):
        filled, errors = resolve_output(output)
        named = [{"for": one, "title": "Cup", "name_template": f"{one}/red.jpg"} for one in ("ebay", "etsy")]
        assert (filled, errors) == (others + named, [])


def test_name_that_no_marketplace_can_have_is_reported_once() -> None:
    filled, errors = resolve_output({"for": ["ebay", "etsy"], "name_template": "{skuu}.{ext}"})
    assert (filled, len(errors)) == ({"for": ["ebay", "etsy"]}, 1)


def test_variant_is_its_name() -> None:
    assert resolve_name("{variant}.{ext}", variant="beach") == "beach.png"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{variant}.{ext}", "it contains {variant}, but the instructions have no variants."),
        ("{output}.{ext}", "it contains {output}, but the output has no name."),
        ("{width}.{ext}", "it contains {width}, but neither the output nor its frame has a width in pixels."),
    ],
)
def test_placeholder_without_a_value_says_why(template: str, reason: str) -> None:
    assert find_error(template) == (Code.UNKNOWN_PLACEHOLDER, reason)


def test_misspelled_placeholder_without_a_value_says_why() -> None:
    code, message = find_error("{variant_name}.{ext}")
    assert code is Code.UNKNOWN_PLACEHOLDER
    assert "Did you mean {variant}? It has no value, because the instructions have no variants." in message


def test_unknown_placeholder_names_the_nearest() -> None:
    code, message = find_error("{skuu}.{ext}", metadata={"sku": 1})
    assert code is Code.UNKNOWN_PLACEHOLDER
    assert "Did you mean {sku}? The names that have a value are ext, folder, n, sku, stem." in message


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a/b", "the value of {x}, 'a/b', contains '/'; it may contain letters, digits, spaces, and . _ -."),
        ("a{n}", "the value of {x}, 'a{n}', contains '{', '}'; it may contain letters, digits, spaces, and . _ -."),
        ("..", "the value of {x}, '..', contains '..'; it may contain letters, digits, spaces, and . _ -."),
        ("a\u2028b", None),
        ("a\\b", None),
        ("a%b", None),
    ],
)
def test_value_contains_only_what_every_file_system_accepts(value: str, reason: str | None) -> None:
    code, message = find_error("{x}.{ext}", metadata={"x": value})
    assert code is Code.INVALID_VALUE
    assert reason in (None, message)


def test_empty_value_is_allowed_where_a_name_is_left() -> None:
    filled, errors = resolve_output({"name_template": "{x}_{y}.{ext}"}, metadata={"x": "", "y": "a"})
    assert (filled["name_template"], errors) == ("_a.png", [])
    _, message = find_error("{x}{y}.{ext}", metadata={"x": "", "y": ""})
    assert message == "{x} and {y} are empty, so the name would be '.png'."


@pytest.mark.parametrize(
    ("template", "x", "reason"),
    [
        ("{x}.{ext}", "", "{x} is empty, so the name would be '.png'."),
        ("{x}/a.{ext}", "", "{x} is empty, so the name would be '/a.png'."),
        (".{ext}", "", "the name '.png' has an empty part"),
        ("a//{x}.{ext}", "b", "the name 'a//b.png' has an empty part"),
        ("{x}/b.{ext}", "_backdrop", "begins with _backdrop, which is reserved"),
        ("{x}.{ext}", ".hidden", "begins or ends with a space or a period"),
        ("{x} /b.{ext}", "a", "begins or ends with a space or a period"),
        ("{x}.jpg", "a", "does not end with .png, the output's format; end the template with .{ext}"),
        ("{x}", "a", "does not end with .png"),
        (".{x}/a.{ext}", ".", "contains '..'"),
        ("{x}.{ext}", "a" * MAX_S3_KEY_BYTES, "is too long"),
        ("{x}.jpg/{x}.{ext}", "blue", "is reserved for the pictures of a photo shoes/blue.jpg; choose another folder"),
    ],
)
def test_forbidden_name_is_refused(template: str, x: str, reason: str) -> None:
    code, message = find_error(template, metadata={"x": x})
    assert code is Code.INVALID_VALUE
    assert reason in message


def test_key_of_the_longest_name_fits_into_s3() -> None:
    room = MAX_S3_KEY_BYTES - len("@photos/shoes/.png")
    for length, error_count in ((room, 0), (room + 1, 1)):
        _, errors = resolve_output({"name_template": "{x}.{ext}"}, metadata={"x": "a" * length})
        assert len(errors) == error_count


def test_several_images_need_their_number() -> None:
    assert find_error("a.{ext}", operation="replace", prompt="x", num_images=2) == (
        Code.INVALID_VALUE,
        "it needs {n}, because num_images is 2.",
    )


@pytest.mark.parametrize("template", ["", "a:b.png", "a@b.png", "a\\b.png", "a{.png", "a..b.png", "{}.png", "a{{.png"])
def test_template_itself_is_checked_in_its_file(template: str) -> None:
    source = parse_sidecar({"operation": "remove", "output": {"name_template": template}})
    assert [(one.code, one.path) for one in source.errors] == [(Code.INVALID_VALUE, "output.name_template")]


def test_one_impossible_name_does_not_affect_the_other_outputs() -> None:
    outputs: Any = [{"name_template": "{x}.{ext}"}, {"name": "b", "name_template": "{stem}.{ext}"}, {"name": "c"}]
    filled, errors = resolve_output(outputs)
    assert filled == [{}, {"name": "b", "name_template": "red.png"}, {"name": "c"}]
    assert len(errors) == 1


TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text("ab./_ -{n}")


@quick
@given(TEXTS, TEXTS)
def test_no_value_leads_out_of_the_photos_folder(x: str, y: str) -> None:
    filled, errors = resolve_output({"name_template": "a/{x}/{y}.{ext}"}, metadata={"x": x, "y": y})
    if errors:
        assert {error.code for error in errors} == {Code.INVALID_VALUE}
        return
    parts = filled["name_template"].split("/")
    assert (len(parts), parts[0], parts[2].endswith(".png")) == (3, "a", True)
    assert not {"", ".", "..", ".png"} & {*parts}
    assert not any(sign in filled["name_template"] for sign in "{}\\:@\n\0")
