"""Where a subject is placed in its output: sizes are exact, and nothing is distorted or lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.imaging.output_layout import OutputLayout, compute_layout, shrink_layout
from backdrop.model.output_spec import MAX_OUTPUT_SIDE, OutputSpec
from tests.unit.ledger_items import quick

SIDE = st.integers(1, 10_000)
SHARE = st.floats(0, 0.45)


def measure_margins(layout: OutputLayout) -> tuple[int, int, int, int]:
    """Returns the margins in pixels: left, top, right, bottom."""
    left, top = layout.content_offset
    return left, top, layout.size[0] - layout.content_size[0] - left, layout.size[1] - layout.content_size[1] - top


def assert_not_squeezed(layout: OutputLayout, width: int, height: int) -> None:
    """Asserts that both sides are scaled equally, except for one pixel of rounding."""
    assert abs(layout.content_size[0] - width * layout.scale) <= 1
    assert abs(layout.content_size[1] - height * layout.scale) <= 1


@quick
@given(SIDE, SIDE, st.none() | SIDE, st.none() | SIDE)
def test_contain_fits_its_limits_and_never_enlarges(
    width: int, height: int, most_wide: int | None, most_high: int | None
) -> None:
    layout = compute_layout(width, height, OutputSpec(width=most_wide, height=most_high))
    assert layout.size == layout.content_size
    assert layout.crop_box == (0, 0, width, height)
    assert layout.scale <= 1
    assert_not_squeezed(layout, width, height)
    limits = [(most_wide, width), (most_high, height)]
    for side, (limit, own) in zip(layout.size, limits, strict=True):
        assert 1 <= side <= (limit or own)
    too_large = any(limit is not None and limit < own for limit, own in limits)
    assert too_large or layout.size == (width, height)
    touches = [side == limit for side, (limit, _) in zip(layout.size, limits, strict=True)]
    assert any(touches) or not too_large


@quick
@given(st.integers(20, 4_000), st.integers(20, 4_000), st.none() | st.integers(20, 4_000), SHARE)
def test_margin_share_refers_to_the_finished_picture(width: int, height: int, wide: int | None, share: float) -> None:
    layout = compute_layout(width, height, OutputSpec(width=wide, margin_share=share))
    left, top, right, bottom = measure_margins(layout)
    assert left == top == right == bottom
    assert abs(left - share * min(layout.size)) <= 1.5
    assert layout.size[0] <= (wide or MAX_OUTPUT_SIDE)
    assert max(layout.size) <= MAX_OUTPUT_SIDE


@quick
@given(SIDE, SIDE, st.integers(0, 4_999))
def test_margin_in_pixels_is_exact(width: int, height: int, margin: int) -> None:
    layout = compute_layout(width, height, OutputSpec(margin_pixels=margin))
    assert measure_margins(layout) == (margin,) * 4
    assert margin == 0 or max(layout.size) <= MAX_OUTPUT_SIDE


@quick
@given(SIDE, SIDE, st.integers(3, 10_000), st.integers(3, 10_000), SHARE)
def test_pad_has_exact_size_and_centers_whole_subject(
    width: int, height: int, wide: int, high: int, share: float
) -> None:
    layout = compute_layout(width, height, OutputSpec(fit="pad", width=wide, height=high, margin_share=share))
    free = round(share * min(wide, high))
    left, top, right, bottom = measure_margins(layout)
    assert (layout.size, layout.crop_box) == ((wide, high), (0, 0, width, height))
    assert min(left, top, right, bottom) >= free
    assert abs(left - right) <= 1
    assert abs(top - bottom) <= 1
    assert left + right == 2 * free or top + bottom == 2 * free
    assert_not_squeezed(layout, width, height)


@quick
@given(SIDE, SIDE, SIDE, SIDE)
def test_cover_has_exact_size_and_crops_both_sides_equally(width: int, height: int, wide: int, high: int) -> None:
    layout = compute_layout(width, height, OutputSpec(fit="cover", width=wide, height=high))
    left, top, right, bottom = layout.crop_box
    assert layout.size == layout.content_size == (wide, high)
    assert left >= 0
    assert top >= 0
    assert right <= width + 1e-6
    assert bottom <= height + 1e-6
    assert left == pytest.approx(width - right, abs=1e-6)
    assert top == pytest.approx(height - bottom, abs=1e-6)
    assert left == pytest.approx(0, abs=1e-6) or top == pytest.approx(0, abs=1e-6)
    assert (right - left) * high == pytest.approx((bottom - top) * wide, rel=1e-6)


def test_marketplace_square_is_filled_to_85_percent() -> None:
    square = OutputSpec(fit="pad", width=2000, height=2000, margin_share=0.075)
    assert compute_layout(800, 400, square).content_size == (1700, 850)
    assert compute_layout(400, 800, square).content_size == (850, 1700)


@quick
@given(SIDE, SIDE, st.none() | SIDE, SHARE, st.integers(1, 20_000), st.integers(1, 60_000_000))
def test_layout_too_large_for_its_format_shrinks_proportionally(
    width: int, height: int, wide: int | None, share: float, side: int, pixels: int
) -> None:
    layout = compute_layout(width, height, OutputSpec(width=wide, margin_share=share))
    held = shrink_layout(layout, side, pixels)
    fits = max(layout.size) <= side and layout.size[0] * layout.size[1] <= pixels
    assert (held == layout) is fits
    assert max(held.size) <= side
    assert held.size[0] * held.size[1] <= max(pixels, max(held.size))
    assert min(measure_margins(held)) >= 0
    assert held.crop_box == layout.crop_box
