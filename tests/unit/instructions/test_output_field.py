"""The field `output`: accepted values are normalized, and each error has a helpful message."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from backdrop.instructions.output_schema import MAX_OUTPUTS, SQUARE_OUTPUT, Outputs
from backdrop.model.output_spec import parse_output, parse_outputs
from tests.unit.instruction_places import parse_sidecar
from tests.unit.ledger_items import quick

FIELD: TypeAdapter[Any] = TypeAdapter(Outputs)


def validate(value: object) -> Any:
    """Returns the validated field."""
    return FIELD.dump_python(FIELD.validate_python(value, strict=True), by_alias=True, exclude_none=True)


def join_errors(value: object) -> str:
    """Returns all errors of the field as one text."""
    with pytest.raises(ValidationError) as raised:
        FIELD.validate_python(value, strict=True)
    return "\n".join(f"{one['loc']} {one['msg']}" for one in raised.value.errors())


def test_white_square_output_can_be_expressed() -> None:
    assert validate(SQUARE_OUTPUT) == SQUARE_OUTPUT


def test_object_and_list_are_stored_as_they_were_given() -> None:
    assert validate({"format": "webp"}) == {"format": "webp"}
    assert validate([{"format": "webp"}]) == [{"format": "webp"}]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"format": "JPEG"}, {"format": "jpg"}),
        ({"format": ".webp"}, {"format": "webp"}),
        ({"fit": " Contain"}, {"fit": "contain"}),
        ({"size": " Full"}, {"size": "full"}),
        ({"size": "PROVIDER"}, {"size": "provider"}),
        ({"background": "White"}, {"background": "#ffffff"}),
        ({"background": "#ABC"}, {"background": "#aabbcc"}),
        ({"margin": 40}, {"margin": "40px"}),
        ({"margin": "5"}, {"margin": "5px"}),
        ({"margin": "7.50 %"}, {"margin": "7.5%"}),
        ({"margin": "040PX"}, {"margin": "40px"}),
        ({"margin": "45%"}, {"margin": "45%"}),
        ({"format": "jpg", "max_bytes": 5e5}, {"format": "jpg", "max_bytes": 500_000}),
    ],
)
def test_each_value_has_one_spelling(value: dict[str, Any], kept: dict[str, Any]) -> None:
    assert validate(value) == kept
    assert validate(kept) == kept


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"format": "gif"}, "'png', 'webp' or 'jpg'"),
        ({"fit": "fill"}, "'contain', 'cover' or 'pad'"),
        ({"width": 0}, "greater than or equal to 1"),
        ({"height": 10_001}, "less than or equal to 10000"),
        ({"width": True}, "true and false are not numbers"),
        ({"width": "400"}, "valid integer"),
        ({"quality": True, "format": "jpg"}, "true and false are not numbers"),
        ({"quality": 101, "format": "jpg"}, "less than or equal to 100"),
        ({"quality": 80}, "quality has no effect on png"),
        ({"max_bytes": 4_999, "format": "jpg"}, "greater than or equal to 5000"),
        ({"max_bytes": 100_000_001, "format": "webp"}, "less than or equal to 100000000"),
        ({"max_bytes": True, "format": "jpg"}, "true and false are not numbers"),
        ({"max_bytes": 50_000}, "max_bytes needs a format whose quality can be reduced, and png is lossless"),
        ({"max_bytes": 50_000, "format": "png"}, "choose webp or jpg"),
        ({"trim": 1}, "valid boolean"),
        ({"name": "Thumb"}, "'Thumb' is not a name"),
        ({"name": "a" * 41}, "is not a name"),
        ({"name": "../x"}, "is not a name"),
        ({"name": ""}, "is not a name"),
        ({"background": "#12345"}, "is not a color"),
        ({"background": "#ffffff80"}, "is not a color"),
        ({"background": "reddish"}, "is not a color"),
        ({"margin": "46%"}, "is not a margin"),
        ({"margin": "-1%"}, "is not a margin"),
        ({"margin": 5000}, "is not a margin"),
        ({"margin": -1}, "is not a margin"),
        ({"margin": "٣%"}, "is not a margin"),
        ({"margin": 0.1}, "write it as a share"),
        ({"margin": True}, "write it as a share"),
        ({"fit": "pad", "width": 400}, "needs width and height"),
        ({"fit": "cover", "height": 400}, "needs width and height"),
        ({"fit": "cover", "width": 9, "height": 9, "margin": "5%"}, "cannot have a margin"),
        ({"format": "jpg", "margin": "5%"}, "needs a background"),
        ({"format": "jpg", "fit": "pad", "width": 9, "height": 9}, "needs a background"),
        ({"width": 80, "margin": "40px"}, "leaves no room in 80 pixels"),
        ({"sizes": "full"}, "not permitted"),
        ({"size": 400}, "set width and height for a size in pixels"),
        ({"size": "2000x2000"}, "'2000x2000' is not a size: use 'full' for the photo's own size"),
        ({"size": ["full"]}, "this is not a size"),
    ],
)
def test_output_error_has_a_helpful_message(value: dict[str, Any], words: str) -> None:
    assert words in join_errors(value)


@pytest.mark.parametrize("value", [5, "webp", None, True, ["webp"]])
def test_error_for_an_invalid_output_shows_an_example(value: object) -> None:
    assert 'an output must be an object such as {"format": "webp"}' in join_errors(value)


def test_all_errors_of_all_outputs_are_reported_at_once() -> None:
    messages = join_errors([{"format": "gif", "width": 0}, {"fit": "pad", "quality": 3}])
    assert "('list', 0, 'format')" in messages
    assert "('list', 0, 'width')" in messages
    assert "needs width and height" in messages
    assert "quality has no effect" in messages


def test_outputs_have_distinct_names_and_one_may_be_unnamed() -> None:
    assert validate([{"name": "a"}, {"name": "b"}, {}]) == [{"name": "a"}, {"name": "b"}, {}]
    assert "2 outputs have no name" in join_errors([{}, {"format": "webp"}])
    assert "'a': two outputs must not have the same name" in join_errors(
        [{"name": "a"}, {"name": "a", "format": "webp"}]
    )


def test_list_has_one_to_ten_outputs() -> None:
    assert "at least 1" in join_errors([])
    assert "at most 10" in join_errors([{"name": f"n{n}"} for n in range(MAX_OUTPUTS + 1)])


def test_schema_shows_editors_the_accepted_values() -> None:
    schema = FIELD.json_schema()
    text = json.dumps(schema)
    one = schema["$defs"]["OutputModel"]
    assert one["title"] == "Output"
    assert SQUARE_OUTPUT in one["examples"]
    assert all("description" in field for field in one["properties"].values())
    assert '"enum": ["png", "webp", "jpg"]' in text
    assert one["additionalProperties"] is False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
WORD = st.sampled_from(
    [
        "png",
        "jpg",
        "webp",
        "pad",
        "cover",
        "contain",
        "white",
        "#123",
        "5%",
        "9px",
        "full",
        "x",
        "",
        "etsy",
        "amazon-main",
    ]
)
FIELDS = [
    "name",
    "format",
    "quality",
    "max_bytes",
    "width",
    "height",
    "fit",
    "background",
    "trim",
    "margin",
    "size",
    "for",
    "more",
]
ANY_OUTPUT = st.dictionaries(st.sampled_from(FIELDS), WORD | st.integers(-1, 10_001) | JSON, max_size=6)


@quick
@given(JSON | ANY_OUTPUT | st.lists(ANY_OUTPUT, max_size=4))
def test_any_json_yields_an_output_or_an_error(value: object) -> None:
    try:
        kept = validate(value)
    except ValidationError:
        return
    assert validate(kept) == kept
    assert parse_outputs({"output": json.loads(json.dumps(kept))})


def test_marketplaces_are_named_once_and_in_any_case() -> None:
    assert validate({"for": "Amazon-Main "}) == {"for": "amazon-main"}
    assert validate({"for": ["ebay", "etsy"]}) == {"for": ["ebay", "etsy"]}
    assert "listed twice" in join_errors({"for": ["ebay", "ebay"]})
    assert "at least 1" in join_errors({"for": []})
    assert "cannot be used for several marketplaces" in join_errors({"for": ["ebay", "etsy"], "name": "shop"})


def test_files_of_marketplaces_count_as_outputs() -> None:
    assert "'ebay': two outputs must not have the same name" in join_errors(
        [{"for": "ebay"}, {"for": ["ebay", "etsy"]}]
    )
    names = [{"name": f"n{n}"} for n in range(9)]
    assert "they make 11 files of each picture" in join_errors([*names, {"for": ["ebay", "etsy"]}])


def test_output_for_a_marketplace_takes_quality_but_no_broken_rule() -> None:
    assert validate({"for": "amazon-main", "quality": 80}) == {"for": "amazon-main", "quality": 80}
    assert "this makes it webp" in join_errors({"for": "walmart", "format": "webp"})


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            {"for": "amazon-main", "margin": "20%"},
            {"output.margin": "requires that the product fills at least 0.85 of the frame; this makes it 0.6"},
        ),
        (
            [{"for": ["amazon-main", "walmart"], "width": 500, "format": "webp"}],
            {
                "output[0].width": "amazon-main requires a longest side of 1,000 to 10,000 pixels; this makes it 500",
                "output[0].format": "walmart requires the format jpg or png or bmp; this makes it webp",
            },
        ),
        ({"for": "walmart", "fit": "contain", "max_bytes": 6_000_000}, {"output.max_bytes": "this allows 6,000,000"}),
        (
            {"for": "amazon-main", "fit": "cover", "width": 500, "margin": "1%"},
            {"output": "cover leaves no free space", "output.fit": "this cuts it off", "output.width": "makes it 500"},
        ),
    ],
)
def test_broken_rule_is_at_the_field_that_breaks_it(output: object, expected: dict[str, str]) -> None:
    errors = {one.path: str(one.detail) for one in parse_sidecar({"operation": "remove", "output": output}).errors}
    assert errors.keys() == expected.keys()
    for path, words in expected.items():
        assert errors[path].startswith(f"{path}: ")
        assert words in errors[path]


def test_validated_output_can_be_parsed_by_deliver() -> None:
    output = parse_output(validate(SQUARE_OUTPUT))
    assert (output.format, output.fit, output.background, output.trim) == ("jpg", "pad", "#ffffff", True)
    assert (output.width, output.height, output.margin_share) == (2000, 2000, 0.075)
