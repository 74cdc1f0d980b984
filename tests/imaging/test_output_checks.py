"""Outputs that would be enlarged or would equal another are found before anything is bought."""

from typing import Any

import pytest

from backdrop.imaging.output_checks import check_outputs, needs_photo_size
from backdrop.model.frame import Canvas
from backdrop.model.job_warning import WarningCode

PHOTO = (1_200, 800)
PAD = {"width": 2_000, "height": 2_000, "fit": "pad"}
ENLARGED, SAME = WarningCode.ENLARGED, WarningCode.SAME_OUTPUTS
FAILED, TINY = WarningCode.CERTIFICATE_FAILED, WarningCode.TINY_PHOTO


def list_codes(*outputs: dict[str, Any], operation: str = "remove", photo: tuple[int, int] | None = PHOTO) -> list[str]:
    return [one.code for one in check_outputs({"operation": operation, "output": list(outputs)}, photo)]


def review_text(*outputs: dict[str, Any]) -> list[str]:
    return [str(one.text) for one in check_outputs({"operation": "remove", "output": list(outputs)}, PHOTO)]


@pytest.mark.parametrize(
    ("output", "is_enlarged"),
    [
        ({}, False),
        ({"width": 5_000}, False),
        (PAD, True),
        (PAD | {"margin": "20%"}, False),
        ({"width": 1_200, "height": 1_200, "fit": "pad"}, False),
        ({"width": 1_260, "height": 840, "fit": "pad"}, False),
        ({"width": 1_270, "height": 847, "fit": "pad"}, True),
        ({"width": 800, "height": 800, "fit": "cover"}, False),
        ({"width": 900, "height": 900, "fit": "cover"}, True),
    ],
)
@pytest.mark.parametrize("operation", ["remove", "replace"])
def test_output_that_would_be_enlarged_is_found(output: dict[str, Any], operation: str, *, is_enlarged: bool) -> None:
    assert list_codes(output, operation=operation) == [ENLARGED] * is_enlarged
    assert list_codes(output, operation=operation, photo=None) == []


def test_warning_names_the_output_and_both_sizes() -> None:
    assert review_text(PAD | {"name": "shop"}) == [
        "output 'shop' is 2000×2000 pixels, with the photo of 1200×800 enlarged to 1.7 times its size"
    ]
    assert "enlarged to at least 1.7 times" in review_text(PAD | {"trim": True})[0]


@pytest.mark.parametrize(
    "outputs",
    [
        [{}, {"name": "copy"}],
        [{"format": "jpg"}, {"name": "copy", "format": "jpg", "background": "#ffffff", "quality": 90}],
        [{"width": 1_500}, {"name": "wide", "width": 3_000}],
        [{"width": 600}, {"name": "low", "height": 400}],
        [{"trim": True}, {"name": "copy", "trim": True}],
        [{"name_template": "a.png"}, {"name": "copy", "name_template": "b.png"}],
    ],
)
def test_outputs_with_the_same_pixels_are_found(outputs: list[dict[str, Any]]) -> None:
    assert list_codes(*outputs) == [SAME]


@pytest.mark.parametrize(
    "outputs",
    [
        [{}, {"name": "small", "width": 600}],
        [{}, {"name": "web", "format": "webp"}],
        [{"format": "jpg"}, {"name": "light", "format": "jpg", "quality": 80}],
        [{"format": "jpg"}, {"name": "limited", "format": "jpg", "max_bytes": 50_000}],
        [{"format": "jpg"}, {"name": "black", "format": "jpg", "background": "#000000"}],
        [{}, {"name": "provider", "size": "provider"}],
        [{"width": 1_500, "trim": True}, {"name": "wide", "width": 3_000, "trim": True}],
        [{}, {"name": "trimmed", "trim": True}],
    ],
)
def test_outputs_that_differ_or_may_differ_are_not_reported(outputs: list[dict[str, Any]]) -> None:
    assert list_codes(*outputs) == []


def test_sizes_of_replaced_backgrounds_are_compared_only_as_given() -> None:
    assert list_codes({"width": 1_500}, {"name": "wide", "width": 3_000}, operation="replace") == []
    assert list_codes({}, {"name": "copy"}, operation="replace") == [SAME]


def test_all_equal_outputs_are_one_warning() -> None:
    (text,) = review_text({}, {"name": "a"}, {"name": "b"})
    assert text == "the output without a name and output 'a' and output 'b' would be the same picture"


@pytest.mark.parametrize(
    ("instructions", "is_needed"),
    [
        ({}, False),
        ({"output": {"width": 400}}, False),
        ({"output": PAD}, True),
        ({"output": PAD | {"fit": "cover"}}, True),
        ({"output": [{}, {"name": "a"}]}, True),
        ({"operation": "replace", "frame": "4:5"}, True),
    ],
)
def test_size_is_needed_only_where_an_output_depends_on_it(instructions: dict[str, Any], *, is_needed: bool) -> None:
    assert needs_photo_size(instructions) == is_needed


@pytest.mark.parametrize(
    ("output", "photo", "words"),
    [
        ({"for": "amazon-main", "fit": "contain"}, (390, 693), ["at most 443×746 pixels", "1,000 to 10,000 pixels"]),
        ({"for": "amazon-main", "fit": "contain", "trim": False}, (390, 693), ["is 443×746 pixels", "10,000 pixels"]),
        ({"for": "amazon-main", "fit": "contain"}, (390, 1_000), []),
        ({"for": "walmart", "fit": "contain"}, (1_000, 4_000), ["shortest side"]),
        ({"for": "walmart", "fit": "contain"}, (1_500, 4_000), []),
        ({"for": "walmart", "fit": "contain", "trim": False}, (2_000, 2_100), ["width divided by height"]),
        ({"for": "ebay"}, (400, 300), ["requires a longest side of at least 500 pixels"]),
        ({"for": "etsy"}, (4_000, 1_200), ["is 2000×600 pixels", "at least 635 pixels"]),
        ({"for": "etsy", "trim": True}, (4_000, 1_200), []),
        ({"for": "ebay"}, (500, 300), []),
    ],
)
def test_photo_that_is_too_small_for_a_marketplace_is_found(
    output: dict[str, Any], photo: tuple[int, int], words: list[str]
) -> None:
    instructions = {"operation": "remove", "output": output}
    assert needs_photo_size(instructions)
    found = [one for one in check_outputs(instructions, photo) if one.code == FAILED]
    assert len(found) == bool(words)
    assert all(word in str(found[0].text) for word in words)
    assert FAILED not in [one.code for one in check_outputs(instructions | {"operation": "replace"}, photo)]


@pytest.mark.parametrize(
    ("fields", "photo", "words"),
    [
        (
            {"operation": "replace", "frame": "16:9", "output": {"for": "etsy", "width": 800}},
            None,
            "output 'etsy' is at most 800×450 pixels in the frame 16:9, but etsy requires a shortest side of at least "
            "635 pixels",
        ),
        ({"operation": "replace", "frame": "9:16", "output": {"for": "etsy"}}, (1_500, 1_200), ""),
        (
            {
                "operation": "replace",
                "frame": "4:5",
                "output": {"for": "walmart", "fit": "contain", "background": None},
            },
            None,
            "output 'walmart' is at most 1796×2200 pixels in the frame 4:5, but walmart requires that width divided "
            "by height is 1",
        ),
        (
            {"operation": "remove", "frame": "16:9", "output": {"for": "etsy", "width": 800}},
            (1_500, 1_200),
            "output 'etsy' is 800×450 pixels with the photo of 1500×1200 in the frame 16:9, but etsy requires a "
            "shortest side of at least 635 pixels",
        ),
        (
            {"operation": "remove", "frame": "16:9", "output": {"for": "etsy", "width": 800, "trim": True}},
            (1_500, 1_200),
            "output 'etsy' is at most 800×450 pixels with the photo of 1500×1200 in the frame 16:9, but etsy requires "
            "a shortest side of at least 635 pixels",
        ),
        (
            {"operation": "remove", "frame": "9:16", "output": {"for": "amazon-main"}},
            (1_500, 1_200),
            "output 'amazon-main' fills 0.49 of its width or height with a product of the photo's shape with the photo "
            "of 1500×1200 in the frame 9:16, but amazon-main requires that the product fills at least 0.85 of the "
            "frame",
        ),
        ({"operation": "remove", "frame": "9:16", "output": {"for": "amazon-main"}}, (1_080, 1_920), ""),
        ({"operation": "remove", "frame": "1:1", "output": {"for": "amazon-main"}}, (1_500, 1_200), ""),
        ({"operation": "remove", "frame": "9:16", "output": {"for": "amazon-main"}}, None, ""),
    ],
)
def test_frame_that_breaks_a_rule_of_a_marketplace_is_found(
    fields: dict[str, Any], photo: tuple[int, int] | None, words: str
) -> None:
    found = [str(one.text) for one in check_outputs(fields, photo) if one.code == FAILED]
    assert found == [words] * bool(words)


def test_enlargement_is_measured_on_the_canvas_that_is_sent() -> None:
    instructions = {"operation": "replace", "frame": "1:1", "subject_size": 0.5, "output": PAD}
    canvas = Canvas(width=2_000, height=2_000, photo_left=400, photo_top=600, photo_width=1_200, photo_height=800)
    assert [one.code for one in check_outputs(instructions, PHOTO)] == [ENLARGED]
    assert check_outputs(instructions, PHOTO, canvas) == []


@pytest.mark.parametrize("operation", ["remove", "replace"])
@pytest.mark.parametrize(
    ("fields", "photo", "is_found"),
    [
        ({"frame": "4:5"}, (20, 20), True),
        ({"frame": "4:5"}, (99, 99), True),
        ({"frame": "4:5"}, (60, 100), False),
        ({"output": {"for": "shopify"}}, (20, 20), True),
        ({"output": {"for": "shopify"}}, (100, 100), False),
        ({"output": {"width": 400}}, (20, 20), False),
    ],
)
def test_tiny_photo_for_a_frame_or_marketplace_is_found(
    operation: str, fields: dict[str, Any], photo: tuple[int, int], *, is_found: bool
) -> None:
    found = [str(one.text) for one in check_outputs({"operation": operation, **fields}, photo) if one.code == TINY]
    text = f"the photo is only {photo[0]}×{photo[1]} pixels, too small for a useful picture"
    assert found == [text] * is_found
